"""Filters against noise for images (C, H, W) on the scale [0, 1]; shape and scale stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np


def median(image: np.ndarray) -> np.ndarray:
    """Median of 3 x 3 pixels: against single wrong pixels."""
    from scipy.ndimage import median_filter

    return median_filter(image, size=(1, 3, 3))


def gaussian(image: np.ndarray) -> np.ndarray:
    """Gaussian of one pixel: against fine grain."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, sigma=(0, 1, 1))


def non_local_means(image: np.ndarray, search: int = 4, strength: float = 0.8) -> np.ndarray:
    """Average of pixels whose 3 x 3 surroundings look alike, which keeps edges (Buades, Coll, Morel, CVPR 2005).

    Args:
        image: (C, H, W).
        search: how many pixels away alike surroundings are looked for.
        strength: in units of the noise, which is estimated from the image (Immerkaer, 1996).
    """
    from scipy.ndimage import uniform_filter

    cut = 2 * (strength * noise_level(image)) ** 2 + 1e-8
    mode: Literal["reflect", "edge"] = "reflect" if min(image.shape[1:]) > search else "edge"
    padded = np.pad(image, ((0, 0), (search, search), (search, search)), mode=mode)
    total, weights = np.zeros_like(image), np.zeros((1, *image.shape[1:]), np.float32)
    height, width = image.shape[1:]
    for down in range(2 * search + 1):
        for right in range(2 * search + 1):
            other = padded[:, down : down + height, right : right + width]  # (C, H, W)
            distance = uniform_filter(((image - other) ** 2).mean(axis=0), size=3)  # (H, W)
            weight = np.exp(-np.maximum(distance - cut, 0) / cut)[None]  # (1, H, W)
            total += weight * other
            weights += weight
    return total / weights


def noise_level(image: np.ndarray) -> float:
    """Standard deviation of the noise in (C, H, W), from differences that cancel edges (Immerkaer, CVIU 1996)."""
    from scipy.ndimage import convolve

    mask = np.array([[[1, -2, 1], [-2, 4, -2], [1, -2, 1]]], dtype=np.float32)
    return float(np.sqrt(np.pi / 2) * np.abs(convolve(image, mask)).mean() / 6)


DENOISERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda image: image,
    "median": median,
    "gaussian": gaussian,
    "nlm": non_local_means,
}
