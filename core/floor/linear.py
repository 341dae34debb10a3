"""The linear floor: logistic or ridge regression, its strength chosen by cross-validation on the training rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold
from torch import Tensor

from core.floor.features import Block, block_scales, matrix
from core.schema import Batch, TargetKind
from core.targets import Target

STRENGTHS = (0.3, 2.0, 12.0, 60.0)  # inverse, as scikit-learn's C
DENSE = 25_000_000  # cells of a table that may be held as 64-bit numbers: 200 MB
MANY = 20  # of more classes a fit takes long: the lowest is not tried, each on one fold, and none beyond a worse one


class Linear:
    """Weights (columns, outputs) on scaled rows; see ``core.floor.features``."""

    kind = "linear"

    def __init__(
        self,
        target: Target,
        blocks: Sequence[Block],
        scale: np.ndarray,
        weight: np.ndarray,
        bias: np.ndarray,
        strength: float = 0.0,
    ) -> None:
        self.target, self.blocks, self.strength = target, list(blocks), strength
        self.scale, self.weight, self.bias = (a.astype(np.float32) for a in (scale, weight, bias))  # as they are saved

    @classmethod
    def fit(
        cls,
        target: Target,
        blocks: Sequence[Block],
        rows: sp.csr_matrix,
        y: np.ndarray,
        strength: float | None = None,
        groups: np.ndarray | None = None,
    ) -> Linear:
        """Learn from (N, columns) rows and encoded targets; a ``strength`` of None is chosen by cross-validation.

        ``groups`` (N,): rows of one stay in one fold there.
        """
        scale = block_scales(rows, blocks)
        scaled = rows @ sp.diags(scale)
        if strength is None:
            many = len(target.classes) > MANY
            folds = inner_folds(len(y), groups=groups)[: 1 if many else 2]
            losses = dict[float, float]()
            for c in STRENGTHS[many:]:
                losses[c] = sum(_loss(target, y[b], *_solve(target, scaled[a], y[a], c), scaled[b]) for a, b in folds)
                if many and losses[c] > min(losses.values()):
                    break
            strength = min(losses, key=lambda c: losses[c])
        return cls(target, blocks, scale, *_solve(target, scaled, y, strength), strength)

    def scores(self, rows: sp.csr_matrix) -> np.ndarray:
        """(N, columns) rows to probabilities (N, classes), or the scaled number (N, 1)."""
        return _link(self.target, (rows @ sp.diags(self.scale)) @ self.weight + self.bias)

    def answers(self, batch: Batch, keeps: Sequence[Tensor]) -> list[np.ndarray]:
        """For each ``keep`` (B, M): probabilities (B, classes), or numbers (B, 1)."""
        found = [self.scores(matrix(batch, self.blocks, keep, one_hot=True)) for keep in keeps]
        return [unscale(self.target, f) for f in found]

    def save(self, folder: Path) -> None:
        """Write ``linear.safetensors`` and the views it reads."""
        arrays = {"scale": self.scale, "weight": self.weight, "bias": self.bias}
        save_file(
            {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in arrays.items()}, folder / "linear.safetensors"
        )
        (folder / "linear.json").write_text(json.dumps([b.view for b in self.blocks]))

    @classmethod
    def load(cls, folder: Path, target: Target, blocks: Sequence[Block]) -> Linear:
        """Rebuild; ``blocks`` are all that the bundle's views offer."""
        wanted = json.loads((folder / "linear.json").read_text())
        known = {b.view: b for b in blocks}
        arrays = load_file(folder / "linear.safetensors")
        return cls(target, [known[v] for v in wanted], arrays["scale"], arrays["weight"], arrays["bias"])


def inner_folds(n: int, seed: int = 0, groups: np.ndarray | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Five folds of n rows; those of one of the ``groups`` (n,) share a fold."""
    count = 1 if groups is None else len(np.unique(groups))
    if count > 1:
        return list(GroupKFold(min(5, count), shuffle=True, random_state=seed).split(np.arange(n), groups=groups))
    return list(KFold(min(5, n), shuffle=True, random_state=seed).split(np.arange(n)))


def unscale(target: Target, found: np.ndarray) -> np.ndarray:
    """Scaled numbers (N, 1) to the target's unit; probabilities pass."""
    if target.kind is not TargetKind.NUMBER:
        return found
    value = found.astype(np.float64) * target.scale + target.center
    return np.expm1(value) if target.transform == "log1p" else value


def _solve(target: Target, rows: sp.csr_matrix, y: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (columns, outputs) and bias (outputs,).

    Shrunken weights are sums of rows (the representer theorem), so of few rows with many columns the same problem is
    solved in coordinates along the rows.
    """
    if rows.nnz and 2 * rows.shape[0] < rows.shape[1] and rows.shape[0] * rows.shape[1] <= DENSE:
        short, back = _along_rows(rows)
        weight, bias = _solve_short(target, short, y, strength)
        return back @ weight, bias
    return _solve_short(target, rows, y, strength)


def _along_rows(rows: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Rows (N, columns) as coordinates (N, R) on an orthonormal basis of their span, and the basis (columns, R)."""
    dense = rows.toarray().astype(np.float64)
    values, vectors = np.linalg.eigh(dense @ dense.T)
    kept = values > values[-1] * 1e-10
    length = np.sqrt(values[kept])
    return vectors[:, kept] * length, dense.T @ (vectors[:, kept] / length)


def _solve_short(
    target: Target, rows: sp.csr_matrix | np.ndarray, y: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    if target.kind is TargetKind.NUMBER:
        model = Ridge(alpha=1 / strength, solver="lsqr").fit(rows, y)
        return model.coef_[:, None], np.array([model.intercept_])
    if target.kind is TargetKind.LABELS:
        each = [_solve_two(rows, y[:, k], strength) for k in range(y.shape[1])]
        return np.stack([w for w, _ in each], axis=1), np.array([b for _, b in each])
    classes, columns = len(target.classes), rows.shape[1]
    weight, bias = np.zeros((columns, classes)), np.full(classes, -20.0)  # a class that is absent here stays improbable
    if len(seen := np.unique(y)) == 1:
        bias[seen] = 0.0
        return weight, bias
    model = LogisticRegression(C=strength, max_iter=300).fit(rows, y)
    two = len(seen) == 2
    weight[:, seen] = np.stack([-model.coef_[0], model.coef_[0]], axis=1) / 2 if two else model.coef_.T
    bias[seen] = np.array([-model.intercept_[0], model.intercept_[0]]) / 2 if two else model.intercept_
    return weight, bias


def _solve_two(rows: sp.csr_matrix | np.ndarray, y: np.ndarray, strength: float) -> tuple[np.ndarray, float]:
    if len(np.unique(y)) == 1:
        return np.zeros(rows.shape[1]), 20.0 if y[0] else -20.0
    model = LogisticRegression(C=strength, max_iter=300).fit(rows, y)
    return model.coef_[0], float(model.intercept_[0])


def _link(target: Target, z: np.ndarray) -> np.ndarray:
    if target.kind is TargetKind.NUMBER:
        return z
    return expit(z) if target.kind is TargetKind.LABELS else softmax(z, axis=1)


def _loss(target: Target, y: np.ndarray, weight: np.ndarray, bias: np.ndarray, rows: sp.csr_matrix) -> float:
    p = _link(target, rows @ weight + bias)
    if target.kind is TargetKind.NUMBER:
        return float(((p[:, 0] - y) ** 2).mean())
    p = p.clip(1e-6, 1 - 1e-6)
    if target.kind is TargetKind.LABELS:
        return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())
    return float(-np.log(p[np.arange(len(y)), y]).mean())
