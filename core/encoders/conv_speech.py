"""A small network for short speech: residual convolutions over time and bands, then over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from core.encoders._conv import Conv, Residual, per_step, shortened
from core.encoders._shape import features, to_width
from core.errors import ConfigError
from core.nn import blank, drop, whole, wholes
from core.schema import Encoded, Modality, Signature


class ConvSpeech(nn.Module):
    """Residual 2-D stages over a log-mel spectrum, then separable residual convolutions over time.

    Padding has no influence, in training neither, so batches may mix short and long recordings. With the default
    strides a token is 40 ms of 10 ms frames.

    Args:
        signature: log-mel spectrum (T, F).
        width: D; None: size.
        widths: channels of the stem and of each stage.
        strides: (time, band) of the stem and of each stage.
        blocks: residual blocks a stage.
        size: channels over time.
        time_blocks: residual blocks over time.
        dropout: inside the blocks over time.

    Raises:
        ConfigError: for samples of another shape, or a value out of range.
    """

    accepts: ClassVar = frozenset({Modality.AUDIO})

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        widths: Sequence[int] = (16, 32, 64),
        strides: Sequence[Sequence[int]] = ((2, 2), (1, 2), (2, 2)),
        blocks: int = 1,
        size: int = 128,
        time_blocks: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        sizes, steps = wholes("widths", widths), [wholes("strides", s, least=2) for s in strides]
        if len(steps) != len(sizes) or any(len(s) != 2 for s in steps):
            raise ConfigError(f"strides: expected a pair (time, band) for each of {len(sizes)} widths, found {strides}")
        layers: list[nn.Module] = [Conv(2, 1, sizes[0], 5, steps[0])]
        for before, after, step in zip(sizes, sizes[1:], steps[1:]):
            layers.append(Residual(2, before, after, step))
            layers += [Residual(2, after, after) for _ in range(whole("blocks", blocks) - 1)]
        self.layers = nn.ModuleList(layers)
        bands = shortened(features("conv_speech", signature), [band for _, band in steps])
        self.gather = Conv(1, sizes[-1] * bands, whole("size", size), 1)
        self.over_time = nn.ModuleList(_Separable(size, dropout) for _ in range(whole("time_blocks", time_blocks, 0)))
        self.project, self.width = to_width(size, width)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T, F) -> (B, T', D)."""
        maps = blank(x, mask)[:, None]  # (B, 1, T, F)
        for layer in self.layers:
            maps, mask = layer(maps, mask)  # (B, C, T', F')
        maps, mask = self.gather(per_step(maps).transpose(1, 2), mask)  # (B, size, T')
        for block in self.over_time:
            maps = block(maps, mask)
        return Encoded(blank(self.project(maps.transpose(1, 2)), mask), mask)  # (B, T', D)


class _Separable(nn.Module):
    """A convolution over time a channel, then one over channels, added to what came in."""

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.time = Conv(1, size, size, 5, groups=size)
        self.channels = Conv(1, size, size, 1, activate=False)
        nn.init.zeros_(self.channels.norm.weight)  # begins as the identity
        self.dropout = drop(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) -> (B, C, T)."""
        inner, _ = self.channels(*self.time(x, mask))
        return (x + self.dropout(inner)).relu()
