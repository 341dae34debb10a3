"""Texts to weighted terms: sublinear TF-IDF of words, word pairs and letters, as scikit-learn's TfidfVectorizer.

Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

Span = tuple[int, int]


class TermBlock:
    """One kind of terms, each text's weights scaled to length 1."""

    def __init__(self, analyzer: Callable[[str], list[str]], most: int, min_count: int) -> None:
        self.analyzer, self.most, self.min_count = analyzer, most, min_count
        self.terms: list[str] = []
        self.idf = np.zeros(0)
        self._ids: dict[str, int] = {}
        self._total, self._holding = Counter[str](), Counter[str]()  # occurrences, and texts, of each term

    def add(self, text: str) -> None:
        """Count the terms of one training text."""
        found = Counter(self.analyzer(text))
        self._total.update(found)
        self._holding.update(found.keys())

    def settle(self, texts: int) -> None:
        """After so many texts: keep the most frequent terms that stand in at least ``min_count`` of them."""
        often = [t for t, n in self._holding.items() if n >= self.min_count]
        terms = sorted(sorted(often, key=lambda t: (-self._total[t], t))[: self.most])
        self.restore({"terms": terms, "idf": [math.log((1 + texts) / (1 + self._holding[t])) + 1 for t in terms]})
        self._total, self._holding = Counter(), Counter()

    def encode(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Ids (T,) in rising order and weights (T,)."""
        known = [i for i in map(self._ids.get, self.analyzer(text)) if i is not None]
        ids, counts = np.unique(np.array(known, dtype=np.int64), return_counts=True)  # (T,), (T,)
        weights = (1 + np.log(counts)) * self.idf[ids]  # (T,)
        return ids, weights / max(float(np.linalg.norm(weights)), 1e-12)

    def state(self) -> dict[str, Any]:
        """Terms in order and their inverse document frequencies."""
        return {"terms": self.terms, "idf": self.idf.tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over saved terms."""
        self.terms, self.idf = list(state["terms"]), np.array(state["idf"], dtype=float)
        self._ids = {term: i for i, term in enumerate(self.terms)}


class TermWeights:
    """Blocks of terms side by side. A text without a known term is one pair (0, 0.0)."""

    special: tuple[int, ...] = ()

    def __init__(self, most: int, min_count: int, lower: bool, ngrams: int, characters: bool) -> None:
        kinds: list[dict[str, Any]] = [
            {"analyzer": "word", "ngram_range": (1, ngrams), "token_pattern": r"(?u)\b\w+\b"},
            {"analyzer": "char_wb", "ngram_range": (2, 5)},
        ]
        analyzers = [TfidfVectorizer(lowercase=lower, **kind).build_analyzer() for kind in kinds[: 1 + characters]]
        self.lower, self.ngrams = lower, ngrams
        self.blocks = [TermBlock(analyzer, most, min_count) for analyzer in analyzers]

    @property
    def vocabulary(self) -> int:
        """Ids are below this number."""
        return max(1, sum(len(b.terms) for b in self.blocks))

    def fit(self, texts: Iterable[str]) -> None:
        """Learn the terms of every block in one pass."""
        count = 0
        for text in texts:
            count += 1
            for block in self.blocks:
                block.add(text)
        for block in self.blocks:
            block.settle(count)

    def encode(self, text: str) -> np.ndarray:
        """Pairs (T, 2) float32 of id and weight."""
        pairs, before = [np.zeros((0, 2))], 0
        for block in self.blocks:
            ids, weights = block.encode(text)
            pairs.append(np.stack([ids + before, weights], axis=1))  # (T, 2)
            before += len(block.terms)
        return np.concatenate(pairs).astype(np.float32)  # (T, 2)

    def places(self, text: str) -> list[list[Span]]:
        """All places of each of the T terms in the text."""
        lowered = text.lower() if self.lower and len(text.lower()) == len(text) else text
        known = (_word_places(lowered, self.ngrams), _letter_places(lowered))
        return [find(b.terms[i]) for b, find in zip(self.blocks, known) for i in b.encode(text)[0]]

    def state(self) -> dict[str, Any]:
        """The terms of every block."""
        return {"blocks": [b.state() for b in self.blocks]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over saved terms."""
        for block, saved in zip(self.blocks, state["blocks"]):
            block.restore(saved)


def _word_places(text: str, most: int) -> Callable[[str], list[Span]]:
    """Where runs of up to ``most`` words stand, as the analyzer of words joins them."""
    found, ends = dict[str, list[Span]](), [m.span() for m in re.finditer(r"(?u)\b\w+\b", text)]
    for size in range(1, most + 1):
        for run in (ends[i : i + size] for i in range(len(ends) - size + 1)):
            term = " ".join(text[a:b] for a, b in run)
            found.setdefault(term, []).append((run[0][0], run[-1][1]))
    return lambda term: found.get(term, [])


def _letter_places(text: str) -> Callable[[str], list[Span]]:
    """Where letters stand; a blank in a term is the edge of a word."""
    padded = re.sub(r"\s", " ", f" {text} ")

    def find(term: str) -> list[Span]:
        found, start = list[Span](), padded.find(term)
        while start >= 0:
            found.append((max(start - 1, 0), min(start - 1 + len(term), len(text))))
            start = padded.find(term, start + 1)
        return found

    return find
