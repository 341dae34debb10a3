"""Features that something else made, such as a frozen backbone, through a small perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from core.encoders._shape import features
from core.nn import Pool, blank, choice, drop, wholes
from core.schema import Encoded, Modality, Signature


class Mlp(nn.Module):
    """Item by item: normalise, then dropout and a linear step a layer, GELU between; T items stay T tokens.

    Args:
        signature: (F,) features of any kind.
        width: D; None: F.
        hidden: widths of hidden layers; none by default, which makes a linear projection.
        dropout: before every linear step, so also of the features themselves.
        normalise: "none", "layer" (LayerNorm with learned scale) or "l2" (each item to length 1).
        pool: "none", or "mean" or "attention" for one token a case.

    Raises:
        ConfigError: for samples of another shape, or a value that does not exist.
    """

    accepts: ClassVar = frozenset(Modality)

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        hidden: Sequence[int] = (),
        dropout: float = 0.1,
        normalise: str = "layer",
        pool: str = "none",
    ) -> None:
        super().__init__()
        inputs = features("mlp", signature)
        self.normalise = choice("normalise", normalise, ("none", "layer", "l2"))
        self.norm = nn.LayerNorm(inputs) if normalise == "layer" else nn.Identity()
        self.width = inputs if width is None else width
        sizes = (inputs, *wholes("hidden", hidden, least=0), *wholes("width", [self.width]))
        layers: list[nn.Module] = []
        for size, following in pairwise(sizes):
            layers += [drop(dropout), nn.Linear(size, following), nn.GELU()]
        self.layers = nn.Sequential(*layers[:-1])
        self.pool = None if pool == "none" else Pool(self.width, choice("pool", pool, ("none", "mean", "attention")))

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T, F) -> (B, T, D), or (B, 1, D) where pooled."""
        x = self.norm(blank(x, mask))
        x = functional.normalize(x, dim=-1) if self.normalise == "l2" else x
        encoded = Encoded(self.layers(x), mask)  # (B, T, D)
        return encoded if self.pool is None else Encoded(self.pool(encoded)[:, None], mask.any(1, keepdim=True))
