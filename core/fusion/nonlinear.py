"""Nonlinear fusion of features: projections of all modalities are added up, then bent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from core.errors import unknown
from core.fusion._pooling import Absent, Each, PoolEach
from core.nn import drop, whole
from core.schema import Encoded

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "gelu": nn.GELU}


class Nonlinear(nn.Module):
    """Joint hidden layer over all modalities (Srivastava and Salakhutdinov, Multimodal Learning with DBMs, 2012).

    An absent modality adds a learned vector of its own instead of its projection.

    Args:
        names: the modalities.
        width: D of the tokens.
        outputs: K.
        hidden: width of the joint layer; None: twice ``width``.
        activation: "tanh" or "gelu".
        pool: "mean" or "attention" over the tokens of a modality.
        dropout: share of features dropped in training.
    """

    def __init__(
        self,
        names: Sequence[str],
        width: int,
        outputs: int,
        hidden: int | None = None,
        activation: str = "tanh",
        pool: str = "mean",
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise unknown("activation", activation, ACTIVATIONS)
        hidden = whole("hidden", 2 * width if hidden is None else hidden)
        self.pool = PoolEach(names, width, pool, dropout)
        self.project = Each(nn.Linear(width, hidden) for _ in names)
        self.absent = Absent(len(names), hidden)
        self.head = nn.Sequential(ACTIVATIONS[activation](), drop(dropout), nn.Linear(hidden, outputs))

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        features, present = self.pool(encoded)  # (B, M, D), (B, M)
        projected = self.absent(self.project(features), present)  # (B, M, H), H the joint layer
        return self.head(projected.sum(1))  # (B, K)
