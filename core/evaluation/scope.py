"""Whether a case belongs to none of the classes: a score from its answer, a threshold for a stated false-alarm rate.

Without labelled outsiders the score adds up how far the best class is from certain (Hendrycks and Gimpel, "A Baseline
for Detecting Misclassified and Out-of-Distribution Examples", 2017) and how far the nearest training case is
(``core.evaluation.nearest``). With them, where the label of outsiders is a class of the model, a logistic regression
also weighs its probability and how undecided the other classes are. Everything is learned on held-out rows; the promise
holds for cases like them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from core.schema import TargetKind
from core.targets import Target

LEAST = 20  # labelled outsiders that a regression is fitted on
_KEPT = 1001  # quantiles of the held-out scores
_PLAIN: tuple[float, ...] = (1.0, 0.0, 0.0, 5.0)  # of the four features; chosen on validation rows of CLINC150


@dataclass(frozen=True)
class Scope:
    """A fitted detector. Letters as in ``core.schema``; a score is higher the less a case belongs to the classes."""

    label: str  # what a case outside is called
    false_alarm: float  # the stated share of inside cases that are marked all the same
    threshold: float
    usual: tuple[float, ...]  # scores of held-out inside cases in rising order
    weights: tuple[float, ...] = _PLAIN  # of the four features of a case
    usual_far: float = 0.0  # stands in for the distance of a case that lacks the modality
    labelled: int = 0  # held-out outside rows that the weights were learned on; 0: none, the plain score

    @classmethod
    def fit(
        cls,
        target: Target,
        y: np.ndarray,
        answers: np.ndarray,
        label: str,
        false_alarm: float,
        far: np.ndarray | None = None,
    ) -> Self | None:
        """Learn from held-out answers (N, classes) and distances ``far`` (N,); None where no inside case is there."""
        if target.kind not in (TargetKind.LABEL, TargetKind.LABELS):
            return None
        outside = is_outside(target, y, label)  # (N,)
        if outside.all():
            return None
        usual_far = 0.0 if far is None or np.isnan(far).all() else float(np.nanmedian(far))
        found = _features(target, answers, label, far, usual_far)  # (N, 4)
        weights, labelled = _PLAIN, int(outside.sum())
        if labelled >= LEAST:
            model = LogisticRegression(class_weight="balanced").fit(found, outside)
            weights = tuple(float(w) for w in model.coef_[0])
        inside = np.sort((found @ np.array(weights))[~outside])
        rank = int(np.ceil((len(inside) + 1) * (1 - false_alarm)))  # as a conformal quantile
        threshold = float(inside[min(rank, len(inside)) - 1]) + 1e-6  # where all are certain, ties are no alarm
        kept = inside if len(inside) <= _KEPT else np.quantile(inside, np.linspace(0, 1, _KEPT))
        told = labelled if labelled >= LEAST else 0
        return cls(label, false_alarm, threshold, tuple(map(float, kept)), weights, usual_far, told)

    def scores(self, target: Target, answers: np.ndarray, far: np.ndarray | None = None) -> np.ndarray:
        """(N, classes) calibrated answers and (N,) distances to scores (N,)."""
        return _features(target, answers, self.label, far, self.usual_far) @ np.array(self.weights)

    def rarity(self, scores: np.ndarray) -> np.ndarray:
        """(N,) in [0, 1]: the share of inside cases that look more at home than this one.

        It rises with the score everywhere, beyond the strangest of them too: cases can be put in order by it.
        """
        distinct, below = np.unique(self.usual, return_index=True)  # scores, and how many lie below each
        spread = max(distinct[-1] - distinct[0], 1e-9)
        beyond = 1 - np.exp(-np.maximum(scores - distinct[-1], 0) / spread)
        return (np.interp(scores, distinct, below) + (len(self.usual) - below[-1]) * beyond) / len(self.usual)

    def to_json(self) -> dict[str, Any]:
        """As JSON that ``from_json`` reads back."""
        return {
            "label": self.label,
            "false_alarm": self.false_alarm,
            "threshold": self.threshold,
            "usual": list(self.usual),
            "weights": list(self.weights),
            "usual_far": self.usual_far,
            "labelled": self.labelled,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What ``to_json`` wrote.

        Raises:
            ValueError: for weights of other features than these.
        """
        if len(data["weights"]) != len(_PLAIN):
            raise ValueError(f"scope: expected {len(_PLAIN)} weights, found {len(data['weights'])}")
        kept = dict(data) | {"usual": tuple(data["usual"]), "weights": tuple(data["weights"])}
        return cls(**kept)


def is_outside(target: Target, y: np.ndarray, label: str) -> np.ndarray:
    """(N,) bool: which rows of decoded targets carry the outside label."""
    if label not in target.classes:
        return np.zeros(len(y), dtype=bool)
    place = target.classes.index(label)
    return y[:, place] == 1 if y.ndim == 2 else y == place


def inside_answers(target: Target, answers: np.ndarray, label: str) -> np.ndarray:
    """(N, classes) answers in which the outside label can never be the best."""
    if label not in target.classes:
        return answers
    kept = answers.copy()
    kept[:, target.classes.index(label)] = -1.0
    return kept


def figures(
    scope: Scope, target: Target, truth: Sequence[Any], answers: np.ndarray, far: np.ndarray | None = None
) -> dict[str, float]:
    """Accuracy of the inside rows when a false alarm counts as wrong, the alarms, and how outsiders are told apart.

    ``truth``: raw targets. Figures that need rows that are not there are left out.
    """
    several = target.kind is TargetKind.LABELS
    outside = np.array([scope.label in t if several else t == scope.label for t in truth])  # (N,)
    scores = scope.scores(target, answers, far)
    marked, found = scores > scope.threshold, dict[str, float]()
    if not outside.all():
        found["false_alarms"] = float(marked[~outside].mean())
        if not several:
            best = inside_answers(target, answers, scope.label).argmax(axis=1)
            right = np.array([target.classes[b] == t for b, t in zip(best, truth)])
            found["inside_accuracy"] = float((right & ~marked)[~outside].mean())
            found["inside_accuracy_unmarked"] = float(right[~outside].mean())
    if outside.any():
        found["outside_recall"] = float(marked[outside].mean())
        if not outside.all():
            found["outside_auroc"] = float(roc_auc_score(outside, scores))
    return found


def _features(target: Target, answers: np.ndarray, label: str, far: np.ndarray | None, usual_far: float) -> np.ndarray:
    """(N, 4): −log of the best inside class, log-odds of the outside label (0 if it is no class), entropy, distance."""
    names = np.array(target.classes) != label
    inside = answers[:, names].clip(1e-9, 1 - 1e-9)
    best = -np.log(inside.max(axis=1))
    undecided = -(inside * np.log(inside)).sum(axis=1)
    odds, away = np.zeros(len(best)), np.full(len(best), usual_far)
    if not names.all():
        p = answers[:, ~names][:, 0].clip(1e-9, 1 - 1e-9)
        odds = np.log(p / (1 - p))
    if far is not None:
        away = np.where(np.isnan(far), usual_far, far)
    return np.stack([best, odds, undecided, away], axis=1)
