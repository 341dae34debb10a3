"""Volumes on their grid: the Volume that readers return, and how a grid is straightened, filled, turned, resampled.

Axes of an array are (slice, row, column) = (Z, H, W); an affine maps such an index to LPS millimetres.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import permutations

import numpy as np

AIR = -1024.0  # Hounsfield units outside the scan


@dataclass(frozen=True, eq=False)
class Volume:
    """A scan in Hounsfield units, always turned the same way.

    Slices run from the feet to the head, rows from front to back, columns from the patient's right to left: the
    axes point to +z, +y, +x of LPS, or the nearest direction of an oblique scan, whose voxels are not resampled.
    """

    array: np.ndarray  # (Z, H, W) float32
    affine: np.ndarray  # (4, 4) from (slice, row, column, 1) to (x, y, z, 1) in LPS millimetres
    defects: tuple[str, ...] = ()  # faults of geometry that were found
    actions: tuple[str, ...] = ()  # what was done about them; belongs into the result
    warnings: tuple[str, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)  # format, modality, body_part, series_uid …

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance of slices, rows and columns in mm."""
        z, y, x = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def notes(self) -> tuple[str, ...]:
        """Everything that a reader of the result should know about the scan."""
        return (*self.defects, *self.actions, *self.warnings)

    def digest(self) -> bytes:
        """SHA-256 of voxels and place."""
        return hashlib.sha256(np.ascontiguousarray(self.array).tobytes() + self.affine.tobytes()).digest()


def compose(step: np.ndarray, down: np.ndarray, right: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """(4, 4) affine from the vectors in mm to the next slice, row and column."""
    affine = np.eye(4)
    affine[:3] = np.stack([step, down, right, origin], axis=1)
    return affine


def canonical(array: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn a volume (any axes) by swapping and flipping axes only, so that they point to +z, +y, +x of LPS."""
    direction = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    weight = np.abs(direction).round(4)
    order = max(permutations(range(3)), key=lambda p: sum(weight[world, axis] for world, axis in zip((2, 1, 0), p)))
    array, affine = array.transpose(order), affine[:, [*order, 3]]
    for axis, world in enumerate((2, 1, 0)):
        if affine[world, axis] < 0:
            array = np.flip(array, axis)
            affine = affine.copy()
            affine[:, 3] += affine[:, axis] * (array.shape[axis] - 1)
            affine[:, axis] *= -1
    return np.ascontiguousarray(array), affine


def straighten(array: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift each slice within its plane so that they stand above each other; the canvas grows, nothing is cut.

    Args:
        array: (n, h, w).
        offsets: (n, 2) where the first pixel of each slice lies, in pixels down and right.

    Returns:
        (n, h', w') with the lowest value of the scan where nothing was scanned, and (2,) where its first pixel lies.
    """
    from scipy.ndimage import shift

    low, high = np.floor(offsets.min(axis=0) + 1e-6), np.ceil(offsets.max(axis=0) - 1e-6)
    grow = (high - low).astype(int)
    fill = float(array.min())
    padded = np.pad(array, ((0, 0), (0, grow[0]), (0, grow[1])), constant_values=fill)  # (n, h', w')
    moved = [
        shift(one, by, order=1, mode="grid-constant", cval=fill) for one, by in zip(padded, offsets - low, strict=True)
    ]
    return np.stack(moved), low


def fill_gaps(array: np.ndarray, heights: np.ndarray, step: float) -> tuple[np.ndarray, int]:
    """Interpolate slices (n, h, w) at ascending heights to even steps; also how many slices are new."""
    count = round((heights[-1] - heights[0]) / step) + 1
    wanted = heights[0] + step * np.arange(count)
    place = np.interp(wanted, heights, np.arange(len(heights)))
    near = np.abs(place - place.round()) < 0.02
    place[near] = place[near].round()
    below = np.minimum(place.astype(int), len(heights) - 1)
    above = np.minimum(below + 1, len(heights) - 1)
    share = (place - below).astype(np.float32)[:, None, None]
    return array[below] * (1 - share) + array[above] * share, int((~near).sum())


def shear_of(affine: np.ndarray) -> tuple[int, np.ndarray]:
    """Which axis of an affine leans, and (2,) its drift per mm of height along the other two, in their order.

    Where two lean against each other it is the last: the slices of a NIfTI file.
    """
    direction = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosine = np.abs(direction.T @ direction)
    axis = min(range(3), key=lambda a: (round(float(cosine[(a + 1) % 3, (a + 2) % 3]), 6), -a))
    others = [a for a in range(3) if a != axis]
    step = affine[:3, axis]
    height = abs(step @ np.cross(direction[:, others[0]], direction[:, others[1]]))
    return axis, np.array([step @ direction[:, other] for other in others]) / height


def unshear(array: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Straighten a volume whose affine leans; the result's axes are at right angles."""
    axis, slope = shear_of(affine)
    others = [a for a in range(3) if a != axis]
    sizes = np.linalg.norm(affine[:3, others], axis=0)  # (2,)
    down, right = (affine[:3, a] / size for a, size in zip(others, sizes, strict=True))
    step = affine[:3, axis] - (affine[:3, axis] @ down) * down - (affine[:3, axis] @ right) * right
    pixels = slope * np.linalg.norm(step) / sizes  # (2,) per slice
    stack, low = straighten(array.transpose(axis, *others), np.arange(array.shape[axis])[:, None] * pixels)
    origin = affine[:3, 3] + affine[:3, others] @ low
    return stack, compose(step, affine[:3, others[0]], affine[:3, others[1]], origin)


def resample(
    array: np.ndarray, spacing: tuple[float, ...], target: tuple[float, ...] | None, size: tuple[int, ...]
) -> np.ndarray:
    """Bring (Z, H, W) to ``size`` voxels of ``target`` mm around the same centre; outside the scan is air.

    Linear, widened where voxels grow so that nothing is skipped. The centre of the grid stays the centre of the scan
    and no size is rounded, so float noise in a spacing cannot move a voxel. Without a target the whole scan is fitted.
    """
    result = array - np.float32(AIR)
    for axis in np.argsort([out / old for out, old in zip(size, array.shape, strict=True)]):
        count, scale = array.shape[axis], size[axis]
        ratio = target[axis] / spacing[axis] if target else count / scale
        weights = axis_weights(count, scale, ratio, inside=target is None)  # (out, in)
        result = np.moveaxis(np.tensordot(weights, result, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(result + np.float32(AIR))


def axis_weights(count: int, size: int, ratio: float, inside: bool) -> np.ndarray:
    """(size, count) float32 weights of linear interpolation of one axis, ``ratio`` old voxels to a new one.

    Args:
        count: voxels before.
        size: voxels after, around the same centre.
        ratio: old voxels to a new one; above 1 the triangle is widened by it.
        inside: let the weights of every row sum to 1 (no air beyond the ends).
    """
    places = (np.arange(size) - (size - 1) / 2) * ratio + (count - 1) / 2  # (size,)
    reach = int(np.ceil(max(ratio, 1.0))) + 1
    if inside:
        places = places.clip(0, count - 1)
    index = np.arange(-reach, count + reach)
    weights = (1 - np.abs(places[:, None] - index) / max(ratio, 1.0)).clip(min=0)  # (size, count + 2 reach)
    if inside:
        weights[:, (index < 0) | (index >= count)] = 0
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 1e-9)
    return weights[:, reach : count + reach].astype(np.float32)
