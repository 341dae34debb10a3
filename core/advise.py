"""Advice before training: what each kind of data carries alone, what they add together, and the fusion that fits.

Measured with the cheap floor in cross-validation, in the spirit of the partial information decomposition (Liang et al.
2023): a joint linear model beyond the best single one is complementary evidence; trees beyond the linear model are
interactions, which decision-level and other additive fusions cannot express.
"""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.cache import FeatureCache
from core.config import ExperimentConfig
from core.experiment import Experiment
from core.floor.fit import fit_floor
from core.manifest import Manifest
from core.metrics import DEFAULT, score
from core.progress import Progress, silent
from core.schema import TargetKind


@dataclass(frozen=True)
class Advice:
    """Cross-validated floor scores a modality and jointly, and what follows from them."""

    metric: str
    alone: dict[str, float]
    together_linear: float
    together_trees: float | None
    chance: float
    advice: list[str]

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON."""
        return asdict(self)

    def text(self) -> str:
        """The figures for people."""
        rows = [f"{self.metric}, cross-validated floor (chance {self.chance:.3f})"]
        rows += [f"  {name} alone: {value:.3f}" for name, value in self.alone.items()]
        rows.append(f"  together, linear: {self.together_linear:.3f}")
        if self.together_trees is not None:
            rows.append(f"  together, trees: {self.together_trees:.3f}")
        return "\n".join([*rows, *(f"- {a}" for a in self.advice)])


def advise(
    manifest: Manifest, config: ExperimentConfig, *, progress: Progress = silent, cache: FeatureCache | None = None
) -> Advice:
    """Fit the floor on each modality and on all, by cross-validation over the training rows.

    Modalities that the floor cannot read (images, sound or video without a frozen backbone) are named in the advice.
    """
    quick = dataclasses.replace(config, folds=5, floor=True)
    scores: dict[str, dict[str, float]] = {}
    unread, chance = [], 0.0
    for names in [(m.name,) for m in config.modalities] + [tuple(m.name for m in config.modalities)]:
        experiment = Experiment(manifest, quick.only(*names), progress=progress, cache=cache)
        kind = experiment.target.kind
        found = {e.kind: score(kind, None, experiment.held_y, a) for e, a in fit_floor(experiment)}
        if not found:
            unread.append(" + ".join(names))
            continue
        scores["together" if len(names) == len(config.modalities) else names[0]] = found
        chance = score(kind, None, experiment.held_y, _constant(experiment))
    kind = config.target.kind
    together = scores.pop("together", {"linear": float("nan")})
    alone = {name: max(found.values()) for name, found in scores.items()}
    if len(config.modalities) == 1:
        alone = {config.modalities[0].name: max(together.values())}
    words = _words(alone, together, chance, unread, float(1 - manifest.present.mean()))
    return Advice(DEFAULT[kind], alone, together["linear"], together.get("trees"), chance, words)


def _constant(experiment: Experiment) -> np.ndarray:
    if experiment.target.kind is TargetKind.NUMBER:
        return np.full((len(experiment.held_y), 1), float(np.mean(experiment.held_y)))
    return np.tile(np.asarray(experiment.target.prior), (len(experiment.held_y), 1))


def _words(
    alone: dict[str, float], together: dict[str, float], chance: float, unread: list[str], missing: float
) -> list[str]:
    found = []
    best = max(alone, key=lambda n: alone[n]) if alone else None
    if best is not None and len(alone) > 1:
        gain = max(together.values()) - alone[best]
        verb = f"adds {gain:+.3f} to {best} alone" if gain > 0.005 else f"adds nothing to {best} alone ({gain:+.3f})"
        found.append(f"putting everything together {verb}")
        found += [
            f"{n} alone is near chance: it may still matter jointly" for n, v in alone.items() if v < chance + 0.02
        ]
    if together.get("trees", float("-inf")) > together["linear"] + 0.02:
        found.append("trees beat the linear model: interactions matter; try gated, deep, bottleneck or low_rank fusion")
    elif together["linear"] == together["linear"]:
        found.append("the linear model is as good as trees: additive fusion (product, decision, stacking) is enough")
    if missing > 0.1:
        found.append(f"{missing:.0%} of the modality cells are empty: keep modality_dropout at 0.3 or more")
    if unread:
        found.append(f"not judged here, because only training reads them: {', '.join(unread)}")
    return found
