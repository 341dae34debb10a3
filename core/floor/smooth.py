"""A smooth classifier of one table of numbers in few rows: regularised least squares with a Gaussian kernel.

Rifkin, Yeo and Poggio, "Regularized least-squares classification", 2003. The kernel is that of random Fourier features
(Rahimi and Recht, "Random features for large-scale kernel machines", 2007), so no training row is kept, as a
support-vector machine would. One factor turns scores into probabilities, learned from scores of unseen rows (Platt,
"Probabilistic outputs for support vector machines", 1999).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file
from scipy.linalg import solve
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from core.floor.features import Block
from core.floor.linear import inner_folds

FEATURES = 4096
STRENGTHS = (0.003, 0.03, 0.3, 1.0)  # of the penalty; a row's features have length 1
LEAST = 20  # rows that have the table
FILE = "smooth.safetensors"


class Smooth:
    """Mean and scale (F,), projection (F, R) and phase (R,) of the features, weight (R, classes), prior (classes,)."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = {name: a.astype(np.float32) for name, a in arrays.items()}

    @classmethod
    def suits(cls, block: Block, rows: sp.csr_matrix, y: np.ndarray) -> bool:
        """Whether it is a table that enough of the rows (N, F + 1) have, with more than one class among them."""
        here = _present(rows)
        return block.is_table and here.sum() >= LEAST and len(np.unique(y[here])) > 1

    @classmethod
    def fit(
        cls,
        rows: sp.csr_matrix,
        y: np.ndarray,
        prior: np.ndarray,
        seed: int = 0,
        groups: np.ndarray | None = None,
    ) -> tuple[Smooth, np.ndarray]:
        """Learn from the rows that have the table.

        Args:
            rows: (N, F + 1), the last column says whether the table is there.
            y: (N,) class numbers.
            prior: (classes,) logarithms of the classes' shares, which scores are added to.
            seed: of the features and the folds.
            groups: (N,); rows of one stay in one fold where penalty and factor are chosen.

        Returns:
            The model, and (N, classes) its answers to rows that it did not see; the prior where the table is absent.
        """
        here = _present(rows)
        x, y, groups = rows[here, :-1].toarray(), y[here], None if groups is None else groups[here]
        arrays = _features_of(x, np.random.default_rng(seed))
        features, truth = _features(x, arrays), np.eye(len(prior))[y]
        kernel, mean = features @ features.T, truth.mean(axis=0)

        def tried(strength: float) -> tuple[float, float, float, np.ndarray]:
            """The loss on unseen rows, the penalty, the factor, and the scores (n, classes)."""
            scores = np.zeros_like(truth)
            for a, b in inner_folds(len(y), seed, groups):
                scores[b] = kernel[np.ix_(b, a)] @ _ridge(kernel[np.ix_(a, a)], truth[a] - mean, strength)

            def loss(log_factor: float) -> float:
                return float(-log_softmax(prior + np.exp(log_factor) * scores, axis=1)[np.arange(len(y)), y].mean())

            found = minimize_scalar(loss, bounds=(-2, 5), method="bounded")
            return float(found.fun), strength, float(np.exp(found.x)), scores

        _, strength, factor, scores = min((tried(s) for s in STRENGTHS), key=lambda t: t[0])
        weight = factor * (features.T @ _ridge(kernel, truth - mean, strength))
        unseen = np.tile(softmax(prior), (len(here), 1))
        unseen[here] = softmax(prior + factor * scores, axis=1)
        return cls(arrays | {"weight": weight, "prior": prior}), unseen

    def scores(self, rows: sp.csr_matrix) -> np.ndarray:
        """(N, F + 1) rows to probabilities (N, classes)."""
        features = _features(rows[:, :-1].toarray(), self.arrays)
        return softmax(self.arrays["prior"] + features @ self.arrays["weight"], axis=1)

    def save(self, folder: Path) -> None:
        """Write ``smooth.safetensors``."""
        save_file({k: np.ascontiguousarray(v) for k, v in self.arrays.items()}, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Smooth | None:
        """Rebuild; None where the folder holds none."""
        return cls(load_file(folder / FILE)) if (folder / FILE).exists() else None


def _present(rows: sp.csr_matrix) -> np.ndarray:
    return rows[:, [-1]].toarray()[:, 0] > 0


def _features_of(x: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What standardises (n, F) rows, and directions of a Gaussian kernel whose width is scikit-learn's "scale"."""
    spread = x.var(axis=0)
    directions = rng.normal(size=(x.shape[1], FEATURES)) * np.sqrt(2 / max(1, int((spread > 1e-8).sum())))
    return {
        "mean": x.mean(axis=0),
        "scale": 1 / np.sqrt(np.maximum(spread, 1e-4)),
        "projection": directions,
        "phase": rng.uniform(0, 2 * np.pi, FEATURES),
    }


def _features(x: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n, F) -> (n, R); the dot product of two rows is about their kernel."""
    angle = (x - arrays["mean"]) * arrays["scale"] @ arrays["projection"] + arrays["phase"]
    return np.cos(angle) * np.sqrt(2 / FEATURES)


def _ridge(kernel: np.ndarray, truth: np.ndarray, strength: float) -> np.ndarray:
    """Weights of the rows (n, classes)."""
    return solve(kernel + strength * np.eye(len(kernel)), truth, assume_a="pos")
