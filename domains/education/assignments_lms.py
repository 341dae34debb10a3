"""Quiz answers and gradebooks as Moodle and Canvas write them, to rows of the plain table.

moodle             quiz report "Responses": a row an attempt, with ``Response 1`` and, where ticked, ``Question 1`` and
                   ``Right answer 1``; marks in ``Q. 1 /2.00`` where those columns of the report "Grades" were joined
moodle_gradebook   gradebook export: a row a learner, a column a graded activity, scores without text
canvas             quiz report "Student analysis": a row an attempt, ``ID: text`` of each question, then its points
canvas_gradebook   gradebook export: a row a learner, ``NAME (ID)`` of each assignment, a row "Points Possible"

Rows carry the line of the file that they come from; totals and averages are not passed on. Set aside are attempts that
are not finished, Moodle's rows that name no learner, and Canvas' test student.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from domains.education.records_types import SetAside, with_point

KINDS = ("moodle", "moodle_gradebook", "canvas", "canvas_gradebook")
_TAG = re.compile(r"</?[A-Za-z][\w:-]*(\s+[\w:-]+\s*=[^<>]*|\s*/?)>|<![^<>]*>")  # not 'x <y and y> 2'
_MARK = re.compile(r"Q\. ?(\d+) ?/([\d.,]+)")
_CANVAS_QUESTION = re.compile(r"(\d+): ?(.*)", re.DOTALL)
_CANVAS_ASSIGNMENT = re.compile(r"(.*) \((\d+)\)", re.DOTALL)
_MOODLE_TIMES = tuple(
    f"{day} {hour}"
    for day in ("%d %B %Y", "%d %b %Y", "%d/%m/%y,")
    for hour in ("%I:%M %p", "%H:%M", "%I:%M:%S %p", "%H:%M:%S")
)
_MOODLE_PERSON = ("email address", "username", "id number")  # the first that is there names the learner
_NOBODY = "no e-mail, username or ID number; add that column in the report and export it again"
_UNFINISHED = ("in progress", "overdue", "never submitted")
_TEST_STUDENT = "Student, Test"
_TRIAL = "the course's test student, who is no learner"
_NO_MARK = ("", "-", "ex", "excused", "not yet graded", "requires grading")
_MOODLE_OTHER = frozenset(
    ("first name", "last name", "surname", "institution", "department", "groups", "course total", "category total")
)


class Line(NamedTuple):
    """A row of the plain table and the line of the file that it stands in."""

    line: int
    cells: dict[str, str]


def kind_of(columns: Sequence[str]) -> str | None:
    """Which of ``KINDS`` a header is, or None."""
    names = {c.strip().lower() for c in columns}
    if any(re.fullmatch(r"response \d+", n) for n in names):
        return "moodle"
    if {"n correct", "n incorrect", "score"} <= names:
        return "canvas"
    if "student" in names and "section" in names and any(_CANVAS_ASSIGNMENT.fullmatch(c) for c in columns):
        return "canvas_gradebook"
    if "email address" in names and ("first name" in names or "surname" in names):
        return "moodle_gradebook"
    return None


def read(
    kind: str, columns: Sequence[str], rows: Iterator[tuple[int, list[str]]], aside: list[SetAside]
) -> Iterator[Line]:
    """Rows of the plain table, from the numbered rows of a file of one of ``KINDS``; of nobody's, in ``aside``."""
    if kind == "moodle":
        return _moodle(columns, rows, aside)
    if kind == "moodle_gradebook":
        return _moodle_gradebook(columns, rows, aside)
    return (_canvas if kind == "canvas" else _canvas_gradebook)(columns, rows, aside)


def _moodle(columns: Sequence[str], rows: Iterator[tuple[int, list[str]]], aside: list[SetAside]) -> Iterator[Line]:
    place = {c.strip().lower(): i for i, c in enumerate(columns)}
    numbers = sorted(int(m[1]) for c in place if (m := re.fullmatch(r"response (\d+)", c)))
    marks = {int(m[1]): (i, m[2]) for i, c in enumerate(columns) if (m := _MARK.match(c.strip()))}
    for line, row in rows:
        cell = _Cells(place, row)
        person = cell.first(*_MOODLE_PERSON)
        if (state := cell.first("state", "status")).lower() in _UNFINISHED:
            aside.append(SetAside(line, f"the attempt is not finished ({state})", ""))
            continue
        if not person:
            if any(_dash(cell.first(f"response {n}")) for n in numbers):  # else the row of averages
                aside.append(SetAside(line, _NOBODY, ",".join(row)[:60]))
            continue
        for n in numbers:
            at, most = marks.get(n, (-1, ""))
            yield Line(
                line,
                {
                    "student_id": person,
                    "question_id": f"Q{n}",
                    "question": _plain(cell.first(f"question {n}")),
                    "reference": _plain(cell.first(f"right answer {n}")),
                    "answer": _dash(_plain(cell.first(f"response {n}"))),
                    "time": moodle_time(cell.first("completed", "started", "started on")),
                    "points": _points(row[at]) if at >= 0 else "",
                    "max_points": _points(most),
                },
            )


def _moodle_gradebook(
    columns: Sequence[str], rows: Iterator[tuple[int, list[str]]], aside: list[SetAside]
) -> Iterator[Line]:
    place = {c.strip().lower(): i for i, c in enumerate(columns)}
    skipped = ("last downloaded", "feedback:", "category total", "course total")
    known = {*_MOODLE_PERSON, *_MOODLE_OTHER}
    graded = [(i, c) for c, i in place.items() if c not in known and not c.startswith(skipped)]
    for line, row in rows:
        person = _Cells(place, row).first(*_MOODLE_PERSON)
        if not person:
            aside.append(SetAside(line, _NOBODY, ",".join(row)[:60]))
        for i, name in graded if person else ():
            shown = re.sub(r"\s*\((real|percentage)\)$", "", columns[i].strip(), flags=re.IGNORECASE)
            most = "100" if name.endswith("(percentage)") else ""
            points = _points(row[i].rstrip(" %"))
            yield Line(line, _score(person, shown, points, most))


def _canvas(columns: Sequence[str], rows: Iterator[tuple[int, list[str]]], aside: list[SetAside]) -> Iterator[Line]:
    place = {c.strip().lower(): i for i, c in enumerate(columns)}
    questions = [(i, m) for i, c in enumerate(columns) if (m := _CANVAS_QUESTION.fullmatch(c.strip()))]
    for line, row in rows:
        cell = _Cells(place, row)
        if cell.first("name").lower() == "test student":
            aside.append(SetAside(line, _TRIAL, _TEST_STUDENT))
            continue
        for i, m in questions:
            worth = columns[i + 1].strip() if i + 1 < len(columns) else ""
            yield Line(
                line,
                {
                    "student_id": cell.first("sis_id", "id"),
                    "section": cell.first("section"),
                    "question_id": m[1],
                    "question": _plain(m[2]),
                    "answer": _plain(row[i]),
                    "attempt": cell.first("attempt") or "1",
                    "time": cell.first("submitted").replace(" UTC", "Z"),
                    "points": _points(row[i + 1]) if i + 1 < len(row) else "",
                    "max_points": worth if re.fullmatch(r"\d+(\.\d+)?", worth) else "",
                },
            )


def _canvas_gradebook(
    columns: Sequence[str], rows: Iterator[tuple[int, list[str]]], aside: list[SetAside]
) -> Iterator[Line]:
    place = {c.strip().lower(): i for i, c in enumerate(columns)}
    graded = [(i, m) for i, c in enumerate(columns) if (m := _CANVAS_ASSIGNMENT.fullmatch(c.strip()))]
    possible: dict[int, str] = {}
    for line, row in rows:
        cell = _Cells(place, row)
        if cell.first("student").lower() == "points possible":
            possible = {i: _points(row[i]) for i, _ in graded}
            continue
        if cell.first("student").lower() == _TEST_STUDENT.lower():
            aside.append(SetAside(line, _TRIAL, _TEST_STUDENT))
            continue
        person = cell.first("sis user id", "id", "sis login id")  # as the report of a quiz, which has no login
        for i, m in graded if person else ():
            score = _score(person, m[2], _points(row[i]), possible.get(i, ""))
            yield Line(line, score | {"question": m[1].strip(), "section": cell.first("section")})


class _Cells:
    """A row by lower-case column name."""

    def __init__(self, place: dict[str, int], row: Sequence[str]) -> None:
        self.place, self.row = place, row

    def first(self, *names: str) -> str:
        """The first cell of these that is not blank."""
        found = (self.row[self.place[n]].strip() for n in names if n in self.place and self.place[n] < len(self.row))
        return next((cell for cell in found if cell), "")


def _score(person: str, item: str, points: str, most: str) -> dict[str, str]:
    return {"student_id": person, "question_id": item, "question": item, "points": points, "max_points": most}


def _plain(text: str) -> str:
    """A cell without markup, its blanks single."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def _dash(text: str) -> str:
    return "" if text == "-" else text  # Moodle's sign of no answer


def _points(cell: str) -> str:
    """A mark with a point for its decimals; what says that there is none becomes blank, anything else stays."""
    cell = cell.strip()
    if cell.lower() in _NO_MARK:
        return ""
    return with_point(cell)


def moodle_time(text: str) -> str:
    """Moodle's dates of reports and logs as ISO 8601; any other text stays, to be read or refused by what follows."""
    if not re.match(r"\s*\d{1,2}[ /]", text):
        return text
    shown = " ".join(text.replace(",", " ,").replace(" ,", ",").split())
    for form in _MOODLE_TIMES:
        for said in (shown, shown.replace(",", "")):
            try:
                return datetime.strptime(said, form).isoformat()
            except ValueError:
                continue
    return text
