"""Experts and how they answer together: model-level fusion over whole trained models.

An expert is a trained network or the cheap floor. Their answers (probabilities, or numbers in their own unit) are
averaged with weights learned on held-out rows, then calibrated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy.optimize import minimize
from torch import Tensor

from core.config import ExperimentConfig
from core.evaluation.calibration import temper
from core.model import FusionModel
from core.schema import Batch, Signature, TargetKind
from core.targets import Target

Pattern: TypeAlias = tuple[bool, ...]  # which modalities are present, in the order of the ensemble's

PULL = 0.5  # of the weights towards equal ones, in the unit of the summed log loss: their logarithms are near 0 ± 1


class Expert(Protocol):
    """A trained model that answers with any subset of modalities."""

    kind: str

    def answers(self, batch: Batch, keeps: Sequence[Tensor]) -> list[np.ndarray]:
        """For each ``keep`` (B, M) bool: probabilities (B, classes), or numbers (B, 1)."""
        ...

    def save(self, folder: Path) -> None:
        """Write safetensors and JSON into an existing folder."""
        ...


class Network:
    """A trained ``FusionModel`` as an expert."""

    kind = "network"

    def __init__(self, model: FusionModel, target: Target) -> None:
        self.model, self.target = model.eval(), target

    @torch.inference_mode()
    def answers(self, batch: Batch, keeps: Sequence[Tensor]) -> list[np.ndarray]:
        """Encode once, fuse once for each set of modalities that is asked for, see ``FusionModel.asked``."""
        model, device = self.model, next(self.model.parameters()).device
        inputs = batch.to(device).inputs
        encoded, present, known = model.encode(inputs), model.present(inputs), dict[bytes, np.ndarray]()

        def fused(kept: Tensor) -> np.ndarray:
            key = kept.cpu().numpy().tobytes()
            if key not in known:
                known[key] = self.target.answers(model.fuse(encoded, kept).float())
            return known[key]

        found = []
        for keep in keeps:
            each = model.asked(present, keep.to(device))
            found.append(np.sum([weight.cpu().numpy()[:, None] * fused(kept) for kept, weight in each], axis=0))
        return found

    def save(self, folder: Path) -> None:
        """Write ``weights.safetensors``."""
        weights = {k: v.detach().cpu().contiguous().clone() for k, v in self.model.state_dict().items()}
        save_file(weights, folder / "weights.safetensors")
        self.model.save_assets(folder.parents[1] / "views")

    @classmethod
    def load(
        cls, folder: Path, config: ExperimentConfig, signatures: dict[str, Signature], target: Target, assets: Path
    ) -> Network:
        """Rebuild from ``weights.safetensors`` and the assets of pretrained encoders."""
        model = FusionModel(config, signatures, target.outputs, assets)
        weights = load_file(folder / "weights.safetensors")
        model.load_state_dict({"trust": model.trust} | weights)  # bundles of format 1 have none
        return cls(model, target)


@dataclass
class Ensemble:
    """Experts, the weight of each (they add up to 1) and the temperature of their joint answer.

    ``temperatures``: of patterns of present modalities that have their own.
    """

    target: Target
    modalities: tuple[str, ...]
    experts: list[Expert]
    weights: tuple[float, ...]
    temperature: float = 1.0
    temperatures: dict[Pattern, float] = field(default_factory=dict)

    def answers(self, batch: Batch, keeps: Sequence[Tensor] | None = None) -> list[np.ndarray]:
        """Calibrated answers for each ``keep`` (B, M); all that is present where None is given.

        A case of which nothing is present gets the share of each class in training, or the mean.
        """
        masks = (
            list(keeps) if keeps is not None else [torch.ones(len(batch.ids), len(self.modalities), dtype=torch.bool)]
        )
        found = [
            expert.answers(batch, masks) if weight > 0 else [] for expert, weight in zip(self.experts, self.weights)
        ]
        joint = [sum(w * f[i] for w, f in zip(self.weights, found) if w > 0) for i in range(len(masks))]
        here = self.present(batch)  # (B, M)
        at = [self._temperatures(here & mask.cpu().numpy()) for mask in masks]  # (B, 1) each
        tempered = [temper(self.target.kind, np.asarray(a), t) for a, t in zip(joint, at)]
        return [np.where(here.any(axis=1, keepdims=True), a, self.target.nothing) for a in tempered]

    def present(self, batch: Batch) -> np.ndarray:
        """(B, M) bool: which modalities each case has, in any of its views."""
        found = np.zeros((len(batch.ids), len(self.modalities)), dtype=bool)
        for view, samples in batch.inputs.items():
            name = view.partition(".")[0].removesuffix("~")
            found[:, self.modalities.index(name)] |= samples.present.cpu().numpy()
        return found

    def _temperatures(self, patterns: np.ndarray) -> np.ndarray:
        """(B, M) patterns to the temperature of each row (B, 1)."""
        return np.array([[self.temperatures.get(tuple(map(bool, row)), self.temperature)] for row in patterns])


def learn_weights(
    kind: TargetKind,
    y: np.ndarray,
    answers: Sequence[np.ndarray],
    groups: Sequence[str | None] | None = None,
    towards: Sequence[float] | None = None,
) -> np.ndarray:
    """Weights ≥ 0 that add up to 1, for the averaged held-out answers (E arrays (N, classes)) to have the least loss.

    Stacking (Wolpert 1992, Breiman 1996) with a pull ``towards`` weights, equal ones where none are given: few rows
    prefer one expert by chance. The loss is log loss; of numbers, that of a normal error. Rows of a group repeat each
    other: N rows of G ``groups`` count as √(N·G), between all and one a group.
    """
    stack = np.stack(answers)  # (E, N, classes)
    experts, worth = len(stack), 1.0
    start = np.zeros(experts) if towards is None else np.log(towards)
    if groups is not None:
        worth = float(np.sqrt(len({i if g is None else g for i, g in enumerate(groups)}) / max(1, len(groups))))

    def loss(z: np.ndarray) -> float:
        w = np.exp(z - z.max())
        joint = np.tensordot(w / w.sum(), stack, axes=1)  # (N, classes)
        return worth * _loss(kind, y, joint) + PULL * float(((z - start) ** 2).sum())

    if experts == 1:
        return np.ones(1)
    z = minimize(loss, start, method="L-BFGS-B", bounds=[(-8, 8)] * experts).x
    w = np.exp(z - z.max())
    w[w / w.sum() < 0.01] = 0.0  # an expert that adds nothing is not asked
    return w / w.sum()


def _loss(kind: TargetKind, y: np.ndarray, joint: np.ndarray) -> float:
    """Summed log loss of (N, classes) probabilities, or of numbers (N, 1) with a normal error."""
    if kind is TargetKind.NUMBER:
        return float(len(y) / 2 * np.log(((y - joint[:, 0]) ** 2).mean() / (y.var() or 1.0) + 1e-12))
    joint = joint.clip(1e-9, 1 - 1e-9)
    if kind is TargetKind.LABELS:
        return float(-(y * np.log(joint) + (1 - y) * np.log(1 - joint)).sum())
    return float(-np.log(joint[np.arange(len(y)), y]).sum())
