"""Decision-level fusion: every modality decides alone, and learned weights mix the decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from core.fusion._pooling import Each, PoolEach
from core.nn import masked_softmax
from core.schema import Encoded


class Decision(nn.Module):
    """Weighted sum of the modalities' logits (Kittler et al., On Combining Classifiers, TPAMI 1998).

    The weights are one learned number a modality, through a softmax over the present ones. It adds up evidence: it
    cannot learn an answer that only a combination of modalities holds.

    Args:
        names: the modalities.
        width: D of the tokens.
        outputs: K.
        pool: "mean" or "attention" over the tokens of a modality.
        dropout: share of features dropped in training.
    """

    def __init__(
        self, names: Sequence[str], width: int, outputs: int, pool: str = "mean", dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.pool = PoolEach(names, width, pool, dropout)
        self.heads = Each(nn.Linear(width, outputs) for _ in names)
        self.weight = nn.Parameter(torch.zeros(len(names)))  # (M,)

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        features, present = self.pool(encoded)  # (B, M, D), (B, M)
        weights = masked_softmax(self.weight.expand(present.shape), present)  # (B, M)
        return (weights[..., None] * self.heads(features)).sum(1)  # (B, K)
