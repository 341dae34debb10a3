"""A table row as a sentence: each feature is a token (FT-Transformer)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from core.encoders._attention import attention_stack
from core.encoders._numbers import Categories, Numbers
from core.encoders._shape import features, to_width
from core.nn import blank, choice, scatter
from core.schema import Encoded, Modality, Signature


class FtTransformer(nn.Module):
    """FT-Transformer (Gorishniy et al., NeurIPS 2021): features attend to each other, a summary token reads them.

    Args:
        signature: (F,): numbers and flags of what is missing, then one code for each of ``cardinalities``.
        width: D; None: size.
        size: width of a feature's token.
        layers: attention layers.
        heads: attention heads; a divisor of ``size``.
        dropout: of attention and perceptrons.
        tokens: "summary" for one token a row, or "features" for one a feature.
        numbers: "linear", "periodic" or "piecewise"; see ``Numbers``.

    Raises:
        ConfigError: for samples of another shape, or a value that does not exist.
    """

    accepts: ClassVar = frozenset({Modality.TABULAR})

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        size: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        tokens: str = "summary",
        numbers: str = "linear",
    ) -> None:
        super().__init__()
        self.codes = len(signature.cardinalities)
        self.summary_only = choice("tokens", tokens, ("summary", "features")) == "summary"
        self.attention = attention_stack(size, layers, heads, 2 * size, dropout)
        self.numbers = Numbers(features("ft_transformer", signature) - self.codes, size, numbers)
        self.categories = Categories(signature.cardinalities, size) if self.codes else None
        self.summary = nn.Parameter(torch.randn(1, 1, size) * size**-0.5)
        self.project, self.width = to_width(size, width)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T, F) -> (B, T, D), or (B, T * F, D) with a token a feature; T is 1 for a table row."""
        rows = blank(x, mask)[mask]  # (N, F)
        split = rows.shape[-1] - self.codes
        parts = [self.summary.expand(len(rows), -1, -1), self.numbers(rows[:, :split])]
        if self.categories is not None:
            parts.append(self.categories(rows[:, split:]))
        tokens = self.project(self.attention(torch.cat(parts, dim=1)))  # (N, 1 + F, D)
        kept = tokens[:, :1] if self.summary_only else tokens[:, 1:]  # (N, 1 or F, D)
        return Encoded(scatter(kept, mask).flatten(1, 2), mask.repeat_interleave(kept.shape[1], dim=1))
