"""Deep fusion: features of all modalities side by side, then a multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from core.fusion._pooling import Absent, PoolEach, mlp
from core.schema import Encoded


class Deep(nn.Module):
    """Concatenation of pooled features and a perceptron (Ngiam et al., Multimodal Deep Learning, ICML 2011).

    A learned vector stands in the place of an absent modality.

    Args:
        names: the modalities.
        width: D of the tokens.
        outputs: K.
        hidden: width of the hidden layer; None: twice ``width``; 0: none, so concatenation and one linear step.
        pool: "mean" or "attention" over the tokens of a modality.
        dropout: share of features dropped in training.
    """

    def __init__(
        self,
        names: Sequence[str],
        width: int,
        outputs: int,
        hidden: int | None = None,
        pool: str = "mean",
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.pool = PoolEach(names, width, pool, dropout)
        self.absent = Absent(len(names), width)
        joint, inner = len(names) * width, 2 * width if hidden is None else hidden
        self.head: nn.Module = nn.Linear(joint, outputs) if inner == 0 else mlp(joint, inner, outputs, dropout)

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        features, present = self.pool(encoded)  # (B, M, D), (B, M)
        joint = self.absent(features, present).flatten(1)  # (B, M·D)
        return self.head(joint)  # (B, K)
