"""A Transformer over ids or float features, with a convolutional stem that shortens long sound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from core.encoders._attention import attention_stack
from core.encoders._conv import Conv
from core.encoders._embed import Embed
from core.encoders._shape import to_width
from core.errors import ConfigError
from core.nn import blank, choice, drop, whole, wholes
from core.schema import Encoded, Modality, Signature


class Transformer(nn.Module):
    """Pre-norm Transformer (Vaswani et al. 2017): one token an item, or fewer after the stem.

    Args:
        signature: ids (T,) with a vocabulary, or features (T, F).
        width: D; None: size.
        size: width inside.
        layers: attention layers.
        heads: attention heads; a divisor of ``size``.
        positions: "sinusoidal", "learned" or "none".
        max_length: items that learned positions reach; a longer case is refused.
        stem: steps of convolutions over time before attention, such as (2, 2) for a quarter of the frames.
        dropout: of the input, attention and perceptrons.

    Raises:
        ConfigError: for samples of another shape, or a value that does not exist.
    """

    accepts: ClassVar = frozenset(Modality) - {Modality.TABULAR, Modality.PAIR}

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        size: int = 128,
        layers: int = 2,
        heads: int = 4,
        positions: str = "sinusoidal",
        max_length: int = 512,
        stem: Sequence[int] = (),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.attention = attention_stack(size, layers, heads, 4 * size, dropout)
        self.embed = Embed("transformer", signature, size)
        self.stem = nn.ModuleList(Conv(1, size, size, 5, s) for s in wholes("stem", stem, least=0))
        self.positions = choice("positions", positions, ("sinusoidal", "learned", "none"))
        if positions == "learned":
            self.places = nn.Parameter(torch.randn(whole("max_length", max_length), size) * 0.02)  # (max_length, size)
        self.dropout = drop(dropout)
        self.project, self.width = to_width(size, width)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T) or (B, T, F) -> (B, T', D).

        Raises:
            ConfigError: for more items than learned positions reach.
        """
        x = self.embed(x, mask)  # (B, T, E)
        if self.stem:
            maps = x.transpose(1, 2)  # (B, E, T)
            for layer in self.stem:
                maps, mask = layer(maps, mask)
            x = maps.transpose(1, 2)  # (B, T', E)
        x = self.dropout(self._placed(x))
        x = self.attention(x, src_key_padding_mask=~mask)  # (B, T', E)
        return Encoded(blank(self.project(x), mask), mask)

    def _placed(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        if self.positions == "none":
            return x
        if self.positions == "sinusoidal":
            return x + sinusoids(length, x.shape[2]).to(x)
        if length > len(self.places):
            raise ConfigError(
                f"transformer: {length} items, but learned positions reach max_length={len(self.places)}; raise it, "
                "shorten the samples or choose positions='sinusoidal'"
            )
        return x + self.places[:length]


def sinusoids(length: int, size: int) -> Tensor:
    """Sines and cosines of falling frequencies: (length, size)."""
    rates = torch.exp(torch.arange(0, size, 2) * (-math.log(10000.0) / size))  # (size / 2,)
    angles = torch.arange(length)[:, None] * rates  # (length, size / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :size]  # (length, size)
