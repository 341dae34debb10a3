"""The record of an app: who asks in this session, and a page with its entries, a check of the chain, and downloads."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from apps import ui
from core.answer import safe_cell
from core.record import LOCAL, Entry, Record

_SHOWN = 500  # entries, the newest
_HOW = ("decided", "decision")  # names under which an entry says how a person decided
_BESIDE = (*_HOW, "note", "decided_by")  # of a decision, what is not what was decided
_SAID = ("label", "labels", "value", "suggested", "grade", "intent")  # what an answer said, the first that is there


def who() -> str:
    """The name that the user gave in this session, for the record."""
    return str(st.session_state.get("who") or LOCAL)


def sign() -> None:
    """Ask for that name, behind a button that shows it."""
    with st.popover(who(), icon=":material/badge:", help="Who asks and decides, for the record"):
        name = st.text_input(
            "Your name, for the record", st.session_state.get("who", ""), placeholder=LOCAL, key="sign"
        )
        if name.strip() != st.session_state.get("who", ""):
            st.session_state["who"] = name.strip()
            st.rerun()


def show(
    record: Record,
    begin: str,
    words: Mapping[str, str],
    training: Callable[[Sequence[Entry]], None],
    case: Callable[[Entry], str] | None = None,
    answer: Callable[[Entry], str] | None = None,
) -> None:
    """The page below its head.

    Args:
        record: the file.
        begin: what to do to have a first entry, for an empty record.
        words: kinds of entries and of decisions as people of the field call them.
        training: draws what decided entries come to as rows to train on.
        case: how an entry's case is named; None: by its id.
        answer: how an entry's answer is told; None: as the model named it.
    """
    row = functools.partial(_row, words=words, case=case or _case, answer=answer or said)
    entries = record.rows()
    if not entries:
        st.info(f"Nothing is kept yet: {begin}", icon=":material/history:")
        return
    faults = record.check()
    for fault in faults:
        st.error(ui.escape(fault), icon=":material/error:")
    if not faults:
        told = "entry" if len(entries) == 1 else "entries"
        st.success(f"{len(entries)} {told}, as they were written.", icon=":material/check_circle:")
    st.dataframe([row(e) for e in entries[: -_SHOWN - 1 : -1]], hide_index=True, alt="The record, the newest first")
    if len(entries) > _SHOWN:
        st.caption(f"The newest {_SHOWN} of {len(entries)} are shown; the CSV holds all.")
    with st.container(horizontal=True):
        download("Record as CSV", lambda: _all_of(map(row, entries)), "record.csv")
        training(entries)
    st.caption(
        f"Kept in {ui.escape(str(record.path))}. It is only ever added to. A row without a decision is an answer "
        "that was asked for; input is the hash of what the model was given."
    )


def download(name: str, text: str | Callable[[], str], file: str) -> None:
    """A button that downloads a CSV."""
    st.download_button(name, text, file, "text/csv", icon=":material/download:", on_click="ignore", key=file)


def said(entry: Entry) -> str:
    """What the answer of an entry was."""
    found = next((entry.answer[k] for k in _SAID if entry.answer.get(k) not in (None, "", [])), "")
    if isinstance(found, list):
        return ", ".join(map(str, found))
    return f"{found:.4g}" if isinstance(found, float) else str(found)


def _row(
    entry: Entry, words: Mapping[str, str], case: Callable[[Entry], str], answer: Callable[[Entry], str]
) -> dict[str, Any]:
    how = next((str(entry.decision[k]) for k in _HOW if entry.decision.get(k)), "")
    chosen = [v for k, v in entry.decision.items() if k not in _BESIDE and v not in ("", None)]
    return {
        "entry": entry.id, "time (UTC)": entry.time[:19].replace("T", " "), "who": entry.who, "case": case(entry),
        "kind": words.get(entry.kind, entry.kind), "answer": answer(entry), "decided": words.get(how, how),
        "as": ", ".join(map(str, chosen)), "note": entry.decision.get("note", ""), "model": entry.bundle,
        "input": entry.input[:12],
    }  # fmt: skip


def _case(entry: Entry) -> str:
    return next((str(v) for k, v in entry.case.items() if k == "id" or k.endswith("_id")), "")


def _all_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV for people, no cell of which is a formula."""
    return pd.DataFrame([{k: safe_cell(str(v)) for k, v in row.items()} for row in rows]).to_csv(index=False)
