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

from core.floor.features import Block, matrix
from core.floor.linear import Linear, inner_folds, unscale
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

    def __init__(self, target: Target, linear: Linear, booster: Any) -> None:
        self.target, self.linear, self.booster = target, linear, booster

    @classmethod
    def fit(
        cls,
        target: Target,
        linear: Linear,
        rows: tuple[sp.csr_matrix, sp.csr_matrix],
        y: np.ndarray,
        seed: int = 0,
        rounds: int = 350,
    ) -> Trees:
        """``rows``: with one-hot categories for the linear part, and with codes for the trees, (N, columns) each."""
        import lightgbm as lgb

        one_hot, coded = rows
        folds = inner_folds(len(y), seed)
        out_of_fold = np.zeros((len(y), len(target.classes) or 1), dtype=np.float32)
        for a, b in folds:
            out_of_fold[b] = Linear.fit(target, linear.blocks, one_hot[a], y[a], inner_folds(len(a), seed)[:1]).scores(
                one_hot[b]
            )
        parameters = _PARAMETERS | {"seed": seed} | _objective(target, y)
        data = lgb.Dataset(sp.hstack([coded, sp.csr_matrix(out_of_fold)], format="csr"), y)
        return cls(target, linear, lgb.train(parameters, data, num_boost_round=rounds))

    def scores(self, one_hot: sp.csr_matrix, coded: sp.csr_matrix) -> np.ndarray:
        """Rows with one-hot and with coded categories to probabilities (N, classes), or the scaled number (N, 1)."""
        x = sp.hstack([coded, sp.csr_matrix(self.linear.scores(one_hot))], format="csr")
        raw = np.asarray(self.booster.predict(x))
        if self.target.kind is TargetKind.NUMBER:
            return raw[:, None]
        return np.stack([1 - raw, raw], axis=1) if raw.ndim == 1 else raw

    def answers(self, batch: Batch, keeps: Sequence[Tensor]) -> list[np.ndarray]:
        """For each ``keep`` (B, M): probabilities (B, classes), or numbers (B, 1)."""
        blocks = self.linear.blocks
        return [
            unscale(self.target, self.scores(*(matrix(batch, blocks, keep, one_hot=hot) for hot in (True, False))))
            for keep in keeps
        ]

    def save(self, folder: Path) -> None:
        """Write LightGBM's text file and the linear part."""
        self.linear.save(folder)
        (folder / "trees.txt").write_text(self.booster.model_to_string(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, target: Target, blocks: Sequence[Block]) -> Trees:
        """Rebuild from the two files."""
        import lightgbm as lgb

        text = (folder / "trees.txt").read_text(encoding="utf-8")
        return cls(target, Linear.load(folder, target, blocks), lgb.Booster(model_str=text))


def _objective(target: Target, y: np.ndarray) -> dict[str, Any]:
    if target.kind is TargetKind.NUMBER:
        return {"objective": "regression"}
    if len(target.classes) == 2:
        return {"objective": "binary"}
    return {"objective": "multiclass", "num_class": len(target.classes)}
