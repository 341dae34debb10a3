"""Bayesian knowledge tracing: a learner masters a concept or not, and may learn it at every answer.

Corbett and Anderson, "Knowledge tracing", 1994; fitted by expectation maximisation, all concepts at once. Written here
because the library of the field, pyBKT 1.4.3, does not import beside scikit-learn 1.9 (it tries every metric that it
finds there) and saves its models as pickles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from domains.education.mastery_data import Answers

_STRENGTH = 20.0  # answers that the parameters of all concepts together weigh in those of one
_MOST = 0.45  # of guess and slip: beyond, mastering a concept would make its answers worse


@dataclass
class Bkt:
    """Parameters by concept: rows of ``table`` (concepts + 1, 4), the last one for concepts that training did not have.

    Columns: prior (mastered before the first answer), learn (at an answer), guess, slip.
    """

    concepts: tuple[str, ...]
    table: np.ndarray

    @classmethod
    def fit(cls, answers: Answers, rounds: int = 25) -> Bkt:
        """Learn from graded answers; parameters of a concept with few answers stay near those of all together."""
        answers = answers.take(~np.isnan(answers.y))
        code, concepts = pd.factorize(answers.concept, sort=True)
        packed = _Packed(answers, code)
        pooled = np.array([[0.3, 0.1, 0.2, 0.1]])
        for _ in range(rounds):
            pooled = _maximise(*_expect(packed, pooled[np.zeros(len(packed.concept), int)], 1, None))
        table = np.repeat(pooled, len(concepts), axis=0)
        for _ in range(rounds):
            table = _maximise(*_expect(packed, table[packed.concept], len(concepts), packed.concept), pooled[0])
        return cls(tuple(map(str, concepts)), np.concatenate([table, pooled]))

    def trace(self, answers: Answers) -> tuple[np.ndarray, np.ndarray]:
        """Of every answer (N,): how probable a right one was before it, and mastery of its concept after it."""
        place = {c: i for i, c in enumerate(self.concepts)}
        code = np.array([place.get(c, len(self.concepts)) for c in answers.concept], dtype=int)
        packed = _Packed(answers, code)
        _, after, right = _filter(packed, self.table[packed.concept])
        out = np.zeros((2, len(answers)))
        out[:, packed.order] = right, after
        return out[0], out[1]


class _Packed:
    """Sequences of one learner and concept, longest first, stored step by step: step t holds those longer than t."""

    def __init__(self, answers: Answers, code: np.ndarray) -> None:
        who = pd.factorize(answers.student)[0]
        sequence = pd.factorize(who.astype(np.int64) * (code.max(initial=0) + 1) + code)[0]
        length = np.bincount(sequence)
        rank = np.empty(len(length), int)
        rank[np.argsort(-length, kind="stable")] = np.arange(len(length))
        step = pd.Series(sequence).groupby(sequence).cumcount().to_numpy()
        self.order = np.lexsort((rank[sequence], step))  # (N,) from packed place to answer
        self.y = answers.y[self.order]
        self.counts = np.bincount(step)  # sequences at each step
        self.ends = np.cumsum(self.counts)
        first = np.flatnonzero(step == 0)
        self.concept = np.empty(len(length), int)  # (S,) by rank
        self.concept[rank[sequence[first]]] = code[first]

    def steps(self) -> list[slice]:
        return [slice(e - n, e) for e, n in zip(self.ends, self.counts)]


def _filter(packed: _Packed, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) each: mastery before, mastery after the answer (before learning), and the probability of a right one."""
    before, after, right = (np.zeros(len(packed.y)) for _ in range(3))
    mastered = p[:, 0]
    for step in packed.steps():
        n = step.stop - step.start
        prior, (_, learn, guess, slip), y = mastered[:n], p[:n].T, packed.y[step]
        chance = prior * (1 - slip) + (1 - prior) * guess
        hit, miss = prior * (1 - slip) / chance, prior * slip / (1 - chance)
        posterior = np.where(np.isnan(y), prior, np.where(y == 1, hit, miss))
        before[step], after[step], right[step] = prior, posterior, chance
        mastered = posterior + (1 - posterior) * learn
    return before, after, right


def _expect(packed: _Packed, p: np.ndarray, groups: int, by: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Expected counts of each concept: (concepts, 4) successes and trials of prior, learn, guess and slip."""
    before, after, _ = _filter(packed, p)
    hits, trials = np.zeros((groups, 4)), np.zeros((groups, 4))
    by = np.zeros(len(p), int) if by is None else by
    following = np.zeros(0)  # smoothed mastery at the next step, of the sequences that have one
    for t, step in reversed(list(enumerate(packed.steps()))):
        n, m = step.stop - step.start, len(following)
        smooth, learned = after[step].copy(), np.zeros(n)
        if m:
            later = slice(step.stop, step.stop + m)
            unlearned = 1 - after[step][:m]
            learned[:m] = unlearned * p[:m, 1] * following / before[later].clip(1e-12)
            smooth[:m] = after[step][:m] * following / before[later].clip(1e-12)
            np.add.at(hits[:, 1], by[:m], learned[:m])
            np.add.at(trials[:, 1], by[:m], 1 - smooth[:m])
        y, own = packed.y[step], by[:n]
        for column, weight, success in ((2, 1 - smooth, y), (3, smooth, 1 - y)):
            np.add.at(hits[:, column], own, weight * success)
            np.add.at(trials[:, column], own, weight)
        if t == 0:
            np.add.at(hits[:, 0], own, smooth)
            np.add.at(trials[:, 0], own, 1.0)
        following = smooth
    return hits, trials


def _maximise(hits: np.ndarray, trials: np.ndarray, around: np.ndarray | None = None) -> np.ndarray:
    """(concepts, 4) parameters; ``around`` (4,) draws them to the pooled ones with the weight of ``_STRENGTH``."""
    extra = 0.0 if around is None else _STRENGTH
    center = 0.0 if around is None else around
    found = (hits + extra * center) / np.maximum(trials + extra, 1e-9)
    found[:, :2] = found[:, :2].clip(1e-3, 1 - 1e-3)
    found[:, 2:] = found[:, 2:].clip(1e-3, _MOST)
    return found
