"""Who asked what and what was decided: a table, a check of the chain, and rows to train on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from apps import ui
from apps.medical import case_record, session
from core.answer import safe_cell
from core.record import Entry
from core.record_rows import training_rows
from domains.medical import DISCLAIMER, decisions

_SHOWN = 500  # entries, the newest


def show() -> None:
    """The page."""
    ui.page("Record", DISCLAIMER)
    record = case_record.record()
    entries = record.rows()
    if not entries:
        st.info(
            "Nothing is kept yet: open a case, and every answer and decision stands here.", icon=":material/history:"
        )
        return
    faults = record.check()
    for fault in faults:
        st.error(ui.escape(fault), icon=":material/error:")
    if not faults:
        st.success(f"{len(entries)} entries, as they were written.", icon=":material/check_circle:")
    st.dataframe([_row(e) for e in entries[: -_SHOWN - 1 : -1]], hide_index=True, alt="The record, the newest first")
    if len(entries) > _SHOWN:
        st.caption(f"The newest {_SHOWN} of {len(entries)} are shown; the CSV holds all.")
    with st.container(horizontal=True):
        _download("Record as CSV", lambda: _all_of(entries), "record.csv")
        _training(entries)
    st.caption(f"Kept in {ui.escape(str(record.path))}. It is only ever added to.")


def _row(entry: Entry) -> dict[str, Any]:
    said = {k: v for k, v in entry.decision.items() if k not in ("decided", "note")}
    return {
        "entry": entry.id, "time (UTC)": entry.time[:19].replace("T", " "), "who": entry.who,
        "case": entry.case.get(decisions.CASE, ""), "kind": entry.kind, "answer": str(entry.answer.get("label") or ""),
        "decided": decisions.DECISIONS.get(entry.decision.get("decided", ""), ""),
        "as": ", ".join(str(v) for v in said.values() if v), "note": entry.decision.get("note", ""),
        "model": entry.bundle, "input": entry.input[:12],
    }  # fmt: skip


def _all_of(entries: list[Entry]) -> str:
    """The entries as CSV for people, no cell of which is a formula."""
    return pd.DataFrame([{k: safe_cell(str(v)) for k, v in _row(e).items()} for e in entries]).to_csv(index=False)


def _training(entries: list[Entry]) -> None:
    """The decided cases as rows to train on, with the columns of the open case's table where there is one."""
    decided = [e for e in entries if e.kind == decisions.KIND]
    diagnosis, case = session.model(), session.case()
    if not decided or diagnosis is None:
        return
    target = diagnosis.bundle.config.target.column
    name = diagnosis.bundle.config.table.id or decisions.CASE
    table = None
    if case is not None and case.table is not None and case.table.suffix == ".csv":
        table = pd.read_csv(case.table, dtype=str, keep_default_na=False).rename(columns={name: decisions.CASE})
    rows, left = training_rows(decided, target, decisions.CASE, table)
    if len(rows):
        text = rows.rename(columns={decisions.CASE: name}).to_csv(index=False)
        _download(f"Rows to train on ({len(rows)})", text, "decided.csv")
    if left:
        st.caption(f"{left} decided cases are no row to train on: referred, or not in the open table.")


def _download(words: str, text: str | Callable[[], str], name: str) -> None:
    st.download_button(words, text, name, "text/csv", icon=":material/download:", on_click="ignore", key=name)
