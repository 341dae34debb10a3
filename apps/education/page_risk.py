"""At risk: whom to call this week, given how many can be called; how right that was; with and without demographics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from apps import ui
from apps.education import charts, session, studios
from apps.education.pages import PAGES
from domains.education.advice import SMALLEST_GROUP
from domains.education.course_folder import CourseFolder
from domains.education.risk import EarlyWarning
from domains.education.risk_features import RiskTables, snapshots
from domains.education.risk_report import SMALLEST, at_capacity, by_group
from domains.education.starter import RISK_DAYS

_COLUMNS = {
    "clicks_so_far": "clicks so far", "clicks_7_days": "clicks in 7 days", "days_since_active": "days since last seen",
    "rank_clicks": "rank by clicks", "missed": "quizzes missed", "mean_percent": "mean score %",
    "handed_in": "quizzes handed in", "prior_statistics": "prior statistics", "study_mode": "study mode",
    "age_band": "age", "earned_share": "share of points so far", "active_7_days": "active days of the last 7",
    "missed_weight": "points missed", "due_weight": "points due", "clicks_28_days": "clicks in 28 days",
    "min_percent": "lowest score %", "last_percent": "last score %", "weighted_percent": "weighted score %",
    "rank_percent": "rank by score", "registered_day": "day registered", "mean_lead_days": "days handed in early",
}  # fmt: skip
_MEASURED = (
    ("precision", "Right calls", "Precision: of those called, how many failed or left later"),
    ("recall", "Found", "Recall: of those who failed or left later, how many were called"),
    ("chance", "At risk in all", "Of all who were there in that week; calling by chance would be right so often"),
)
_PARTS = ("tutorial", "age_band", "prior_statistics", "study_mode")


def show() -> None:
    """The page."""
    if session.start("At risk") is None:
        return
    folder = session.opened()
    assert folder is not None
    if folder.table("enrolments") is None or folder.table("work") is None:
        session.records_of_nobody("enrolments, calendar of work and logs")
        return
    models = {"without demographics": studios.WITHOUT.model(), "with demographics": studios.RISK.model()}
    if None in models.values():
        st.info("No model of early warning is trained yet.", icon=":material/model_training:")
        st.page_link(PAGES.page("train"), label="Train one")
        return
    week, capacity, kind = _choose()
    rows = _rows(str(folder.folder), session.group())
    weeks = {name: _by_week(rows, model, name) for name, model in models.items()}
    listed, measured = st.columns([1.35, 1], gap="large")
    with listed, PAGES.boundary():
        _call(folder, models[kind], rows[rows["day"] == RISK_DAYS[week - 1]], week, capacity)
    with measured, PAGES.boundary():
        _measured(weeks, week, capacity, kind)


def _choose() -> tuple[int, int, str]:
    left, middle, right = st.columns([1, 1, 1.2], gap="large")
    week = left.slider("Known at the end of week", 1, len(RISK_DAYS), 3, key="week")
    capacity = middle.slider("Learners you can call", 1, 40, 15, key="capacity")
    kind = right.segmented_control(
        "Model", ["without demographics", "with demographics"], default="without demographics", required=True,
        key="risk_kind",
    )  # fmt: skip
    return week, capacity, str(kind)


@st.cache_data(show_spinner="Reading what was known each week …", max_entries=6)
def _rows(folder: str, group: str | None) -> pd.DataFrame:
    """What was known of every learner of the group at the end of each week, as text cells."""
    found = snapshots(RiskTables.read(Path(folder)), RISK_DAYS)
    found = found if group is None else found[found["group"] == group]
    return found.astype(object).where(found.notna(), "").astype(str).assign(day=found["day"]).reset_index(drop=True)


@st.cache_data(show_spinner="Reckoning the risk …", max_entries=12)
def _risks(rows: pd.DataFrame, name: str, folder: str, _model: EarlyWarning) -> np.ndarray:
    return _model.risks(rows.astype(str))


def _by_week(rows: pd.DataFrame, model: EarlyWarning, name: str) -> pd.DataFrame:
    """Week, risk and what came of it (NaN where not known) of every learner who was there."""
    studio = studios.RISK if name == "with demographics" else studios.WITHOUT
    risk = _risks(rows, name, str(studio.model_folder()), model)
    came = pd.to_numeric(rows["at_risk"], errors="coerce") if "at_risk" in rows else np.nan
    return rows.assign(week=(rows["day"] + 1) // 7, risk=risk, came=came)


def _call(folder: CourseFolder, model: EarlyWarning, rows: pd.DataFrame, week: int, capacity: int) -> None:
    st.subheader(f"Call these {min(capacity, len(rows))} in week {week + 1}", anchor=False)
    if rows.empty:
        st.caption("Nobody of this group was there in that week.")
        return
    found = _warned(
        rows.astype(str), capacity, str(folder.folder), tuple(m.name for m in model.bundle.config.modalities), model
    )
    shown = pd.DataFrame({
        "learner": [session.who(s) for s in found["student_id"]], "risk": found["risk"].round(2),
        "why": [_reasons(r) for r in found["strongest"]],
    })  # fmt: skip
    look = {
        "risk": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width="small"),
        "learner": st.column_config.Column(width="medium"),
        "why": st.column_config.Column(width="large"),
    }
    st.dataframe(shown, hide_index=True, height=392, column_config=look, alt="Learners to call, highest risk first")
    with st.container(horizontal=True, vertical_alignment="center"):
        columns = [c for c in found if c not in ("case_id", "enrolment_id")]
        session.export("List as CSV", found[columns].to_dict("records"), f"call-week-{week}", "export_risk")
        st.caption("A probability is a reason to call, not a verdict. ↑ raises the risk, ↓ lowers it.")


@st.cache_data(show_spinner="Looking for reasons …", max_entries=24)
def _warned(
    rows: pd.DataFrame, capacity: int, folder: str, kinds: tuple[str, ...], _model: EarlyWarning
) -> pd.DataFrame:
    return _model.warn(rows, capacity)


def _reasons(strongest: str) -> str:
    """The strongest columns in words.

    >>> _reasons("missed = 2.0 (+0.81); due = 1.0 (-0.20)")
    'quizzes missed 2 ↑, due 1 ↓'
    """
    told = []
    for part in strongest.split("; "):
        column, _, rest = part.partition(" = ")
        value, _, change = rest.rpartition(" (")
        try:
            value = f"{float(value):.3g}"
        except ValueError:
            value = value.strip()
        words = _COLUMNS.get(column, column.replace("_", " "))
        told.append(f"{words} {value} {'↑' if change.startswith('+') else '↓'}")
    return ", ".join(told)


def _measured(weeks: Mapping[str, pd.DataFrame], week: int, capacity: int, kind: str) -> None:
    """Of those called, how many were at risk; of those at risk, how many were called; by week and by group."""
    st.subheader("How right would that have been?", anchor=False)
    now = weeks[kind][weeks[kind]["week"] == week].reset_index(drop=True)
    if now.empty or now["came"].isna().any():
        st.caption("The outcomes of this group are not all known yet.")
        return
    found = {name: _capacity(own, capacity) for name, own in weeks.items()}
    row = found[kind].set_index("week").loc[week]
    cells = st.columns(3)
    for cell, (name, words, help_) in zip(cells, _MEASURED):
        cell.metric(words, f"{row[name]:.0%}", help=help_)
        if f"{name}_low" in row:
            cell.caption(f"{row[f'{name}_low']:.0%} to {row[f'{name}_high']:.0%}")
    lines = {name: list(zip(own["week"], own["precision"])) for name, own in found.items()}
    figure = charts.by_week(lines, week, "precision")
    ui.chart(figure, f"Precision by week, with and without demographics: {lines}", "precision_by_week")
    with st.expander("By group: is it as good, and as often given, for everybody?"):
        _groups(now, capacity)


@st.cache_data(show_spinner=False, max_entries=64)
def _capacity(rows: pd.DataFrame, capacity: int) -> pd.DataFrame:
    """Precision and recall of each week when so many are called, with 95 % intervals."""
    weeks = [(week, own) for week, own in rows.groupby("week") if own["came"].notna().all()]
    found = [at_capacity(own["came"].to_numpy(), own["risk"].to_numpy(), [capacity], 200) for _, own in weeks]
    return pd.concat(found, ignore_index=True).assign(week=[int(week) for week, _ in weeks])


def _groups(rows: pd.DataFrame, capacity: int) -> None:
    """The same by group; those of fewer than five learners are left out, few figures are blank."""
    table = _by_group(rows, capacity)
    shown = table[table["learners"] >= SMALLEST_GROUP]
    config = {c: st.column_config.NumberColumn(format="percent") for c in ("at risk", "mean risk", "called in time")}
    st.dataframe(shown, hide_index=True, column_config=config, height=240, alt="Risk and calls by group")
    few = f"figures need {SMALLEST} learners"
    if left_out := len(table) - len(shown):
        few += f"; {left_out} group{'s' * (left_out != 1)} of fewer than {SMALLEST_GROUP} not shown"
    st.caption(f"{few[0].upper()}{few[1:]}.")
    session.export("Groups as CSV", shown.to_dict("records"), "risk-by-group", "export_groups")


@st.cache_data(show_spinner=False, max_entries=64)
def _by_group(rows: pd.DataFrame, capacity: int) -> pd.DataFrame:
    y, risk = rows["came"].to_numpy(), rows["risk"].to_numpy()
    called = np.zeros(len(rows), bool)
    called[np.argsort(-risk, kind="stable")[:capacity]] = True
    parts = []
    for column in (c for c in _PARTS if c in rows):
        own = by_group(rows, column, y, risk, called)
        parts.append(own.assign(group=f"{column.replace('_', ' ')}: " + own["group"].astype(str)))
    found = pd.concat(parts, ignore_index=True)[["group", "learners", "at_risk", "mean_risk", "recall"]]
    return found.round(3).rename(columns={"at_risk": "at risk", "mean_risk": "mean risk", "recall": "called in time"})
