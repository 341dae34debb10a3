"""Low-rank tensor fusion: products of all modalities with each other, without building their tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from core.fusion._pooling import Each, PoolEach
from core.nn import whole
from core.schema import Encoded


class LowRank(nn.Module):
    """Low-rank multimodal fusion (Liu et al., Efficient Low-rank Multimodal Fusion, ACL 2018).

    Each modality with a constant appended is mapped to a factor for every rank and output; the factors are multiplied
    over modalities and added up over ranks. The constant's factor starts at 1, and an absent modality contributes that
    factor alone, so it never wipes out the product as a zero would.

    Args:
        names: the modalities.
        width: D of the tokens.
        outputs: K.
        rank: number of products that are added up for an output.
        pool: "mean" or "attention" over the tokens of a modality.
        dropout: share of features dropped in training.
    """

    def __init__(
        self,
        names: Sequence[str],
        width: int,
        outputs: int,
        rank: int = 8,
        pool: str = "mean",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.pool = PoolEach(names, width, pool, dropout)
        self.factors = Each(nn.Linear(width, whole("rank", rank) * outputs, bias=False) for _ in names)
        self.constant = nn.Parameter(torch.zeros(len(names), rank * outputs))  # (M, R·K), R the rank; less 1
        self.weight = nn.Parameter(torch.randn(rank, outputs) / rank**0.5)  # (R, K)
        self.bias = nn.Parameter(torch.zeros(outputs))  # (K,)

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        features, _ = self.pool(encoded)  # (B, M, D)
        factors = 1 + self.constant + self.factors(features)  # (B, M, R·K); an absent modality's features are zeros
        product = factors.prod(1).unflatten(1, self.weight.shape)  # (B, R, K)
        return (product * self.weight).sum(1) + self.bias  # (B, K)
