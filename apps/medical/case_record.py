"""What a person decides about the open case, kept in the record of this machine."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from apps import ui
from apps.medical import pages, session
from apps.medical.session import Case
from apps.ui.record import who
from core.record import LOCAL, Record
from core.schema import Prediction
from domains.medical import Diagnosis, answer, decisions, starter


def record() -> Record:
    """The record of this machine's user."""
    return Record(starter.home() / "record.sqlite")


def keep_asked(
    diagnosis: Diagnosis, found: Prediction, case: Case, cells: Mapping[str, str], off: frozenset[str]
) -> None:
    """Keep, once for each answer of this session, that it was asked for."""
    kept: set[object] = st.session_state.setdefault("asked", set())
    key = (case.number, tuple(sorted(cells.items())), off, diagnosis.bundle.fingerprint)
    if key not in kept:
        given = session.given(diagnosis, case, dict(cells), off)
        decisions.keep_prediction(record(), diagnosis, found, given, case.name, who())
        kept.add(key)


def decide(diagnosis: Diagnosis, found: Prediction, case: Case, cells: Mapping[str, str], off: frozenset[str]) -> None:
    """The form: agree, another answer, or refer to a person, with a note."""
    st.markdown("**Your decision**")
    with st.form(f"decide_{case.number}", border=True):
        chosen = st.radio(
            "Decision", list(decisions.DECISIONS), 2 if found.refer else 0, format_func=decisions.DECISIONS.__getitem__,
            horizontal=True, key=f"decision_{case.number}", label_visibility="collapsed",
        )  # fmt: skip
        left, right = st.columns(2)
        classes = diagnosis.bundle.ensemble.target.classes
        other = left.selectbox(
            "The other answer", classes, None, format_func=answer.label, key=f"other_{case.number}",
            accept_new_options=True, placeholder="only for “another answer”",
        )  # fmt: skip
        name = right.text_input("Your name", st.session_state.get("who", ""), placeholder=LOCAL, key="decided_by")
        note = st.text_input("Note", key=f"note_{case.number}", placeholder="kept as it is written")
        texts = st.checkbox("Keep texts and values too, to train on", key=f"allow_{case.number}")
        if not st.form_submit_button("Keep the decision", type="primary", icon=":material/save:"):
            st.caption("Kept on this machine for good: who, when, which model, a hash of the input; texts if ticked.")
            return
    st.session_state["who"] = name.strip()
    given = session.given(diagnosis, case, dict(cells), off)
    number = decisions.keep_decision(
        record(), diagnosis, found, given, case.name, chosen, label=other or "", note=note.strip(), who=who(),
        cells=cells if texts else None,
    )  # fmt: skip
    st.success(f"Kept as entry {number}.", icon=":material/check_circle:")
    st.page_link(pages.page("record"), label="See the record")
    for entry in [e for e in record().rows(decisions.KIND) if e.case.get(decisions.CASE) == case.name][-3:]:
        said = ", ".join(f"{k}: {v}" for k, v in entry.decision.items() if v)
        st.caption(ui.escape(f"{entry.time[:16].replace('T', ' ')} UTC · {entry.who} · {said}"))
