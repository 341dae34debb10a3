"""What the fusions share: reading modalities so that absent numbers cannot matter, pooling, weights over the present.

Letters as in core/schema.py. A number that stands where a mask is False, even an infinity or a NaN, is replaced before
any arithmetic, so neither it nor its gradient goes further. Nothing here gives NaN for a row without any modality.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from core.errors import ConfigError, unknown
from core.nn import Pool, drop, whole
from core.schema import Encoded


def read(encoded: Mapping[str, Encoded], names: Sequence[str]) -> list[Encoded]:
    """The modalities in the order of ``names``, padding blanked; one that is left out is absent in every row.

    Raises:
        ConfigError: for a modality that the fusion was not built for, or none at all.
    """
    for name in encoded:
        if name not in names:
            raise unknown("modality", name, names)
    if not encoded:
        raise ConfigError(f"no modality given; give at least one of {', '.join(names)}")
    like = next(iter(encoded.values()))
    tokens = like.tokens.new_zeros(len(like.tokens), 1, like.tokens.shape[-1])  # (B, 1, D)
    left_out = Encoded(tokens, like.mask.new_zeros(len(tokens), 1))
    found = (encoded.get(name, left_out) for name in names)
    return [Encoded(x.tokens.masked_fill(~x.mask[..., None], 0), x.mask) for x in found]


def mlp(width: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    """One hidden layer: (…, width) -> (…, outputs)."""
    return nn.Sequential(
        nn.Linear(width, whole("hidden", hidden)), nn.GELU(), drop(dropout), nn.Linear(hidden, outputs)
    )


class PoolEach(nn.Module):
    """Every modality to one vector, and which are present: the entry of the fusions that do not need tokens."""

    def __init__(self, names: Sequence[str], width: int, pool: str = "mean", dropout: float = 0.0) -> None:
        super().__init__()
        self.names = tuple(names)
        self.pools = nn.ModuleList(Pool(width, pool) for _ in names)
        self.dropout = drop(dropout)

    def forward(self, encoded: Mapping[str, Encoded]) -> tuple[Tensor, Tensor]:
        """M × (B, T, D) -> features (B, M, D) and present (B, M) bool."""
        modalities = read(encoded, self.names)
        features = torch.stack([pool(x) for pool, x in zip(self.pools, modalities)], 1)  # (B, M, D)
        return self.dropout(features), torch.stack([x.present for x in modalities], 1)


class Each(nn.Module):
    """One network for each modality, side by side."""

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, features: Tensor) -> Tensor:
        """(B, M, D) -> (B, M, whatever the networks give)."""
        return torch.stack([network(features[:, m]) for m, network in enumerate(self.networks)], 1)


class Absent(nn.Module):
    """A learned vector for each modality, which stands in where the modality is absent."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(count, width) * 0.02)  # (M, D)

    def forward(self, features: Tensor, present: Tensor) -> Tensor:
        """(B, M, D), (B, M) -> (B, M, D) with the absent replaced."""
        return torch.where(present[..., None], features, self.vectors.to(features.dtype))
