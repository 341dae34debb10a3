"""What the fusions share: reading modalities so that absent numbers cannot matter, pooling, weights over the present.

Letters as in core/schema.py. A number that stands where a mask is False, even an infinity or a NaN, is replaced before
any arithmetic, so neither it nor its gradient goes further. Nothing here gives NaN for a row without any modality.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from core.errors import ConfigError, unknown
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


def masked_softmax(scores: Tensor, mask: Tensor, dim: int = -1) -> Tensor:
    """Softmax over the True places of ``mask``; 0 at the others, also where all are False."""
    return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim) * mask


def whole(what: str, value: object, low: int = 1) -> int:
    """``value`` if it is a whole number of at least ``low``.

    Raises:
        ConfigError: if it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ConfigError(f"{what}: expected a whole number of at least {low}, found {value!r}")
    return value


def drop(rate: float) -> nn.Dropout:
    """Dropout at a rate that is checked.

    Raises:
        ConfigError: for a rate outside [0, 1).
    """
    if not 0 <= rate < 1:
        raise ConfigError(f"dropout: expected a share from 0 to below 1, found {rate!r}")
    return nn.Dropout(rate)


def mlp(width: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    """One hidden layer: (…, width) -> (…, outputs)."""
    return nn.Sequential(
        nn.Linear(width, whole("hidden", hidden)), nn.GELU(), drop(dropout), nn.Linear(hidden, outputs)
    )


class Pool(nn.Module):
    """Real tokens of one modality to one vector: their mean, or weighed by attention (Ilse et al., ICML 2018)."""

    def __init__(self, width: int, how: str = "mean") -> None:
        super().__init__()
        if how not in ("mean", "attention"):
            raise unknown("pool", how, ("mean", "attention"))
        score = (nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        self.score = nn.Sequential(*score) if how == "attention" else None

    def forward(self, x: Encoded) -> Tensor:
        """(B, T, D) -> (B, D); zeros for a row without real tokens, to be replaced by whoever reads it."""
        if self.score is None:
            weights = x.mask / x.mask.sum(1, keepdim=True).clamp(min=1)  # (B, T)
        else:
            weights = masked_softmax(self.score(x.tokens)[..., 0], x.mask)  # (B, T)
        return (weights[..., None] * x.tokens).sum(1)  # (B, D)


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
