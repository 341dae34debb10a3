"""Words to labels: each word by itself, its ends and its shape, read both ways. Letters as in ``core.schema``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from core import encoders
from core.schema import Modality, Signature

_MOST, _LEAST = 8000, 2  # words that are kept, and how often they must have been seen
_WIDTH = 48
_DIGIT, _LETTER, _REPEATED = re.compile(r"\d"), re.compile(r"[^\W\d_]"), re.compile(r"(.)\1+")


def looks(word: str) -> tuple[str, str, str, str]:
    """What is known of a word: itself with digits as 0, how it begins, how it ends, and its shape.

    >>> looks("AB1234")
    ('ab0000', 'ab0', '000', 'a0')
    """
    plain = _DIGIT.sub("0", word.lower())
    shape = _REPEATED.sub(r"\1", _LETTER.sub("a", plain))
    return plain, plain[:3], plain[-3:], shape + ("+" if len(word) > 12 else "")


@dataclass(frozen=True)
class Vocabulary:
    """Ids of the four looks of a word; 0 is unknown."""

    ids: tuple[dict[str, int], ...] = field(default=({}, {}, {}, {}))

    @classmethod
    def fit(cls, texts: Sequence[Sequence[str]]) -> Self:
        """Keep the most frequent values of each look."""
        counts = [Counter[str]() for _ in range(4)]
        for words in texts:
            for word in words:
                for count, look in zip(counts, looks(word)):
                    count[look] += 1
        kept = ([v for v, n in c.most_common(_MOST) if n >= _LEAST] for c in counts)
        return cls(tuple({v: i + 1 for i, v in enumerate(values)} for values in kept))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Ids of each look are below these numbers."""
        return tuple(len(i) + 1 for i in self.ids)

    def batch(self, texts: Sequence[Sequence[str]], drop: float = 0.0) -> tuple[Tensor, Tensor]:
        """Texts to ids (B, T, 4) and mask (B, T); ``drop``: the share of words that is made unknown, in training."""
        rows = [
            torch.tensor([[i.get(v, 0) for i, v in zip(self.ids, looks(w))] for w in words]).reshape(-1, 4)
            for words in texts
        ]
        ids = pad_sequence(rows, batch_first=True)  # (B, T, 4)
        mask = torch.arange(ids.shape[1])[None] < torch.tensor([len(r) for r in rows])[:, None]  # (B, T)
        if drop:
            ids[..., 0] *= torch.rand(ids.shape[:2]) >= drop
        return ids, mask

    def state(self) -> list[list[str]]:
        """The values of each look in order."""
        return [list(i) for i in self.ids]

    @classmethod
    def of_state(cls, state: Any) -> Self:
        """What ``state`` gave."""
        return cls(tuple({str(v): i + 1 for i, v in enumerate(values)} for values in state))


class Tagger(nn.Module):
    """Vectors of the looks, the engine's recurrent encoder over them, and a linear head for each word."""

    def __init__(self, sizes: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.looks = nn.ModuleList(nn.Embedding(size, _WIDTH) for size in sizes)
        options: dict[str, Any] = {"hidden": 96, "embedding": 128, "dropout": 0.3}
        self.encoder = encoders.build("rnn", Modality.TEXT, Signature((4 * _WIDTH,)), 128, options)
        self.head = nn.Linear(128, outputs)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(B, T, 4) and (B, T) to logits (B, T, labels)."""
        x = torch.cat([look(ids[..., i]) for i, look in enumerate(self.looks)], dim=-1)  # (B, T, 4 E)
        return self.head(self.encoder(x, mask).tokens)
