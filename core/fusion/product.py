"""Product of experts: every modality decides alone, and the evidence of all is added up by its confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.fusion._pooling import Each, PoolEach
from core.schema import Encoded


class Product(nn.Module):
    """Product of experts (Hinton, Training Products of Experts, 2002; with subsets as Wu and Goodman, MVAE, 2018).

    Logits are added, each scaled by a confidence learned from its own features. ``share`` is learned between the sum,
    right for independent evidence, and the mean weighed by confidence, right for evidence that repeats itself and for
    numbers. A good choice for many views of which some are missing. It adds up evidence: it cannot learn an answer that
    only a combination of modalities holds.

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
        self.confidence = Each(nn.Linear(width, 1) for _ in names)
        self.share = nn.Parameter(torch.zeros(()))  # through a sigmoid: 0 is the sum, 1 the mean

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        features, present = self.pool(encoded)  # (B, M, D), (B, M)
        confidence = F.softplus(self.confidence(features)) * present[..., None]  # (B, M, 1)
        evidence = (confidence * self.heads(features)).sum(1)  # (B, K)
        total = confidence.sum(1).clamp(min=1e-6)  # (B, 1)
        return evidence / total ** self.share.sigmoid()  # (B, K)
