"""What is usually answered: a linear model of the answers that were given often, from the customer's words and context.

K  answers that were given often        V  terms and values of context
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

OFTEN = 4  # turns that an answer was given in, to be learned
FEWEST = 40  # such turns in all
MOST, TERMS = 400, 20_000  # answers, and words and values
UNUSUAL = -1.5  # the margin of an answer that was not learned: below those of nearly all others
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|\[\w+\]")


@dataclass
class Habit:
    """One-vs-rest support-vector margins (Crammer and Singer's setting by liblinear) on TF-IDF words and context."""

    answers: np.ndarray  # (K,) places of the answers
    terms: dict[str, int]  # to columns
    weight: np.ndarray  # (V,) inverse document frequency of words, 0 marks a value of context
    coef: np.ndarray  # (K, V)
    intercept: np.ndarray  # (K,)

    @classmethod
    def fit(cls, texts: Sequence[str], context: Sequence[Sequence[str]], given: np.ndarray) -> Habit | None:
        """Learn from turns: what was said, values of context, and the place of the answer (N,); None for too few."""
        from sklearn.svm import LinearSVC

        places, counts = np.unique(given, return_counts=True)
        often = places[np.argsort(-counts, kind="stable")][:MOST]
        often = np.sort(often[np.isin(often, places[counts >= OFTEN])])
        rows = np.flatnonzero(np.isin(given, often)).tolist()
        if len(often) < 2 or len(rows) < FEWEST:
            return None
        named = [_named(texts[i], context[i]) for i in rows]
        terms, weight = _vocabulary(named)
        found = cls(often, terms, weight, np.zeros((0, 0)), np.zeros(0))
        model = LinearSVC(C=0.5, random_state=0).fit(found._rows(named), given[rows])
        sign = np.array([[-1.0], [1.0]]) if len(often) == 2 else 1.0  # of two classes liblinear fits the second alone
        found.coef = np.ascontiguousarray(sign * model.coef_, dtype=np.float16)
        found.intercept = (np.ravel(sign) * model.intercept_).astype(np.float32)
        return found

    def margins(self, text: str, context: Sequence[str], answers: int) -> np.ndarray:
        """(answers,) how usual each answer is to such a turn; UNUSUAL for those that were not learned."""
        row = self._rows([_named(text, context)])
        found = np.full(answers, UNUSUAL, dtype=np.float32)
        found[self.answers] = self.coef[:, row.indices].astype(np.float32) @ row.data + self.intercept
        return found

    def _rows(self, named: Sequence[list[str]]) -> sp.csr_matrix:
        """(N, V): words of unit length together, context of 1 each."""
        indices, data, ends = list[int](), list[np.ndarray](), [0]
        for terms in named:
            columns = sorted({self.terms[t] for t in terms if t in self.terms})
            values = self.weight[columns]
            is_word = values > 0
            values = np.where(is_word, values / max(float(np.linalg.norm(values[is_word])), 1e-9), 1.0)
            indices += columns
            data.append(values)
            ends.append(len(indices))
        values = np.concatenate(data) if data else np.zeros(0)
        return sp.csr_matrix((values, indices, ends), shape=(len(named), len(self.terms)))


def _named(text: str, context: Iterable[str]) -> list[str]:
    words = [w.lower() for w in _WORD.findall(text)]
    return [*(f"word {w}" for w in words), *(f"word {a} {b}" for a, b in pairwise(words)), *context]


def _vocabulary(named: Sequence[list[str]]) -> tuple[dict[str, int], np.ndarray]:
    """The commonest terms that were met twice, to columns, and the weight of each."""
    counts: dict[str, int] = {}
    for terms in named:
        for term in set(terms):
            counts[term] = counts.get(term, 0) + 1
    kept = sorted((t for t, n in counts.items() if n > 1), key=lambda t: (-counts[t], t))[:TERMS]
    idf = [1 + np.log((1 + len(named)) / (1 + counts[t])) if t.startswith("word ") else 0.0 for t in kept]
    return {t: i for i, t in enumerate(kept)}, np.array(idf)
