"""Damage to pictures (H, W) or (H, W, 3) float32 on the scale [0, 1], and to scans (Z, H, W) in Hounsfield units."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import numpy as np

RINGS = 0.1  # share of the detector's elements that answer wrongly
STREAKS, WIDTH = 12, 0.03  # that leave a piece of metal, and how wide each is, in radians


def noise(pixels: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise, of its own in every colour."""
    return (pixels + deviation * rng.standard_normal(pixels.shape)).clip(0, 1).astype(np.float32)


def blur(pixels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian as wide as a share of the shorter side."""
    from scipy.ndimage import gaussian_filter

    width = share * min(pixels.shape[:2])
    return gaussian_filter(pixels, (width, width, 0)[: pixels.ndim])


def jpeg(pixels: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:
    """Compressed as JPEG and decoded again."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray((pixels * 255).round().astype(np.uint8)).save(buffer, "JPEG", quality=int(quality))
    with Image.open(buffer) as again:
        return np.asarray(again, dtype=np.float32) / 255


def contrast(pixels: np.ndarray, kept: float, rng: np.random.Generator) -> np.ndarray:
    """Every pixel nearer to the mean."""
    mean = pixels.mean()
    return (mean + kept * (pixels - mean)).astype(np.float32)


def dropped(frames: Iterable[np.ndarray], share: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """In the place of each lost frame the one shown before it; the first is never lost."""
    shown: np.ndarray | None = None
    for frame in frames:
        lost = rng.random() < share
        shown = frame if shown is None or not lost else shown
        yield shown


def scan_noise(hounsfield: np.ndarray, deviation: float, rng: np.random.Generator, **_: object) -> np.ndarray:
    """Noise with the grain of a reconstruction: neighbours in a slice are alike."""
    from scipy.ndimage import gaussian_filter

    grain = gaussian_filter(rng.standard_normal(hounsfield.shape, dtype=np.float32), (0, 0.7, 0.7))
    return hounsfield + deviation * grain / grain.std()


def scan_blur(
    hounsfield: np.ndarray, width: float, rng: np.random.Generator, *, spacing: tuple[float, ...]
) -> np.ndarray:
    """A Gaussian of so many mm along every axis."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(hounsfield, [width / mm for mm in spacing])


def rings(hounsfield: np.ndarray, strength: float, rng: np.random.Generator, **_: object) -> np.ndarray:
    """Rings around the middle of every slice, as detector elements out of adjustment leave them."""
    _, height, width = hounsfield.shape
    radius = np.hypot(*_from(height, width, (height - 1) / 2, (width - 1) / 2)).round().astype(int)  # (H, W)
    wrong = rng.random(radius.max() + 1) < RINGS
    profile = np.where(wrong, rng.standard_normal(len(wrong)), 0).astype(np.float32)  # (radii,)
    return hounsfield + np.float32(strength) * profile[radius]


def streaks(hounsfield: np.ndarray, strength: float, rng: np.random.Generator, **_: object) -> np.ndarray:
    """Bright and dark rays out of one place within the scan, as metal leaves them; in a third of the slices."""
    depth, height, width = hounsfield.shape
    down, right = _from(height, width, *rng.uniform(0.3, 0.7, 2) * (height, width))
    angle, rays = np.arctan2(down, right), np.zeros((height, width))
    for ray, sign in zip(rng.uniform(-np.pi, np.pi, STREAKS), rng.choice([-1, 1], STREAKS)):
        apart = np.abs((angle - ray + np.pi) % (2 * np.pi) - np.pi)
        rays += sign * np.exp(-((apart / WIDTH) ** 2))
    first, many = int(rng.integers(0, depth)), max(depth // 3, 1)
    found = hounsfield.copy()
    found[np.arange(first, first + many) % depth] += (strength * rays).astype(np.float32)
    return found


def _from(height: int, width: int, row: float, column: float) -> tuple[np.ndarray, np.ndarray]:
    """How far every pixel lies down and right of a place: (H, W) each."""
    down, right = np.mgrid[:height, :width].astype(np.float32)
    return down - row, right - column
