"""Answers that wait for a teacher, and what the teacher decided: kept for good, and used at the next training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import ConfigError, unknown
from core.record import Entry, Record
from domains.education.assignments_history import HISTORY
from domains.education.grading import Graded, Grader

WAITING, DECIDED = "grade_waiting", "grade"
CASE = ("student_id", "question_id", "question", "reference", "answer", "concept", "module", "attempt", *HISTORY)


@dataclass(frozen=True)
class Waiting:
    """An answer in the queue: its cells, the proposed mark, its probability (None for points), and why it waits."""

    answer_id: str
    case: dict[str, Any]
    proposed: str | float
    probability: float | None
    reason: str


class ReviewQueue:
    """The queue of one course, in an append-only file; see ``core.record``.

    Args:
        path: the file; made at the first entry.
        target: the column that a decision fills, as the grader's.
        classes: labels that may be decided; empty: points.
    """

    def __init__(self, path: Path | str, target: str = "grade", classes: Iterable[str] = ()) -> None:
        self.record, self.target, self.classes = Record(path), target, tuple(classes)

    @classmethod
    def of(cls, path: Path | str, grader: Grader) -> ReviewQueue:
        """The queue for a trained grader's target and labels."""
        return cls(path, grader.bundle.config.target.column, grader.bundle.ensemble.target.classes)

    def add(self, answer_id: str, case: Mapping[str, Any], graded: Graded, bundle: str = "") -> bool:
        """Put an answer into the queue if the grader abstains on it; returns whether it waits now.

        An answer that waits already or is decided is not put there again. A blank ``answer_id`` is refused.

        Raises:
            ConfigError: for a blank id.
        """
        return self._add(answer_id, case, graded, bundle, self._known())

    def add_table(self, table: pd.DataFrame, graded: Iterable[Graded], bundle: str = "") -> int:
        """Put all answers of a table that the grader abstains on into the queue; returns how many are new there."""
        known = self._known()
        rows = zip(table.to_dict("records"), graded, strict=True)
        return sum(self._add(str(row.get("answer_id", "")), row, found, bundle, known) for row, found in rows)

    def _known(self) -> set[tuple[str, str]]:
        """Ids and texts of all answers that wait or are decided: under one id, another text is another answer."""
        entries = (e for kind in (WAITING, DECIDED) for e in self.record.rows(kind))
        return {(str(e.case["answer_id"]), _text(e.case)) for e in entries}

    def _add(
        self, answer_id: str, case: Mapping[Any, Any], graded: Graded, bundle: str, known: set[tuple[str, str]]
    ) -> bool:
        if not answer_id:
            raise ConfigError("an answer in the queue needs its answer_id: the decision comes back to it")
        if not graded.abstains or (answer_id, _text(case)) in known:
            return False
        cells = {name: case[name] for name in CASE if case.get(name)}
        self.record.append(WAITING, {"answer_id": answer_id} | cells, self._proposal(graded), {}, bundle)
        known.add((answer_id, _text(case)))
        return True

    def waiting(self) -> list[Waiting]:
        """What no teacher has decided yet: the least sure first."""
        decided = self._last(DECIDED)
        found = [_waiting(e) for name, e in self._last(WAITING).items() if not _is_about(decided.get(name), e.case)]
        return sorted(found, key=lambda w: (w.probability is None, w.probability or 0.0))

    def decide(self, answer_id: str, grade: str | float, *, by: str = "", note: str = "") -> None:
        """Keep a teacher's mark for an answer that waits or was decided before; the last decision counts.

        Raises:
            ConfigError: for an answer that was never in the queue, or a grade that is none.
        """
        known = self._last(WAITING)
        if answer_id not in known:
            raise unknown("answer in the queue", answer_id, known)
        entry = known[answer_id]
        self.record.append(DECIDED, entry.case, entry.answer, self._decision(grade, by, note), entry.bundle, who=by)

    def override(
        self, answer_id: str, case: Mapping[str, Any], graded: Graded, grade: str | float, *, by: str = ""
    ) -> None:
        """Keep a teacher's mark for any answer, also one that the grader was sure of.

        Raises:
            ConfigError: for a blank id, or a grade that is none.
        """
        if not answer_id:
            raise ConfigError("an override needs the answer_id: it comes back to that answer at the next training")
        cells = {"answer_id": answer_id} | {name: case[name] for name in CASE if case.get(name)}
        self.record.append(DECIDED, cells, self._proposal(graded), self._decision(grade, by, ""), who=by)

    def decisions(self) -> dict[str, str | float]:
        """The last decision of each answer."""
        return {name: entry.decision[self.target] for name, entry in self._last(DECIDED).items()}

    def marks(self, table: pd.DataFrame) -> pd.Series:
        """(N,) the last decision on each answer of a table; missing without one, or where that is on another text."""
        decided = self._last(DECIDED)
        rows = table[[c for c in ("answer_id", "answer") if c in table]].to_dict("records")
        found = ((decided.get(str(row["answer_id"])), row) for row in rows)
        marks = [str(e.decision[self.target]) if e is not None and _is_about(e, row) else None for e, row in found]
        return pd.Series(marks, index=table.index, dtype=object)

    def with_overrides(self, table: pd.DataFrame) -> pd.DataFrame:
        """A training table with the teacher's marks: in place where the answer is there, else as a new row to train on.

        A mark for another text under the id of an answer, such as before it was handed in anew, is not for that one.

        Raises:
            ConfigError: if the table has no ``answer_id``.
        """
        if "answer_id" not in table:
            raise ConfigError("with_overrides: the table has no column 'answer_id', by which decisions are found again")
        marked = table.astype(str).copy()
        decided = self._last(DECIDED)
        own = self.marks(marked)
        marked[self.target] = own.fillna(marked.get(self.target, pd.Series("", index=marked.index)))
        new = [self._row(e, marked.columns) for name, e in decided.items() if name not in set(marked["answer_id"])]
        return pd.concat([marked, pd.DataFrame(new, columns=marked.columns)], ignore_index=True) if new else marked

    def _row(self, entry: Entry, columns: Iterable[str]) -> dict[str, str]:
        cells = {**entry.case, "split": "train", self.target: entry.decision[self.target]}
        return {name: str(cells.get(name, "")) for name in columns}

    def _decision(self, grade: str | float, by: str, note: str) -> dict[str, Any]:
        if self.classes and grade not in self.classes:
            raise unknown("grade", grade, self.classes)
        if not self.classes:
            try:
                grade = float(grade)
            except ValueError:
                raise ConfigError(f"points are a number, such as 1.5; found {grade!r}") from None
        return {self.target: grade} | {k: v for k, v in (("decided_by", by), ("note", note)) if v}

    def _proposal(self, graded: Graded) -> dict[str, Any]:
        probabilities = graded.prediction.probabilities
        probability = probabilities.get(str(graded.grade)) if probabilities else None
        return {"grade": graded.grade, "probability": probability, "reason": graded.queue}

    def _last(self, kind: str) -> dict[str, Entry]:
        """The last entry of each answer."""
        return {str(e.case["answer_id"]): e for e in self.record.rows(kind)}


def _text(case: Mapping[Any, Any]) -> str:
    return str(case.get("answer", "")).strip()


def _is_about(entry: Entry | None, case: Mapping[Any, Any]) -> bool:
    """Whether an entry is on an answer as it is written; by its id alone where either tells no text."""
    return entry is not None and (_text(entry.case) == _text(case) or "" in (_text(entry.case), _text(case)))


def _waiting(entry: Entry) -> Waiting:
    a = entry.answer
    return Waiting(str(entry.case["answer_id"]), entry.case, a["grade"], a["probability"], a["reason"])
