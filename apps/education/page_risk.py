"""At risk: whom to call this week, given how many can be called; how right that was; with and without demographics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from apps import ui
from apps.education import risk_measured, session, studios
from apps.education.pages import PAGES
from apps.ui import parts, why
from apps.ui.record import who
from core import answer
from core.numbers import number_or_none
from core.predict import as_row
from core.record import Record, input_hash
from core.record_asked import told
from core.schema import Prediction, Row
from domains.education import course_risk, starter
from domains.education.course_folder import CourseFolder
from domains.education.risk import ANSWERS, CASE, DECIDED, DECISIONS, EarlyWarning
from domains.education.starter import RISK_DAYS

_COLUMNS = {
    "clicks_so_far": "clicks so far", "clicks_7_days": "clicks in 7 days", "days_since_active": "days since last seen",
    "rank_clicks": "rank by clicks", "missed": "quizzes missed", "mean_percent": "mean score %",
    "handed_in": "quizzes handed in", "prior_statistics": "prior statistics", "study_mode": "study mode",
    "age_band": "age", "earned_share": "share of points", "active_7_days": "active days of 7",
    "missed_weight": "points missed", "due_weight": "points due", "clicks_28_days": "clicks in 28 days",
    "min_percent": "lowest score %", "last_percent": "last score %", "weighted_percent": "weighted score %",
    "rank_percent": "rank by score", "registered_day": "day registered", "mean_lead_days": "days handed in early",
}  # fmt: skip
_RECKONED = ["week", "risk", "came"]  # beside what the records tell
_ICONS = {"call": ":material/call:", "leave": ":material/schedule:"}
_SURE = {
    ("1",): "Sure enough: at risk.", ("0",): "Sure enough: not at risk.",
    ("0", "1"): "Unsure: neither answer can be ruled out; a person decides.",
}  # fmt: skip


def show() -> None:
    """The page."""
    if session.start("At risk") is None:
        return
    folder = session.opened()
    assert folder is not None
    studios.of_course(folder)
    if folder.table("enrolments") is None:
        session.records_of_nobody("enrolments")
        return
    models = {"without demographics": studios.WITHOUT.model(), "with demographics": studios.RISK.model()}
    if None in models.values():
        st.info("No model of early warning is trained yet.", icon=":material/model_training:")
        st.page_link(PAGES.page("train"), label="Train one")
        return
    changed = max(f.stat().st_mtime_ns for f in folder.folder.glob("*.csv"))
    _learned_from(folder, changed)
    rows, days, left_out = _rows(str(folder.folder), session.group(), changed)
    read = {c for model in models.values() for m in model.bundle.config.modalities for c in m.columns}
    rows = rows.assign(**{c: "" for c in read if c not in rows})
    week, capacity, kind = _choose(len(days), 3 if folder.synthetic else len(days))
    if left_out:
        st.caption(f"{left_out} records of people who are not enrolled, such as teachers, are left out.")
    weeks = {name: _by_week(rows, model) for name, model in models.items()}
    listed, measured = st.columns([1.35, 1], gap="large")
    with listed, PAGES.boundary():
        now = weeks[kind]
        _call(models[kind], now[now["day"] == days[week - 1]], week, capacity, folder.queue().record)
    with measured, PAGES.boundary():
        risk_measured.show(weeks, week, capacity, kind)


def _choose(weeks: int, first: int) -> tuple[int, int, str]:
    left, middle, right = st.columns([1, 1, 1.2], gap="large")
    if weeks > 1:
        st.session_state["week"] = min(st.session_state.get("week", first), weeks)
        week = left.slider("Known at the end of week", 1, weeks, key="week")
    else:
        week = left.number_input("Known at the end of week", 1, 1, disabled=True, key="first_week")
    capacity = middle.slider("Learners you can call", 1, 40, 15, key="capacity")
    kind = right.segmented_control(
        "Model", ["without demographics", "with demographics"], default="without demographics", required=True,
        key="risk_kind",
    )  # fmt: skip
    return week, capacity, str(kind)


def _learned_from(folder: CourseFolder, changed: int) -> None:
    """Models of the sample course know nothing of other learners: learn from this course's own finished groups."""
    if folder.synthetic or not studios.from_sample(studios.WITHOUT):
        return
    st.warning(
        "These models learned from the generated sample course: their risks say nothing about your learners.",
        icon=":material/science:",
    )
    enrolled = folder.table("enrolments")
    if enrolled is None or "at_risk" not in enrolled or not (enrolled["at_risk"] != "").any():
        st.caption("To learn from: enrolments of finished groups with a column at_risk, 1 or 0. Import them.")
        return
    if st.button("Learn from the groups whose outcome is known", type="primary", key="learn_risk"):
        with ui.Steps("Training") as steps:
            for studio, kind in ((studios.WITHOUT, False), (studios.RISK, True)):
                out = studios.own_folder(studio, folder, str(changed))
                course_risk.train_on(folder, out, kind, starter.BACKGROUND, steps)
                studio.use_model(out / "bundle")
        st.rerun()


@st.cache_data(show_spinner="Reading what was known each week …", max_entries=6)
def _rows(folder: str, group: str | None, changed: int) -> tuple[pd.DataFrame, Sequence[int], int]:
    """What was known of every learner of the group at the end of each week, as text cells; the last days of the weeks
    that the records cover; and how many records are left out.
    """
    course = CourseFolder(Path(folder))
    tables, left_out = course_risk.risk_tables(course)
    weeks = course_risk.weeks_known(tables, group)
    days = course_risk.days_of(min(weeks, len(RISK_DAYS)) if course.synthetic else weeks)
    found = course_risk.known_rows(tables, days)
    found = found if group is None else found[found["group"] == group]
    cells = found.astype(object).where(found.notna(), "").astype(str)
    return cells.assign(day=found["day"]).reset_index(drop=True), days, left_out


@st.cache_data(show_spinner="Reckoning the risk …", max_entries=12)
def _risks(rows: pd.DataFrame, model: str, _model: EarlyWarning) -> np.ndarray:
    return _model.risks(rows.astype(str))


def _by_week(rows: pd.DataFrame, model: EarlyWarning) -> pd.DataFrame:
    """Week, risk and what came of it (NaN where not known) of every learner who was there."""
    risk = _risks(rows, model.bundle.fingerprint, model)
    came = pd.to_numeric(rows["at_risk"], errors="coerce") if "at_risk" in rows else np.nan
    return rows.assign(week=(rows["day"] + 1) // 7, risk=risk, came=came)  # _RECKONED


def _call(model: EarlyWarning, rows: pd.DataFrame, week: int, capacity: int, record: Record) -> None:
    st.subheader(f"Call these {min(capacity, len(rows))} in week {week + 1}", anchor=False)
    if rows.empty:
        st.caption("Nobody of this group was there in that week.")
        return
    listed = rows.sort_values("risk", ascending=False, kind="stable").head(capacity)
    found = _warned(model, listed.drop(columns=_RECKONED).astype(str), record)
    found["risk"] = listed["risk"].round(4).to_numpy()
    decided = {str(e.case[CASE]): DECISIONS[e.decision["decided"]] for e in record.rows(DECIDED)}
    shown = pd.DataFrame({"learner": [session.who(s) for s in found["student_id"]], "risk": found["risk"].round(2)})
    if decided.keys() & {*found["case_id"]}:
        shown["decided"] = [decided.get(c, "") for c in found["case_id"]]
    shown["why"] = [_reasons(r) for r in found["strongest"]]  # the widest comes last
    look = {
        "risk": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width="small"),
        "learner": st.column_config.Column(width="medium"),
        "why": st.column_config.Column(width="large"),
        "decided": st.column_config.Column(width="small"),
    }
    picked: Any = st.dataframe(
        shown, hide_index=True, height=260, column_config=look, alt="Learners to call, highest risk first",
        on_select="rerun", selection_mode="single-row-required", key="picked",
        selection_default={"selection": {"rows": [0]}},
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        columns = [c for c in found if c not in ("case_id", "enrolment_id")]
        session.export("List as CSV", found[columns].to_dict("records"), f"call-week-{week}", "export_risk")
        st.caption("A probability is a reason to call, not a verdict. ↑ raises the risk, ↓ lowers it.")
    one = found.iloc[min((picked.selection.rows or [0])[0], len(found) - 1)]
    _one(model, rows[rows["case_id"] == one["case_id"]].iloc[0].astype(str).to_dict(), str(one["student_id"]), record)


def _one(model: EarlyWarning, row: dict[str, str], learner: str, record: Record) -> None:
    """The learner that is picked: how sure it is, what each kind of record gives to that, and the values behind it."""
    modalities = model.bundle.config.modalities
    case = {c: row.get(c, "") for m in modalities for c in m.columns}
    found = model.predictor.predict(case)
    st.markdown(f"**{ui.escape(session.who(learner))}** · {ANSWERS[found.label or '0']}")
    st.caption(ui.escape(_SURE.get(found.conformal_set, answer.how_sure(found))))
    given = as_row(case, modalities)
    _decide(model, found, given, row["case_id"], record)
    why.disagreement(found, studios.name)
    why.shares(found, studios.name)
    parts_of = why.explained(model.predictor, case, found.label, (learner, tuple(case.items())))
    weighed = [replace(p, name=_called(p.name)) for e in parts_of.values() for p in e.parts]
    values = {_called(c): _short(v) for m in given.values.values() for c, v in m.items()}
    ui.chart(*parts.columns(weighed, values), "risk_columns")


def _decide(model: EarlyWarning, found: Prediction, given: Row, case: str, record: Record) -> None:
    """What the teacher does about the learner, kept for good; the last decision counts."""
    before = sum(e.case[CASE] == case for e in record.rows(DECIDED))
    with st.container(horizontal=True, vertical_alignment="center"):
        note = st.text_input(  # a blank one after each decision
            "Note", key=session.key(f"note_{before}", case), placeholder="a note, if you like",
            label_visibility="collapsed",
        )  # fmt: skip
        for how, words in DECISIONS.items():
            if st.button(words, key=session.key(how, case), icon=_ICONS[how]):
                decided = {"decided": how} | ({"note": note.strip()} if note.strip() else {})
                hashed = input_hash(given.values)
                record.append(
                    DECIDED, {CASE: case}, told(vars(found)), decided, model.bundle.fingerprint, who(), hashed
                )
                st.toast(f"Stored: {words}. The page Record lists every decision.", icon=":material/check:")
                st.rerun()


@st.cache_resource(show_spinner=False, max_entries=24)
def _reasons_known(model: str, kept: str, asker: str) -> dict[tuple[str, ...], dict[Any, Any]]:
    """What is said of each row so far; of each person who asks, as the record keeps who did."""
    return {}


def _warned(model: EarlyWarning, rows: pd.DataFrame, record: Record) -> pd.DataFrame:
    """The rows with their reasons; each is explained, and kept in the record, once: a longer list adds what is new."""
    known = _reasons_known(model.bundle.fingerprint, str(record.path), who())
    keys = [tuple(cells) for cells in rows.to_numpy()]
    new = [key not in known for key in keys]
    if any(new):
        with st.spinner("Looking for reasons …"):
            found = model.warn(rows[new], sum(new), record=record, who=who())
            said = {row[CASE]: row for row in found.to_dict("records")}
            known |= {key: said[case] for key, case in zip(keys, rows[CASE]) if case in said}
    return pd.DataFrame([known[key] for key in keys])


def _reasons(strongest: str) -> str:
    """The strongest columns in words.

    >>> _reasons("missed = 2.0 (+0.81); due = 1.0 (-0.20)")
    'quizzes missed: 2 ↑, due: 1 ↓'
    """
    told = []
    for part in strongest.split("; "):
        column, _, rest = part.partition(" = ")
        value, _, change = rest.rpartition(" (")
        told.append(f"{_called(column)}: {_short(value)} {'↑' if change.startswith('+') else '↓'}")
    return ", ".join(told)


def _called(column: str) -> str:
    return _COLUMNS.get(column, column.replace("_", " "))


def _short(value: str) -> str:
    return value.strip() if (number := number_or_none(value)) is None else f"{number:.3g}"
