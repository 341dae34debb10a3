"""Gated fusion: for every feature, a gate decides which of the present modalities to listen to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from core.fusion._pooling import Absent, Each, PoolEach
from core.nn import drop, masked_softmax
from core.schema import Encoded


class Gated(nn.Module):
    """Gated multimodal units (Arevalo et al., Gated Multimodal Units for Information Fusion, ICLR workshop 2017).

    The gates of a feature sum to 1 over the present modalities, so a subset is on the same scale as all of them.

    Args:
        names: the modalities.
        width: D of the tokens.
        outputs: K.
        pool: "mean" or "attention" over the tokens of a modality.
        dropout: share of features dropped in training.
    """

    def __init__(
        self, names: Sequence[str], width: int, outputs: int, pool: str = "mean", dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.pool = PoolEach(names, width, pool, dropout)
        self.absent = Absent(len(names), width)
        self.value = Each(nn.Sequential(nn.Linear(width, width), nn.Tanh()) for _ in names)
        self.gate = nn.Linear(len(names) * width, len(names) * width)
        self.head = nn.Sequential(drop(dropout), nn.Linear(width, outputs))

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        features, present = self.pool(encoded)  # (B, M, D), (B, M)
        joint = self.absent(features, present).flatten(1)  # (B, M·D)
        scores = self.gate(joint).unflatten(1, features.shape[1:])  # (B, M, D)
        gates = masked_softmax(scores, present[..., None], dim=1)  # (B, M, D)
        return self.head((gates * self.value(features)).sum(1))  # (B, K)
