"""What was known of every enrolment at the end of a day of its course: the table that early warning reads.

Four tables of records, in one folder (cells as text, times ISO 8601):

enrolments.csv   enrolment_id, student_id, group (a presentation of a course), course, start (of the group), registered,
                 left (blank: never), at_risk (0 or 1, blank where not known yet), and columns known at the start:
                 demographics, clicks_before and visits_before (the start)
work.csv         group, assessment, kind, due (blank: at the very end), weight: the calendar, known from the start
scores.csv       student_id, group, assessment, time (handed in), score, max_score
events.csv       student_id, group, time, clicks: as ``domains.education.records`` writes them

``snapshot`` uses only what is dated on or before the day. A score counts from the day the work was handed in, since few
platforms keep the day it was marked; of several attempts at one piece of work the latest of these counts, alone.
Whoever has left by then is not in the table: there is nothing to warn of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.csv_rows import csv_frame
from core.errors import FileError, TableError
from domains.education.risk_faults import faults

KEYS = ["student_id", "group"]
FIRST_WEEK = 6  # its last day, the first being 0
BEFORE = ("clicks_before", "visits_before")  # columns of enrolments: what was done before the start
ENROLMENT = ("enrolment_id", "student_id", "group", "course", "start", "registered", "left", "at_risk")
ACTIVITY = ("clicks_so_far", "clicks_7_days", "clicks_28_days", "active_days", "active_7_days", "days_since_active",
            "rank_clicks")  # fmt: skip
ASSESSMENTS = (
    "due", "due_weight", "handed_in", "missed", "missed_weight", "early", "late", "mean_percent", "min_percent",
    "last_percent", "weighted_percent", "earned_share", "mean_lead_days", "least_lead_days", "last_lead_days",
    "days_since_handed_in", "rank_percent", "rank_lead",
)  # fmt: skip


@dataclass(frozen=True)
class RiskTables:
    """The four tables with day numbers: ``day`` counts from the start of the row's group, ``date`` from 1970."""

    enrolments: pd.DataFrame
    work: pd.DataFrame
    scores: pd.DataFrame
    events: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> RiskTables:
        """Read a folder; ``scores.csv``, ``work.csv`` and ``events.csv`` may be missing.

        Raises:
            FileError: if there are no enrolments, or a file is not UTF-8 CSV.
            TableError: with all faults of the tables: unknown groups, two starts of a group, dates that are none.
        """
        names = ("enrolments", "work", "scores", "events")
        return cls.of(**{name: _read(folder / f"{name}.csv", name == "enrolments") for name in names})

    @classmethod
    def of(cls, enrolments: pd.DataFrame, work: pd.DataFrame, scores: pd.DataFrame, events: pd.DataFrame) -> RiskTables:
        """Check tables of text cells, and number their days.

        Raises:
            TableError: with all faults.
        """
        if found := faults(enrolments, work, scores, events):
            raise TableError("records", found)
        start = _days(enrolments.drop_duplicates("group").set_index("group")["start"])
        own = enrolments.assign(start_date=enrolments["group"].map(start))
        for column in ("registered", "left"):
            known = _days(own[column]) if column in own else np.nan
            own[f"{column}_day"] = known - own["start_date"]
        due = work.assign(
            due_day=_days(work["due"]) - work["group"].map(start).astype(float), weight=_numbers(work["weight"])
        )
        got = scores.assign(moment=_moments(scores["time"]), date=_days(scores["time"]), percent=_percent(scores))
        got["day"] = got["date"] - got["group"].map(start).astype(float)
        got = got.merge(due[["group", "assessment", "due_day", "weight"]], on=["group", "assessment"], how="left")
        done = events.assign(date=_days(events["time"]), clicks=_numbers(events["clicks"]).fillna(1))
        done["day"] = done["date"] - done["group"].map(start).astype(float)
        return cls(own, due, got.sort_values(["date", "assessment", "moment"], kind="stable"), done)


def snapshots(tables: RiskTables, days: Sequence[int]) -> pd.DataFrame:
    """The snapshots of several days, one below the other."""
    return pd.concat([snapshot(tables, day) for day in days], ignore_index=True)


def snapshot(tables: RiskTables, day: int) -> pd.DataFrame:
    """A row for each enrolment that is there at the end of a day of its course, day 0 being the first.

    Columns: case_id, the columns of enrolments that are known by then (not ``left``), day, registered_day, and those of
    ``ACTIVITY`` (where there are events) and ``ASSESSMENTS``; a blank (NaN) where nothing is known.
    """
    e = tables.enrolments
    here = ~(e["registered_day"] > day) & ~(e["left_day"] <= day)
    rows = e[here].drop(columns=["left", "registered", "left_day"], errors="ignore").reset_index(drop=True)
    rows.insert(0, "case_id", rows["enrolment_id"] + f"@{day}")
    rows["day"] = day
    for column in [c for c in rows if c.startswith(BEFORE)]:
        rows[f"rank_{column}"] = _numbers(rows[column]).groupby(rows["group"]).rank(pct=True)
    for part in (_activity, _assessments) if len(tables.events) else (_assessments,):
        rows = rows.merge(part(tables, rows, day), on="case_id", how="left", validate="one_to_one")
    return rows.drop(columns="start_date")


def beyond_records(tables: RiskTables, rows: pd.DataFrame) -> pd.Series:
    """(N,) bool: snapshots of a day after the last record of their group, from the second week on.

    All work that falls due between the two would count as missed.
    """
    days = pd.concat([part[["group", "day"]] for part in (tables.scores, tables.events)])
    last = days.groupby("group")["day"].max().clip(lower=FIRST_WEEK)
    return rows["day"] > rows["group"].map(last).fillna(FIRST_WEEK)


def _activity(tables: RiskTables, rows: pd.DataFrame, day: int) -> pd.DataFrame:
    past = tables.events[tables.events["day"] <= day]
    grouped = past.groupby(KEYS)
    found = pd.DataFrame({"clicks_so_far": grouped["clicks"].sum(), "active_days": grouped["day"].nunique()})
    found["days_since_active"] = day - grouped["day"].max()
    for span in (7, 28):
        recent = past[past["day"] > day - span].groupby(KEYS)
        found[f"clicks_{span}_days"] = recent["clicks"].sum()
        if span == 7:
            found["active_7_days"] = recent["day"].nunique()
    known = set(past["group"])  # of a group without any events nothing is known; elsewhere no event means no click
    table = _spread(rows, found)
    quiet = ["clicks_so_far", "active_days", "clicks_7_days", "clicks_28_days", "active_7_days"]
    table[quiet] = table[quiet].where(
        ~table["group"].isin(known) | table[quiet].notna().all(axis=1), table[quiet].fillna(0)
    )
    table["rank_clicks"] = table.groupby("group")["clicks_so_far"].rank(pct=True)
    return table[["case_id", *ACTIVITY]]


def _assessments(tables: RiskTables, rows: pd.DataFrame, day: int) -> pd.DataFrame:
    due = tables.work[tables.work["due_day"] <= day].groupby("group")["weight"].agg(["size", "sum"])
    known = tables.scores[tables.scores["day"] <= day]
    past = known.drop_duplicates([*KEYS, "assessment"], keep="last")  # attempts lie in order of time
    past = past.assign(lead=past["due_day"] - past["day"], earned=past["weight"] * past["percent"])
    grouped, was_due = past.groupby(KEYS), past[past["due_day"] <= day].groupby(KEYS)
    found = pd.DataFrame({"handed_in": grouped.size(), "mean_percent": grouped["percent"].mean()})
    found["min_percent"], found["last_percent"] = grouped["percent"].min(), grouped["percent"].last()
    found["mean_lead_days"], found["least_lead_days"] = grouped["lead"].mean(), grouped["lead"].min()
    found["last_lead_days"], found["days_since_handed_in"] = grouped["lead"].last(), day - grouped["day"].max()
    found["late"] = past[past["lead"] < 0].groupby(KEYS).size()
    weight, earned = grouped["weight"].sum(), grouped["earned"].sum()
    found["weighted_percent"], found["earned"] = earned / weight.where(weight > 0), earned
    found["was_due"], found["was_due_weight"] = was_due.size(), was_due["weight"].sum()
    table = _spread(rows, found)
    counts = ["handed_in", "late", "was_due", "was_due_weight", "earned"]
    table[counts] = table[counts].fillna(0)
    table["due"] = table["group"].map(due["size"]).fillna(0)
    table["due_weight"] = table["group"].map(due["sum"]).fillna(0)
    table["missed"], table["missed_weight"] = (
        table["due"] - table["was_due"],
        table["due_weight"] - table["was_due_weight"],
    )
    table["early"] = table["handed_in"] - table["was_due"]
    table["earned_share"] = table["earned"] / 100 / table["due_weight"].where(table["due_weight"] > 0)
    for rank, column in (("rank_percent", "mean_percent"), ("rank_lead", "mean_lead_days")):
        table[rank] = table.groupby("group")[column].rank(pct=True)
    return table[["case_id", *ASSESSMENTS]]


def _spread(rows: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    return rows[["case_id", *KEYS]].merge(found.reset_index(), on=KEYS, how="left")


def _moments(cells: pd.Series) -> pd.Series:
    """Times in UTC; NaT for blanks."""
    return pd.to_datetime(cells.where(cells.astype(str) != "", None), utc=True, format="ISO8601")


def _days(cells: pd.Series) -> pd.Series:
    """Whole days since 1970 in UTC; NaN for blanks."""
    return (_moments(cells) - pd.Timestamp(0, tz="UTC")).dt.days.astype(float)


def _numbers(cells: pd.Series) -> pd.Series:
    return pd.to_numeric(cells.where(cells.astype(str) != "", None)).astype(float)


def _percent(scores: pd.DataFrame) -> pd.Series:
    return 100 * _numbers(scores["score"]) / _numbers(scores["max_score"])


def _read(path: Path, needed: bool) -> pd.DataFrame:
    if not path.is_file() and not needed:
        return pd.DataFrame(columns=EMPTY[path.stem], dtype=str)
    if not path.is_file():
        raise FileError(f"{path}: no such file; early warning needs enrolments.csv")
    return csv_frame(path)


EMPTY = {
    "work": ["group", "assessment", "kind", "due", "weight"],
    "scores": ["student_id", "group", "assessment", "time", "score", "max_score"],
    "events": ["student_id", "group", "time", "clicks"],
}
