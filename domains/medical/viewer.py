"""What a viewer of scans draws: windowed slices in any plane, on a square, with square pixels.

Axes of an array are (slice, row, column) = (Z, H, W), turned the canonical way: see ``core.preprocess.grid.Volume``.
Pictures follow the radiological habit: the patient's right is on the left, front and head are up.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import unknown
from core.preprocess.volume_io import Volume, read_volume
from core.preprocess.windows import apply_window

PLANES = ("axial", "coronal", "sagittal")
PRESETS = ("lung", "mediastinum", "bone", "brain")
_AXIS = {"axial": 0, "coronal": 1, "sagittal": 2}
_LEFT = {"axial": "patient's right", "coronal": "patient's right", "sagittal": "front"}


@dataclass(frozen=True, eq=False)
class Scan:
    """A scan that is open: where it lies, its voxels, and the choices that it was read with."""

    path: Path | tuple[Path, ...]
    volume: Volume
    series: str | None = None  # the unique identifier that was chosen of several
    on_defect: str = "refuse"


def open_scan(
    path: Path | Sequence[Path],
    series: str | None = None,
    on_defect: str = "refuse",
    allow_modality: Sequence[str] | None = ("CT",),
) -> Scan:
    """Read a scan for viewing; arguments and errors as in ``core.preprocess.volume_io.read_volume``."""
    place = path if isinstance(path, Path) else tuple(path)
    return Scan(place, read_volume(path, series, on_defect, allow_modality), series, on_defect)


def count(volume: Volume, plane: str) -> int:
    """How many slices a plane has.

    Raises:
        ConfigError: for an unknown plane.
    """
    if plane not in _AXIS:
        raise unknown("plane", plane, PLANES)
    return int(volume.array.shape[_AXIS[plane]])


def slice_image(volume: Volume, plane: str, index: int, window: tuple[float, float], size: int = 512) -> np.ndarray:
    """One slice through a Hounsfield window (centre, width) as a (size, size) uint8 picture, scale kept, black around.

    Raises:
        ConfigError: for an unknown plane.
    """
    index = min(max(index, 0), count(volume, plane) - 1)
    values = np.take(volume.array, index, plane_axis(plane))  # (H, W), (Z, W) or (Z, H)
    return (on_square(apply_window(values, window), volume, plane, size) * 255).round().astype(np.uint8)


def plane_axis(plane: str) -> int:
    """The axis of an array that a plane's slices are counted along."""
    return _AXIS[plane]


def on_square(values: np.ndarray, volume: Volume, plane: str, size: int = 512) -> np.ndarray:
    """A slice's values (h, w) on a square with square pixels, the head up: (size, size) float32."""
    from PIL import Image

    values = values[::-1] if _AXIS[plane] else values  # the head is up
    steps = [s for a, s in enumerate(volume.spacing) if a != _AXIS[plane]]
    extent = np.array(values.shape) * np.array(steps)
    height, width = np.maximum((extent / extent.max() * size).round().astype(int), 1)
    drawn = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    drawn = drawn.resize((int(width), int(height)), Image.Resampling.BILINEAR)
    canvas = np.zeros((size, size), np.float32)
    top, left = (size - height) // 2, (size - width) // 2
    canvas[top : top + height, left : left + width] = np.asarray(drawn)
    return canvas


def png(picture: np.ndarray) -> bytes:
    """A picture as PNG, packed for speed: a slice has to be there at once, and goes no further than this machine."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", compress_level=1)
    return out.getvalue()


def describe_slice(volume: Volume, plane: str, index: int) -> str:
    """A slice in words: plane, number, place in mm, and what is on the left."""
    axis = _AXIS[plane]
    place = volume.affine[:3, 3] + volume.affine[:3, axis] * index
    return (
        f"{plane.capitalize()} {index + 1} of {count(volume, plane)}, {'zyx'[axis]} = {place[2 - axis]:.0f} mm; "
        f"{_LEFT[plane]} is on the left"
    )


def best_slice(volume: Volume, plane: str) -> int:
    """Where to start: the slice with the most soft tissue next to air, about the middle of the lungs."""
    axis = _AXIS[plane]
    other = tuple(a for a in range(3) if a != axis)
    step = [slice(None) if a == axis else slice(None, None, max(n // 64, 1)) for a, n in enumerate(volume.array.shape)]
    thin = volume.array[tuple(step)]
    inner = ((thin > -980) & (thin < -500)).sum(axis=other)
    return int(inner.argmax()) if inner.any() else len(inner) // 2
