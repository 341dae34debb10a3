"""The outcome "refer to a person": how often, and how wrong the answers are that remain.

The curve answers the surest cases first and gives the share of wrong ones among them (El-Yaniv and Wiener, "On the
Foundations of Noise-free Selective Classification", 2010); the area below it is one figure for the whole curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.evaluation.intervals import Resamples, ends_of
from core.schema import Prediction

SHARES = np.linspace(0.05, 1.0, 20)  # of the cases that are answered, along the curve
SEVERAL, NONE, OUTSIDE = "more than one answer is possible", "no answer fits", "outside of all classes"
UNLIKE = "unlike the training cases"
_TIMES = 200


def reasons(found: Prediction, unlike: Sequence[str] = ()) -> tuple[str, ...]:
    """Why a person should decide a case; empty: nothing says so. ``unlike``: modalities unlike the training cases.

    >>> reasons(Prediction("a", "x", {"x": 0.5, "y": 0.5}, conformal_set=("x", "y"), coverage=0.9), ["report"])
    ('more than one answer is possible', 'unlike the training cases: report')
    """
    told = [OUTSIDE] if found.is_outside else []
    if (
        found.coverage is not None
        and found.label is not None
        and not found.is_outside
        and len(found.conformal_set) != 1
    ):
        told.append(SEVERAL if found.conformal_set else NONE)
    return (*told, *([f"{UNLIKE}: {', '.join(unlike)}"] if unlike else []))


def abstention_figures(
    y: np.ndarray, answers: np.ndarray, referred: np.ndarray, groups: Sequence[str | None] | None = None
) -> dict[str, Any]:
    """How often cases are referred, the errors of the others, and the curve, with 95 % intervals over groups; as JSON.

    Args:
        y: true classes (N,).
        answers: probabilities (N, classes).
        referred: (N,) bool.
        groups: of each case.

    Returns:
        ``cases``; ``answered``, the share that is not referred; ``error`` of those (left out where there are none),
        ``error_of_all``, ``area`` below the curve; ``interval`` of each; ``curve``: share answered, error and its
        interval, the surest first. Empty without cases.
    """
    if not len(y):
        return {}
    sure, wrong = answers.max(axis=1), (answers.argmax(axis=1) != y).astype(float)
    drawn, named = list[np.ndarray](), {name: list[float]() for name in ("answered", "error", "error_of_all")}
    samples = Resamples(len(y), groups, _TIMES, whole=True)
    for rows in samples:
        drawn.append(_curve(sure[rows], wrong[rows]))
        named["answered"].append(1 - referred[rows].mean())
        named["error"].append(_mean(wrong[rows][~referred[rows]]))
        named["error_of_all"].append(wrong[rows].mean())
    curves = np.array(drawn)  # (R, shares)
    named["area"] = curves.mean(axis=1).tolist()
    known = {name: np.array(values) for name, values in named.items() if np.isfinite(values[0])}
    low, high = np.quantile(curves[1:], [0.025, 0.975], axis=0)  # (shares,)
    ends = {name: list(ends_of(values[1:])) for name, values in known.items()}
    for name, counted in {"answered": None, "error": ~referred, "error_of_all": None}.items():
        if name in known and known[name][0] in (0, 1):  # no resample can tell how far this could be off
            ends[name] = list(samples.exact(known[name][0], counted))
    return {
        "cases": len(y),
        **{name: float(values[0]) for name, values in known.items()},
        "interval": ends,
        "curve": np.stack([SHARES, curves[0], low, high], axis=1).tolist(),
    }


def _curve(sure: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """(shares,) the share of wrong answers among the surest cases; cases of one certainty count by their mean."""
    order = np.argsort(-sure, kind="stable")
    _, place, count = np.unique(-sure[order], return_inverse=True, return_counts=True)
    even = (np.bincount(place, wrong[order]) / count)[place]  # ties have no order of their own
    total = np.cumsum(even)
    last = np.maximum(np.ceil(SHARES * len(sure) - 1e-9).astype(int), 1) - 1
    return total[last] / (last + 1)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
