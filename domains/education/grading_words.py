"""The words that drove a mark: the answer is graded again without each of them, all in one batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from core.predict import Predictor, as_row
from core.preprocess.words import words
from core.schema import Prediction

MOST = 60  # words of an answer that are tried


def driving_words(predictor: Predictor, case: Mapping[str, Any], found: Prediction) -> tuple[tuple[str, float], ...]:
    """Each word of the answer and what it gave to the mark ``found``, the most telling first.

    The unit is log-odds of the label, or points; positive: the word speaks for the mark that was given. A word is
    judged in its place: what two words say together shows in neither of them alone.
    """
    answer = str(case.get("answer") or "")
    places = [w for w in words(answer) if any(c.isalnum() for c in w.text)][:MOST]
    if len(places) < 2:
        return ()
    texts = [f"{answer[: w.start]} {answer[w.end :]}" for w in places]
    modalities = predictor.bundle.config.modalities
    rows = [as_row({**case, "answer": text}, modalities, f"without {w.text}") for text, w in zip(texts, places)]
    others = predictor.predict_rows(rows, explain=False)
    given = [(w.text, _worth(found, found) - _worth(found, other)) for w, other in zip(places, others)]
    return tuple(sorted(given, key=lambda pair: -abs(pair[1])))


def _worth(found: Prediction, other: Prediction) -> float:
    """Log-odds that ``other`` gives to the label of ``found``, or its points."""
    if found.label is None:
        return other.value or 0.0
    p = min(max(other.probabilities[found.label], 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))
