"""A small residual network in 2 or 3 dimensions: images, video frames, volumes, log-mel spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from core.encoders._conv import Conv, Residual, per_step, shortened
from core.encoders._items import TOKENS, in_chunks, item_channels, real_items, to_tokens
from core.encoders._shape import features, to_width
from core.errors import ConfigError
from core.nn import blank, choice, drop, whole, wholes
from core.schema import Encoded, Modality, Signature


class Resnet(nn.Module):
    """Residual network after He et al. (CVPR 2016): a stem, then stages of residual blocks, each half the size.

    Args:
        signature: images (T, C, H, W), volumes (T, C, Z, H, W) or a log-mel spectrum (T, F).
        width: D; None: the last of ``widths``.
        widths: channels of the stages; the first also of the stem.
        blocks: residual blocks a stage.
        stem_stride: step of the stem in every dimension; 1 for images of 32 pixels.
        time_strides: steps along the time of a spectrum: of the stem, then of each stage; None: 2 in the stem and in
            every second stage, so a token is 40 ms of 10 ms frames with two stages.
        spatial_dims: 2 over a volume reads it slice by slice; None: as many as an item has.
        tokens: "pooled" for one token an item, "grid" for one a cell; not for a spectrum, whose tokens are its steps.
        dropout: of the result.

    Raises:
        ConfigError: for samples of another shape, or a value that does not exist.
    """

    accepts: ClassVar = frozenset({Modality.IMAGE, Modality.VOLUME, Modality.VIDEO, Modality.AUDIO})

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        widths: Sequence[int] = (16, 32, 64, 128),
        blocks: int = 1,
        stem_stride: int = 2,
        time_strides: Sequence[int] | None = None,
        spatial_dims: int | None = None,
        tokens: str = "pooled",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        sizes, blocks = wholes("widths", widths), whole("blocks", blocks)
        self.over_time = len(signature.shape) < 2
        self.dims = dims = max(2, len(signature.shape) - 1) if spatial_dims is None else spatial_dims
        if dims not in ((2,) if self.over_time else (2, 3)):
            raise ConfigError(f"resnet: spatial_dims is 2 or, for volumes, 3; found {dims}")
        self.tokens = choice("tokens", tokens, TOKENS)
        across = [whole("stem_stride", stem_stride), 1, *[2] * (len(sizes) - 1)]  # of the stem and of each stage
        along = _along(time_strides, len(sizes)) if self.over_time else across
        strides = [(a, *[b] * (dims - 1)) for a, b in zip(along, across)]
        bands = shortened(features("resnet", signature), across) if self.over_time else 1
        first = 1 if self.over_time else item_channels("resnet", signature, dims)
        layers: list[nn.Module] = [Conv(dims, first, sizes[0], 3, strides[0])]
        for before, after, stride in zip((sizes[0], *sizes), sizes, strides[1:]):
            layers.append(Residual(dims, before, after, stride))
            layers += [Residual(dims, after, after) for _ in range(blocks - 1)]
        self.layers = nn.ModuleList(layers)
        self.gather = nn.Linear(sizes[-1] * bands, sizes[-1]) if bands > 1 else nn.Identity()
        self.dropout = drop(dropout)
        self.project, self.width = to_width(sizes[-1], width)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T, C, *space) or (B, T, F) -> (B, T', D)."""
        if self.over_time:
            maps, mask = self._maps(blank(x, mask)[:, None], mask)  # (B, C', T', bands)
            tokens = self.gather(per_step(maps))  # (B, T', C')
        else:
            maps = in_chunks(lambda items: self._maps(items, None)[0], real_items(x, mask, self.dims))  # (N, C', *grid)
            tokens, mask = to_tokens(maps, mask, self.tokens)  # (B, T', C')
        return Encoded(blank(self.project(self.dropout(tokens)), mask), mask)

    def _maps(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        for layer in self.layers:
            x, mask = layer(x, mask)
        return x, mask  # type: ignore[return-value]  # None where none was given


def _along(strides: Sequence[int] | None, stages: int) -> list[int]:
    if strides is None:
        return [2, *(2 if i % 2 else 1 for i in range(stages))]
    if len(wholes("time_strides", strides)) != stages + 1:
        raise ConfigError(f"time_strides: expected {stages + 1} steps, of the stem and of each stage, found {strides}")
    return list(strides)
