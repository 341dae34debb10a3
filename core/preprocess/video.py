"""Videos to tensors: frames taken evenly or at a rate, resized; then changed alike and normalised.

Shapes: T frames of all files of a case, in order; C channels; S the side of the square. The sound of a video is a
modality of its own: name the same file in an audio column.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import ConfigError, FileError, unknown
from core.numbers import counted
from core.preprocess.augmentation import Augmentation
from core.preprocess.image import CHOICES, fit_square, normalise, to_channels
from core.preprocess.video_frames import duration, frames_at
from core.schema import Signature

SAMPLINGS = ("uniform", "fps")


class VideoPreprocessor:
    """Cells of video files to samples (T, C, S, S) float32.

    Args:
        frames: with sampling "uniform", so many frames of each file, from the middles of equal parts; a video that has
            fewer gives each of them once.
        sampling: "uniform", or "fps" for one frame every 1 / fps seconds from the start.
        fps: frames a second, with sampling "fps".
        size: side S of the square result in pixels.
        channels: 1 for grey, 3 for colour.
        resize: "pad" keeps the proportions and adds black, "crop" keeps them and cuts, "stretch" does not keep them.
        intensity: the scale, as for images: "unit", "symmetric", "zscore", "percentile", "imagenet".
        max_frames: most frames of a case; one that needs more is refused, never thinned.
        augment: options of ``Augmentation``; all frames of a case are changed alike.

    Raises:
        ConfigError: for a value that does not exist or is out of range.
    """

    def __init__(
        self,
        frames: int = 16,
        sampling: str = "uniform",
        fps: float = 1.0,
        size: int = 112,
        channels: int = 3,
        resize: str = "pad",
        intensity: str = "unit",
        max_frames: int = 256,
        augment: dict[str, Any] | None = None,
    ) -> None:
        chosen: dict[str, tuple[str, tuple[str, ...]]] = {"sampling": (sampling, SAMPLINGS)}
        chosen |= {"resize": (resize, CHOICES["resize"]), "intensity": (intensity, CHOICES["intensity"])}
        for option, (value, choices) in chosen.items():
            if value not in choices:
                raise unknown(f"video {option}", value, choices)
        if channels not in (1, 3) or (intensity == "imagenet" and channels == 1):
            raise ConfigError(f"channels: 1 or 3, and 3 for intensity='imagenet', found {channels}")
        if min(frames, size, max_frames) < 1 or not fps > 0:
            found = f"frames={frames}, size={size}, max_frames={max_frames}, fps={fps}"
            raise ConfigError(f"frames, size and max_frames must be at least 1 and fps above 0; found {found}")
        self.frames, self.sampling, self.fps, self.max_frames = frames, sampling, fps, max_frames
        self.size, self.channels, self.resize, self.intensity = size, channels, resize, intensity
        self.augmentation = Augmentation.of(augment)

    @property
    def signature(self) -> Signature:
        """One frame: (C, S, S)."""
        return Signature((self.channels, self.size, self.size))

    def fit(self, cells: Iterable[tuple[Path, ...]]) -> None:
        """Learn nothing: every video is handled on its own."""

    def state(self) -> dict[str, Any]:
        """Empty: nothing is learned."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over nothing."""

    def prepare(self, cell: tuple[Path, ...]) -> Tensor:
        """Decode and resize the chosen frames: (T, C, S, S) uint8.

        Raises:
            FileError: for a file that is no video or is damaged, or a case that needs more than ``max_frames``.
        """
        return torch.stack([self._resize(pixels) for _, _, pixels in self._chosen(cell)])  # (T, C, S, S)

    def finish(self, prepared: Tensor, rng: np.random.Generator | None = None) -> Tensor:
        """The sample (T, C, S, S) float32 on the scale that ``intensity`` names."""
        frames = prepared.float() / 255  # (T, C, S, S)
        if rng is not None:
            one = frames.flatten(0, 1)[None]  # (1, T * C, S, S): as one image, so that all frames change alike
            frames = self.augmentation.apply(one, rng).view_as(frames)  # (T, C, S, S)
        return normalise(frames, self.intensity)

    def times(self, cell: tuple[Path, ...]) -> list[float]:
        """For each of the T frames, the second of its own file at which it begins."""
        return [second for _, second, _ in self._chosen(cell)]

    def _chosen(self, cell: tuple[Path, ...]) -> Iterator[tuple[Path, float, np.ndarray]]:
        """File, second and pixels (H, W, 3) of each frame."""
        targets = {path: self._targets(path) for path in cell}
        if (needed := sum(len(targets[path]) for path in cell)) > self.max_frames:
            raise FileError(
                f"{cell[0]}: {needed} frames of {counted(len(cell), 'file')}; "
                f"allowed are max_frames={self.max_frames}: take fewer frames or raise it"
            )
        for path in cell:
            for second, pixels in frames_at(path, targets[path]):
                yield path, second, pixels

    def _targets(self, path: Path) -> list[float]:
        length = duration(path)
        if self.sampling == "uniform":
            return [(i + 0.5) / self.frames * length for i in range(self.frames)]
        count = max(1, math.ceil(length * self.fps - 1e-6))
        if count > self.max_frames:  # before allocating what a header claims
            raise FileError(
                f"{path}: {length:.1f} s at {self.fps:g} fps are {count} frames; allowed are max_frames="
                f"{self.max_frames}: lower fps or raise it"
            )
        return [i / self.fps for i in range(count)]

    def _resize(self, pixels: np.ndarray) -> Tensor:
        unit = to_channels(pixels.astype(np.float32) / 255, self.channels)  # (H, W, 3) -> (C, H, W)
        image = fit_square(torch.from_numpy(np.ascontiguousarray(unit)), self.size, self.resize)  # (C, S, S)
        return (image * 255).round().to(torch.uint8)
