"""Where in a scan an answer rests: shares of the boxes of a grid, laid over a slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.explanation.parts import GRIDS, Part
from core.preprocess.volume import VolumePreprocessor
from core.preprocess.volume_io import Volume
from core.schema import Modality
from domains.medical.viewer import on_square, plane_axis, slice_image

FULL = 0.5  # log-odds that are shown in full colour, or the strongest box: a scan that hardly counts stays grey


@dataclass(frozen=True, eq=False)
class Heat:
    """Shares (n, n, n) of boxes of the model's grid, which has ``spacing`` mm (None: the whole scan) and ``size``."""

    shares: np.ndarray
    spacing: tuple[float, ...] | None
    size: tuple[int, ...]

    @classmethod
    def of(cls, parts: Sequence[Part], reader: VolumePreprocessor) -> Heat:
        """From the parts of a volume in their order."""
        shares = np.array([p.share for p in parts]).reshape(GRIDS[Modality.VOLUME])
        return cls(shares, reader.spacing, tuple(reader.size))

    def on_voxels(self, volume: Volume) -> np.ndarray:
        """(Z, H, W) the share of the box that each voxel lies in; 0 outside the model's grid."""
        places = [self._boxes(volume, axis) for axis in range(3)]
        padded = np.pad(self.shares, 1)  # what lies outside is told nothing of
        return padded[np.ix_(*(p + 1 for p in places))]

    def _boxes(self, volume: Volume, axis: int) -> np.ndarray:
        """The box of each voxel along one axis; −1 before the grid, n behind it."""
        count, boxes = volume.array.shape[axis], self.shares.shape[axis]
        voxel = np.arange(count) - (count - 1) / 2  # from the centre, which both share
        extent = count if self.spacing is None else self.spacing[axis] * self.size[axis] / volume.spacing[axis]
        return np.floor((voxel / extent + 0.5) * boxes).astype(int).clip(-1, boxes)


def strongest_slice(heat: Heat, volume: Volume, plane: str) -> int:
    """The slice through the middle of the box that speaks most for the answer."""
    axis = plane_axis(plane)
    along = heat.on_voxels(volume).max(axis=tuple(a for a in range(3) if a != axis))
    return int(np.median(np.flatnonzero(along == along.max())))


def heat_picture(heat: Heat, volume: Volume, plane: str, index: int, window: tuple[float, float]) -> np.ndarray:
    """(512, 512, 3) uint8: a slice, warm where it speaks for the answer and cold where against it."""
    grey: np.ndarray = slice_image(volume, plane, index, window)[..., None].repeat(3, axis=2)  # (S, S, 3)
    best = max(float(np.abs(heat.shares).max()), FULL)
    shares = np.take(heat.on_voxels(volume), index, plane_axis(plane)) / best  # (H, W) in [-1, 1]
    for sign, colour in ((1, (255, 120, 0)), (-1, (40, 120, 255))):
        depth = on_square((shares * sign).clip(0, 1), volume, plane)[..., None] * 0.55
        grey = grey * (1 - depth) + np.array(colour, np.float32) * depth
    return np.asarray(grey).round().astype(np.uint8)
