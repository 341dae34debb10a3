"""A recurrent network over ids or float features: LSTM or GRU."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from core.encoders._embed import Embed
from core.encoders._shape import to_width
from core.nn import blank, choice, drop, whole
from core.schema import Encoded, Modality, Signature


class Rnn(nn.Module):
    """LSTM (Hochreiter and Schmidhuber 1997) or GRU (Cho et al. 2014); each case ends at its own last item.

    Args:
        signature: ids (T,) with a vocabulary, or features (T, F): words, audio frames, frozen features of video frames.
        width: D; None: hidden, doubled where bidirectional.
        cell: "lstm" or "gru".
        hidden: state width of one direction.
        layers: stacked layers.
        bidirectional: also read backwards.
        last: give the final state as one token, not one token an item.
        embedding: width of the vectors that the cells read.
        dropout: of these vectors, between layers and of the states.

    Raises:
        ConfigError: for samples of another shape, or a value that does not exist.
    """

    accepts: ClassVar = frozenset(Modality) - {Modality.TABULAR, Modality.PAIR}

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        cell: str = "lstm",
        hidden: int = 64,
        layers: int = 1,
        bidirectional: bool = True,
        last: bool = False,
        embedding: int = 64,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.embed = Embed("rnn", signature, whole("embedding", embedding))
        kind = nn.LSTM if choice("cell", cell, ("lstm", "gru")) == "lstm" else nn.GRU
        between = dropout if whole("layers", layers) > 1 else 0.0
        self.recurrent = kind(
            embedding, whole("hidden", hidden), layers, batch_first=True, bidirectional=bidirectional, dropout=between
        )
        self.ends = 2 if bidirectional else 1
        self.last = last
        self.dropout = drop(dropout)
        self.project, self.width = to_width(hidden * self.ends, width)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T) or (B, T, F) -> (B, T, D), or (B, 1, D) with ``last``."""
        x = self.dropout(self.embed(x, mask))  # (B, T, E)
        packed = pack_padded_sequence(x, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        steps, state = self.recurrent(packed)
        if self.last:
            final = state[0] if isinstance(state, tuple) else state  # (layers * ends, B, H)
            tokens = torch.cat(list(final[-self.ends :]), dim=-1)[:, None]  # (B, 1, ends * H)
            mask = mask.any(1, keepdim=True)
        else:
            tokens, _ = pad_packed_sequence(steps, batch_first=True, total_length=x.shape[1])  # (B, T, ends * H)
        return Encoded(blank(self.project(self.dropout(tokens)), mask), mask)
