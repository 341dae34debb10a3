"""Images (PNG, JPEG, single DICOM) to tensors: read, clean, crop, resize; then augment and normalise.

Shapes: T images of one case, C channels, S the side of the square. Letters as in core/schema.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.errors import ConfigError, unknown
from core.preprocess.augmentation import Augmentation
from core.preprocess.denoising import DENOISERS
from core.preprocess.image_file import read_image
from core.preprocess.windows import Window, resolve
from core.schema import Signature

CHOICES = {
    "resize": ("pad", "stretch", "crop"),
    "crop": ("none", "foreground", "center"),
    "denoise": tuple(DENOISERS),
    "intensity": ("unit", "zscore", "percentile", "imagenet", "symmetric"),
}
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and standard deviation of R, G, B


class ImagePreprocessor:
    """Cells of image files to samples (T, C, S, S) float32.

    Args:
        size: side S of the square result in pixels.
        channels: 1 for grey, 3 for colour.
        resize: "pad" keeps the proportions and adds black, "crop" keeps them and cuts, "stretch" does not keep them.
        crop: before resizing: "foreground" cuts the plain border away, "center" keeps the middle square.
        trim_bottom: share of the lowest rows to cut off, such as a burned-in footer.
        denoise: "none", "median", "gaussian" or "nlm" (non-local means).
        intensity: "unit" [0, 1]; "symmetric" [-1, 1]; "zscore" per image; "percentile" spreads the 1st to 99th
            percentile over [0, 1]; "imagenet" the statistics that pretrained networks expect.
        max_images: of more images in a cell, this many evenly spaced ones are kept.
        augment: options of ``Augmentation``.
        window: preset or (centre, width) for DICOM images; None: the file's own.

    Nothing is learned from the training rows.

    Raises:
        ConfigError: for a value that does not exist or is out of range.
    """

    def __init__(
        self,
        size: int = 224,
        channels: int = 1,
        resize: str = "pad",
        crop: str = "none",
        trim_bottom: float = 0.0,
        denoise: str = "none",
        intensity: str = "unit",
        max_images: int = 16,
        augment: dict[str, Any] | None = None,
        window: Window | None = None,
    ) -> None:
        chosen = {"resize": resize, "crop": crop, "denoise": denoise, "intensity": intensity}
        for option, value in chosen.items():
            if value not in CHOICES[option]:
                raise unknown(option, value, CHOICES[option])
        if channels not in (1, 3) or (intensity == "imagenet" and channels == 1):
            raise ConfigError(f"channels: 1 or 3, and 3 for intensity='imagenet', found {channels}")
        if size < 1 or max_images < 1 or not 0 <= trim_bottom < 1:
            found = f"size={size}, max_images={max_images}, trim_bottom={trim_bottom}"
            raise ConfigError(f"size and max_images must be at least 1, trim_bottom from 0 to below 1; found {found}")
        self.size, self.channels, self.max_images, self.trim_bottom = size, channels, max_images, trim_bottom
        self.resize, self.crop, self.denoise, self.intensity = resize, crop, denoise, intensity
        self.augmentation = Augmentation.of(augment)
        self.window = None if window is None else resolve(window)

    @property
    def signature(self) -> Signature:
        """One image: (C, S, S)."""
        return Signature((self.channels, self.size, self.size))

    def fit(self, cells: Iterable[tuple[Path, ...]]) -> None:
        """Learn nothing: every image is handled on its own."""

    def state(self) -> dict[str, Any]:
        """Empty: nothing is learned."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over nothing."""

    def prepare(self, cell: tuple[Path, ...]) -> Tensor:
        """Read and clean: (T, C, S, S), uint8 where all sources have 8 bits, else float32 in [0, 1].

        Raises:
            FileError: naming the file that cannot be read and why.
        """
        images = [self._prepare(path) for path in evenly(cell, self.max_images)]
        if any(image.is_floating_point() for image in images):
            images = [image if image.is_floating_point() else image / 255 for image in images]
        return torch.stack(images)  # (T, C, S, S)

    def finish(self, prepared: Tensor, rng: np.random.Generator | None = None) -> Tensor:
        """The sample (T, C, S, S) float32 on the scale that ``intensity`` names."""
        images = prepared.float() if prepared.is_floating_point() else prepared.float() / 255
        if rng is not None:
            images = self.augmentation.apply(images, rng)
        return normalise(images, self.intensity)

    def _prepare(self, path: Path) -> Tensor:
        pixels = read_image(path, self.window)
        exact = pixels.dtype == np.uint8
        unit = to_channels(pixels.astype(np.float32) / (255 if exact else 1), self.channels)  # (C, H, W)
        unit = unit[:, : max(1, round(unit.shape[1] * (1 - self.trim_bottom)))]  # (C, H, W)
        unit = crop_to(DENOISERS[self.denoise](unit), self.crop)  # (C, H, W)
        image = fit_square(torch.from_numpy(np.ascontiguousarray(unit)), self.size, self.resize)  # (C, S, S)
        return (image * 255).round().to(torch.uint8) if exact else image


def evenly(items: tuple[Path, ...], count: int) -> list[Path]:
    """At most ``count`` of the items, evenly spaced, the first and the last among them.

    >>> [str(p) for p in evenly(tuple(map(Path, "abcde")), 3)]
    ['a', 'c', 'e']
    """
    if len(items) <= count:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, count).round().astype(int)]


def to_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """(H, W) or (H, W, 3) to (C, H, W); colours become grey by their luminance (ITU-R BT.601)."""
    if pixels.ndim == 2:
        return np.repeat(pixels[None], channels, axis=0)  # (C, H, W)
    if channels == 3:
        return pixels.transpose(2, 0, 1)  # (3, H, W)
    return (pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32))[None]  # (1, H, W)


def crop_to(image: np.ndarray, how: str) -> np.ndarray:
    """Cut (C, H, W) to its middle square, or to the part that differs from the border's median by more than 5 %."""
    _, height, width = image.shape
    if how == "center":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return image[:, top : top + side, left : left + side]
    if how == "foreground":
        flat = image.mean(axis=0)  # (H, W)
        border = np.concatenate([flat[0], flat[-1], flat[:, 0], flat[:, -1]])
        rows, columns = np.nonzero(np.abs(flat - np.median(border)) > 0.05)
        if len(rows):
            return image[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return image


def fit_square(image: Tensor, size: int, how: str) -> Tensor:
    """Resize (C, H, W) to (C, S, S), smoothed against aliasing."""
    height, width = image.shape[1:]
    scale = size / (max(height, width) if how == "pad" else min(height, width))
    target = (size, size) if how == "stretch" else (max(1, round(height * scale)), max(1, round(width * scale)))
    scaled = functional.interpolate(image[None], target, mode="bilinear", antialias=True)[0]  # (C, h, w)
    top, left = (size - target[0]) // 2, (size - target[1]) // 2  # below 0: cut
    padding = (left, size - target[1] - left, top, size - target[0] - top)
    return functional.pad(scaled, padding)  # (C, S, S)


def normalise(images: Tensor, how: str) -> Tensor:
    """Bring (T, C, S, S) images in [0, 1] to the scale named, each image on its own."""
    if how == "symmetric":
        return images * 2 - 1
    if how == "imagenet":
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in _IMAGENET)
        return (images - mean) / deviation
    flat = images.flatten(1)  # (T, C*S*S)
    if how == "zscore":
        flat = (flat - flat.mean(1, keepdim=True)) / flat.std(1, correction=0, keepdim=True).clamp(min=1e-6)
    if how == "percentile":
        low, high = (torch.from_numpy(np.quantile(flat.numpy(), q, axis=1, keepdims=True)) for q in (0.01, 0.99))
        flat = ((flat - low) / (high - low).clamp(min=1e-6)).clamp(0, 1).float()
    return flat.view_as(images)
