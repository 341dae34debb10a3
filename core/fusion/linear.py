"""Linear fusion of features: a learned weight for each modality, then one linear head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from core.fusion._pooling import PoolEach
from core.nn import masked_softmax
from core.schema import Encoded


class Linear(nn.Module):
    """Weighted mean of features (Atrey et al., Multimodal Fusion for Multimedia Analysis, 2010, section 3.1.1).

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
        self.weight = nn.Parameter(torch.zeros(len(names)))  # (M,)
        self.head = nn.Linear(width, outputs)

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        features, present = self.pool(encoded)  # (B, M, D), (B, M)
        weights = masked_softmax(self.weight.expand(present.shape), present)  # (B, M)
        return self.head((weights[..., None] * features).sum(1))  # (B, K)
