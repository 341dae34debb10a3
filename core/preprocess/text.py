"""Texts to token ids or weighted terms. Letters as in ``core.schema``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import ConfigError, unknown
from core.preprocess.terms import TermWeights
from core.preprocess.tokens import PieceTokens, WordTokens
from core.preprocess.words import clean as clean_text
from core.schema import Signature

TOKENS = ("words", "wordpiece", "pretrained", "tfidf")


class TextPreprocessor:
    """Text cells to samples: ids (T,) int64, or pairs of term id and weight (T, 2) float32.

    Args:
        tokens: "words", "wordpiece" (pieces learned from the training texts), "pretrained"
            (the tokeniser of ``model``), "tfidf".
        max_tokens: longer texts are cut off; "tfidf" reads all.
        vocabulary: at most so many ids; for "tfidf" in each block of terms.
        min_count: rarer tokens are unknown; for "tfidf", terms of fewer texts.
        lower: letter case is ignored ("pretrained" decides for itself).
        clean: entities, tags, control characters and odd spaces are tidied away; see ``core.preprocess.words``.
        drop: literal strings cut out, such as "[MASK]".
        part_of_speech: "words" only: each token is a word with its tag.
        ngrams: "tfidf" only: terms of up to so many words.
        characters: "tfidf" only: a second block of two to five letters within words.
        model: "pretrained" only: a folder or a hub id.
        dropout: chance that training leaves a token out (Iyyer et al., "Deep Unordered Composition Rivals Syntactic
            Methods for Text Classification", 2015); one always stays, and special tokens do.

    Raises:
        ConfigError: for a value that does not exist or does not fit the others.
    """

    def __init__(
        self,
        tokens: str = "words",
        max_tokens: int = 256,
        vocabulary: int = 20_000,
        min_count: int = 2,
        lower: bool = True,
        clean: bool = True,
        drop: Sequence[str] = (),
        part_of_speech: bool = False,
        ngrams: int = 2,
        characters: bool = False,
        model: str | None = None,
        dropout: float = 0.0,
    ) -> None:
        if tokens not in TOKENS:
            raise unknown("tokens", tokens, TOKENS)
        if isinstance(drop, str):
            raise ConfigError(f"drop: expected a list of strings, found {drop!r}")
        if min(max_tokens, vocabulary, min_count, ngrams) < 1 or not 0 <= dropout < 1:
            raise ConfigError("max_tokens, vocabulary, min_count, ngrams must be at least 1, dropout from 0 to below 1")
        if (tokens == "pretrained") != (model is not None):
            raise ConfigError(f"model: a folder or hub id with tokens='pretrained', and only then, found {model!r}")
        if part_of_speech and tokens != "words":
            raise ConfigError(f"part_of_speech: with tokens='words' only, found {tokens!r}")
        self.tokens, self.max_tokens, self.clean, self.drop, self.dropout = tokens, max_tokens, clean, drop, dropout
        self._tokens: WordTokens | PieceTokens | TermWeights
        if tokens == "words":
            self._tokens = WordTokens(vocabulary, min_count, lower, part_of_speech)
        elif tokens == "tfidf":
            self._tokens = TermWeights(vocabulary, min_count, lower, ngrams, characters)
        else:
            self._tokens = PieceTokens(vocabulary, min_count, lower, max_tokens, model)

    @property
    def signature(self) -> Signature:
        """One token id, or one pair of term id and weight."""
        return Signature((2,) if self.tokens == "tfidf" else (), self._tokens.vocabulary)

    def fit(self, cells: Iterable[str]) -> None:
        """Learn the vocabulary from the texts of the training rows."""
        self._tokens.fit(self.cleaned(cell) for cell in cells)

    def state(self) -> dict[str, Any]:
        """The vocabulary, as JSON."""
        return self._tokens.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a saved vocabulary."""
        self._tokens.restore(state)

    def cleaned(self, cell: str) -> str:
        """The text that tokens are made of and that ``places`` point into."""
        if self.clean:
            return clean_text(cell, self.drop)
        for part in self.drop:
            cell = cell.replace(part, " ")
        return cell

    def prepare(self, cell: str) -> np.ndarray:
        """Ids (T,) int64 or pairs (T, 2) float32; a text without tokens has one item of zero."""
        items = self._tokens.encode(self.cleaned(cell))
        if not len(items):
            return np.zeros((1, *items.shape[1:]), dtype=items.dtype)
        return items if self.tokens == "tfidf" else items[: self.max_tokens]

    def finish(self, prepared: np.ndarray, rng: np.random.Generator | None = None) -> Tensor:
        """The sample; with an ``rng``, tokens are left out at random."""
        if rng is not None and self.dropout:
            kept = (rng.random(len(prepared)) >= self.dropout) | self._is_special(prepared)  # (T,)
            kept[rng.integers(len(prepared))] |= not kept.any()
            prepared = prepared[kept]
        return torch.from_numpy(prepared.copy())

    def emptied(self, prepared: np.ndarray) -> np.ndarray:
        """The same items without a word in them: special tokens stay, other ids and all weights are 0."""
        if prepared.ndim == 1:
            return np.where(self._is_special(prepared), prepared, 0)
        return np.stack([prepared[:, 0], np.zeros_like(prepared[:, 1])], axis=1)  # (T, 2)

    def places(self, cell: str) -> list[list[tuple[int, int]]]:
        """(start, end) of each of the T items in ``cleaned(cell)``: a term of "tfidf" may stand in several places.

        (0, 0), or no place, for an item that stands for no letters.
        """
        if isinstance(self._tokens, TermWeights):
            return self._tokens.places(self.cleaned(cell)) or [[]]
        spans = self._tokens.spans(self.cleaned(cell)) or [(0, 0)]
        return [[span] for span in spans[: self.max_tokens]]

    def _is_special(self, items: np.ndarray) -> np.ndarray:
        return np.isin(items, self._tokens.special) if items.ndim == 1 else np.zeros(len(items), dtype=bool)
