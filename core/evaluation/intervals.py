"""How far a figure could be off: bootstrap intervals over cases, or over whole groups (Efron 1979), and of a share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from core.metrics import score
from core.schema import TargetKind

HELD = 2_000_000  # row numbers
SHARES = ("accuracy", "exact_match")  # metrics that are a share of right answers

Ends: TypeAlias = tuple[float, float]


class Resamples:
    """Row numbers of each of ``times`` bootstrap samples; rows of a group come together, rows without one alone.

    Those of a long table are not held: they are drawn anew, and alike, whenever they are gone through. With ``whole``
    all rows as they are come first, one more.
    """

    def __init__(
        self, cases: int, groups: Sequence[str | None] | None, times: int, seed: int = 0, whole: bool = False
    ) -> None:
        self.cases, self.times, self.seed, self.whole = cases, times, seed, whole
        self.blocks: list[np.ndarray] = []
        if groups is not None and any(g is not None for g in groups):
            members: dict[object, list[int]] = {}
            for i, group in enumerate(groups):
                members.setdefault(i if group is None else group, []).append(i)
            self.blocks = [np.asarray(rows, dtype=np.int32) for rows in members.values()]
        self._held: list[np.ndarray] | None = None

    def __len__(self) -> int:
        return self.times + self.whole

    def __iter__(self) -> Iterator[np.ndarray]:
        if self.cases * len(self) > HELD:
            return self._drawn()
        if self._held is None:
            self._held = list(self._drawn())
        return iter(self._held)

    def _drawn(self) -> Iterator[np.ndarray]:
        rng, many = np.random.default_rng(self.seed), len(self.blocks)
        if self.whole:
            yield np.arange(self.cases)
        for _ in range(self.times):
            if many:
                yield np.concatenate([self.blocks[b] for b in rng.integers(0, many, many)])
            else:
                yield rng.integers(0, self.cases, self.cases, dtype=np.int32)

    def exact(self, share: float, inside: np.ndarray | None = None) -> Ends:
        """The exact interval of a share that no resample moves, as where all are right, of the cases ``inside`` (N,).

        It counts groups, and rows without one, as what is right in one row of a group may be so in all.
        """
        here = np.ones(self.cases, dtype=bool) if inside is None else inside
        many = sum(bool(here[block].any()) for block in self.blocks) if self.blocks else int(here.sum())
        return share_interval(round(share * many), many)


def ends_of(drawn: Sequence[float] | np.ndarray) -> Ends:
    """Between which 95 % of a figure's resamples lie; those that are not defined (NaN) do not count.

    >>> ends_of([float("nan"), 2.0, 2.0])
    (2.0, 2.0)
    """
    if np.isnan(drawn).all():
        return float("nan"), float("nan")
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def interval(
    kind: TargetKind,
    metric: str | None,
    y: np.ndarray,
    answers: np.ndarray,
    groups: Sequence[str | None] | None = None,
    *,
    against: np.ndarray | None = None,
    times: int = 300,
) -> Ends:
    """The 95 % interval of a metric, or with ``against`` of its lead over a second model on the same cases (paired)."""
    found, samples = [], Resamples(len(y), groups, times)
    if against is None and metric in SHARES and (share := score(kind, metric, y, answers)) in (0, 1):
        return samples.exact(share)
    for rows in samples:
        value = score(kind, metric, y[rows], answers[rows])
        found.append(value if against is None else value - score(kind, metric, y[rows], against[rows]))
    return ends_of(found)


def moved_intervals(
    kind: TargetKind,
    metrics: Iterable[str],
    y: np.ndarray,
    answers: np.ndarray,
    groups: Sequence[str | None] | None = None,
) -> dict[str, Ends]:
    """``interval`` of each metric, but for those that no resample moves: how far these could be off is not known."""
    found = {name: interval(kind, name, y, answers, groups) for name in metrics}
    return {name: (low, high) for name, (low, high) in found.items() if low < high}


def gap_interval(one: tuple[float, float, float], other: tuple[float, float, float]) -> Ends:
    """The ends of the difference of two independent figures, each (value, low, high); Newcombe 1998, method 10.

    >>> [round(end, 3) for end in gap_interval((1.0, 0.8, 1.0), (1.0, 0.9, 1.0))]
    [-0.2, 0.1]
    """
    (a, a_low, a_high), (b, b_low, b_high) = one, other
    return a - b - math.hypot(a - a_low, b_high - b), a - b + math.hypot(a_high - a, b - b_low)


def share_interval(hits: int, of: int) -> Ends:
    """The exact 95 % interval of a share; Clopper and Pearson 1934.

    >>> [round(end, 2) for end in share_interval(9, 10)]
    [0.55, 1.0]
    """
    from scipy.stats import binomtest

    found = binomtest(hits, of).proportion_ci(method="exact")
    return float(found.low), float(found.high)
