"""The late floor of few rows: a model of each view, their evidence added up with learned weights.

p(y | x₁ … xᵥ) ∝ (p(y) · Π (p(y | xᵢ) / p(y))^wᵢ)^s, a logarithmic opinion pool (Genest and Zidek, "Combining
probability distributions", 1986). One linear model of few rows and all columns lets a weak view drown a strong one;
here each is shrunken on its own, and the weights, learned from answers to rows that it did not see, stay near 1 unless
the rows say otherwise. A view that a case lacks adds nothing. Views repeat each other, so s is below 1. A table is
answered by the mean of a linear and a smooth model, other views by a linear one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from torch import Tensor

from core.floor.features import Block, matrix
from core.floor.linear import Linear, inner_folds
from core.floor.smooth import Smooth
from core.schema import Batch, TargetKind
from core.targets import Target

MOST_ROWS = 2_000  # with more, one model of all columns finds out itself
PULL = 8.0  # of the weights towards 1, in the unit of the summed log loss
SMALLEST = 1e-6  # a probability


@dataclass(frozen=True)
class Part:
    """What answers for one view: a linear model; for a table the mean of it and of a smooth one."""

    linear: Linear
    smooth: Smooth | None = None

    def scores(self, rows: sp.csr_matrix) -> np.ndarray:
        """(N, F + 1) rows to probabilities (N, classes)."""
        p = self.linear.scores(rows)
        return p if self.smooth is None else (p + self.smooth.scores(rows)) / 2

    def save(self, folder: Path) -> None:
        """Write each model into the folder."""
        self.linear.save(folder)
        if self.smooth is not None:
            self.smooth.save(folder)

    @classmethod
    def load(cls, folder: Path, target: Target, blocks: Sequence[Block]) -> Part:
        """Rebuild; ``blocks`` are all that the bundle's views offer."""
        return cls(Linear.load(folder, target, blocks), Smooth.load(folder))


class Late:
    """A model a view, its weight, the logarithm of each class's share in training, and s."""

    kind = "late"

    def __init__(
        self, target: Target, parts: Sequence[Part], weights: np.ndarray, prior: np.ndarray, scale: float = 1.0
    ) -> None:
        self.target, self.parts = target, list(parts)
        self.weights, self.prior = (a.astype(np.float32) for a in (weights, prior))  # (V,), (classes,)
        self.scale = float(scale)

    @classmethod
    def suits(cls, target: Target, blocks: Sequence[Block], rows: int) -> bool:
        """Whether several views tell labels apart in few rows."""
        return len(blocks) > 1 and target.kind is TargetKind.LABEL and rows <= MOST_ROWS

    @classmethod
    def fit(
        cls,
        target: Target,
        blocks: Sequence[Block],
        rows: sp.csr_matrix,
        y: np.ndarray,
        seed: int = 0,
        groups: np.ndarray | None = None,
    ) -> Late:
        """Learn from (N, columns) rows, categories one-hot, and class numbers (N,).

        ``groups`` (N,): rows of one stay in one fold where strengths and weights are chosen.
        """
        shares = np.bincount(y, minlength=len(target.classes)) + 1.0
        prior = np.log(shares / shares.sum())
        parts, unseen = [], []
        for i, (block, x) in enumerate(zip(blocks, _views(rows, blocks))):
            part, p = _part(target, block, x, y, prior, seed + i, groups)
            parts.append(part)
            unseen.append(_evidence(p, x, prior))
        return cls(target, parts, *_weights(unseen, y, prior))

    def scores(self, rows: sp.csr_matrix) -> np.ndarray:
        """(N, columns) rows to probabilities (N, classes)."""
        blocks = [part.linear.blocks[0] for part in self.parts]
        found = zip(self.weights, self.parts, _views(rows, blocks))
        pooled = self.prior + sum(w * _evidence(part.scores(x), x, self.prior) for w, part, x in found)
        return softmax(self.scale * pooled, axis=1)

    def answers(self, batch: Batch, keeps: Sequence[Tensor]) -> list[np.ndarray]:
        """For each ``keep`` (B, M): probabilities (B, classes)."""
        blocks = [part.linear.blocks[0] for part in self.parts]
        return [self.scores(matrix(batch, blocks, keep, one_hot=True)) for keep in keeps]

    def save(self, folder: Path) -> None:
        """Write a folder for each view's model, and ``late.safetensors``."""
        for i, part in enumerate(self.parts):
            place = folder / f"view-{i}"
            place.mkdir()
            part.save(place)
        save_file({"weights": self.weights, "prior": self.prior}, folder / "late.safetensors")
        (folder / "late.json").write_text(json.dumps({"views": len(self.parts), "scale": self.scale}))

    @classmethod
    def load(cls, folder: Path, target: Target, blocks: Sequence[Block]) -> Late:
        """Rebuild; ``blocks`` are all that the bundle's views offer."""
        facts, arrays = json.loads((folder / "late.json").read_text()), load_file(folder / "late.safetensors")
        parts = [Part.load(folder / f"view-{i}", target, blocks) for i in range(facts["views"])]
        return cls(target, parts, arrays["weights"], arrays["prior"], facts["scale"])


def _part(
    target: Target,
    block: Block,
    x: sp.csr_matrix,
    y: np.ndarray,
    prior: np.ndarray,
    seed: int,
    groups: np.ndarray | None,
) -> tuple[Part, np.ndarray]:
    """The model of a view, and (N, classes) answers of its like to rows that they did not see."""
    line, p = Linear.fit(target, [block], x, y, groups=groups), np.zeros((len(y), len(target.classes)))
    for a, b in inner_folds(len(y), seed, groups):
        p[b] = Linear.fit(target, [block], x[a], y[a], strength=line.strength).scores(x[b])
    if not Smooth.suits(block, x, y):
        return Part(line), p
    smooth, q = Smooth.fit(x, y, prior, seed, groups)
    return Part(line, smooth), (p + q) / 2


def _views(rows: sp.csr_matrix, blocks: Sequence[Block]) -> list[sp.csr_matrix]:
    """Of each block its columns and its flag, the last one: (N, F + 1)."""
    found, start = [], 0
    for block in blocks:
        stop = start + block.width(one_hot=True) + 1
        found.append(rows[:, start:stop])
        start = stop
    return found


def _evidence(p: np.ndarray, x: sp.csr_matrix, prior: np.ndarray) -> np.ndarray:
    """(N, classes): log p(y | x) − log p(y), 0 where the view is absent."""
    return (np.log(p.clip(SMALLEST)) - prior) * (x[:, [-1]].toarray() > 0)


def _weights(unseen: Sequence[np.ndarray], y: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Weights (V,) with the prior and s that give the pooled answers the least log loss."""
    at = np.arange(len(y))

    def loss(z: np.ndarray) -> float:
        pooled = np.exp(z[0]) * (prior + sum(np.exp(own) * e for own, e in zip(z[1:], unseen)))
        return float(-log_softmax(pooled, axis=1)[at, y].sum() + PULL * (z[1:] ** 2).sum())

    z = minimize(loss, np.zeros(len(unseen) + 1), method="L-BFGS-B", bounds=[(-5, 3)] * (len(unseen) + 1)).x
    return np.exp(z[1:]), prior, float(np.exp(z[0]))
