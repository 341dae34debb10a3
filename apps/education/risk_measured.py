"""How right calling would have been: precision and recall by week and by group, where the outcomes are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from apps import ui
from apps.education import charts, session
from core.numbers import counted
from domains.education.advice import SMALLEST_GROUP
from domains.education.risk_report import SMALLEST, at_capacity, by_group

_MEASURED = (
    ("precision", "Right calls", "Precision: of those called, how many failed or left later"),
    ("recall", "Found", "Recall: of those who failed or left later, how many were called"),
    ("chance", "At risk in all", "Of all who were there in that week; calling by chance would be right so often"),
)
_PARTS = ("tutorial", "age_band", "prior_statistics", "study_mode")


def show(weeks: Mapping[str, pd.DataFrame], week: int, capacity: int, kind: str) -> None:
    """Of those called, how many were at risk; of those at risk, how many were called; by week and by group."""
    st.subheader("How right would that have been?", anchor=False)
    now = weeks[kind][weeks[kind]["week"] == week].reset_index(drop=True)
    if now.empty or now["came"].isna().any():
        st.caption("The outcomes of this group are not all known yet.")
        return
    if len(now) < SMALLEST_GROUP:
        st.caption(f"Fewer than {SMALLEST_GROUP} learners: what came of them is not shown as figures.")
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
    enough = rows.groupby("week").filter(lambda own: len(own) >= SMALLEST_GROUP and own["came"].notna().all())
    weeks = list(enough.groupby("week"))
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
        few += f"; {counted(left_out, 'group')} of fewer than {SMALLEST_GROUP} not shown"
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
