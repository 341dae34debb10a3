"""Bottleneck attention: modalities talk to each other through a few shared tokens only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from core.fusion._attention import Block
from core.fusion._pooling import read
from core.nn import Pool, drop, whole
from core.schema import Encoded


class Bottleneck(nn.Module):
    """Multimodal bottleneck Transformer (Nagrani et al., Attention Bottlenecks for Multimodal Fusion, NeurIPS 2021).

    In each layer a modality attends to itself and the bottlenecks; its copy of the bottlenecks is then averaged with
    those of the other present modalities. The logits are the mean over the present modalities, under one head.

    Args:
        names: the modalities.
        width: D of the tokens.
        outputs: K.
        layers: rounds of exchange, at least 2: what a modality says is heard by the others a layer later.
        bottlenecks: shared tokens.
        heads: attention heads; a divisor of ``width``.
        pool: "mean" or "attention" over the tokens of a modality.
        dropout: share of attention and features dropped in training.
    """

    def __init__(
        self,
        names: Sequence[str],
        width: int,
        outputs: int,
        layers: int = 2,
        bottlenecks: int = 4,
        heads: int = 4,
        pool: str = "mean",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.names = tuple(names)
        self.shared = nn.Parameter(torch.randn(1, whole("bottlenecks", bottlenecks), width) * 0.02)
        count = whole("layers", layers, low=2) * len(names)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(count))  # layer by layer
        self.pools = nn.ModuleList(Pool(width, pool) for _ in names)
        self.head = nn.Sequential(nn.LayerNorm(width), drop(dropout), nn.Linear(width, outputs))

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        modalities = read(encoded, self.names)
        present = torch.stack([x.present for x in modalities], 1)  # (B, M)
        weights = present / present.sum(1, keepdim=True).clamp(min=1)  # (B, M)
        shared = self.shared.expand(len(present), -1, -1)  # (B, S, D), S bottlenecks
        for start in range(0, len(self.blocks), len(modalities)):
            pairs = [_exchange(block, x, shared) for block, x in zip(self.blocks[start:], modalities)]
            modalities = [x for x, _ in pairs]
            heard = torch.stack([copy for _, copy in pairs], 1)  # (B, M, S, D)
            shared = (weights[..., None, None] * heard).sum(1)  # (B, S, D)
        features = torch.stack([pool(x) for pool, x in zip(self.pools, modalities)], 1)  # (B, M, D)
        return (weights[..., None] * self.head(features)).sum(1)  # (B, K)


def _exchange(block: nn.Module, x: Encoded, shared: Tensor) -> tuple[Encoded, Tensor]:
    """One layer of one modality: its tokens (B, T, D) and its copy of the bottlenecks (B, S, D)."""
    tokens = torch.cat([x.tokens, shared], 1)  # (B, T + S, D)
    mask = torch.cat([x.mask, x.mask.new_ones(shared.shape[:2])], 1)  # (B, T + S)
    mixed = block(tokens, [Encoded(tokens, mask)])
    return Encoded(mixed[:, : x.mask.shape[1]], x.mask), mixed[:, x.mask.shape[1] :]
