"""OneRoster 1.1 and 1.2 CSV, as a folder or zip: who is in which class, the work set, and the results.

Read: ``manifest.csv`` (where there is one), ``enrollments.csv``, ``classes.csv``, ``lineItems.csv`` and ``results.csv``
(https://www.imsglobal.org/spec/oneroster/v1p2/bind/csv). ``users.csv`` is not opened: names and mails are not needed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from core.archive import open_zip
from core.errors import FileError
from core.numbers import parse_number
from domains.education.records_csv import only_group
from domains.education.records_types import Enrolment, Record, Score, SetAside, learner_id, needed, open_text, read_time

GRADED = ("fully graded", "partially graded")
STATUSES = (*GRADED, "exempt", "not submitted", "submitted")
_NEEDED = {
    "enrollments.csv": ("classSourcedId", "userSourcedId", "role"),
    "classes.csv": ("sourcedId", "courseSourcedId"),
    "lineItems.csv": ("sourcedId", "resultValueMax"),
    "results.csv": ("lineItemSourcedId", "studentSourcedId", "scoreStatus", "score", "scoreDate"),
}
Row = Mapping[str, str]


def read(path: Path, now: datetime) -> Iterator[tuple[str, Record]]:
    """(file, record) of a bulk or delta export; faulty lines are set aside.

    Raises:
        FileError: if ``results.csv`` and ``enrollments.csv`` are both missing, or a file lacks a column.
    """
    found = [name for name in ("enrollments.csv", "results.csv") if _has(path, name)]
    if not found:
        raise FileError(f"{path}: no OneRoster export; it holds neither results.csv nor enrollments.csv")
    courses = {r["sourcedId"]: r["courseSourcedId"] for _, r in _rows(path, "classes.csv")}
    if "enrollments.csv" in found:
        yield from _each(path, "enrollments.csv", _enrolments(courses), now)
    if "results.csv" in found:
        items = {r["sourcedId"]: r for _, r in _rows(path, "lineItems.csv")}
        yield from _each(path, "results.csv", lambda row, when: _result(row, items, when), now)


def _each(path: Path, name: str, make: Callable[[Row, datetime], Record | None], now: datetime) -> Iterator:
    for line, row in _rows(path, name):
        try:
            if row.get("status", "").strip().lower() == "tobedeleted":
                raise ValueError("the source has deleted this line (status tobedeleted)")
            record = make(row, now)
            if record is not None:
                yield name, record
        except ValueError as error:
            yield name, SetAside(line, str(error), ",".join(row.values())[:200])


def _enrolments(courses: Mapping[str, str]) -> Callable[[Row, datetime], Enrolment | None]:
    seen: dict[tuple[str, str], str] = {}

    def make(row: Row, now: datetime) -> Enrolment | None:
        if row["role"].strip().lower() != "student":
            return None
        student = learner_id(needed(row["userSourcedId"], "userSourcedId"))
        group = needed(row["classSourcedId"], "classSourcedId")
        course = courses.get(group, "")
        start, end = row.get("beginDate", "").strip(), row.get("endDate", "").strip()
        only_group(seen, student, course or group, group)
        return Enrolment(student, group, course, read_time(start, now) if start else "", _past(end, now))

    return make


def _past(end: str, now: datetime) -> str:
    """The end of an enrolment where it has come; one that is planned for later is no record yet."""
    if not end:
        return ""
    found = read_time(end, datetime.max.replace(tzinfo=now.tzinfo))
    return found if found <= now.isoformat() else ""


def _result(row: Row, items: Mapping[str, Row], now: datetime) -> Score | None:
    status = row["scoreStatus"].strip().lower()
    if status not in STATUSES:
        raise ValueError(f"the scoreStatus {row['scoreStatus'][:40]!r} is none of {', '.join(STATUSES)}")
    if status not in GRADED:
        return None
    name = needed(row["lineItemSourcedId"], "lineItemSourcedId")
    if name not in items:
        raise ValueError(f"the line item {name[:40]!r} is not in lineItems.csv")
    low = parse_number(items[name].get("resultValueMin", "").strip() or "0")
    most = parse_number(needed(items[name]["resultValueMax"], f"resultValueMax of {name!r}")) - low
    value = parse_number(needed(row["score"], "score")) - low
    if most <= 0:
        raise ValueError(f"the line item {name!r} goes from {low:g} to {most + low:g}, so no score is a share of it")
    if not 0 <= value <= most:
        raise ValueError(f"the score {row['score']} lies outside {low:g} to {most + low:g} of its line item")
    student = learner_id(needed(row["studentSourcedId"], "studentSourcedId"))
    time = read_time(row["scoreDate"], now)
    return Score(student, time, name, f"{value:g}", f"{most:g}", items[name].get("classSourcedId", ""))


def _has(path: Path, name: str) -> bool:
    if path.is_dir():
        return (path / name).is_file()
    with open_zip(path) as (_, members):
        return name in {m.filename for m in members}


def _rows(path: Path, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, cells) of one file; none where the export has no such file."""
    if not _has(path, name):
        return
    with _open(path, name) as file:
        reader = csv.DictReader(file, restval="")
        columns = [c.strip() for c in reader.fieldnames or ()]
        if lacking := [c for c in _NEEDED[name] if c not in columns]:
            raise FileError(f"{path}/{name}: no column {lacking[0]!r}; a OneRoster file has {', '.join(_NEEDED[name])}")
        for row in reader:
            yield reader.line_num, {k.strip(): v for k, v in row.items() if k is not None}


@contextmanager
def _open(path: Path, name: str) -> Iterator[TextIO]:
    if path.is_dir():
        with open_text(path / name) as file:
            yield file
        return
    with open_zip(path) as (archive, _), archive.open(name) as raw:
        yield io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
