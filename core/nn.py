"""Parts of networks that encoders and fusions share, and checks of their options. Letters as in core/schema.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from core.errors import ConfigError, unknown
from core.numbers import counted
from core.schema import Encoded


def whole(what: str, value: object, low: int = 1) -> int:
    """``value`` if it is a whole number of at least ``low``.

    Raises:
        ConfigError: if it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ConfigError(f"{what}: expected a whole number of at least {low}, found {value!r}")
    return value


def wholes(what: str, values: Sequence[int], least: int = 1) -> tuple[int, ...]:
    """``values`` as a tuple if they are at least ``least`` whole numbers from 1.

    Raises:
        ConfigError: if they are not.
    """
    if not isinstance(values, list | tuple) or len(values) < least:
        raise ConfigError(f"{what}: expected a list of at least {counted(least, 'whole number')}, found {values!r}")
    return tuple(whole(what, value) for value in values)


def choice(what: str, value: str, choices: Iterable[str]) -> str:
    """``value`` if it is one of the choices.

    Raises:
        ConfigError: if it is not; the message lists them.
    """
    known = tuple(choices)
    if value not in known:
        raise unknown(what, value, known)
    return value


def drop(rate: float) -> nn.Dropout:
    """Dropout at a rate that is checked.

    Raises:
        ConfigError: for a rate outside [0, 1).
    """
    if not 0 <= rate < 1:
        raise ConfigError(f"dropout: expected a share from 0 to below 1, found {rate!r}")
    return nn.Dropout(rate)


def masked_softmax(scores: Tensor, mask: Tensor, dim: int = -1) -> Tensor:
    """Softmax over the True places of ``mask``; 0 at the others, also where all are False."""
    return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim) * mask


def blank(x: Tensor, mask: Tensor) -> Tensor:
    """(B, T, …) with zeros where ``mask`` (B, T) is False, whatever stood there, even a NaN."""
    return x.masked_fill(~mask.reshape(*mask.shape, *[1] * (x.ndim - 2)), 0)


def scatter(items: Tensor, mask: Tensor) -> Tensor:
    """Features of the N real items (N, …) to their places in (B, T, …); zeros elsewhere."""
    return items.new_zeros((*mask.shape, *items.shape[1:])).index_put((mask,), items)


class Pool(nn.Module):
    """Real tokens of one modality to one vector: their mean, or weighed by attention (Ilse et al., ICML 2018)."""

    def __init__(self, width: int, how: str = "mean") -> None:
        super().__init__()
        choice("pool", how, ("mean", "attention"))
        score = (nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        self.score = nn.Sequential(*score) if how == "attention" else None

    def forward(self, x: Encoded) -> Tensor:
        """(B, T, D) -> (B, D); zeros for a row without real tokens, to be replaced by whoever reads it."""
        if self.score is None:
            weights = x.mask / x.mask.sum(1, keepdim=True).clamp(min=1)  # (B, T)
        else:
            weights = masked_softmax(self.score(x.tokens)[..., 0], x.mask)  # (B, T)
        return (weights[..., None] * x.tokens).sum(1)  # (B, D)
