"""Graded answers in the order of each learner, and what was known before each of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from core.errors import Fault, TableError
from core.numbers import parse_number

ORDERS = ("time", "turn", "step")
CONCEPTS = ("concept", "skill_name", "module")
OUTCOMES = ("correct", "grade", "label_2way", "label")
RIGHT = {"correct", "1", "1.0", "true"}
FEATURES = (
    "answers", "share", "recent", "lately", "in_concept", "concept_share", "concept_recent", "concept_last",
    "on_question", "question_last", "question_share", "previous", "same_question", "same_concept", "gap",
    "question_odds", "question_known", "concept_odds", "surprise", "recent_surprise", "concept_surprise",
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
    (either may stand for the other), and the outcome: one of ``OUTCOMES``, or points with max_points, right from half.

    Raises:
        TableError: with all faults: columns that are missing, blank learners, an order or points that are no number.
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
    named = next((c for c in OUTCOMES if c in table), None)
    if named is not None:
        cells = table[named].astype(str).str.strip().str.lower()
        return np.where(cells.isin(["", "nan"]), np.nan, cells.isin(RIGHT)).astype(float)
    if "points" not in table or "max_points" not in table:
        reason = f"no outcome; name one of {', '.join(OUTCOMES)}, or points with max_points"
        faults.append(Fault(0, "correct", "", reason))
        return np.zeros(len(table))
    points, most = (_numbers(table, c, faults) for c in ("points", "max_points"))
    return np.where(np.isnan(points), np.nan, points >= most / 2)


def _order(table: pd.DataFrame, faults: list[Fault]) -> np.ndarray:
    """Days for dates, else the numbers that stand there, else the order of the rows."""
    named = next((c for c in ORDERS if c in table), None)
    if named is None:
        return np.arange(len(table), dtype=float)
    if named != "time":
        return _numbers(table, named, faults)
    time = pd.to_datetime(table[named], utc=True, format="ISO8601", errors="coerce")
    reason = "no time; write one such as 2026-03-01T10:00:00Z"
    faults += [Fault(int(i) + 1, named, str(table[named].iloc[i])[:40], reason) for i in np.flatnonzero(time.isna())]
    return ((time - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)).to_numpy(dtype=float)


def _numbers(table: pd.DataFrame, column: str, faults: list[Fault]) -> np.ndarray:
    found = np.full(len(table), np.nan)
    for i, cell in enumerate(table[column].astype(str)):
        if cell.strip() and cell != "nan":
            try:
                found[i] = parse_number(cell)
            except ValueError as error:
                faults.append(Fault(i + 1, column, cell[:40], str(error)))
    return found


@dataclass(frozen=True)
class Difficulty:
    """How often a question, and a concept, was answered right by the learners of training: (right, answers) by name."""

    question: dict[str, tuple[float, int]]
    concept: dict[str, tuple[float, int]]
    base: float

    @classmethod
    def of(cls, answers: Answers) -> Difficulty:
        """Count."""
        base = float(answers.y.mean())
        return cls(_counts(answers.question, answers.y), _counts(answers.concept, answers.y), base)

    def odds(self, table: dict[str, tuple[float, int]], name: str, weight: float = 4.0) -> float:
        """Log-odds of a right answer, drawn to the base rate where few answers are known."""
        right, n = table.get(name, (0.0, 0))
        return _logit((right + weight * self.base) / (n + weight))


def features(answers: Answers, difficulty: Difficulty) -> np.ndarray:
    """(N, ``FEATURES``): of every answer what was known before it; ``difficulty`` is that of other learners."""
    found = np.zeros((len(answers), len(FEATURES)), dtype=np.float32)
    for a, b in pairwise(answers.starts):
        found[a:b] = list(_learner(answers.take(np.arange(a, b)), difficulty))
    return found


def training_features(answers: Answers, folds: int = 10) -> np.ndarray:
    """The features of learners of training: difficulties are counted on the other folds of learners.

    Leaving out one learner at a time would not do: a question then looks harder to whoever got it right, and a model
    learns that.
    """
    found, fold = np.zeros((len(answers), len(FEATURES)), dtype=np.float32), fold_of(answers, folds, seed=1)
    for k in np.unique(fold):
        rest = answers.take(fold != k)
        found[fold == k] = features(answers.take(fold == k), Difficulty.of(rest if len(rest) else answers))
    return found


def fold_of(answers: Answers, folds: int, seed: int = 0) -> np.ndarray:
    """(N,) the fold of each answer; a learner's answers are in one."""
    code, names = pd.factorize(answers.student)
    return (np.random.default_rng(seed).permutation(len(names)) % folds)[code]


def _learner(own: Answers, d: Difficulty) -> Iterator[Sequence[float]]:
    """The features of one learner's answers, in order."""
    whole, concepts, questions = _Past(d.base), dict[str, _Past](), dict[str, _Past]()
    last = ("", "", -1.0)
    for q, c, y, gap in zip(own.question, own.concept, own.y, own.gap):
        in_c, on_q = concepts.setdefault(c, _Past(whole.share)), questions.setdefault(q, _Past(d.base))
        expected = d.odds(d.question, q)
        yield (
            math.log1p(whole.n), _logit(whole.share), _logit(whole.recent), _logit(whole.lately), math.log1p(in_c.n),
            _logit(in_c.share), _logit(in_c.recent), in_c.last, math.log1p(on_q.n), on_q.last, _logit(on_q.share),
            last[2], float(last[0] == q), float(last[1] == c), gap, expected,
            math.log1p(d.question.get(q, (0, 0))[1]), d.odds(d.concept, c),
            whole.surprise / (whole.n + 3), whole.recent_surprise, in_c.surprise / (in_c.n + 3),
        )  # fmt: skip
        if y == y:
            for past in (whole, in_c, on_q):
                past.add(y, y - 1 / (1 + math.exp(-expected)))
            last = (q, c, y)


class _Past:
    """Running counts of right answers; shares start at ``base`` with the weight of two answers."""

    def __init__(self, base: float) -> None:
        self.n, self.base, self.right, self.last = 0, base, 2 * base, -1.0
        self.recent = self.lately = base
        self.surprise = self.recent_surprise = 0.0

    @property
    def share(self) -> float:
        return self.right / (self.n + 2)

    def add(self, y: float, surprise: float) -> None:
        self.n, self.right, self.last = self.n + 1, self.right + y, y
        self.recent, self.lately = 0.7 * self.recent + 0.3 * y, 0.9 * self.lately + 0.1 * y
        self.surprise, self.recent_surprise = self.surprise + surprise, 0.8 * self.recent_surprise + 0.2 * surprise


def _counts(names: np.ndarray, y: np.ndarray) -> dict[str, tuple[float, int]]:
    known = ~np.isnan(y)
    code, unique = pd.factorize(names[known])
    right, n = np.bincount(code, y[known], len(unique)), np.bincount(code, minlength=len(unique))
    return {str(u): (float(r), int(k)) for u, r, k in zip(unique, right, n)}


def _logit(p: float) -> float:
    p = min(max(p, 0.02), 0.98)
    return math.log(p / (1 - p))
