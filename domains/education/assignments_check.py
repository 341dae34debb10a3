"""Checks of one answer after the other: what is wrong with a row, and with a learner over all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from core.errors import unknown
from core.numbers import parse_number
from domains.education.assignments_history import RIGHT, same_answer
from domains.education.records_types import SetAside, needed, read_time, with_point

MARKS = ("grade", "points", "score", "label_2way", "label_3way")
_NUMBERS = ("points", "max_points", "score")


class Checker:
    """Takes rows in order and returns them whole, or says what is wrong with them."""

    def __init__(self, now: datetime, before: Sequence[Mapping[str, str]] = ()) -> None:
        """``before``: rows of an earlier table, after whose attempts these are counted on."""
        self.now = now
        self._ids: set[str] = set()
        self._attempts = Counter((row.get("student_id", ""), row["question_id"]) for row in before)
        self._again = {same_answer(row): row["attempt"] for row in before if row.get("time") or row.get("order")}
        self._sections: dict[str, set[str]] = {}

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        """The row with stripped cells and a time in UTC; ``number`` gives it an attempt and an id.

        Raises:
            ValueError: with all reasons in words.
        """
        row = {name: cell.strip() for name, cell in row.items()}
        reasons = [r for r in (self._named(row), self._asked(row), self._marked(row), self._timed(row)) if r]
        if row.pop("left_out", ""):
            reasons.append("its authors left it out")
        if reasons:
            raise ValueError("; ".join(reasons))
        if row.get("answer_id"):
            self._ids.add(row["answer_id"])
        return row

    def number(self, rows: Sequence[dict[str, str]]) -> None:
        """Give all rows their attempt and id, in order of time: many a file lists the newest first."""
        for row in sorted(rows, key=lambda row: row.get("time", "")):
            self._number(row)

    def without_moved(self, rows: Sequence[dict[str, str]], aside: list[SetAside]) -> list[dict[str, str]]:
        """The rows of learners who are in one section only; the others are set aside."""
        moved = {student: names for student, names in self._sections.items() if len(names) > 1}
        for row in rows:
            if names := moved.get(row.get("student_id", "")):
                reason = f"the learner is in two groups, {' and '.join(sorted(names))}; keep one"
                aside.append(SetAside(0, reason, row["answer_id"]))
        return [row for row in rows if row.get("student_id", "") not in moved]

    def _named(self, row: dict[str, str]) -> str:
        try:
            needed(row.get("question_id"), "question_id")
            if not row.get("answer"):  # a text may be anonymous, a score says nothing without its learner
                needed(row.get("student_id"), "student_id")
        except ValueError as error:
            return str(error)
        if (student := row.get("student_id", "")) and row.get("section"):
            self._sections.setdefault(student, set()).add(row["section"])
        name = row.get("answer_id", "")
        return f"the answer_id {name!r} is there twice; give each answer its own" if name in self._ids else ""

    def _asked(self, row: dict[str, str]) -> str:
        if row.get("answer") and not row.get("question") and not row.get("reference"):
            name = row.get("question_id") or "it"
            return (
                f"an answer with no question: {name} has neither question nor reference, here or in the table of "
                "questions; add it there"
            )
        return "" if any(row.get(m) for m in ("answer", *MARKS)) else "neither an answer nor a score"

    def _marked(self, row: dict[str, str]) -> str:
        if (grade := row.get("grade", "")) and grade not in RIGHT:
            return str(unknown("grade", grade, RIGHT))
        row |= {n: with_point(row[n]) for n in _NUMBERS if n in row}
        try:
            points, most, _ = (parse_number(row[n]) if row.get(n) else None for n in _NUMBERS)
        except ValueError:
            told = row.get("points") or row.get("score")
            return f"points are {told!r} of {row.get('max_points', '')!r}; write numbers, such as 1.5"
        if points is not None and (points < 0 or (most is not None and points > most)):
            return f"{points:g} points of {most if most is None else format(most, 'g')}; from 0 to max_points"
        return ""

    def _timed(self, row: dict[str, str]) -> str:
        if not row.get("time"):
            return ""
        try:
            row["time"] = read_time(row["time"], self.now)
        except ValueError as error:
            return str(error)
        return ""

    def _number(self, row: dict[str, str]) -> None:
        student = row.get("student_id", "")
        text = sha256(row.get("answer", "").encode(errors="backslashreplace")).hexdigest()
        key = student or f"anonymous {text[:8]}", row["question_id"]  # those of another file are other people's
        count = self._again.get(same_answer(row))  # the earlier table holds this very answer, and counted it
        if count is None:
            self._attempts[key] += 1
            count = str(self._attempts[key])
        row["attempt"] = row.get("attempt") or (count if student else "")
        row["answer_id"] = row.get("answer_id") or f"{key[0]}-{key[1]}-{count}"
