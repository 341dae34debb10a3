"""Weighted terms of a text: a linear model on TF-IDF whose outputs are a token."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from core.encoders._shape import describe, is_ids
from core.errors import ConfigError
from core.nn import blank, drop, whole
from core.schema import Encoded, Modality, Signature


class Lexical(nn.Module):
    """The weighted sum of the vectors of a text's terms: linear in TF-IDF, order does not matter.

    Samples are pairs of id and weight (T, 2), or ids (T,) of weight 1 each. One token a case.

    Args:
        signature: with a vocabulary.
        width: D; None: 64.
        dropout: of the sum.
        init: standard deviation of the vectors at the start; 0: every text starts as the same token. Small, so that a
            rare term adds no noise before it has been learned.

    Raises:
        ConfigError: for samples without a vocabulary, or a value out of range.
    """

    accepts: ClassVar = frozenset({Modality.TEXT, Modality.PAIR})

    def __init__(self, signature: Signature, width: int | None, dropout: float = 0.1, init: float = 0.02) -> None:
        super().__init__()
        pairs = signature.vocabulary is not None and signature.shape == (2,)
        if not (pairs or is_ids(signature)):
            raise ConfigError(f"encoder 'lexical' takes pairs of id and weight (T, 2), not {describe(signature)}")
        if init < 0:
            raise ConfigError(f"init: expected a standard deviation of at least 0, found {init!r}")
        self.pairs, self.width = pairs, 64 if width is None else whole("width", width)
        self.terms = nn.EmbeddingBag(signature.vocabulary or 0, self.width, mode="sum")
        nn.init.normal_(self.terms.weight, std=init)
        self.bias = nn.Parameter(torch.zeros(self.width))  # (D,)
        self.dropout = drop(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T, 2) or (B, T) -> (B, 1, D)."""
        x = blank(x, mask)
        ids, weights = (x[..., 0].long(), x[..., 1]) if self.pairs else (x, mask.to(self.terms.weight.dtype))  # (B, T)
        total = self.terms(ids, per_sample_weights=weights) + self.bias  # (B, D)
        return Encoded(self.dropout(total)[:, None], mask.any(1, keepdim=True))  # (B, 1, D)
