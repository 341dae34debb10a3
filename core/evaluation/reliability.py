"""How honest probabilities are: the reliability diagram, calibration error, Brier score, slope and intercept.

All on cases that calibrated nothing, with bootstrap intervals over groups. Slope and intercept recalibrate the
log-odds by logistic regression (Cox 1958): slope 1 and intercept 0 are honest; a slope below 1 is too extreme, an
intercept below 0 too high on the whole. The intercept is that of slope 1, "calibration in the large" (Van Calster
et al., "Calibration: the Achilles heel of predictive analytics", 2019).

What is judged: of two classes the probability of the second one; of more the answer's, right or wrong; of several
labels each label's. Bins and calibration error always judge the answer's.

Letters: N cases, k probabilities judged a case, n = N k, R resamples; row 0 of each (R, …) is the cases as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from core.evaluation.intervals import Resamples
from core.schema import TargetKind

BINS, FINE, TIMES = 10, 15, 200  # bins of the diagram and of the calibration error, resamples
_STEPS, _STEEPEST = 30, 50.0  # of Newton's method; a slope beyond is that of cases which are told apart completely
_AT_ONCE = 250_000  # numbers of one (R, n) array
Judged: TypeAlias = tuple[np.ndarray, np.ndarray]  # how sure and whether right, (n,) each


def calibration_figures(
    kind: TargetKind, y: np.ndarray, answers: np.ndarray, groups: Sequence[str | None] | None = None
) -> dict[str, Any]:
    """The figures for answers (N, classes), as JSON; those that are not defined for these cases are left out.

    Returns:
        ``cases``, ``ece``, ``brier``, ``slope``, ``intercept``, ``interval`` of each of them (95 %), and ``bins``: mean
        confidence, share right, cases, and the share's interval. Empty for a number or without cases.
    """
    if kind is TargetKind.NUMBER or not len(y):
        return {}
    top, odds, squares = _answered(kind, y, answers), _recalibrated(kind, y, answers), _squares(kind, y, answers)
    samples = Resamples(len(y), groups, TIMES, whole=True)
    drawn = iter(samples)
    step = max(_AT_ONCE // max(len(top[0]), 1), 1)
    parts: dict[str, list[np.ndarray]] = {}
    while some := [np.bincount(rows, minlength=len(y)) for rows in islice(drawn, step)]:
        weight = np.stack(some)  # (R, N)
        for name, values in _figures(weight.astype(float), top, odds, squares).items():
            parts.setdefault(name, []).append(values)
    all_of = {name: np.concatenate(values) for name, values in parts.items()}
    bins = _bins(top, all_of.pop("bins"), samples)
    found = {name: float(v[0]) for name, v in all_of.items() if np.isfinite(v[0])}
    ends = {name: _ends(name, value, all_of[name][1:]) for name, value in found.items()}
    told = {name: end for name, end in ends.items() if end is not None}
    return {"cases": len(y)} | found | {"interval": told, "bins": bins}


def _figures(weight: np.ndarray, top: Judged, odds: Judged, squares: np.ndarray) -> dict[str, np.ndarray]:
    """Every figure for each row of ``weight`` (R, N), how often each case was drawn: (R,) each, bins (R, BINS)."""
    each = np.repeat(weight, len(top[0]) // weight.shape[1], axis=1)  # (R, n)
    gaps = np.abs(_per_bin(each, top[0], top[0] - top[1], FINE))  # (R, FINE)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = _per_bin(each, top[0], top[1], BINS) / _per_bin(each, top[0], np.ones_like(top[0]), BINS)
    slope, intercept = _logistic(each, *odds, free=True)[:, 1], _logistic(each, *odds, free=False)[:, 0]
    if np.ptp(odds[0]) > 0:  # without a slope, right and wrong are told apart completely: an intercept says nothing
        intercept[np.isnan(slope)] = np.nan
    return {
        "ece": gaps.sum(axis=1) / each.sum(axis=1),
        "brier": weight @ squares / weight.sum(axis=1),
        "slope": slope,
        "intercept": intercept,
        "bins": shares,
    }


def _answered(kind: TargetKind, y: np.ndarray, p: np.ndarray) -> Judged:
    """How sure each answer is and whether it is right; of several labels, each label."""
    if kind is TargetKind.LABELS:
        return p.ravel(), y.astype(float).ravel()
    return p.max(axis=1), (p.argmax(axis=1) == y).astype(float)


def _recalibrated(kind: TargetKind, y: np.ndarray, p: np.ndarray) -> Judged:
    """Log-odds and outcomes that slope and intercept are fitted on."""
    two = kind is not TargetKind.LABELS and p.shape[1] == 2
    sure, right = (p[:, 1], (y == 1).astype(float)) if two else _answered(kind, y, p)
    sure = sure.clip(1e-6, 1 - 1e-6)
    return np.log(sure / (1 - sure)), right


def _squares(kind: TargetKind, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(N,) the Brier score of each case: of two classes that of the second one, of several labels their mean."""
    if kind is TargetKind.LABELS:
        return ((p - y) ** 2).mean(axis=1)
    squares = ((p - np.eye(p.shape[1])[y.astype(int)]) ** 2).sum(axis=1)
    return squares / 2 if p.shape[1] == 2 else squares


def _per_bin(weight: np.ndarray, sure: np.ndarray, values: np.ndarray, bins: int) -> np.ndarray:
    """Sums of ``values`` (n,) over equal parts of [0, 1], weighted: (R, n) -> (R, bins)."""
    return weight @ (values[:, None] * (_place(sure, bins)[:, None] == np.arange(bins)))


def _place(sure: np.ndarray, bins: int) -> np.ndarray:
    return np.minimum((sure * bins).astype(int), bins - 1)


def _logistic(weight: np.ndarray, x: np.ndarray, right: np.ndarray, free: bool) -> np.ndarray:
    """(R, 2) intercept and slope by Newton's method, the slope 1 unless ``free``; NaN where there is no finite best."""
    at = np.tile([0.0, 1.0], (len(weight), 1))  # (R, 2)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(at[:, :1] + at[:, 1:] * x, -500, 500)))  # (R, n)
        w, gap = weight * p * (1 - p), weight * (right - p)
        a, b, c = w.sum(axis=1), w @ x, w @ (x * x)  # the matrix of second derivatives
        g, h = gap.sum(axis=1), gap @ x
        with np.errstate(invalid="ignore", divide="ignore"):
            step = (
                np.stack([c * g - b * h, a * h - b * g], axis=1) / (a * c - b * b)[:, None]
                if free
                else (g / a)[:, None]
            )
        at[:, : step.shape[1]] += np.clip(step, -5, 5)
        if not (np.abs(step) > 1e-8).any():
            break
    mixed = (weight @ right > 0) & (weight @ (1 - right) > 0)  # there are right and wrong ones
    ends = mixed & (np.abs(at).max(axis=1) < _STEEPEST) & (np.abs(step).max(axis=1) < 1e-3)
    return np.where(ends[:, None], at, np.nan)


def _ends(name: str, value: float, drawn: np.ndarray) -> tuple[float, float] | None:
    """The 95 % interval; None where too few resamples have the figure."""
    values = drawn[np.isfinite(drawn)]
    if len(values) < len(drawn) / 2:
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    if name == "ece":  # chance adds to it in every resample once more: take off what it adds
        excess = values.mean() - value
        low, high = max(low - excess, 0.0), max(high - excess, 0.0)
    return float(low), float(high)


def _bins(judged: Judged, shares: np.ndarray, samples: Resamples) -> list[list[float]]:
    """Of each bin that holds a case: confidence, share right, cases, and the interval of the share."""
    place, found = _place(judged[0], BINS), []
    for b in np.unique(place):
        here, share = place == b, float(shares[0, b])
        low, high = np.nanquantile(shares[:, b], [0.025, 0.975])
        if low == high:  # all right or all wrong: no resample can tell how far the share could be off
            low, high = samples.exact(share, here.reshape(samples.cases, -1).any(axis=1))
        found.append([float(judged[0][here].mean()), share, float(here.sum()), min(low, share), max(high, share)])
    return [[float(v) for v in one] for one in found]
