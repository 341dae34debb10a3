"""VGG16, named layer by layer as torchvision names it, so that its weights load."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from core.encoders._items import colour_channels, colours, in_chunks, real_items, to_tokens
from core.encoders._shape import to_width
from core.encoders._weights import load_weights
from core.errors import ConfigError
from core.nn import drop
from core.schema import Encoded, Modality, Signature

_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions before each halving


class Vgg16(nn.Module):
    """VGG16 (Simonyan and Zisserman, ICLR 2015) without its last layer: one token an image, frame or slice.

    torchvision's weights expect colour images of 224 pixels with preprocess ``intensity="imagenet"``; one channel is
    repeated. Sides must be at least 32 pixels.

    Args:
        signature: images (T, C, H, W) or volumes (T, C, Z, H, W), C 1 or 3.
        width: D; None: 4096, the second fully connected layer, or 512 with ``pool``.
        weights: a state dict of torchvision (.safetensors or .pth); None or False: none.
        pool: the mean of the last feature map instead of the fully connected layers.
        batch_norm: with batch normalisation, as torchvision's vgg16_bn.
        dropout: of the fully connected layers.

    Raises:
        ConfigError: for samples of another shape, or weights that are missing or of another network.
    """

    accepts: ClassVar = frozenset({Modality.IMAGE, Modality.VIDEO, Modality.VOLUME})

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        weights: str | bool | None = None,
        pool: bool = False,
        batch_norm: bool = False,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        colour_channels("vgg16", signature)
        if min(signature.shape[-2:]) < 32:
            raise ConfigError(
                f"vgg16 needs sides of at least 32 pixels, found {signature.shape[-2:]}; set preprocess size"
            )
        self.features = _convolutions(batch_norm)
        if not pool:
            first, second = nn.Linear(512 * 7 * 7, 4096), nn.Linear(4096, 4096)
            self.classifier = nn.Sequential(first, nn.ReLU(), drop(dropout), second, nn.ReLU(), drop(dropout))
        self.pool = pool
        if weights:
            load_weights(self, Path(str(weights)), "classifier." if pool else "classifier.6.")
            for part in self.children():
                part.pretrained = True  # type: ignore[assignment]  # not to be initialised again
        self.project, self.width = to_width(512 if pool else 4096, width)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T, C, H, W) -> (B, T, D)."""
        vectors = in_chunks(self._vectors, colours(real_items(x, mask, 2)))  # (N, 512 or 4096)
        tokens, mask = to_tokens(self.project(vectors), mask)
        return Encoded(tokens, mask)

    def _vectors(self, images: Tensor) -> Tensor:
        maps = self.features(images)  # (N, 512, H / 32, W / 32)
        if self.pool:
            return maps.mean((2, 3))  # (N, 512)
        square = nn.functional.adaptive_avg_pool2d(maps, 7)  # (N, 512, 7, 7)
        return self.classifier(torch.flatten(square, 1))  # (N, 4096)


def _convolutions(batch_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    before = 3
    for channels, count in _STAGES:
        for _ in range(count):
            norm: list[nn.Module] = [nn.BatchNorm2d(channels)] if batch_norm else []
            layers += [nn.Conv2d(before, channels, 3, padding=1), *norm, nn.ReLU()]
            before = channels
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)
