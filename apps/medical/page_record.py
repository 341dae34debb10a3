"""Who asked what and what was decided: a table, a check of the chain, and rows to train on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from apps import ui
from apps.medical import case_record, session
from apps.ui import record
from core.record import PREDICTION, Entry
from core.record_rows import training_rows
from core.table import StringTable
from domains.medical import DISCLAIMER, decisions

_WORDS = decisions.DECISIONS | {PREDICTION: "answer", decisions.KIND: "decision"}


def show() -> None:
    """The page."""
    ui.page("Record", DISCLAIMER)
    record.show(case_record.record(), "open a case, and every answer and decision stands here.", _WORDS, _training)


def _training(entries: Sequence[Entry]) -> None:
    """The decided cases as rows to train on, with the columns of the open case's table where there is one."""
    decided = [e for e in entries if e.kind == decisions.KIND]
    diagnosis, case = session.model(), session.case()
    if not decided or diagnosis is None:
        return
    target = diagnosis.bundle.config.target.column
    name = diagnosis.bundle.config.table.id or decisions.CASE
    table = None
    if case is not None and case.table is not None:
        table = StringTable.open(case.table).frame().rename(columns={name: decisions.CASE})
    rows, left = training_rows(decided, target, decisions.CASE, table)
    if len(rows):
        text = rows.rename(columns={decisions.CASE: name}).to_csv(index=False)
        record.download(f"Rows to train on ({len(rows)})", text, "decided.csv")
    if left:
        st.caption(f"{left} decided cases are no row to train on: referred, or not in the open table.")
