"""Attention blocks for the fusions that work on tokens; a case with nothing to attend to is left as it is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import ConfigError
from core.nn import drop, whole
from core.schema import Encoded


class Attention(nn.Module):
    """Multi-head attention from one set of tokens to another (Vaswani et al., NeurIPS 2017)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % whole("heads", heads):
            raise ConfigError(f"heads: width {width} cannot be shared out among {heads}; choose a divisor of {width}")
        self.heads = heads
        self.dropout = dropout
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, tokens: Tensor, source: Encoded) -> Tensor:
        """(B, Q, D) looks at the real ones of (B, T, D) -> (B, Q, D); zeros where there are none."""
        q, k, v = (  # each (B, heads, ·, D / heads)
            project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project, x in ((self.query, tokens), (self.key, source.tokens), (self.value, source.tokens))
        )
        some = source.present[:, None, None]  # (B, 1, 1)
        seen = (source.mask[:, None] | ~some)[:, None]  # (B, 1, 1, T): a softmax needs something to look at
        found = F.scaled_dot_product_attention(q, k, v, seen, self.dropout if self.training else 0.0)
        return self.out(found.transpose(1, 2).flatten(2)) * some  # (B, Q, D)


class Block(nn.Module):
    """Attention and a perceptron, each added to what came in, normalised before (Xiong et al., ICML 2020)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.norm_source, self.norm_inner = (nn.LayerNorm(width) for _ in range(3))
        self.attention = Attention(width, heads, dropout)
        self.inner = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), drop(dropout), nn.Linear(2 * width, width), drop(dropout)
        )

    def forward(self, tokens: Tensor, sources: Sequence[Encoded]) -> Tensor:
        """(B, Q, D) looks at each (B, T, D) alone -> (B, Q, D), the mean of what is found in those that are present."""
        query = self.norm(tokens)
        found = [self.attention(query, Encoded(self.norm_source(x.tokens), x.mask)) for x in sources]
        count = torch.stack([x.present for x in sources], 1).sum(1).clamp(min=1)  # (B,)
        tokens = tokens + sum(found) / count[:, None, None]  # (B, Q, D)
        return tokens + self.inner(self.norm_inner(tokens))
