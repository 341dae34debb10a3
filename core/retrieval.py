"""Find texts by words and by meaning: BM25 and vectors of sentences, each on a fixed scale, fused by a weight.

N  texts of the index            Q  queries
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.errors import ConfigError
from core.progress import Progress, silent
from core.sentences import model_name, sentence_vectors

WORDS, MEANING = "words", "meaning"
_WEIGHTS = tuple(np.linspace(0, 1, 11).round(1).tolist())


@dataclass(frozen=True)
class Hit:
    """One text that was found: its place in the index, its fused score, and what the parts of that score are."""

    index: int
    score: float
    parts: dict[str, float] = field(default_factory=dict)


class TextIndex:
    """An index of texts, held in memory.

    ``words``: BM25 (Lucene's variant) as a share of what the query's words could reach at most, so 0 where no word is
    shared, near 1 where all are, and low where the query's words are unknown. ``meaning``: the cosine of sentence
    vectors, cut off below 0. Both in [0, 1]; the score is their mean weighted by ``weight``.

    Args:
        texts: at least one.
        model: folder or hub id of a sentence encoder; None: the installed MiniLM, and where none is installed TF-IDF
            of words and letters takes the place of sentence vectors. ``uses`` says which it is.
        weight: of meaning against words, 0 to 1.
        vectors: (N, D) of these texts, where they are known already.

    Raises:
        ConfigError: without texts, or a weight outside 0 to 1.
    """

    def __init__(
        self,
        texts: Sequence[str],
        model: str | None = None,
        *,
        weight: float = 0.6,
        vectors: np.ndarray | None = None,
        progress: Progress = silent,
    ) -> None:
        if not texts:
            raise ConfigError("an index needs at least one text; none was given")
        if not 0 <= weight <= 1:
            raise ConfigError(f"weight: expected a number from 0 (words alone) to 1 (meaning alone), found {weight!r}")
        self.texts, self.model, self.weight = list(texts), model, weight
        self._words = _Words([words(t) for t in self.texts])
        name = model_name(model)
        self.uses = {WORDS: "BM25", MEANING: name or "TF-IDF of words and letters (no sentence encoder is installed)"}
        self._terms = _Terms(self.texts) if name is None else None
        if name is not None and vectors is None:
            vectors = sentence_vectors(self.texts, model, progress=progress)
        self.vectors: np.ndarray | None = vectors  # (N, D); None with TF-IDF

    def __len__(self) -> int:
        return len(self.texts)

    def vector(self, query: str) -> np.ndarray | None:
        """The vector of a query, (D,), for indices that share it; None with TF-IDF. It is not kept on disk."""
        return None if self._terms is not None else sentence_vectors([query], self.model, keep=False)[0]

    def scores(self, query: str, vector: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """What each part says of every text: (N,) in [0, 1]. ``vector``: of the query, where it is known already."""
        if self._terms is not None:
            meaning = self._terms.scores(query)
        else:
            assert self.vectors is not None
            known = vector if vector is not None else self.vector(query)
            meaning = self.vectors @ known  # (N,)
        return {WORDS: self._words.scores(words(query)), MEANING: np.clip(meaning, 0, 1)}

    def search(self, query: str, k: int = 10) -> list[Hit]:
        """The ``k`` texts with the highest scores, best first; fewer where the index is smaller."""
        parts = self.scores(query)
        fused = self.fuse(parts)  # (N,)
        k = min(k, len(fused))
        best = np.argpartition(-fused, k - 1)[:k]
        order = sorted(best.tolist(), key=lambda i: (-fused[i], i))
        return [Hit(i, float(fused[i]), {name: float(p[i]) for name, p in parts.items()}) for i in order]

    def fuse(self, parts: dict[str, np.ndarray]) -> np.ndarray:
        """The weighted mean of the parts, (N,)."""
        return (1 - self.weight) * parts[WORDS] + self.weight * parts[MEANING]

    def learn_weight(self, queries: Sequence[str], wanted: Sequence[Collection[int]]) -> float:
        """Take the weight that ranks one of the ``wanted`` texts of each query highest (mean reciprocal rank).

        Raises:
            ConfigError: without queries, or a query without a wanted text.
        """
        if not queries or len(queries) != len(wanted) or not all(wanted):
            raise ConfigError("learn_weight: give at least one query, and for each the texts that it should find")
        parts = [self.scores(q) for q in queries]
        ranks = dict.fromkeys(_WEIGHTS, 0.0)
        for w in _WEIGHTS:
            self.weight = w
            ranks[w] = sum(1 / _rank(self.fuse(p), found) for p, found in zip(parts, wanted))
        self.weight = max(_WEIGHTS, key=lambda w: (round(ranks[w], 9), -abs(w - 0.6)))
        return self.weight


def _rank(fused: np.ndarray, wanted: Collection[int]) -> float:
    """The place of the best wanted text, from 1; texts of equal score share the mean of their places."""
    best = fused[list(wanted)].max()
    return float((fused > best).sum() + ((fused == best).sum() + 1) / 2)


def words(text: str) -> list[str]:
    """Lower-case words and numbers, in any script."""
    return re.findall(r"\w+", text.lower())


class _Words:
    def __init__(self, texts: list[list[str]]) -> None:
        import bm25s

        frequency = Counter(w for text in texts for w in set(text))
        self._idf = {w: _idf(len(texts), df) for w, df in frequency.items()}
        self._unknown, self._size = _idf(len(texts), 0), len(texts)
        self._index: Any = bm25s.BM25(method="lucene") if self._idf else None  # there may be nothing but emoji
        if self._index is not None:
            self._index.index(texts, show_progress=False)

    def scores(self, query: list[str]) -> np.ndarray:
        most = sum(self._idf.get(w, self._unknown) for w in query)
        known = [w for w in query if w in self._idf]
        if not known or self._index is None:
            return np.zeros(self._size, np.float32)
        return np.asarray(self._index.get_scores(known), np.float32) / np.float32(most)


def _idf(texts: int, frequency: int) -> float:
    return math.log(1 + (texts - frequency + 0.5) / (frequency + 0.5))


class _Terms:
    def __init__(self, texts: list[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        # A letter between blanks makes sure that there is a vocabulary, whatever the texts are
        self._make = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, dtype=np.float32)
        self._rows = self._make.fit([*texts, "a"]).transform(texts)  # (N, terms)

    def scores(self, query: str) -> np.ndarray:
        return (self._rows @ self._make.transform([query]).T).toarray()[:, 0]
