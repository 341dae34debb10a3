"""What was known before each graded answer: counts and shares of the learner's earlier ones, and difficulties."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from domains.education.mastery_data import Answers, fold_of

FEATURES = (
    "answers", "share", "recent", "lately", "in_concept", "concept_share", "concept_recent", "concept_last",
    "on_question", "question_last", "question_share", "previous", "same_question", "same_concept", "gap",
    "question_odds", "question_known", "concept_odds", "surprise", "recent_surprise", "concept_surprise",
)  # fmt: skip


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
