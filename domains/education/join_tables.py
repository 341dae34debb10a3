"""The tables of a course, read and checked: questions, answers, events, mastery; all faults of a table at once."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

import numpy as np
import pandas as pd

from core.csv_rows import csv_frame
from core.errors import ConfigError, Fault, TableError
from core.numbers import parse_number
from domains.education.records_types import read_moment, read_seconds

NEEDED = {
    "questions": ("question_id", "question", "concept"),
    "answers": ("answer_id", "student_id", "question_id"),
    "events": ("student_id", "time", "lecture", "verb", "start_s", "end_s"),
    "mastery": ("student_id", "concept", "probability", "evidence", "thin"),
}
SHARES = {"correct": 1.0, "partly": 0.5, "contradictory": 0.0, "incorrect": 0.0}  # of the points, by label
Source: TypeAlias = Path | str | pd.DataFrame


def read(what: str, source: Source) -> pd.DataFrame:
    """A table, every cell as text, with the columns that ``NEEDED`` lists for ``what``.

    Raises:
        FileError: if it cannot be read.
        TableError: if it lacks columns.
    """
    name = what if isinstance(source, pd.DataFrame) else str(source)
    table = source if isinstance(source, pd.DataFrame) else csv_frame(Path(source))
    if lacking := [c for c in NEEDED[what] if c not in table.columns]:
        present = ", ".join(map(str, table.columns))
        raise TableError(name, [Fault(0, c, "", f"is missing; the table has {present}") for c in lacking])
    return table.astype(object).where(table.notna(), "").astype(str).reset_index(drop=True)


def questions(source: Source) -> pd.DataFrame:
    """The questions by their id, each with a concept; ``reference`` is blank where the table has none.

    Raises:
        ConfigError: without a question.
        TableError: for a blank or repeated id, a blank question or concept.
    """
    table = read("questions", source)
    if table.empty:
        raise ConfigError("an empty course: the table of questions has no row; a course needs at least one question")
    faults = [Fault(i + 1, c, "", "is blank; fill it in") for c in NEEDED["questions"] for i in _blank(table, c)]
    twice = table["question_id"].duplicated() & (table["question_id"] != "")
    faults += [
        Fault(int(i) + 1, "question_id", table.at[i, "question_id"], "is there twice") for i in table.index[twice]
    ]
    if faults:
        raise TableError("questions", faults)
    return (table if "reference" in table else table.assign(reference="")).set_index("question_id", drop=False)


def answers(source: Source, known: Collection[str]) -> pd.DataFrame:
    """The graded answers, with ``share`` of the points from 0 to 1; those without a grade have NaN.

    The grade is a label (``grade``: correct, partly, contradictory, incorrect) or ``points`` with ``max_points``. Rows
    are in order of ``attempt`` and ``time`` where the table has them.

    Raises:
        TableError: for an answer to a question that is not ``known``, a label, number or time that cannot be read, or
            no column of grades.
    """
    table = read("answers", source)
    if "grade" not in table and not {"points", "max_points"} <= set(table.columns):
        raise TableError("answers", [Fault(0, "grade", "", "is missing; give grade, or points and max_points")])
    faults = [
        Fault(i + 1, "question_id", q, "is not among the questions; add it there, or take the answer out")
        for i, q in enumerate(table["question_id"])
        if q not in known
    ]
    rows = table.to_dict("records")
    shares = [_share(row, i, faults) for i, row in enumerate(rows, 1)]
    moments = [_moment(row, i, faults) for i, row in enumerate(rows, 1)]
    if faults:
        raise TableError("answers", faults)
    table["share"] = np.array(shares, float)
    if "attempt" in table:
        table["attempt"] = pd.to_numeric(table["attempt"], errors="coerce")
    ordered = table.assign(moment=np.array(moments, float))
    by = ["attempt", "moment"] if "attempt" in table else ["moment"]
    return ordered.sort_values(by, kind="stable").drop(columns="moment")


def _moment(row: dict[str, str], number: int, faults: list[Fault]) -> float:
    """Seconds since 1970 of a row's time; NaN where it has none."""
    cell = row.get("time", "").strip()
    try:
        return read_moment(cell).timestamp() if cell else np.nan
    except ValueError as error:
        faults.append(Fault(number, "time", cell[:40], str(error)))
        return np.nan


def _share(row: dict[str, str], number: int, faults: list[Fault]) -> float:
    if grade := row.get("grade", ""):
        if grade not in SHARES:
            faults.append(Fault(number, "grade", grade, f"is not one of {', '.join(SHARES)}"))
        return SHARES.get(grade, np.nan)
    if not row.get("points"):
        return np.nan
    try:
        points, most = parse_number(row["points"]), parse_number(row.get("max_points", ""))
    except ValueError:
        points, most = -1.0, 0.0
    if not 0 <= points <= most or most == 0:
        found = f"{row['points']} of {row.get('max_points', '')}"
        faults.append(Fault(number, "points", found, "must be a number from 0 to max_points, which is above 0"))
        return np.nan
    return points / most


def events(source: Source, known: Collection[str]) -> pd.DataFrame:
    """The events of learners, each with the ``known`` lecture whose name its address or file ends with.

    Warns where events name lectures and none of them is known.

    Raises:
        TableError: for a time or a second of a lecture's events that cannot be read.
    """
    table = with_lectures(_placed(read("events", source)), known)
    named = table["lecture"][table["lecture"] != ""]
    if len(named) and not named.isin(known).any():
        warnings.warn(
            f"events: none names a lecture of this course ({', '.join(known)}), but {', '.join(named.unique()[:3])}: "
            "nobody counts as a viewer; index the lectures under the names that records use, with name=",
            stacklevel=3,
        )
    return table


def _placed(table: pd.DataFrame) -> pd.DataFrame:
    """The table with times in UTC and seconds as numbers where an event names a lecture: no other has a place."""
    rows = np.flatnonzero(table["lecture"] != "")
    faults: list[Fault] = []
    for column in ("time", "start_s", "end_s"):
        cells = table[column].to_numpy(dtype=object, copy=True)
        for i in rows:
            cell = cells[i].strip()
            try:
                cells[i] = read_moment(cell).isoformat() if column == "time" else read_seconds(cell, column)
            except ValueError as error:
                faults.append(Fault(int(i) + 1, column, cell[:40], str(error)))
        table[column] = cells
    if faults:
        raise TableError("events", faults)
    return table


def with_lectures(events: pd.DataFrame, known: Collection[str]) -> pd.DataFrame:
    """Records name a lecture by an address or a file; here it is the lecture whose name that ends with."""
    called = {name: _lecture(name, known) for name in events["lecture"].unique()}
    return events.assign(lecture=events["lecture"].map(called))


def _lecture(named: str, known: Collection[str]) -> str:
    """The known lecture; ``named`` as it is where none is."""
    last = unquote(re.split(r"[?#]", named)[0].rstrip("/").rsplit("/", 1)[-1])  # an address writes a blank as %20
    names = (named, last, re.sub(r"\.\w{2,4}$", "", last))  # "Week 1.10" is not the file "Week 1"
    return next((name for name in names if name in known), named)


def mastery(source: Source) -> pd.DataFrame:
    """The mastery table with ``probability`` and ``evidence`` as numbers and ``thin`` as bool.

    Raises:
        TableError: for a probability outside 0 to 1.
    """
    table = read("mastery", source)
    table["probability"] = pd.to_numeric(table["probability"], errors="coerce")
    wrong = table.index[~table["probability"].between(0, 1)]
    if len(wrong):
        faults = [Fault(int(i) + 1, "probability", "", "must be a number from 0 to 1") for i in wrong]
        raise TableError("mastery", faults)
    table["evidence"] = pd.to_numeric(table["evidence"], errors="coerce").fillna(0).astype(int)
    table["thin"] = table["thin"].str.lower().isin(["true", "1", "yes"])
    return table


def _blank(table: pd.DataFrame, column: str) -> list[int]:
    return [int(i) for i in table.index[table[column].str.strip() == ""]]
