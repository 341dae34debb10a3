"""A text and what it is compared with, as numbers of their overlap, terms within a context, or tokens of all of them.

The first column of the cell is the text; a later one may hold several texts to choose from, separated by "|", of which
the best match counts. Letters as in ``core.schema``.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import ConfigError, unknown
from core.preprocess.overlap import COMPARED, OWN, Overlap, Words
from core.preprocess.terms import TermBlock
from core.preprocess.tokens import PieceTokens
from core.preprocess.words import clean
from core.schema import Signature

FEATURES = ("overlap", "terms", "sentences")
_KEPT = 4096  # texts whose words are remembered: the same reference is compared with many answers


class PairPreprocessor:
    """Cells {column: text} to samples.

    Args:
        features: "overlap" (1, F): see ``core.preprocess.overlap``, for each compared column of the best match and of
            the mean over its texts; "terms" (T, 2): words and word pairs of the text, each a term of its own in each
            context, so that a model learns what is right under this question and no other (Daumé, "Frustratingly Easy
            Domain Adaptation", 2007); "sentences" (T, 3): token id, column and number of the text in its column, for
            the encoder ``sentence_pair``.
        compared: how many columns the first is compared with, in their order.
        context: "terms" only: the column that names the context; None: the last one.
        model: "sentences" only: folder or hub id of the tokeniser.
        max_tokens: of each text, for "sentences".
        vocabulary: most terms.
        min_count: texts that a term must stand in.

    Raises:
        ConfigError: for a value that does not exist or does not fit the others.
    """

    def __init__(
        self,
        features: str = "overlap",
        compared: int = 1,
        context: str | None = None,
        model: str | None = None,
        max_tokens: int = 128,
        vocabulary: int = 20_000,
        min_count: int = 2,
    ) -> None:
        if features not in FEATURES:
            raise unknown("features of a pair", features, FEATURES)
        if (features == "sentences") != (model is not None):
            raise ConfigError(f"model: a folder or hub id with features='sentences', and only then, found {model!r}")
        if min(compared, max_tokens, vocabulary, min_count) < 1:
            raise ConfigError("compared, max_tokens, vocabulary and min_count must be at least 1")
        self.features, self.compared, self.context = features, compared, context
        self.overlap, self.terms = Overlap(), TermBlock(_in_context, vocabulary, min_count)
        self.pieces = PieceTokens(vocabulary, 1, True, max_tokens, model)
        self._read: OrderedDict[str, Words] = OrderedDict()

    @property
    def signature(self) -> Signature:
        """F numbers, pairs of term id and weight, or token id, column and number."""
        if self.features == "overlap":
            return Signature((len(OWN) + 2 * len(COMPARED) * self.compared,))
        if self.features == "terms":
            return Signature((2,), max(1, len(self.terms.terms)))
        return Signature((3,), self.pieces.vocabulary)

    def fit(self, cells: Iterable[Mapping[str, str]]) -> None:
        """Learn rare words, or terms, from the training rows; a pretrained tokeniser is loaded."""
        if self.features == "sentences":
            self.pieces.fit(())
        elif self.features == "terms":
            count = 0
            for cell in cells:
                self.terms.add(self._contextual(cell))
                count += 1
            self.terms.settle(count)
        else:
            texts = dict.fromkeys(t for cell in cells for column in self._texts(cell) for t in column)
            self.overlap.fit(Words.of(t) for t in texts)

    def prepare(self, cell: Mapping[str, str]) -> np.ndarray:
        """The sample: (1, F) float32, (T, 2) float32 or (T, 3) int64."""
        if self.features == "overlap":
            return self._overlap(cell)
        if self.features == "terms":
            pairs = np.stack(self.terms.encode(self._contextual(cell)), axis=1)  # (T, 2)
            return (pairs if len(pairs) else np.zeros((1, 2))).astype(np.float32)
        found = [
            (token, column, number)
            for column, texts in enumerate(self._texts(cell))
            for number, text in enumerate(texts)
            for token in self.pieces.encode(text).tolist()
        ]
        return np.array(found, dtype=np.int64)  # (T, 3)

    def finish(self, prepared: np.ndarray, rng: np.random.Generator | None = None) -> Tensor:
        """The sample as a tensor; never augmented."""
        return torch.from_numpy(prepared.copy())

    def state(self) -> dict[str, Any]:
        """What ``fit`` learned."""
        if self.features == "sentences":
            return self.pieces.state()
        return self.terms.state() if self.features == "terms" else self.overlap.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a saved state."""
        part = {"sentences": self.pieces, "terms": self.terms, "overlap": self.overlap}[self.features]
        part.restore(state)  # type: ignore[attr-defined]

    def _texts(self, cell: Mapping[str, str]) -> list[list[str]]:
        """The text, then the texts of each compared column; a blank column has none."""
        first, *others = cell.values()
        split = [[t for part in o.split("|") if (t := clean(part))] for o in others[: self.compared]]
        return [[clean(first)], *split]

    def _contextual(self, cell: Mapping[str, str]) -> str:
        columns = list(cell)
        if self.context is not None and self.context not in cell:
            raise unknown("context column of a pair", self.context, columns)
        named = " ".join(clean(cell[self.context or columns[-1]]).lower().split())
        return f"{hashlib.sha256(named.encode()).hexdigest()[:12]} {clean(cell[columns[0]])}"

    def _overlap(self, cell: Mapping[str, str]) -> np.ndarray:
        (text,), *compared = [[self._words(t) for t in texts] for texts in self._texts(cell)]
        parts = self.overlap.own(text, [w for words in compared for w in words])
        for place, words in enumerate(compared):
            beside = frozenset[str]().union(*(w.kinds for i, o in enumerate(compared) if i != place for w in o))
            parts += self._best_and_mean([self.overlap.compare(text, w, beside) for w in words])
        parts += [0.0] * (self.signature.shape[0] - len(parts))
        return np.array([parts], dtype=np.float32)  # (1, F)

    def _best_and_mean(self, found: Sequence[list[float]]) -> list[float]:
        """The numbers of the text that matches best (by cosine and rare words met), then the mean over all."""
        if not found:
            return [0.0] * (2 * len(COMPARED))
        cosine, recall = COMPARED.index("cosine"), COMPARED.index("rare_recall")
        best = max(found, key=lambda numbers: numbers[cosine] + numbers[recall])
        return [*best, *np.mean(found, axis=0).tolist()]

    def _words(self, text: str) -> Words:
        if (known := self._read.get(text)) is None:
            known = self._read[text] = Words.of(text)
            if len(self._read) > _KEPT:
                self._read.popitem(last=False)
        return known


def _in_context(text: str) -> list[str]:
    """Stems and pairs of stems of "CONTEXT text", each with the context in front."""
    context, _, rest = text.partition(" ")
    words = Words.of(rest)
    return [f"{context} {term}" for term in (*words.stems, *words.pairs)]
