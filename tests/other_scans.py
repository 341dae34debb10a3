"""Scans that are no chest CT: another body region, another machine, nothing at all. (Z, H, W) each."""

from __future__ import annotations

import numpy as np

Size = tuple[int, int, int]


def _grid(size: Size) -> list[np.ndarray]:
    """z, y, x from -1 to 1."""
    return list(np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij"))


def head(size: Size = (24, 96, 96), seed: int = 0) -> np.ndarray:
    """A head in HU: skull of 800, brain of 35, ventricles, air around."""
    rng = np.random.default_rng(seed)
    z, y, x = _grid(size)
    r = np.sqrt((x / 0.42) ** 2 + (y / 0.52) ** 2 + (z / 0.85) ** 2) * rng.uniform(0.93, 1.07)
    scan = np.full(size, -1000.0)
    scan[r < 1.08] = 20
    scan[r < 1] = 800
    scan[r < 0.92] = 35
    scan[((np.abs(x) - 0.06) / 0.05) ** 2 + (y / 0.15) ** 2 + (z / 0.3) ** 2 < 1] = 5
    return scan + rng.normal(0, 8, size)


def abdomen(size: Size = (24, 96, 96), seed: int = 0) -> np.ndarray:
    """An abdomen in HU: fat, liver, kidneys, spine, gas in the bowel, air around."""
    rng = np.random.default_rng(seed)
    z, y, x = _grid(size)
    scan = np.full(size, -1000.0)
    wide = rng.uniform(0.78, 0.9)
    scan[(x / wide) ** 2 + (y / 0.62) ** 2 < 1] = -95
    scan[(x / (wide - 0.08)) ** 2 + (y / 0.54) ** 2 < 1] = 40
    scan[((x + 0.35) / 0.35) ** 2 + ((y + 0.1) / 0.35) ** 2 + ((z - 0.6) / 0.7) ** 2 < 1] = 60
    for side in (-0.35, 0.35):
        scan[((x - side) / 0.12) ** 2 + ((y - 0.25) / 0.14) ** 2 + (z / 0.4) ** 2 < 1] = 35
    scan[(x / 0.12) ** 2 + ((y - 0.35) / 0.12) ** 2 < 1] = 250
    for _ in range(6):
        cx, cy, cz = rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0), rng.uniform(-1, 0.5)
        scan[((x - cx) / 0.08) ** 2 + ((y - cy) / 0.07) ** 2 + ((z - cz) / 0.1) ** 2 < 1] = -900
    return scan + rng.normal(0, 10, size)


def magnetic(chest: np.ndarray, seed: int = 0) -> np.ndarray:
    """An MR image of a chest given in HU: intensities from 0 on, fat bright, air and bone dark, uneven."""
    rng = np.random.default_rng(seed)
    _, y, x = _grid((int(chest.shape[0]), int(chest.shape[1]), int(chest.shape[2])))
    signal = np.interp(chest, [-1000, -800, -100, 40, 300, 1500], [10, 40, 700, 350, 60, 10])
    return np.abs(signal * (1 + 0.3 * y - 0.2 * x) + rng.normal(0, 10, chest.shape))


def noise(size: Size = (24, 96, 96), seed: int = 0) -> np.ndarray:
    """Nothing but noise over the whole range of a CT."""
    return np.random.default_rng(seed).normal(0, 500, size)
