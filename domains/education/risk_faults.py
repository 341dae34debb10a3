"""Faults of the tables of early warning, all at once, before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from core.errors import Fault

_NEEDED = {
    "enrolments": ("enrolment_id", "student_id", "group", "start"),
    "work": ("group", "assessment", "due", "weight"),
    "scores": ("student_id", "group", "assessment", "time", "score", "max_score"),
    "events": ("student_id", "group", "time", "clicks"),
}
_TIMES = {"enrolments": ("start", "registered", "left"), "work": ("due",), "scores": ("time",), "events": ("time",)}
_NUMBERS = {"enrolments": (), "work": ("weight",), "scores": ("score", "max_score"), "events": ("clicks",)}
_BLANK = {"registered", "left", "due", "weight", "score", "clicks"}  # may be


def faults(enrolments: pd.DataFrame, work: pd.DataFrame, scores: pd.DataFrame, events: pd.DataFrame) -> list[Fault]:
    """What is wrong, with table, row (from 1 below the header) and what is allowed; nothing where all is well."""
    tables = {"enrolments": enrolments, "work": work, "scores": scores, "events": events}
    lacking = [
        Fault(0, f"{name}.{c}", "", f"no such column; {name} has {', '.join(table.columns)}")
        for name, table in tables.items()
        for c in _NEEDED[name]
        if c not in table.columns
    ]
    if lacking:
        return lacking
    found = [f for name, table in tables.items() for f in cells(name, table)]
    found += _repeated("enrolments", enrolments, ["enrolment_id"], "the same enrolment twice")
    found += _repeated("enrolments", enrolments, ["student_id", "group"], "the learner is twice in this group")
    found += _repeated("work", work, ["group", "assessment"], "the same work twice in this group")
    starts = enrolments.groupby("group")["start"].transform("first")
    found += _where("enrolments", "start", enrolments, enrolments["start"] != starts, "its group has another start")
    groups = set(enrolments["group"])
    for name in ("work", "scores", "events"):
        alien = ~tables[name]["group"].isin(groups)
        found += _where(name, "group", tables[name], alien, "no enrolment is in this group")
    if "at_risk" in enrolments:
        wrong = ~enrolments["at_risk"].isin(["0", "1", ""])
        found += _where("enrolments", "at_risk", enrolments, wrong, "at_risk is 0, 1 or blank")
    return found


def cells(name: str, table: pd.DataFrame) -> Iterator[Fault]:
    """What is wrong with the cells of one table, which has the columns that it needs."""
    for column in _NEEDED[name]:
        if column not in _BLANK:
            yield from _where(name, column, table, table[column] == "", "blank")
    for column in _TIMES[name]:
        if column in table:
            time = pd.to_datetime(table[column], utc=True, format="ISO8601", errors="coerce")
            reason = "no date; write one such as 2026-03-01 or 2026-03-01T10:00:00Z"
            yield from _where(name, column, table, time.isna() & (table[column] != ""), reason)
    for column in _NUMBERS[name]:
        number = pd.to_numeric(table[column], errors="coerce")
        wrong = (number.isna() & (table[column] != "")) | (number < 0)
        yield from _where(name, column, table, wrong, "no number from 0")
    if name == "scores":
        most = pd.to_numeric(table["max_score"], errors="coerce")
        over = (pd.to_numeric(table["score"], errors="coerce") > most) | (most == 0)
        yield from _where(name, "score", table, over, "more than max_score, or max_score is 0")


def _repeated(name: str, table: pd.DataFrame, columns: Sequence[str], reason: str) -> list[Fault]:
    return _where(name, columns[-1], table, table.duplicated(list(columns)), reason)


def _where(name: str, column: str, table: pd.DataFrame, wrong: pd.Series, reason: str) -> list[Fault]:
    rows = wrong.to_numpy().nonzero()[0]
    return [Fault(int(r) + 1, f"{name}.{column}", str(table[column].iloc[r])[:80], reason) for r in rows]
