"""A text beside the texts that it is compared with, each as one vector of a pretrained sentence encoder."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from core.encoders._shape import describe, to_width
from core.encoders.pretrained import Pretrained
from core.errors import ConfigError
from core.nn import whole
from core.schema import Encoded, Modality, Signature

_KEPT = 4096  # texts whose vectors are remembered: the same reference is compared with many answers


class SentencePair(nn.Module):
    """Of the text u and its best match v in the first compared column |u − v| and u · v; cosines of every column.

    Reimers and Gurevych, "Sentence-BERT", 2019. Samples are (T, 3): token id, column (0 is the text) and number of the
    text within its column. A frozen backbone: vectors of texts are remembered.

    Args:
        signature: (T, 3) with the vocabulary of the model's own tokeniser.
        width: D; None: as many as there are features.
        model: folder or hub id of a transformer for sentences, whose mean token is the sentence.
        compared: columns that the text is compared with; see ``core.preprocess.pair``.
        weights: False builds from the configuration alone, with random weights.

    Raises:
        ConfigError: for samples of another shape, or a model that does not exist.
    """

    accepts: ClassVar = frozenset({Modality.PAIR})

    def __init__(
        self, signature: Signature, width: int | None, model: str = "", compared: int = 1, weights: bool = True
    ) -> None:
        super().__init__()
        if signature.shape != (3,) or signature.vocabulary is None:
            raise ConfigError(f"encoder 'sentence_pair' takes (T, 3) of token, column, text, not {describe(signature)}")
        ids = Signature((), signature.vocabulary)
        self.sentences = Pretrained(ids, None, model, pool="mean", weights=weights)
        self.compared, self.size = whole("compared", compared), self.sentences.width
        self.project, self.width = to_width(2 * self.size + 3 * compared, width)
        self._known: OrderedDict[bytes, Tensor] = OrderedDict()

    def save_assets(self, folder: Path) -> None:
        """Write what rebuilds the network without weights."""
        self.sentences.save_assets(folder)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T, 3) -> (B, 1, D)."""
        found = [self._split(case[here].long()) for case, here in zip(x, mask)]
        vectors = self._vectors([text for columns in found for texts in columns for text in texts])
        features = torch.stack(
            [self._features([[next(vectors) for _ in texts] for texts in c]) for c in found]
        )  # (B,F)
        return Encoded(self.project(features)[:, None], mask.any(1, keepdim=True))  # (B, 1, D)

    def _split(self, tokens: Tensor) -> list[list[Tensor]]:
        """Tokens (T, 3) as ids of each text of each column."""
        columns = [tokens[tokens[:, 1] == c] for c in range(self.compared + 1)]
        return [[c[c[:, 2] == n, 0] for n in c[:, 2].unique().tolist()] for c in columns]

    def _vectors(self, texts: list[Tensor]) -> Iterator[Tensor]:
        keys = [t.cpu().numpy().tobytes() for t in texts]
        new = {k: t for k, t in zip(keys, texts) if k not in self._known}
        known = {k: self._known[k] for k in keys if k in self._known}
        if new:
            ids = pad_sequence(list(new.values()), batch_first=True)  # (N, T)
            lengths = torch.tensor([len(t) for t in new.values()], device=ids.device)
            encoded = self.sentences(ids, torch.arange(ids.shape[1], device=ids.device)[None] < lengths[:, None])
            known |= dict(zip(new, normalize(encoded.tokens[:, 0], dim=-1).detach()))  # (N, size)
        self._remember(known)
        return iter([known[k] for k in keys])

    def _remember(self, known: dict[bytes, Tensor]) -> None:
        self._known.update(known)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)

    def _features(self, columns: list[list[Tensor]]) -> Tensor:
        """|u − v| and u · v of the first column's best match, then two cosines and a flag a column: (F,)."""
        u = columns[0][0] if columns[0] else self._nothing()
        cosines = [torch.stack([u @ v for v in texts]) if texts else None for texts in columns[1:]]
        first = cosines[0]
        v = columns[1][int(first.argmax())] if first is not None else self._nothing()
        blank = u.new_zeros(3)
        scores = [blank if c is None else torch.stack([c.max(), c.mean(), c.new_ones(())]) for c in cosines]
        scale = self.size**0.5  # of unit vectors, so that a number is about 1
        return torch.cat([(u - v).abs() * scale, u * v * self.size, *scores])

    def _nothing(self) -> Tensor:
        return next(self.sentences.parameters()).new_zeros(self.size)
