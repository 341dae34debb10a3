"""Advice before training: the quality of the data, what each kind of data tells, and the fusion that fits.

Measured with the cheap floor in cross-validation: how much is told by several kinds, by one alone and only by them
jointly (``core.information``). What is told only jointly, decision-level and other additive fusions cannot express.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.cache import FeatureCache
from core.config import ExperimentConfig
from core.errors import ConfigError
from core.evaluation.calibration import fit_temperature, temper
from core.experiment import Experiment
from core.floor.fit import fit_floor
from core.information import Information, decompose, gains, outcomes
from core.manifest import Manifest
from core.metrics import DEFAULT, score
from core.progress import Progress, silent
from core.quality.report import Quality, inspect
from core.schema import TargetKind

INTERACTION = 0.05  # bits a case, or of all the share: from here on a fusion must be able to express it
_ADDITIVE = ("linear", "late")  # floors that add up what modalities say


@dataclass(frozen=True)
class Advice:
    """Cross-validated floor scores a modality and jointly, the parts of the information, and what follows."""

    metric: str
    alone: dict[str, float]
    together_linear: float
    together_trees: float | None
    chance: float
    information: Information | None  # None with fewer than two modalities that the floor reads
    quality: Quality
    advice: list[str]

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON."""
        return asdict(self)

    def text(self) -> str:
        """The figures for people."""
        rows = [*self.quality.lines(), f"{self.metric}, cross-validated floor (chance {self.chance:.3f})"]
        rows += [f"  {name} alone: {value:.3f}" for name, value in self.alone.items()]
        rows.append(f"  together, linear: {self.together_linear:.3f}")
        if self.together_trees is not None:
            rows.append(f"  together, trees: {self.together_trees:.3f}")
        rows += self.information.lines() if self.information else []
        return "\n".join([*rows, *(f"- {a}" for a in self.advice)])


@dataclass(frozen=True)
class _Judged:
    """What the floor makes of some modalities, on rows that it was not fitted on."""

    scores: dict[str, float]  # by floor
    bits: np.ndarray  # (N,) of the floor that tells most
    additive: np.ndarray  # (N,) of the additive floor that tells most
    chance: float
    outcome: np.ndarray  # (N,)


def advise(
    manifest: Manifest, config: ExperimentConfig, *, progress: Progress = silent, cache: FeatureCache | None = None
) -> Advice:
    """Inspect the data, then fit the floor on each modality and on all, by cross-validation over the training rows.

    There are five folds, or one a group where these rows have fewer groups.

    Modalities that the floor cannot read (images, sound or video without a frozen backbone) are named in the advice.

    Raises:
        TableError: when too many files cannot be read; it names them all.
        ConfigError: when the training rows are too few to be cut, or for private training: floors learn without noise.
    """
    if config.training.privacy is not None:
        raise ConfigError("advise learns from the rows without noise, whatever ε is promised; ask it without --epsilon")
    quality = inspect(manifest, config, content=True, progress=progress, cache=cache)
    quick = dataclasses.replace(config, folds=5, floor=True)
    names = [m.name for m in config.modalities]
    judged = {n: _judge(Experiment(manifest, quick.only(n), progress=progress, cache=cache)) for n in names}
    alone = {n: j for n, j in judged.items() if j is not None}
    together = judged[names[0]]
    if len(names) > 1:
        together = _judge(Experiment(manifest, quick, progress=progress, cache=cache))
    scores = together.scores if together else {"linear": float("nan")}
    found = None
    if together is not None and len(alone) > 1:
        found = decompose(together.outcome, {n: j.bits for n, j in alone.items()}, together.bits, together.additive)
    best = {n: max(j.scores.values()) for n, j in alone.items()}
    unread = [n for n, j in judged.items() if j is None]
    chance = together.chance if together else 0.0
    words = _words(best, scores, chance, found, unread, float(1 - manifest.present.mean()))
    metric = DEFAULT[config.target.kind]
    return Advice(metric, best, scores["linear"], scores.get("trees"), chance, found, quality, words)


def _judge(experiment: Experiment) -> _Judged | None:
    """The floor's scores and information; None where it can read nothing."""
    kind, y = experiment.target.kind, experiment.held_y
    floors = {f.model.kind: f.answers for f in fit_floor(experiment)}
    if not floors:
        return None
    constant = _constant(experiment)
    honest = {n: temper(kind, a, fit_temperature(kind, y, a)) for n, a in floors.items()}
    bits = {n: gains(kind, y, a, constant[0]) for n, a in honest.items()}
    most = max(bits.values(), key=lambda b: float(b.mean()))
    additive = max((bits[n] for n in _ADDITIVE if n in bits), key=lambda b: float(b.mean()))
    scores = {name: score(kind, None, y, a) for name, a in floors.items()}
    return _Judged(scores, most, additive, score(kind, None, y, constant), outcomes(kind, y))


def _constant(experiment: Experiment) -> np.ndarray:
    if experiment.target.kind is TargetKind.NUMBER:
        return np.full((len(experiment.held_y), 1), float(np.mean(experiment.held_y)))
    return np.tile(np.asarray(experiment.target.prior), (len(experiment.held_y), 1))


def _words(
    alone: Mapping[str, float],
    together: Mapping[str, float],
    chance: float,
    found: Information | None,
    unread: list[str],
    missing: float,
) -> list[str]:
    words = []
    best = max(alone, key=lambda n: alone[n]) if alone else None
    if best is not None and len(alone) > 1:
        gain = max(together.values()) - alone[best]
        verb = f"adds {gain:+.3f} to {best} alone" if gain > 0.005 else f"adds nothing to {best} alone ({gain:+.3f})"
        words.append(f"putting everything together {verb}")
        words += [
            f"{n} alone is near chance: it may still matter jointly" for n, v in alone.items() if v < chance + 0.02
        ]
    if found is not None and found.interaction > INTERACTION * max(1.0, found.total):
        words.append("interactions matter; try gated, deep, bottleneck or low_rank fusion")
    elif found is not None:
        words.append("no interactions to speak of: additive fusion (product, decision, stacking) is enough")
    if missing > 0.1:
        words.append(f"{missing:.0%} of the modality cells are empty: train with unimodal_loss 1, as the presets do")
    if unread:
        words.append(f"not judged here, because only training reads them: {', '.join(unread)}")
    return words
