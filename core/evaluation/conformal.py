"""Split-conformal prediction sets and intervals: they hold the truth with the promised chance on exchangeable cases.

Sets: least ambiguous classifiers (Sadinle et al. 2019). Intervals: absolute residuals (Lei et al. 2018), of a number
that is learned by its log1p on that scale, so that an interval is the wider the larger the number.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from core.schema import TargetKind

_LEAST = 1e-9 - 1  # of numbers that have a log1p; an answer far below all targets is rounded to -1, which has none
Threshold: TypeAlias = float | tuple[float, ...] | None  # one score; one a class; None where nothing is promised


def fit_threshold(
    kind: TargetKind,
    y: np.ndarray,
    answers: np.ndarray,
    coverage: float,
    by_class: bool = False,
    scale: str = "none",
) -> Threshold:
    """The score that ``coverage`` of held-out cases stay under; None where no set is defined or there are too few rows.

    The score is 1 − p(true class), or the residual of a number on the ``scale``, see ``residuals``. Too few: fewer than
    1 / (1 − coverage). With ``by_class`` the promise holds for the cases of each class alone (Vovk 2012); one with too
    few rows is never ruled out.
    """
    if kind is TargetKind.LABELS:
        return None
    if kind is TargetKind.NUMBER:
        return _quantile(residuals(y, answers[:, 0], scale), coverage)
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


def residuals(y: np.ndarray, values: np.ndarray, scale: str) -> np.ndarray:
    """(N,) how far each answer is from the truth: on the ``scale`` none, in the number's unit, or log1p."""
    return np.abs(_scaled(y, scale) - _scaled(values, scale))


def number_interval(values: np.ndarray, threshold: float, scale: str) -> tuple[np.ndarray, np.ndarray]:
    """The ends, (N,) each and in the number's unit, of what lies within ``threshold`` of the answers on the ``scale``.

    >>> [round(float(end), 9) for end in number_interval(np.float64(3.0), np.log(2), "log1p")]
    [1.0, 7.0]
    """
    low, high = _scaled(values, scale) - threshold, _scaled(values, scale) + threshold
    return (np.expm1(low), np.expm1(high)) if scale == "log1p" else (low, high)


def _scaled(values: np.ndarray, scale: str) -> np.ndarray:
    return np.log1p(np.maximum(values, _LEAST)) if scale == "log1p" else values


def prediction_set(probabilities: np.ndarray, threshold: float | tuple[float, ...]) -> np.ndarray:
    """(N, classes) bool: the classes that cannot be ruled out. Empty: unlike all held-out cases."""
    return 1 - probabilities <= np.asarray(threshold)  # rounded as the scores were, so that ties are kept
