"""Who asked what and what teachers decided in the open course: a table, a check of the chain, and rows to train on."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import streamlit as st

from apps.education import session
from apps.ui import record
from core.record import PREDICTION, Entry
from core.record_rows import training_rows
from domains.education import risk
from domains.education.review_queue import DECIDED, WAITING

_WORDS = risk.DECISIONS | {
    PREDICTION: "answer", WAITING: "put into the queue", DECIDED: "mark", risk.DECIDED: "whom to call",
}  # fmt: skip


def show() -> None:
    """The page."""
    if session.start("Record") is None:
        return
    folder = session.opened()
    assert folder is not None
    queue = folder.queue()
    record.sign()
    begin = "grade answers or look at who is at risk, and every answer and decision stands here."
    training = functools.partial(_training, queue.target)
    record.show(queue.record, begin, _WORDS, training, _hidden if session.hidden() else None, _answer)


def _hidden(entry: Entry) -> str:
    """Ids of answers and enrolments tell whose they are."""
    return ""


def _answer(entry: Entry) -> str:
    """Early warning knows its answers as 1 and 0."""
    found = record.said(entry)
    return risk.ANSWERS.get(found, found) if risk.CASE in entry.case else found


def _training(target: str, entries: Sequence[Entry]) -> None:
    """Answers with the marks that teachers gave, with whose they are only where names are shown."""
    decided = [e for e in entries if e.kind == DECIDED]
    if not decided:
        return
    rows, _ = training_rows(decided, target, "answer_id")
    if session.hidden():
        st.caption("Rows to train on name the learners; show names first.")
    elif len(rows):
        record.download(f"Marked answers, to train on ({len(rows)})", rows.to_csv(index=False), "marked.csv")
