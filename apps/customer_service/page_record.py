"""Who asked what and what agents decided: a table, a check of the chain, and turns to train on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from apps import ui
from apps.customer_service import assist
from apps.customer_service.pages import DISCLAIMER
from apps.ui import record
from core.record import PREDICTION, Entry
from core.record_rows import training_rows

_WORDS = {PREDICTION: "answer"}


def show() -> None:
    """The page."""
    ui.page("Record", DISCLAIMER, record.sign)
    record.show(
        assist.record(), "open a conversation on the page Agent, and every answer and decision stands here.", _WORDS,
        _training,
    )  # fmt: skip


def _training(entries: Sequence[Entry]) -> None:
    """Turns whose intent an agent named, and turns that were answered; their texts are masked."""
    for kind, words in (("intent", "Turns with their intent"), ("reply", "Turns with their reply")):
        decided = [e for e in entries if e.kind == kind]
        if not decided:
            continue
        rows, _ = training_rows(decided, kind, assist.TURN)
        if len(rows):
            record.download(f"{words}, to train on ({len(rows)})", rows.to_csv(index=False), f"{kind}s.csv")
    if any(e.kind in ("intent", "reply") for e in entries):
        st.caption("Texts in the rows to train on are masked, as the record keeps them.")
