"""Which slide belongs to what is said, where nobody noted when it was shown: slides of a file against a transcript.

Three likenesses between each piece of transcript and each slide of one lecture: TF-IDF of words, TF-IDF of letters
(text read off pictures has slips), and sentence vectors around the mean of the lecture, for what all of its slides
share tells none from another. Their weights are those that fit best on the courses of
``benchmarks/education_lectures.py``, which reports each course by the weights of the others. The picture of a slide,
through a map learned on other courses, added nothing there and is left out.

N  pieces of transcript          M  slides
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from core.recipes import text_model
from core.sentences import sentence_vectors

WEIGHTS: Mapping[str, float] = {"words": 0.2, "letters": 0.5, "meaning": 0.3}


def likenesses(said: Sequence[str], shown: Sequence[str]) -> dict[str, np.ndarray]:
    """(N, M) for each likeness, at most 1; without a sentence encoder there is no ``meaning``."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    makers = {
        "words": TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+"),
        "letters": TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(3, 5)),
    }
    found = {}
    for name, made in makers.items():
        made.fit([*said, *shown, "word"])  # so that there is a vocabulary, whatever the texts are
        found[name] = (made.transform(said) @ made.transform(shown).T).toarray()
    if text_model() is not None:
        found["meaning"] = _centred(sentence_vectors(said)) @ _centred(sentence_vectors(shown)).T
    return found


def match(said: Sequence[str], shown: Sequence[str], weights: Mapping[str, float] = WEIGHTS) -> np.ndarray:
    """(N, M): how well each slide fits what is said; the best slide of a piece is its row's highest."""
    parts = likenesses(said, shown)
    return sum((weights[name] * part for name, part in parts.items()), np.zeros((len(said), len(shown))))


def _centred(vectors: np.ndarray) -> np.ndarray:
    """(N, D) of unit length around their mean."""
    around = vectors - vectors.mean(axis=0)
    return around / np.maximum(np.linalg.norm(around, axis=1, keepdims=True), 1e-9)
