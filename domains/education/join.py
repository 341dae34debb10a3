"""What is taught where: concepts and questions to the segments of lectures, by fused retrieval.

A question looks for its own words and those of its reference answer; a concept for its name and for all its questions.
A link is weak where the best segment does not stand out from the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domains.education.passages import Found

STANDS_OUT = 2.5  # robust standard deviations of all segments' scores above their median
ALSO = 0.85  # of the best score: another segment that teaches the same


@dataclass(frozen=True)
class Link:
    """One segment for one question or concept: jump to ``second`` of the lecture of that number."""

    lecture: int
    number: int
    start: float
    end: float
    second: float
    slide: int | None
    title: str
    score: float
    parts: Mapping[str, float]
    weak: bool


def scores_of(found: Sequence[Found]) -> np.ndarray:
    """(segments,) the scores of all segments for one query, as ``Passages.scores`` gives them."""
    return np.array([f.score for f in found])


def links(found: Sequence[Found], scores: np.ndarray, most: int = 3) -> list[Link]:
    """The best segments, best first: one, and up to ``most`` of nearly the same score.

    ``scores``: (segments,) by which they are ranked: those of ``found``, or their mean with those of other queries.
    """
    middle = float(np.median(scores))
    spread = 1.4826 * float(np.median(np.abs(scores - middle)))
    order = np.argsort(-scores, kind="stable")[:most]
    kept = [i for i in order if scores[i] >= ALSO * scores[order[0]] and scores[i] > 0]
    return [
        _link(found[i], float(scores[i]), len(scores) > 2 and scores[i] - middle < STANDS_OUT * spread) for i in kept
    ]


def _link(found: Found, score: float, weak: bool) -> Link:
    s = found.segment
    title = s.title or ", ".join(s.keywords[:3])
    return Link(
        found.lecture, found.number, s.start, s.end, found.second, s.slide, title, score, dict(found.parts), bool(weak)
    )
