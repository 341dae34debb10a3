"""Metrics by name, by scikit-learn; for every one of them, higher is better.

Accuracy, F1 and AUROC are counted here: intervals ask for them thousands of times, and scikit-learn checks its
input each time (AUROC of 400 cases of five classes: 17 ms by scikit-learn, 1 ms here).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata
from sklearn import metrics as sk

from core.errors import unknown
from core.schema import TargetKind

Metric = Callable[[np.ndarray, np.ndarray], float]


def _top(p: np.ndarray) -> np.ndarray:
    return p.argmax(axis=1)


def _over(p: np.ndarray) -> np.ndarray:
    return (p >= 0.5).astype(int)


def _f1s(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F1 of every class that occurs in y or among the answers, 0 if it was never right; how often each is true."""
    classes = p.shape[1]
    table = np.bincount(y.astype(int) * classes + _top(p), minlength=classes**2).reshape(classes, classes)
    true = table.sum(axis=1)  # (classes,)
    named = table.sum(axis=0) + true  # how often answered plus how often true
    return 2 * table.diagonal()[named > 0] / named[named > 0], true[named > 0]


def _macro_f1(y: np.ndarray, p: np.ndarray) -> float:
    return float(_f1s(y, p)[0].mean())


def _weighted_f1(y: np.ndarray, p: np.ndarray) -> float:
    each, true = _f1s(y, p)
    return float((each * true).sum() / true.sum())


def _per_label(y: np.ndarray, p: np.ndarray, score: Callable[..., float]) -> float:
    """``score`` averaged over the labels that occur in y or among the answers.

    1 where none does: nothing was to be found, and nothing was answered.
    """
    told = _over(p)
    named = np.flatnonzero(y.sum(axis=0) + told.sum(axis=0))
    return float(score(y, told, labels=named, average="macro", zero_division=0)) if len(named) else 1.0


def _auroc(y: np.ndarray, p: np.ndarray) -> float:
    """Area under the ROC curve, one class against the rest, averaged over the classes that occur in y."""
    return _labels_auroc(y[:, None] == np.arange(p.shape[1]), p)


def _labels_auroc(y: np.ndarray, p: np.ndarray) -> float:
    """The mean over the columns of ``y`` (B, classes) that hold both answers."""
    scores = [_area(y[:, k] == 1, p[:, k]) for k in range(p.shape[1]) if 0 < y[:, k].sum() < len(y)]
    return float(np.mean(scores)) if scores else float("nan")


def _area(truth: np.ndarray, p: np.ndarray) -> float:
    """Area under one ROC curve by the ranks of the true cases (Mann and Whitney); ties count half."""
    many = int(truth.sum())
    above = rankdata(p)[truth].sum() - many * (many + 1) / 2
    return float(above / (many * (len(truth) - many)))


def _positive_f1(y: np.ndarray, p: np.ndarray) -> float:
    return float(sk.f1_score(y == 1, _top(p) == 1, zero_division=0)) if p.shape[1] == 2 else float("nan")


def _average_precision(y: np.ndarray, p: np.ndarray) -> float:
    return float(sk.average_precision_score(y == 1, p[:, 1])) if p.shape[1] == 2 else float("nan")


_LABEL: dict[str, Metric] = {
    "accuracy": lambda y, p: float((_top(p) == y).mean()),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, _top(p)),
    "precision": lambda y, p: sk.precision_score(y, _top(p), average="macro", zero_division=0),
    "recall": lambda y, p: sk.recall_score(y, _top(p), average="macro", zero_division=0),
    "f1": _macro_f1,
    "weighted_f1": _weighted_f1,
    "positive_f1": _positive_f1,  # two classes: F1 of the second
    "auroc": _auroc,
    "average_precision": _average_precision,  # two classes: area under precision and recall of the second
    "neg_log_loss": lambda y, p: -sk.log_loss(y, p.clip(1e-12), labels=list(range(p.shape[1]))),
}
_LABELS: dict[str, Metric] = {
    "accuracy": lambda y, p: float((y == _over(p)).mean()),
    "exact_match": lambda y, p: sk.accuracy_score(y, _over(p)),
    "precision": lambda y, p: _per_label(y, p, sk.precision_score),
    "recall": lambda y, p: _per_label(y, p, sk.recall_score),
    "f1": lambda y, p: _per_label(y, p, sk.f1_score),
    "auroc": _labels_auroc,
}
_NUMBER: dict[str, Metric] = {
    "r2": lambda y, p: sk.r2_score(y, p[:, 0]),
    "neg_rmse": lambda y, p: -sk.root_mean_squared_error(y, p[:, 0]),
    "neg_mae": lambda y, p: -sk.mean_absolute_error(y, p[:, 0]),
    "pearson": lambda y, p: float(np.corrcoef(y, p[:, 0])[0, 1]) if p[:, 0].std() and y.std() else 0.0,
}
METRICS: dict[TargetKind, dict[str, Metric]] = {
    TargetKind.LABEL: _LABEL,
    TargetKind.LABELS: _LABELS,
    TargetKind.GRADE: _LABEL
    | {"kappa": lambda y, p: sk.cohen_kappa_score(y, _top(p), weights="quadratic", labels=list(range(p.shape[1])))},
    TargetKind.NUMBER: _NUMBER,
}
DEFAULT = {TargetKind.LABEL: "f1", TargetKind.LABELS: "f1", TargetKind.GRADE: "f1", TargetKind.NUMBER: "r2"}


def known_metric(kind: TargetKind, name: str | None) -> str:
    """The name of a metric that this kind of target has; None is the kind's default.

    Raises:
        ConfigError: for any other, with the choices.
    """
    if name is not None and name not in METRICS[kind]:
        raise unknown(f"metric for a {kind} target", name, METRICS[kind])
    return name or DEFAULT[kind]


def score(kind: TargetKind, name: str | None, y: np.ndarray, answers: np.ndarray) -> float:
    """One metric of ``answers`` (B, classes) or (B, 1) against ``y``; None is the default of the target kind.

    Raises:
        ConfigError: for a metric that this kind of target does not have.
    """
    name = known_metric(kind, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes absent from a small split: averaged over those that occur
        return float(METRICS[kind][name](y, answers))


def scores(kind: TargetKind, y: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """All metrics of a target kind that are defined for these rows."""
    found = {name: score(kind, name, y, answers) for name in METRICS[kind]}
    return {name: value for name, value in found.items() if np.isfinite(value)}
