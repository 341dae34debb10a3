"""Early fusion: tokens of all modalities in one sequence through a Transformer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from core.fusion._attention import Block
from core.fusion._pooling import read
from core.nn import drop, whole
from core.schema import Encoded


class Early(nn.Module):
    """Joint token sequence (single-stream, as VisualBERT: Li et al., 2019) with a class token that is read out.

    Args:
        names: the modalities.
        width: D of the tokens.
        outputs: K.
        layers: Transformer layers.
        heads: attention heads; a divisor of ``width``.
        dropout: share of attention and features dropped in training.
    """

    def __init__(
        self,
        names: Sequence[str],
        width: int,
        outputs: int,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.names = tuple(names)
        self.kind = nn.Parameter(torch.randn(len(names), width) * 0.02)  # (M, D), added to a modality's tokens
        self.class_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(whole("layers", layers)))
        self.head = nn.Sequential(nn.LayerNorm(width), drop(dropout), nn.Linear(width, outputs))

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        modalities = read(encoded, self.names)
        batch = len(modalities[0].mask)
        first = self.class_token.expand(batch, -1, -1)  # (B, 1, D)
        tokens = torch.cat([first, *(x.tokens + kind for x, kind in zip(modalities, self.kind))], 1)  # (B, 1 + ΣT, D)
        always = modalities[0].mask.new_ones(batch, 1)
        mask = torch.cat([always, *(x.mask for x in modalities)], 1)  # (B, 1 + ΣT)
        for block in self.blocks:
            tokens = block(tokens, [Encoded(tokens, mask)])
        return self.head(tokens[:, 0])  # (B, K)
