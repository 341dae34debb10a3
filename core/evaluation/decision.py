"""Decision curves: what acting on a model's probabilities is worth, against acting on everybody and on nobody.

Net benefit at a threshold t: true positives − false positives · t / (1 − t), per case; t is the probability from which
on one would act. Vickers and Elkin, "Decision Curve Analysis: A Novel Method for Evaluating Prediction Models", 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.evaluation.intervals import Resamples
from core.schema import TargetKind
from core.targets import Target

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))
TIMES = 300


@dataclass(frozen=True)
class DecisionCurve:
    """Of one label against all others, at each of ``thresholds``; acting on nobody is worth 0."""

    label: str
    prevalence: float
    thresholds: tuple[float, ...]
    model: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    everybody: tuple[float, ...]
    better: tuple[bool, ...]  # the whole interval of the gain over both alternatives is above 0

    def to_json(self) -> dict[str, Any]:
        """The curve as JSON."""
        return asdict(self)

    def verdict(self) -> str:
        """Where the model is worth more than acting on everybody or nobody, in a sentence."""
        here = spans(self.thresholds, self.better)
        if not here:
            return f"{self.label}: at no threshold surely better than acting on everybody or on nobody"
        return f"{self.label}: surely better than acting on everybody and on nobody at thresholds of {here}"


def spans(thresholds: Sequence[float], better: Sequence[bool]) -> str:
    """The stretches of thresholds where the model wins, in words; empty where there is none.

    >>> spans((0.1, 0.2, 0.3, 0.4), (True, True, False, True))
    '10% to 20%, 40%'
    """
    runs: list[list[float]] = []
    for i, (threshold, won) in enumerate(zip(thresholds, better, strict=True)):
        if won and i and better[i - 1]:
            runs[-1].append(threshold)
        elif won:
            runs.append([threshold])
    return ", ".join(f"{r[0]:.0%} to {r[-1]:.0%}" if len(r) > 1 else f"{r[0]:.0%}" for r in runs)


def decision_curves(
    target: Target, y: np.ndarray, answers: np.ndarray, groups: Sequence[str | None] | None = None
) -> list[DecisionCurve]:
    """A curve for each label; of two labels only for the second. None for a number.

    ``y`` (N,) codes or (N, labels); ``answers`` (N, labels) calibrated probabilities.
    """
    if target.kind is TargetKind.NUMBER:
        return []
    wanted = range(1, 2) if len(target.classes) == 2 and y.ndim == 1 else range(len(target.classes))
    truth = y == 1 if y.ndim == 2 else y[:, None] == np.arange(len(target.classes))  # (N, labels)
    samples = Resamples(len(y), groups, TIMES)
    return [_curve(target.classes[k], truth[:, k], answers[:, k], samples) for k in wanted]


def _curve(label: str, truth: np.ndarray, p: np.ndarray, samples: Resamples) -> DecisionCurve:
    t = np.array(THRESHOLDS)
    worth = np.where(truth[:, None], 1.0, -t / (1 - t))  # (N, thresholds): of acting on a case
    acted = np.where(p[:, None] >= t, worth, 0.0)  # (N, thresholds)
    other = np.maximum(worth.mean(axis=0), 0.0)
    drawn = np.array([acted[rows].mean(axis=0) for rows in samples])  # (times, thresholds)
    gains = np.array([drawn[i] - np.maximum(worth[rows].mean(axis=0), 0.0) for i, rows in enumerate(samples)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    better = (np.quantile(gains, 0.025, axis=0) > 0) & (acted.mean(axis=0) > other)
    return DecisionCurve(
        label,
        float(truth.mean()),
        THRESHOLDS,
        tuple(acted.mean(axis=0).tolist()),
        tuple(zip(low.tolist(), high.tolist())),
        tuple(worth.mean(axis=0).tolist()),
        tuple(better.tolist()),
    )
