"""What lectures say and show, cut into passages and searched: words and meaning of both, fused into one order.

Each segment gives passages of about a minute of what is said, and one of what its slide shows. A segment's score is the
mean, over its parts that exist, of the best passage of that part; a passage's score fuses BM25 and sentence vectors
(``core.retrieval``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from core.retrieval import TextIndex
from domains.education.topics import Segment

if TYPE_CHECKING:
    from domains.education.lecture import Lecture

SAID, SHOWN = "said", "shown"
PASSAGE_SECONDS = 60.0
WEIGHT = 0.6
LEAST = 0.14  # of 1; see ``Passages.search``


@dataclass(frozen=True)
class Found:
    """A segment that was found: of which lecture (its number), where to jump to, why.

    ``parts``: the score of what is said and of what is shown, where it has them; ``text``: the best passage.
    """

    lecture: int
    number: int
    segment: Segment
    second: float
    score: float
    parts: dict[str, float] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class _Passage:
    lecture: int
    segment: int
    part: str
    second: float
    text: str


class Passages:
    """The passages of several lectures, searched together.

    ``weight``: of meaning against words; the default is that of the engine's index.

    Raises:
        ConfigError: if the lectures neither say nor show a word.
    """

    def __init__(self, lectures: Sequence[Lecture], model: str | None = None, weight: float = WEIGHT) -> None:
        self.lectures = list(lectures)
        self._passages = [p for i, lecture in enumerate(self.lectures) for p in _passages(i, lecture)]
        if not self._passages:
            names = ", ".join(lecture.name for lecture in self.lectures) or "no lecture"
            raise ConfigError(f"nothing to search: {names} has neither transcript nor slide text")
        self._index = TextIndex([p.text for p in self._passages], model, weight=weight)
        self.uses = self._index.uses

    def search(self, query: str, k: int = 5) -> list[Found]:
        """The ``k`` segments with the highest scores, best first; none whose best passage stays below ``LEAST``.

        Sentence vectors find some likeness in anything. Of the sample course's questions, every one finds a passage
        above 0.16; questions about cooking, sport or elections, and no words at all, stay below 0.12.
        """
        found = sorted(self.scores(query), key=lambda f: -f.score)
        return [f for f in found[:k] if max(f.parts.values()) >= LEAST]

    def lectures_for(self, query: str) -> list[tuple[int, float]]:
        """The lectures by their best segment: (number, score), best first."""
        best: dict[int, float] = {}
        for found in self.scores(query):
            best[found.lecture] = max(best.get(found.lecture, 0.0), found.score)
        return sorted(best.items(), key=lambda item: -item[1])

    def scores(self, query: str) -> list[Found]:
        """Every segment that has a passage, with its score, in the order of the lectures."""
        fused = self._index.fuse(self._index.scores(query))  # (passages,)
        best: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
        for i, passage in enumerate(self._passages):
            parts = best[passage.lecture, passage.segment]
            if passage.part not in parts or fused[i] > fused[parts[passage.part]]:
                parts[passage.part] = i
        return [self._found(*where, parts, fused) for where, parts in best.items()]

    def _found(self, lecture: int, number: int, parts: Mapping[str, int], fused: np.ndarray) -> Found:
        scores = {part: float(fused[i]) for part, i in parts.items()}
        top = self._passages[parts[max(scores, key=lambda p: scores[p])]]
        spoken = self._passages[parts[SAID]] if SAID in parts else top
        segment = self.lectures[lecture].segments[number]
        score = float(np.mean(list(scores.values())))
        return Found(lecture, number, segment, spoken.second, score, scores, top.text)


def _passages(number: int, lecture: Lecture) -> list[_Passage]:
    """What each segment shows, and what it says in windows of a minute."""
    found = []
    for i, segment in enumerate(lecture.segments):
        if shown := "\n".join(t for t in (segment.title, segment.slide_text) if t):
            found.append(_Passage(number, i, SHOWN, segment.start, shown))
        windows: dict[int, list[int]] = defaultdict(list)
        for j, caption in enumerate(lecture.captions):
            middle = (caption.start + caption.end) / 2
            if segment.start <= middle < segment.end:
                windows[int((middle - segment.start) // PASSAGE_SECONDS)].append(j)
        for said in windows.values():
            text = " ".join(lecture.captions[j].text for j in said)
            found.append(_Passage(number, i, SAID, max(segment.start, lecture.captions[said[0]].start), text))
    return found
