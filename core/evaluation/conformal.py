"""Split-conformal prediction sets and intervals: they hold the truth with the promised chance on exchangeable cases.

Sets: least ambiguous classifiers (Sadinle et al. 2019). Intervals: absolute residuals (Lei et al. 2018).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from core.schema import TargetKind

Threshold: TypeAlias = float | tuple[float, ...] | None  # one score; one a class; None where nothing is promised


def fit_threshold(
    kind: TargetKind, y: np.ndarray, answers: np.ndarray, coverage: float, by_class: bool = False
) -> Threshold:
    """The score that ``coverage`` of held-out cases stay under; None where no set is defined or there are too few rows.

    The score is 1 − p(true class), or |residual| of a number. Too few: fewer than 1 / (1 − coverage). With
    ``by_class`` the promise holds for the cases of each class alone (Vovk 2012); one with too few rows is never ruled
    out.
    """
    if kind is TargetKind.LABELS:
        return None
    if kind is TargetKind.NUMBER:
        return _quantile(np.abs(y - answers[:, 0]), coverage)
    scores = 1 - answers[np.arange(len(y)), y]
    if not by_class:
        return _quantile(scores, coverage)
    each = [_quantile(scores[y == k], coverage) for k in range(answers.shape[1])]
    return tuple(1.0 if t is None else t for t in each)


def as_threshold(data: Any) -> Threshold:
    """A threshold as JSON gives it back."""
    return tuple(data) if isinstance(data, list) else data


def _quantile(scores: np.ndarray, coverage: float) -> float | None:
    rank = int(np.ceil((len(scores) + 1) * coverage))
    return None if rank > len(scores) else float(np.sort(scores)[rank - 1])


def prediction_set(probabilities: np.ndarray, threshold: float | tuple[float, ...]) -> np.ndarray:
    """(N, classes) bool: the classes that cannot be ruled out. Empty: unlike all held-out cases."""
    return 1 - probabilities <= np.asarray(threshold)  # rounded as the scores were, so that ties are kept
