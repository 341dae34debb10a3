"""The tree floor: LightGBM on columns, frequent terms and the linear floor's out-of-fold answer.

Ke et al., "LightGBM", 2017. Its model file is plain text, so a bundle stays free of code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from torch import Tensor

from core.floor.features import Block
from core.floor.linear import unscale
from core.floor.tree_input import TreeInput
from core.floor.trees_file import read_trees
from core.schema import Batch, TargetKind
from core.targets import Target

_PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.04,
    "num_leaves": 31,
    "min_data_in_leaf": 5,
    "feature_fraction": 0.25,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}


class Trees:
    """A LightGBM model beside the linear floor whose answer it reads."""

    kind = "trees"

    def __init__(self, target: Target, reads: TreeInput, booster: Any) -> None:
        self.target, self.reads, self.booster = target, reads, booster

    @classmethod
    def fit(cls, target: Target, reads: TreeInput, rows: sp.csr_matrix, y: np.ndarray, seed: int = 0) -> Trees:
        """``rows`` (N, columns) as ``TreeInput`` joins them."""
        import lightgbm as lgb

        parameters = _PARAMETERS | {"seed": seed} | _objective(target, y)
        return cls(
            target,
            reads,
            lgb.train(parameters, lgb.Dataset(rows, y), num_boost_round=350 if len(target.classes) < 3 else 120),
        )

    def scores(self, rows: sp.csr_matrix) -> np.ndarray:
        """Rows as ``TreeInput`` joins them to probabilities (N, classes), or the scaled number (N, 1)."""
        raw = np.asarray(self.booster.predict(rows))
        if self.target.kind is TargetKind.NUMBER:
            return raw[:, None]
        return np.stack([1 - raw, raw], axis=1) if raw.ndim == 1 else raw

    def answers(self, batch: Batch, keeps: Sequence[Tensor]) -> list[np.ndarray]:
        """For each ``keep`` (B, M): probabilities (B, classes), or numbers (B, 1)."""
        return [unscale(self.target, self.scores(self.reads.of_batch(batch, keep))) for keep in keeps]

    def save(self, folder: Path) -> None:
        """Write LightGBM's text file and what it reads."""
        self.reads.save(folder)
        (folder / "trees.txt").write_text(self.booster.model_to_string(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, target: Target, blocks: Sequence[Block]) -> Trees:
        """Rebuild from the two files."""
        text = (folder / "trees.txt").read_text(encoding="utf-8")
        return cls(target, TreeInput.load(folder, target, blocks), read_trees(text))


def _objective(target: Target, y: np.ndarray) -> dict[str, Any]:
    if target.kind is TargetKind.NUMBER:
        return {"objective": "regression"}
    if len(target.classes) == 2:
        return {"objective": "binary"}
    return {"objective": "multiclass", "num_class": len(target.classes)}
