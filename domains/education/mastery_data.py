"""Graded answers in the order of each learner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import Fault, TableError
from core.numbers import parse_number

ORDERS = ("time", "turn", "step")
CONCEPTS = ("concept", "skill_name", "module")
OUTCOMES = ("correct", "grade", "label_2way", "label")
RIGHT = ("correct", "1", "1.0", "true")
WRONG = (
    "incorrect", "partly", "contradictory", "0", "0.0", "false",
    "partially_correct_incomplete", "irrelevant", "non_domain",  # of the five labels of public answers
)  # fmt: skip


@dataclass(frozen=True)
class Answers:
    """N graded answers, those of a learner together and in order. ``row`` is the place in the table they came from."""

    student: np.ndarray  # (N,) str
    question: np.ndarray  # (N,) str
    concept: np.ndarray  # (N,) str
    y: np.ndarray  # (N,) float, 1 for right; NaN where not graded yet, such as a question to be asked
    gap: (
        np.ndarray
    )  # (N,) float: log(1 + time since the learner's last graded answer), in days or in the table's own steps
    row: np.ndarray  # (N,) int

    def __len__(self) -> int:
        return len(self.y)

    @property
    def starts(self) -> np.ndarray:
        """(learners + 1,): where each learner's answers begin; the last entry is N."""
        change = np.flatnonzero(self.student[1:] != self.student[:-1]) + 1
        return np.concatenate([[0], change, [len(self)]]) if len(self) else np.zeros(1, int)

    def of(self, students: set[str]) -> np.ndarray:
        """(N,) bool: the answers of these learners."""
        return np.isin(self.student, list(students))

    def take(self, keep: np.ndarray) -> Answers:
        """The answers at these places."""
        return Answers(*(getattr(self, f)[keep] for f in ("student", "question", "concept", "y", "gap", "row")))


def read_answers(table: pd.DataFrame) -> Answers:
    """From a table of text cells: student_id, an order (``ORDERS``; else that of the rows), concept and question_id
    (either may stand for the other), and the outcome: one of ``OUTCOMES`` (``RIGHT``, ``WRONG`` or blank), and where it
    is blank points with max_points, right from half.

    Raises:
        TableError: with all faults: columns that are missing, blank learners, an order that is no number, an outcome of
            another word, points that are not from 0 to their max_points.
    """
    concept = next((c for c in CONCEPTS if c in table), None)
    question = "question_id" if "question_id" in table else concept
    lacking = [] if "student_id" in table else ["student_id"]
    lacking += [] if question else [f"concept or question_id (looked for {', '.join((*CONCEPTS, 'question_id'))})"]
    if lacking:
        raise TableError("answers", [Fault(0, c, "", f"no such column among {', '.join(table)}") for c in lacking])
    faults: list[Fault] = []
    y, order = _outcome(table, faults), _order(table, faults)
    student = table["student_id"].astype(str).str.strip().to_numpy(dtype=object)
    faults += [Fault(int(i) + 1, "student_id", "", "blank") for i in np.flatnonzero(student == "")]
    if faults:
        raise TableError("answers", faults)
    place = np.lexsort((np.arange(len(table)), order, pd.factorize(student)[0]))
    names = [table[c or question].astype(str).to_numpy(dtype=object)[place] for c in (question, concept)]
    gap = np.log1p(_since_graded(student[place], order[place], y[place]))
    return Answers(student[place], names[0], names[1], y[place], gap, place)


def _since_graded(student: np.ndarray, order: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,) how long before each answer the learner's last graded one lies; 0 where there is none."""
    own = pd.Series(order)
    last = own.where(~np.isnan(y)).groupby(student).ffill().groupby(student).shift()
    return (own - last).fillna(0).clip(lower=0).to_numpy()


def _outcome(table: pd.DataFrame, faults: list[Fault]) -> np.ndarray:
    """(N,) 1 for right, 0 for wrong, NaN where a row tells neither by its label nor by points."""
    named = next((c for c in OUTCOMES if c in table), None)
    if named is None and not {"points", "max_points"} <= {*table.columns}:
        reason = f"no outcome; name one of {', '.join(OUTCOMES)}, or points with max_points"
        faults.append(Fault(0, "correct", "", reason))
        return np.zeros(len(table))
    found = np.full(len(table), np.nan) if named is None else _labelled(table[named], faults)
    return np.where(np.isnan(found), _scored(table, np.isnan(found), faults), found)


def _labelled(cells: pd.Series, faults: list[Fault]) -> np.ndarray:
    words = cells.astype(str).str.strip().str.lower().replace("nan", "")
    reason = f"not one of {', '.join((*RIGHT, *WRONG))}; write one of these, or leave it blank"
    alien = np.flatnonzero(~words.isin([*RIGHT, *WRONG, ""]))
    faults += [Fault(int(i) + 1, str(cells.name), str(cells.iloc[i])[:40], reason) for i in alien]
    return np.where(words == "", np.nan, words.isin(RIGHT))


def _scored(table: pd.DataFrame, asked: np.ndarray, faults: list[Fault]) -> np.ndarray:
    """The outcome by points of the rows that are ``asked`` for, (N,) bool."""
    blank = pd.Series("", index=table.index)
    cells = [table.get(c, blank).where(asked, "").rename(c) for c in ("points", "max_points")]
    points, most = (_numbers(c, faults) for c in cells)
    reason = "must be a number from 0 to max_points, which is above 0; correct or add that column"
    wrong = np.flatnonzero(~np.isnan(points) & ~((points >= 0) & (points <= most) & (most > 0)))
    found = [" of ".join(str(c.iloc[i]) or "nothing" for c in cells) for i in wrong]
    faults += [Fault(int(i) + 1, "points", f, reason) for i, f in zip(wrong, found)]
    return np.where(np.isnan(points), np.nan, points >= most / 2)


def _order(table: pd.DataFrame, faults: list[Fault]) -> np.ndarray:
    """Days for dates, else the numbers that stand there, else the order of the rows."""
    named = next((c for c in ORDERS if c in table), None)
    if named is None:
        return np.arange(len(table), dtype=float)
    if named != "time":
        return _numbers(table[named], faults)
    time = pd.to_datetime(table[named], utc=True, format="ISO8601", errors="coerce")
    reason = "no time; write one such as 2026-03-01T10:00:00Z"
    faults += [Fault(int(i) + 1, named, str(table[named].iloc[i])[:40], reason) for i in np.flatnonzero(time.isna())]
    return ((time - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)).to_numpy(dtype=float)


def _numbers(cells: pd.Series, faults: list[Fault]) -> np.ndarray:
    found = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells.astype(str)):
        if cell.strip() and cell != "nan":
            try:
                found[i] = parse_number(cell)
            except ValueError as error:
                faults.append(Fault(i + 1, str(cells.name), cell[:40], str(error)))
    return found


def fold_of(answers: Answers, folds: int, seed: int = 0) -> np.ndarray:
    """(N,) the fold of each answer; a learner's answers are in one."""
    code, names = pd.factorize(answers.student)
    return (np.random.default_rng(seed).permutation(len(names)) % folds)[code]
