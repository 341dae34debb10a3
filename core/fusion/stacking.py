"""Stacking: every modality decides alone, and a small model learns from all the decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from core.fusion._pooling import Absent, Each, PoolEach, mlp
from core.schema import Encoded


class Stacking(nn.Module):
    """Stacked generalisation (Wolpert, 1992), trained jointly: logits of each modality and who is present, to a model.

    Args:
        names: the modalities.
        width: D of the tokens.
        outputs: K.
        hidden: width of the small model's hidden layer.
        pool: "mean" or "attention" over the tokens of a modality.
        dropout: share of features dropped in training.
    """

    def __init__(
        self,
        names: Sequence[str],
        width: int,
        outputs: int,
        hidden: int = 32,
        pool: str = "mean",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.pool = PoolEach(names, width, pool, dropout)
        self.heads = Each(nn.Linear(width, outputs) for _ in names)
        self.absent = Absent(len(names), outputs)
        self.stack = mlp(len(names) * (outputs + 1), hidden, outputs, dropout)

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        features, present = self.pool(encoded)  # (B, M, D), (B, M)
        decisions = self.absent(self.heads(features), present)  # (B, M, K)
        seen = torch.cat([decisions, present[..., None]], -1)  # (B, M, K + 1)
        return self.stack(seen.flatten(1))  # (B, K)
