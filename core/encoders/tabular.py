"""A table row: numbers, flags and categories through a residual perceptron to one token."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from core.encoders._numbers import Categories, Numbers
from core.encoders._shape import features, to_width
from core.nn import blank, choice, drop, whole
from core.schema import Encoded, Modality, Signature


class Tabular(nn.Module):
    """Residual perceptron (Gorishniy et al., NeurIPS 2021, "ResNet") on numbers beside vectors of categories.

    Args:
        signature: (F,): numbers and flags of what is missing, then one code for each of ``cardinalities``.
        width: D; None: hidden.
        hidden: width of the blocks.
        blocks: residual blocks.
        dropout: inside the blocks.
        embedding: width of a category's vector.
        numbers: "plain" numbers as they are, or each as a vector (Gorishniy et al., NeurIPS 2022): "periodic" or
            "piecewise".
        parts: frequencies, or pieces, of such a vector.

    Raises:
        ConfigError: for samples of another shape, or a value that does not exist.
    """

    accepts: ClassVar = frozenset({Modality.TABULAR})

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        hidden: int = 128,
        blocks: int = 2,
        dropout: float = 0.1,
        embedding: int = 8,
        numbers: str = "plain",
        parts: int = 16,
    ) -> None:
        super().__init__()
        self.codes = len(signature.cardinalities)
        count = features("tabular", signature) - self.codes
        choice("numbers", numbers, ("plain", "periodic", "piecewise"))
        whole("embedding", embedding)
        plain = numbers == "plain"
        self.numbers = nn.Identity() if plain else Numbers(count, embedding, numbers, parts)
        self.categories = Categories(signature.cardinalities, embedding) if self.codes else None
        inputs = count * (1 if plain else embedding) + self.codes * embedding
        self.enter = nn.Linear(inputs, whole("hidden", hidden))
        self.blocks = nn.ModuleList(_block(hidden, dropout) for _ in range(whole("blocks", blocks, 0)))
        self.norm = nn.LayerNorm(hidden)
        self.project, self.width = to_width(hidden, width)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T, F) -> (B, T, D); T is 1 for a table row."""
        x = blank(x, mask)
        split = x.shape[-1] - self.codes
        parts = [self.numbers(x[..., :split]).flatten(2)]  # (B, T, numbers)
        if self.categories is not None:
            parts.append(self.categories(x[..., split:]).flatten(2))  # (B, T, codes * E)
        h = self.enter(torch.cat(parts, dim=-1))  # (B, T, H)
        for block in self.blocks:
            h = h + block(h)
        return Encoded(self.project(self.norm(h).relu()), mask)  # (B, T, D)


def _block(hidden: int, dropout: float) -> nn.Sequential:
    enter, leave = nn.Linear(hidden, 2 * hidden), nn.Linear(2 * hidden, hidden)
    return nn.Sequential(nn.LayerNorm(hidden), enter, nn.ReLU(), drop(dropout), leave, drop(dropout))
