"""What trees read: dense columns and category codes, the terms that vary most, and the linear floor's answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file
from torch import Tensor

from core.floor.features import Block, matrix
from core.floor.linear import Linear, inner_folds
from core.schema import Batch
from core.targets import Target

MOST_TERMS = 3_000  # of each text: rarer ones reach the trees through the linear answer, and cost more than they give


class TreeInput:
    """The linear floor and the columns (of rows with category codes) that trees read beside its answer."""

    def __init__(self, linear: Linear, columns: np.ndarray) -> None:
        self.linear, self.columns = linear, columns

    @classmethod
    def choose(cls, linear: Linear, coded: sp.csr_matrix) -> TreeInput:
        """All dense columns, and of each block of terms the ``MOST_TERMS`` with the largest sum of squares."""
        weight = np.asarray(coded.multiply(coded).sum(axis=0)).ravel()
        kept, start = [], 0
        for block in linear.blocks:
            stop = start + block.width(one_hot=False)
            places = np.arange(start, stop)
            if block.is_sparse and len(places) > MOST_TERMS:
                places = np.sort(places[np.argsort(-weight[start:stop], kind="stable")[:MOST_TERMS]])
            kept.append(np.append(places, stop))  # the block's flag stands behind it
            start = stop + 1
        return cls(linear, np.concatenate(kept).astype(np.int32))

    def join(self, coded: sp.csr_matrix, answers: np.ndarray) -> sp.csr_matrix:
        """Rows with category codes (N, columns) and the linear answers (N, outputs) as one matrix."""
        return sp.hstack([coded[:, self.columns], sp.csr_matrix(answers)], format="csr", dtype=np.float32)

    def of_batch(self, batch: Batch, keep: Tensor | None) -> sp.csr_matrix:
        """What trees read of a batch, restricted to ``keep`` (B, M)."""
        one_hot, coded = (matrix(batch, self.linear.blocks, keep, one_hot=hot) for hot in (True, False))
        return self.join(coded, self.linear.scores(one_hot))

    def out_of_fold(
        self, one_hot: sp.csr_matrix, y: np.ndarray, seed: int, groups: np.ndarray | None = None
    ) -> np.ndarray:
        """Answers (N, outputs) of linear models that did not see the row, nor its group, for trees to learn from."""
        linear = self.linear
        found = np.zeros((len(y), len(linear.target.classes) or 1), dtype=np.float32)
        for a, b in inner_folds(len(y), seed, groups):
            one = Linear.fit(linear.target, linear.blocks, one_hot[a], y[a], strength=linear.strength)
            found[b] = one.scores(one_hot[b])
        return found

    def save(self, folder: Path) -> None:
        """Write the linear floor and the columns."""
        self.linear.save(folder)
        save_file({"columns": self.columns}, folder / "columns.safetensors")

    @classmethod
    def load(cls, folder: Path, target: Target, blocks: Sequence[Block]) -> TreeInput:
        """Rebuild; ``blocks`` are all that the bundle's views offer."""
        return cls(Linear.load(folder, target, blocks), load_file(folder / "columns.safetensors")["columns"])
