"""Cross-modal attention: the tokens of each modality look at those of each other one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from core.fusion._attention import Block
from core.fusion._pooling import Absent, read
from core.nn import Pool, drop
from core.schema import Encoded


class CrossAttention(nn.Module):
    """Multimodal Transformer (Tsai et al., MulT, ACL 2019).

    Unlike the paper's, blocks belong to the modality that looks and are shared by those looked at, which are told apart
    by an embedding: parameters grow with the modalities, not with their pairs. What a modality finds is averaged over
    the others that are present; one that is alone keeps its own tokens.

    Args:
        names: the modalities.
        width: D of the tokens.
        outputs: K.
        heads: attention heads; a divisor of ``width``.
        pool: "mean" or "attention" over the tokens of a modality.
        dropout: share of attention and features dropped in training.
    """

    def __init__(
        self,
        names: Sequence[str],
        width: int,
        outputs: int,
        heads: int = 4,
        pool: str = "mean",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.names = tuple(names)
        self.kind = nn.Parameter(torch.randn(len(names), width) * 0.02)  # (M, D)
        self.looks = nn.ModuleList(Block(width, heads, dropout) for _ in names)
        self.pools = nn.ModuleList(Pool(width, pool) for _ in names)
        self.absent = Absent(len(names), width)
        self.head = nn.Sequential(drop(dropout), nn.Linear(len(names) * width, outputs))

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """M × (B, T, D) -> logits (B, K)."""
        modalities = [Encoded(x.tokens + kind, x.mask) for x, kind in zip(read(encoded, self.names), self.kind)]
        present = torch.stack([x.present for x in modalities], 1)  # (B, M)
        nothing = Encoded(modalities[0].tokens[:, :1], modalities[0].mask[:, :1] & False)  # what a single one looks at
        looked = [
            block(x.tokens, [y for y in modalities if y is not x] or [nothing])
            for block, x in zip(self.looks, modalities)
        ]
        features = [pool(Encoded(t, x.mask)) for pool, t, x in zip(self.pools, looked, modalities)]  # M × (B, D)
        joint = self.absent(torch.stack(features, 1), present)  # (B, M, D)
        return self.head(joint.flatten(1))  # (B, K)
