"""A text beside the texts that it is compared with, each as one vector of a pretrained sentence encoder."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from core.encoders._shape import describe, to_width
from core.encoders.pretrained import Pretrained
from core.errors import ConfigError
from core.nn import whole
from core.schema import Encoded, Modality, Signature

_KEPT = 1024  # texts that are remembered: the same reference is compared with many answers
_NUMBERS = 10  # of every compared column, see ``_compare``
_TIMES = 32  # that the first column's numbers are there, lest some hundred products of vectors drown them


class _Text(NamedTuple):
    """A text by its whole (size,) and its tokens (T, size), all of length 1."""

    whole: Tensor
    tokens: Tensor


class SentencePair(nn.Module):
    """Of the text u and its best match v in the first compared column |u − v| and u · v; how all columns align.

    Sentences: Reimers and Gurevych, "Sentence-BERT", 2019. Tokens are aligned to their nearest ones by cosine: Zhang et
    al., "BERTScore", 2020. Samples are (T, 3): token id, column (0 is the text) and number of the text within its
    column. A frozen backbone: vectors of texts are remembered.

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
        self.sentences = Pretrained(ids, None, model, weights=weights)
        self.compared, self.size = whole("compared", compared), self.sentences.width
        self.project, self.width = to_width(2 * self.size + _NUMBERS * (_TIMES + compared), width)
        self._known: OrderedDict[tuple[str, bytes], _Text] = OrderedDict()  # by device and token ids

    def save_assets(self, folder: Path) -> None:
        """Write what rebuilds the network without weights."""
        self.sentences.save_assets(folder)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T, 3) -> (B, 1, D)."""
        found = [self._split(case[here].long()) for case, here in zip(x, mask)]
        texts = self._encode([text for columns in found for ids in columns for text in ids])
        features = torch.stack([self._features([[next(texts) for _ in ids] for ids in c]) for c in found])  # (B, F)
        return Encoded(self.project(features)[:, None], mask.any(1, keepdim=True))  # (B, 1, D)

    def _split(self, tokens: Tensor) -> list[list[Tensor]]:
        """Tokens (T, 3) as ids of each text of each column."""
        columns = [tokens[tokens[:, 1] == c] for c in range(self.compared + 1)]
        return [[c[c[:, 2] == n, 0] for n in c[:, 2].unique().tolist()] for c in columns]

    def _encode(self, texts: list[Tensor]) -> Iterator[_Text]:
        keys = [(str(t.device), t.cpu().numpy().tobytes()) for t in texts]
        new = {k: t for k, t in zip(keys, texts) if k not in self._known}
        known = {k: self._known[k] for k in keys if k in self._known}
        if new:
            ids = pad_sequence(list(new.values()), batch_first=True)  # (N, T)
            lengths = torch.tensor([len(t) for t in new.values()], device=ids.device)
            states = self.sentences(ids, torch.arange(ids.shape[1], device=ids.device)[None] < lengths[:, None]).tokens
            known |= {k: _text(s[: len(t)].detach()) for (k, t), s in zip(new.items(), states)}
        self._known.update(known)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return iter([known[k] for k in keys])

    def _features(self, columns: list[list[_Text]]) -> Tensor:
        """|u − v| and u · v of the first column's best match, then the numbers of every column: (F,)."""
        nothing = self._nothing()
        text = columns[0][0] if columns[0] else nothing
        best = [max(c, key=lambda other: float(text.whole @ other.whole)) if c else None for c in columns[1:]]
        numbers = []
        for place, other in enumerate(best):
            beside = [b.tokens for i, b in enumerate(best) if i != place and b is not None]
            numbers.append(_compare(text, other, columns[place + 1], torch.cat(beside) if beside else None))
        u, v = text.whole, (best[0] or nothing).whole
        scale = self.size**0.5  # of unit vectors, so that a number is about 1
        weighty = (numbers[0] - 0.5) * 4 * numbers[0][-1]  # of the same size as the products; 0 where it is blank
        return torch.cat([(u - v).abs() * scale, u * v * self.size, weighty.repeat(_TIMES), *numbers])

    def _nothing(self) -> _Text:
        blank = next(self.sentences.parameters()).new_zeros(1, self.size)
        return _Text(blank[0], blank)


def _text(states: Tensor) -> _Text:
    """A text from its states (T, size); the first and last token, which stand for no letters, are not aligned."""
    inner = states[1:-1] if len(states) > 2 else states
    return _Text(normalize(states.mean(dim=0), dim=-1), normalize(inner, dim=-1))


def _compare(text: _Text, best: _Text | None, others: list[_Text], beside: Tensor | None) -> Tensor:
    """Two cosines; tokens met either way, in the mean and in the worst third; the same for what is not beside; a flag.

    ``beside``: tokens of other columns; what is near to them proves little.
    """
    if best is None:
        return text.whole.new_zeros(_NUMBERS)
    near = text.tokens @ best.tokens.T  # (T of the text, T of the best)
    met, meant = near.amax(dim=0), near.amax(dim=1)  # of the other's tokens, of the text's
    cosines = torch.stack([text.whole @ other.whole for other in others])
    own, wanted = (_new(t.tokens, beside) for t in (text, best))
    return torch.stack(
        [
            cosines.max(), cosines.mean(), met.mean(), meant.mean(), _worst(met), _worst(meant),
            (met * wanted).sum() / wanted.sum().clamp_min(1e-6), (meant * own).sum() / own.sum().clamp_min(1e-6),
            own.mean(), cosines.new_ones(()),
        ]
    )  # fmt: skip


def _new(tokens: Tensor, beside: Tensor | None) -> Tensor:
    """How far each token (T, size) is from all of ``beside``: (T,) from 0 to 1."""
    return tokens.new_ones(len(tokens)) if beside is None else 1 - (tokens @ beside.T).amax(dim=1).clamp(0, 1)


def _worst(near: Tensor) -> Tensor:
    """Mean of the lowest third."""
    return near.sort().values[: max(1, len(near) // 3)].mean()
