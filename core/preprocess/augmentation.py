"""Random but plausible changes of images and of the slices of volumes; all chance comes from the generator given."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.errors import ConfigError, unknown


@dataclass(frozen=True)
class Augmentation:
    """How far an image may be changed. A 0 (or False) switches that change off.

    The mirror image is off by default: in a body left and right differ.
    """

    rotate: float = 10.0  # degrees to either side
    flip: bool = False  # mirror left and right half of the time
    zoom: float = 0.1  # share of the size
    shift: float = 0.05  # share of height and width
    brightness: float = 0.1  # share of the scale [0, 1], added
    noise: float = 0.02  # highest standard deviation of Gaussian noise, on the scale [0, 1]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "flip" and not isinstance(value, bool):
                raise ConfigError(f"augment.flip: expected true or false, found {value!r}")
            highest = 180.0 if field.name == "rotate" else 0.9
            if isinstance(value, str) or value is None or not 0 <= value <= (1 if field.name == "flip" else highest):
                raise ConfigError(f"augment.{field.name}: expected a number from 0 to {highest}, found {value!r}")

    @classmethod
    def of(cls, options: dict[str, Any] | None) -> Augmentation:
        """From the options of a preprocessor; None or {} are the defaults.

        Raises:
            ConfigError: for an option that does not exist or is out of range.
        """
        for key in options or {}:
            if key not in {f.name for f in fields(cls)}:
                raise unknown("augment option", key, (f.name for f in fields(cls)))
        return cls(**(options or {}))

    def apply(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Change each of (N, C, H, W) images on the scale [0, 1] on its own; same shape, same scale."""
        count, _, height, width = images.shape
        theta = torch.stack([self._theta(rng, height / width) for _ in range(count)]).to(images)  # (N, 2, 3)
        grid = functional.affine_grid(theta, list(images.shape), align_corners=False)  # (N, H, W, 2)
        moved = functional.grid_sample(images, grid, align_corners=False)
        light = rng.uniform(-self.brightness, self.brightness, (count, 1, 1, 1))
        grain = rng.standard_normal(images.shape) * rng.uniform(0, self.noise, (count, 1, 1, 1))
        return (moved + torch.from_numpy(light + grain).to(moved)).clamp(0, 1)

    def _theta(self, rng: np.random.Generator, aspect: float) -> Tensor:
        """(2, 3) map from output to input, in coordinates that run from -1 to 1 on both axes."""
        angle = math.radians(rng.uniform(-self.rotate, self.rotate))
        scale = 1 / (1 + rng.uniform(-self.zoom, self.zoom))
        right, down = 2 * rng.uniform(-self.shift, self.shift, 2)
        mirror = -1.0 if self.flip and rng.random() < 0.5 else 1.0
        cos, sin = scale * math.cos(angle), scale * math.sin(angle)
        rows = [[mirror * cos, -sin * aspect, right], [mirror * sin / aspect, cos, down]]
        return torch.tensor(rows, dtype=torch.float32)
