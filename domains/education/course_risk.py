"""Early warning for a course: its records, each in the group of its learner, and a model of its own finished groups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from core.errors import ConfigError
from core.progress import Progress, silent
from domains.education.course_folder import CourseFolder
from domains.education.risk import EarlyWarning, by_time
from domains.education.risk_features import EMPTY, RiskTables, beyond_records, snapshots

MOST_WEEKS = 12


def risk_tables(course: CourseFolder) -> tuple[RiskTables, int]:
    """The four tables of a course, and how many records of people who are not enrolled, such as teachers, are left out.

    Platforms seldom write the group beside a click or a mark: it is that of the learner's enrolment; of several, as of
    who takes a course again, the one that had started last.

    Raises:
        ConfigError: without enrolments.
        TableError: with all faults of the tables.
    """
    enrolled = course.table("enrolments")
    if enrolled is None:
        raise ConfigError("the course has no enrolments; import student_id, group and start first")
    groups, left_out = set(enrolled["group"]), 0
    found = {name: course.table(name) for name in ("work", "scores", "events")}
    own = {name: pd.DataFrame(columns=EMPTY[name], dtype=str) if t is None else t for name, t in found.items()}
    for name in ("scores", "events"):
        own[name] = course.with_ids(own[name])
        told = own[name]["group"].where(own[name]["group"].isin(groups), _group_then(own[name], enrolled))
        left_out += int(told.isna().sum())
        own[name] = own[name].assign(group=told)[told.notna()]
    return RiskTables.of(enrolled, **own), left_out


def _group_then(records: pd.DataFrame, enrolled: pd.DataFrame) -> pd.Series:
    """The group of each record's learner at its time; missing where there is none, or two that started together."""
    groups: dict[str, list[tuple[pd.Timestamp, str]]] = {}
    starts = _moments(enrolled.get("start", pd.Series("", enrolled.index)))
    for student, start, group in zip(enrolled["student_id"], starts, enrolled["group"]):
        groups.setdefault(student, []).append((start, group))
    found = [_then(groups.get(s, []), time) for s, time in zip(records["student_id"], _moments(records["time"]))]
    return pd.Series(found, index=records.index, dtype=object)


def _then(own: Sequence[tuple[pd.Timestamp, str]], time: pd.Timestamp) -> str | None:
    if len(own) < 2:
        return own[0][1] if own else None
    last = max((start for start, _ in own if start <= time), default=min(start for start, _ in own))
    there = [group for start, group in own if start == last]
    return there[0] if len(there) == 1 else None


def _moments(time: pd.Series) -> pd.Series:
    return pd.to_datetime(time, utc=True, format="ISO8601", errors="coerce")


def weeks_known(tables: RiskTables, group: str | None) -> int:
    """Whole weeks from the start that the records of a group cover; of all groups, the longest. At least 1."""
    days = [
        t.loc[t["group"] == group, "day"] if group is not None else t["day"] for t in (tables.scores, tables.events)
    ]
    last = pd.concat(days).max()
    return 1 if pd.isna(last) else min(max(int(last + 1) // 7, 1), MOST_WEEKS)


def days_of(weeks: int) -> Sequence[int]:
    """The last day of each of the first weeks."""
    return range(6, 7 * weeks, 7)


def known_rows(tables: RiskTables, days: Sequence[int]) -> pd.DataFrame:
    """The snapshots of days that the records of the learner's group reach: later, all work that falls due is missed."""
    rows = snapshots(tables, days)
    return rows[~beyond_records(tables, rows)].reset_index(drop=True)


def training_rows(course: CourseFolder) -> pd.DataFrame:
    """What was known, week by week, of the learners whose outcome is known; the group that starts last is held out.

    Raises:
        ConfigError: if no outcome is known.
    """
    tables, _ = risk_tables(course)
    rows = known_rows(tables, days_of(weeks_known(tables, None)))
    if "at_risk" not in rows or not (rows["at_risk"] != "").any():
        raise ConfigError("no outcome is known yet: enrolments of finished groups need a column at_risk, 1 or 0")
    rows = rows[rows["at_risk"] != ""]
    if _moments(rows["start"]).nunique() > 1:
        rows = by_time(rows)
    return rows.astype(object).where(rows.notna(), "").astype(str).reset_index(drop=True)


def train_on(
    course: CourseFolder, out: Path, demographics: bool, categories: Sequence[str] = (), progress: Progress = silent
) -> EarlyWarning:
    """A model of the learners of a course, kept in ``out``; ``categories``: further demographic columns, where it has
    them.
    """
    rows = training_rows(course)
    more = [c for c in categories if c in rows] if demographics else []
    return EarlyWarning(preset="fast", demographics=demographics, categories=more).fit(rows, out=out, progress=progress)
