"""How good early warning is for those who use it: at the number of learners that can be called, and group by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from core.evaluation.intervals import Resamples
from domains.education.advice import SMALLEST_GROUP

SMALLEST = 20  # learners; of a smaller group no figures are shown: they would tell of single persons
BINS = 15


def calibration_error(y: np.ndarray, risk: np.ndarray, bins: int = BINS) -> float:
    """Mean gap between risk and observed share of those at risk, over ``bins`` equal parts of [0, 1]."""
    place = np.minimum((risk * bins).astype(int), bins - 1)
    gaps = [abs(risk[place == b].sum() - y[place == b].sum()) for b in range(bins)]
    return float(np.sum(gaps) / len(y))


def at_capacity(y: np.ndarray, risk: np.ndarray, capacities: Sequence[int], times: int = 300) -> pd.DataFrame:
    """If the ``capacity`` learners with the highest risk are called: precision, recall, and what chance gives.

    Each with a 95 % bootstrap interval over learners: ``precision_low``…; ``chance`` is the share of all at risk.
    """
    rows = []
    samples = Resamples(len(y), None, times)
    for capacity in capacities:
        drawn = np.array([_called(y[s], risk[s], capacity) for s in samples])  # (times, 2)
        low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
        precision, recall = _called(y, risk, capacity)
        rows.append((capacity, precision, low[0], high[0], recall, low[1], high[1], float(y.mean())))
    names = ["precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high", "chance"]
    return pd.DataFrame(rows, columns=["capacity", *names])


def _called(y: np.ndarray, risk: np.ndarray, capacity: int) -> tuple[float, float]:
    top = np.argsort(-risk, kind="stable")[:capacity]
    found = float(y[top].sum())
    return found / len(top), found / y.sum() if y.sum() else float("nan")


def by_group(
    table: pd.DataFrame, column: str, y: np.ndarray, risk: np.ndarray, called: np.ndarray, smallest: int = SMALLEST
) -> pd.DataFrame:
    """Figures for each value of a column, such as gender: is the warning as good, and as often given, for everybody?

    group, learners, at_risk (share), mean_risk, gap (mean risk minus share at risk), auc and recall of those ``called``
    (N,) bool, each with a 95 % bootstrap interval. Groups below ``smallest`` are counted, their figures left blank;
    where all of these together are fewer than ``SMALLEST_GROUP``, those of the smallest other group too: the difference
    to all learners would tell them.
    """
    rows = []
    for name, places in table.reset_index(drop=True).groupby(column, sort=True).indices.items():
        own: dict[str, object] = {"group": name or "(blank)", "learners": len(places)}
        if len(places) >= smallest:
            own |= _figures(y[places], risk[places], called[places])
        rows.append(own)
    figures = [f"{m}{e}" for m in _MEASURES for e in ("", "_low", "_high")]
    found = pd.DataFrame(rows, columns=["group", "learners", *figures])
    blank = found["learners"] < smallest
    if 0 < found.loc[blank, "learners"].sum() < SMALLEST_GROUP and not blank.all():
        found.loc[found.loc[~blank, "learners"].idxmin(), figures] = np.nan
    return found


def _figures(y: np.ndarray, risk: np.ndarray, called: np.ndarray, times: int = 300) -> dict[str, float]:
    samples = Resamples(len(y), None, times)
    found: dict[str, float] = {}
    for name, measure in _MEASURES.items():
        found[name] = measure(y, risk, called)
        drawn = [measure(y[s], risk[s], called[s]) for s in samples]
        known = [d for d in drawn if np.isfinite(d)]
        if known:
            found[f"{name}_low"], found[f"{name}_high"] = map(float, np.quantile(known, [0.025, 0.975]))
    return found


def _auc(y: np.ndarray, risk: np.ndarray, called: np.ndarray) -> float:
    return float(roc_auc_score(y, risk)) if 0 < y.sum() < len(y) else float("nan")


_MEASURES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "at_risk": lambda y, risk, called: float(y.mean()),
    "mean_risk": lambda y, risk, called: float(risk.mean()),
    "gap": lambda y, risk, called: float((risk - y).mean()),
    "auc": _auc,
    "recall": lambda y, risk, called: float(called[y == 1].mean()) if y.any() else float("nan"),
}
