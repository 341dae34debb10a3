"""The forest floor: extremely randomised trees on the same rows as the boosted ones.

Geurts et al., "Extremely randomized trees", 2006. scikit-learn grows them; what is kept is plain arrays, so a bundle
stays free of code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file
from torch import Tensor

from core.floor.features import Block
from core.floor.linear import unscale
from core.floor.tree_input import TreeInput
from core.schema import Batch, TargetKind
from core.targets import Target


class Forest:
    """Trees as arrays beside the linear floor whose answer they read; a leaf's ``left`` points to itself."""

    kind = "forest"

    def __init__(self, target: Target, reads: TreeInput, arrays: dict[str, np.ndarray]) -> None:
        self.target, self.reads, self.arrays = target, reads, arrays

    @classmethod
    def fit(cls, target: Target, reads: TreeInput, rows: sp.csr_matrix, y: np.ndarray, seed: int = 0) -> Forest:
        """``rows`` (N, columns) as ``TreeInput`` joins them."""
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        leaf = max(1, len(y) // 20_000)
        if target.kind is TargetKind.NUMBER:
            forest = ExtraTreesRegressor(80, max_features=0.2, min_samples_leaf=leaf, random_state=seed, n_jobs=-1)
        else:
            forest = ExtraTreesClassifier(80, max_features=0.05, min_samples_leaf=leaf, random_state=seed, n_jobs=-1)
        grown = forest.fit(rows, y)
        return cls(target, reads, _arrays([t.tree_ for t in grown.estimators_], target, np.unique(y)))

    def scores(self, rows: sp.csr_matrix) -> np.ndarray:
        """Rows as ``TreeInput`` joins them to probabilities (N, classes), or the scaled number (N, 1)."""
        return np.concatenate([self._scores(rows[i : i + 256].toarray()) for i in range(0, rows.shape[0], 256)])

    def _scores(self, x: np.ndarray) -> np.ndarray:
        a, case = self.arrays, np.arange(len(x))[:, None]
        node = np.tile(a["root"], (len(x), 1))  # (N, trees)
        while True:
            down = np.where(x[case, a["feature"][node]] <= a["threshold"][node], a["left"][node], a["right"][node])
            if (down == node).all():
                return a["value"][node].mean(axis=1)  # (N, trees, outputs) -> (N, outputs)
            node = down

    def answers(self, batch: Batch, keeps: Sequence[Tensor]) -> list[np.ndarray]:
        """For each ``keep`` (B, M): probabilities (B, classes), or numbers (B, 1)."""
        return [unscale(self.target, self.scores(self.reads.of_batch(batch, keep))) for keep in keeps]

    def save(self, folder: Path) -> None:
        """Write the arrays and what they read."""
        self.reads.save(folder)
        save_file(self.arrays, folder / "forest.safetensors")

    @classmethod
    def load(cls, folder: Path, target: Target, blocks: Sequence[Block]) -> Forest:
        """Rebuild from the two files."""
        return cls(target, TreeInput.load(folder, target, blocks), load_file(folder / "forest.safetensors"))


def _arrays(trees: Sequence, target: Target, seen: np.ndarray) -> dict[str, np.ndarray]:
    sizes = [t.node_count for t in trees]
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    place = [np.arange(n) for n in sizes]
    left = [np.where(t.children_left < 0, p, t.children_left) + s for t, p, s in zip(trees, place, start)]
    right = [np.where(t.children_right < 0, p, t.children_right) + s for t, p, s in zip(trees, place, start)]
    value = np.concatenate([t.value[:, 0] for t in trees])  # (nodes, outputs)
    if target.kind is not TargetKind.NUMBER:
        spread = np.zeros((len(value), len(target.classes)))
        spread[:, seen.astype(int)] = value / value.sum(axis=1, keepdims=True)
        value = spread
    return {
        "root": start.astype(np.int32),
        "left": np.concatenate(left).astype(np.int32),
        "right": np.concatenate(right).astype(np.int32),
        "feature": np.concatenate([t.feature for t in trees]).clip(0).astype(np.int32),
        "threshold": np.concatenate([t.threshold for t in trees]).astype(np.float32),
        "value": value.astype(np.float32),
    }
