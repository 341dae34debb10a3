"""Ids or float features as vectors of one width: the entry of the encoders that read sequences."""

from __future__ import annotations

from torch import Tensor, nn

from core.encoders._shape import features, is_ids
from core.nn import blank
from core.schema import Signature


class Embed(nn.Module):
    """Samples (B, T) of ids by a table, samples (B, T, F) by a linear step, to (B, T, E); padding becomes zero."""

    def __init__(self, name: str, signature: Signature, size: int) -> None:
        super().__init__()
        ids = is_ids(signature)
        self.embed: nn.Module = (
            nn.Embedding(signature.vocabulary or 0, size) if ids else nn.Linear(features(name, signature), size)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T) or (B, T, F) -> (B, T, E)."""
        return blank(self.embed(blank(x, mask)), mask)  # (B, T, E)
