"""What a supervisor asks of many answered turns: how many of what, what is confused, what drifts, what to label next.

Plain functions over answers (``Prediction``), true labels where they are known, and ``core.record`` entries. Nothing
here is about single agents: no ranking of people, no inference about anybody's feelings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from scipy.special import rel_entr

from core.errors import ConfigError
from core.evaluation.intervals import share_interval
from core.record import Entry
from core.schema import Prediction

PERIODS = {"hour": "h", "day": "D", "week": "W-MON"}
_TIMES = 500  # resamples of an interval


def volumes(times: Sequence[str | datetime], intents: Sequence[str], every: str = "day") -> pd.DataFrame:
    """Turns of each intent in each period, periods without any included: index period start, columns intents.

    Raises:
        ConfigError: for a period that is not in ``PERIODS``, or a time that is none.
    """
    if every not in PERIODS:
        raise ConfigError(f"every: expected one of {', '.join(PERIODS)}, found {every!r}")
    when = pd.Series(moments(times), dtype="datetime64[ns]")
    counts = pd.crosstab(when.dt.to_period(PERIODS[every]), pd.Series(list(intents), name="intent"))
    if len(counts):
        counts = counts.reindex(pd.period_range(counts.index[0], counts.index[-1]), fill_value=0)
    counts.index = counts.index.to_timestamp()
    return counts.rename_axis("period")


def moments(times: Sequence[str | datetime]) -> list[datetime]:
    """Times as moments of UTC, whatever their offsets; written times are no order by themselves.

    Raises:
        ConfigError: for a time that is none, or blank.
    """
    try:
        when = pd.to_datetime(pd.Series(list(times), dtype=object), utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise ConfigError(f"times: expected ISO 8601, such as 2025-03-03T08:00:00Z ({error})") from None
    if when.isna().any():
        raise ConfigError(f"times: {int(when.isna().sum())} of {len(when)} are blank; leave these turns out")
    return when.dt.tz_localize(None).tolist()


def confusions(
    answers: Sequence[Prediction], truth: Sequence[str], most: int = 10
) -> list[tuple[str, str, int, float]]:
    """(true intent, answer, turns, share of the true intent's turns) of wrong answers, the most frequent first."""
    of = Counter(truth)
    wrong = Counter((true, a.label or "") for a, true in zip(answers, truth, strict=True) if a.label != true)
    return [(t, a, n, n / of[t]) for (t, a), n in sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:most]]


@dataclass(frozen=True)
class Drift:
    """How far the mix of intents moved between two sets of turns.

    ``distance`` is the Jensen-Shannon divergence in bits, 0 (same mix) to 1 (nothing in common); Lin 1991. ``interval``
    is its 95 % bootstrap interval, ``chance`` what 95 % of random halves of the same turns stay below. ``stability`` is
    the population stability index; ``changes`` the share of each intent after minus before, the largest first.
    """

    before: int
    after: int
    distance: float
    interval: tuple[float, float]
    chance: float
    stability: float
    changes: dict[str, float]

    @property
    def more_than_chance(self) -> bool:
        """Whether turns drawn from one mix would rarely look this different."""
        return self.distance > self.chance


def drift(before: Sequence[str], after: Sequence[str], seed: int = 0) -> Drift:
    """Compare the intents of two sets of turns, such as last month and this week.

    Raises:
        ConfigError: if one of them is empty.
    """
    if not before or not after:
        raise ConfigError(f"drift compares two sets of turns; found {len(before)} before and {len(after)} after")
    names, codes = np.unique([*before, *after], return_inverse=True)
    n, m = len(before), len(after)
    a, b = np.bincount(codes[:n], minlength=len(names)), np.bincount(codes[n:], minlength=len(names))  # (k,) turns
    rng = np.random.default_rng(seed)
    drawn = _divergence(rng.multinomial(n, a / n, _TIMES) / n, rng.multinomial(m, b / m, _TIMES) / m)  # (_TIMES,)
    part = rng.multivariate_hypergeometric(a + b, n, _TIMES)  # (_TIMES, k): all turns dealt out at random
    chance = np.quantile(_divergence(part / n, (a + b - part) / m), 0.95)
    low, high = np.quantile(drawn, [0.025, 0.975])
    distance = float(_divergence(a / n, b / m))
    moved = dict(sorted(zip(names.tolist(), (b / m - a / n).tolist()), key=lambda item: -abs(item[1])))
    return Drift(n, m, distance, (float(low), float(high)), float(chance), _stability(a, b), moved)


def _divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence in bits of mixes, (…, k) each -> (…)."""
    parts = rel_entr(p, (p + q) / 2) + rel_entr(q, (p + q) / 2)
    return np.clip(parts.sum(axis=-1) / (2 * np.log(2)), 0, 1)


def _stability(a: np.ndarray, b: np.ndarray) -> float:
    """Population stability index; half a turn is added to each intent, so that none has a share of zero."""
    p, q = ((x + 0.5) / (x.sum() + len(x) / 2) for x in (a, b))
    return float(np.sum((q - p) * np.log(q / p)))


@dataclass(frozen=True)
class Honesty:
    """One intent that was answered: how sure the model was on average, how often it was right, and that one's interval.

    ``off`` is set where the mean confidence lies outside the interval: there the probabilities mislead.
    """

    intent: str
    turns: int
    sure: float
    right: float
    interval: tuple[float, float]

    @property
    def gap(self) -> float:
        """Confidence minus accuracy: above 0 too sure, below 0 too modest."""
        return self.sure - self.right

    @property
    def off(self) -> bool:
        """Whether the gap is more than chance at 95 %."""
        return not self.interval[0] <= self.sure <= self.interval[1]


def calibration_by_intent(answers: Sequence[Prediction], truth: Sequence[str]) -> list[Honesty]:
    """How honest the probabilities are for each answered intent, the worst first."""
    parts: dict[str, list[tuple[float, bool]]] = {}
    for found, true in zip(answers, truth, strict=True):
        if found.label is not None and not found.is_outside:  # a mark has no probability
            parts.setdefault(found.label, []).append((found.probabilities[found.label], found.label == true))
    told = []
    for intent, pairs in parts.items():
        right = sum(r for _, r in pairs)
        sure = sum(p for p, _ in pairs) / len(pairs)
        told.append(Honesty(intent, len(pairs), sure, right / len(pairs), share_interval(right, len(pairs))))
    return sorted(told, key=lambda h: (not h.off, -abs(h.gap)))


def uncertainty(answers: Sequence[Prediction]) -> np.ndarray:
    """Entropy of each answer over its largest possible value, (N,) in [0, 1]; of several intents, their mean."""
    table = np.array([list(a.probabilities.values()) for a in answers])  # (N, classes)
    if not len(table):
        return np.zeros(0)
    entropy = -table * np.log(np.clip(table, 1e-12, 1))
    if all(a.label is None for a in answers):  # each intent is there or not
        other = 1 - table
        return (entropy - other * np.log(np.clip(other, 1e-12, 1))).mean(axis=1) / np.log(2)
    return entropy.sum(axis=1) / np.log(max(table.shape[1], 2))


def label_first(answers: Sequence[Prediction], vectors: np.ndarray, most: int = 10) -> list[int]:
    """Which unlabelled turns teach most: uncertain ones, each unlike those picked before it.

    Args:
        answers: of the turns, N.
        vectors: (N, D) of unit length, such as ``core.sentences.sentence_vectors`` of their texts.
        most: how many to pick.

    Returns:
        Places of the picked turns, in the order in which to label them. A turn's worth is its uncertainty times its
        distance (1 - cosine) to the nearest picked one; Brinker 2003 in spirit.
    """
    unsure = uncertainty(answers)
    room = np.ones(len(unsure))  # distance to the nearest picked turn
    picked: list[int] = []
    while len(picked) < min(most, len(unsure)):
        worth = unsure * room
        worth[picked] = -1
        best = int(worth.argmax())
        picked.append(best)
        room = np.minimum(room, np.clip(1 - vectors @ vectors[best], 0, 1))
    return picked


def decided(entries: Sequence[Entry], name: str = "decision") -> dict[str, int]:
    """How often agents decided what, such as approved, edited, rejected; over all agents together."""
    return dict(Counter(str(e.decision[name]) for e in entries if e.decision.get(name)).most_common())
