"""Temperature scaling and how far probabilities are from observed frequencies.

Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from core.schema import TargetKind


def fit_temperature(kind: TargetKind, y: np.ndarray, answers: np.ndarray) -> float:
    """The temperature that minimises the log loss of held-out answers (N, classes); 1 for numbers or too few rows."""
    if kind is TargetKind.NUMBER or len(y) < 10:
        return 1.0

    def log_loss(log_temperature: float) -> float:
        p = temper(kind, answers, float(np.exp(log_temperature))).clip(1e-12, 1 - 1e-12)
        if kind is TargetKind.LABELS:
            return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())
        return float(-np.log(p[np.arange(len(y)), y]).mean())

    found = minimize_scalar(log_loss, bounds=(np.log(0.1), np.log(10)), method="bounded")
    return float(np.exp(found.x))


def temper(kind: TargetKind, answers: np.ndarray, temperature: float | np.ndarray) -> np.ndarray:
    """Probabilities (N, classes) at one temperature, or at one a row (N, 1); numbers pass through."""
    if kind is TargetKind.NUMBER or np.all(temperature == 1.0):
        return answers
    p = answers.clip(1e-12, 1 - 1e-12)
    if kind is TargetKind.LABELS:
        return 1 / (1 + ((1 - p) / p) ** (1 / temperature))
    log = np.log(p) / temperature
    scaled = np.exp(log - log.max(axis=1, keepdims=True))
    return scaled / scaled.sum(axis=1, keepdims=True)


def expected_calibration_error(y: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy of the top label, over ``bins`` equal parts of [0, 1]."""
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    place = np.minimum((top * bins).astype(int), bins - 1)
    gaps = [abs(top[place == b].sum() - right[place == b].sum()) for b in range(bins)]
    return float(np.sum(gaps) / len(y))
