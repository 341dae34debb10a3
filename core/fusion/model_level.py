"""Model-level fusion: a whole model for each modality, weighed case by case by how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from core.fusion._pooling import Each, PoolEach, mlp
from core.nn import masked_softmax
from core.schema import Encoded


class ModelLevel(nn.Module):
    """Mixture of experts (Jacobs et al., Adaptive Mixtures of Local Experts, 1991), one expert a modality.

    A gate scores every expert by its features and by the entropy of its answer (0 for a number, which has none); a
    softmax over the present experts gives the weights. Experts do not see each other: it cannot learn an answer that
    only a combination of modalities holds.

    Args:
        names: the modalities.
        width: D of the tokens.
        outputs: K.
        hidden: width of an expert's hidden layer; None: ``width``.
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
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.pool = PoolEach(names, width, pool, dropout)
        self.experts = Each(mlp(width, width if hidden is None else hidden, outputs, dropout) for _ in names)
        self.gate = Each(nn.Linear(width, 1) for _ in names)
        self.doubt = nn.Linear(1, 1, bias=False)

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        features, present = self.pool(encoded)  # (B, M, D), (B, M)
        logits = self.experts(features)  # (B, M, K)
        log_p = logits.log_softmax(-1)
        entropy = -(log_p.exp() * log_p).sum(-1, keepdim=True)  # (B, M, 1)
        scores = self.gate(features) - self.doubt(entropy)  # (B, M, 1)
        weights = masked_softmax(scores, present[..., None], dim=1)  # (B, M, 1)
        return (weights * logits).sum(1)  # (B, K)
