"""Split-conformal prediction sets and intervals: they hold the truth with the promised chance on exchangeable cases.

Sets: least ambiguous classifiers (Sadinle et al. 2019). Intervals: absolute residuals (Lei et al. 2018).
"""

from __future__ import annotations

import numpy as np

from core.schema import TargetKind


def fit_threshold(kind: TargetKind, y: np.ndarray, answers: np.ndarray, coverage: float) -> float | None:
    """The score that ``coverage`` of held-out cases stay under; None where no set is defined or there are too few rows.

    The score is 1 − p(true class), or |residual| of a number. Too few: fewer than 1 / (1 − coverage).
    """
    if kind is TargetKind.LABELS:
        return None
    scores = np.abs(y - answers[:, 0]) if kind is TargetKind.NUMBER else 1 - answers[np.arange(len(y)), y]
    rank = int(np.ceil((len(scores) + 1) * coverage))
    return None if rank > len(scores) else float(np.sort(scores)[rank - 1])


def prediction_set(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """(N, classes) bool: the classes that cannot be ruled out. Empty: unlike all held-out cases."""
    return 1 - probabilities <= threshold  # rounded as the scores were, so that ties are kept
