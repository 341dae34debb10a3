"""What is usually answered: a linear model of the answers that were given often, from the customer's words and context.

K  answers that were given often        V  terms and values of context
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from core.preprocess.terms import TermBlock

OFTEN = 4  # turns that an answer was given in, to be learned
FEWEST = 40  # such turns in all
MOST, TERMS = 400, 20_000  # answers; words and pairs of words, and values of context
UNUSUAL = -1.5  # the margin of an answer that was not learned: below those of nearly all others
_ARRAYS = ("answers", "coef", "intercept")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|\[\w+\]")


@dataclass
class Habit:
    """One-vs-rest support-vector margins (liblinear) on TF-IDF of words and pairs of words, and on context.

    Words weigh length 1 together, whether said once or more often; each value of context weighs 1.
    """

    answers: np.ndarray  # (K,) places of the answers
    words: TermBlock
    values: dict[str, int]  # of context, to columns behind those of words
    coef: np.ndarray  # (K, V)
    intercept: np.ndarray  # (K,)

    @classmethod
    def fit(cls, texts: Sequence[str], context: Sequence[Sequence[str]], given: np.ndarray) -> Self | None:
        """Learn from turns: what was said, values of context, and the place of the answer (N,); None for too few."""
        from sklearn.svm import LinearSVC

        places, counts = np.unique(given, return_counts=True)
        often = places[np.argsort(-counts, kind="stable")][:MOST]
        often = np.sort(often[np.isin(often, places[counts >= OFTEN])])
        rows = np.flatnonzero(np.isin(given, often)).tolist()
        if len(often) < 2 or len(rows) < FEWEST:
            return None
        words = _block()
        for i in rows:
            words.add(texts[i])
        words.settle(len(rows))
        met = Counter(value for i in rows for value in set(context[i]))
        kept = sorted(v for v, n in met.most_common(TERMS) if n > 1)
        if not words.terms and not kept:
            return None  # nothing came twice
        found = cls(often, words, {v: k for k, v in enumerate(kept, len(words.terms))}, np.zeros(0), np.zeros(0))
        columns, weights = zip(*(found._row(texts[i], context[i]) for i in rows))
        ends = np.cumsum([0, *map(len, columns)])
        shape = len(rows), len(words.terms) + len(kept)
        x = sp.csr_matrix((np.concatenate(weights), np.concatenate(columns), ends), shape=shape)  # (N, V)
        model = LinearSVC(C=0.5, random_state=0).fit(x, given[rows])
        sign = np.array([[-1.0], [1.0]]) if len(often) == 2 else 1.0  # of two classes liblinear fits the second alone
        found.coef = np.ascontiguousarray(sign * model.coef_, dtype=np.float16)
        found.intercept = (np.ravel(sign) * model.intercept_).astype(np.float32)
        return found

    def margins(self, text: str, context: Sequence[str], answers: int) -> np.ndarray:
        """(answers,) how usual each answer is to such a turn; UNUSUAL for those that were not learned."""
        columns, weights = self._row(text, context)
        found = np.full(answers, UNUSUAL, dtype=np.float32)
        found[self.answers] = self.coef[:, columns].astype(np.float32) @ weights + self.intercept
        return found

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What is to be kept: JSON and arrays."""
        return self.words.state() | {"values": self.values}, {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def restore(cls, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The habit of which ``state`` was kept."""
        words = _block()
        words.restore(state)
        return cls(words=words, values=state["values"], **arrays)

    def _row(self, text: str, context: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Columns of the known words and values, and their weights."""
        ids, weights = self.words.encode(text)
        known = sorted({self.values[v] for v in context if v in self.values})
        return np.concatenate([ids, np.array(known, dtype=np.int64)]), np.concatenate([weights, np.ones(len(known))])


def _block() -> TermBlock:
    return TermBlock(_terms, TERMS, min_count=2)


def _terms(text: str) -> list[str]:
    """Words and pairs of words, each once."""
    words = [w.lower() for w in _WORD.findall(text)]
    return sorted({*words, *(f"{a} {b}" for a, b in pairwise(words))})
