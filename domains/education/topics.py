"""From scenes, slide text and captions to the segments of a lecture, and from segments to topics.

Segments begin where a slide begins. Where one is shown for long, it is cut at the deepest valleys of likeness between
what is said before and after ("TextTiling", Hearst 1997, over vectors of sentences where an encoder is installed, else
over TF-IDF). Topics are runs of segments between the deepest valleys of the same measure.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.recipes import text_model
from core.sentences import sentence_vectors
from domains.education.captions import Caption
from domains.education.slide_text import Line, title_of
from domains.education.slides import Scene

BLOCK_SECONDS = 30.0  # what is said is compared in blocks of so long
LONG_SECONDS = 240.0  # a longer segment is cut
REACH = 2  # blocks on each side of a valley that are compared
EVERYWHERE = 0.6  # share of slides on which a line belongs to the template
KEYWORDS = 6
Span = tuple[float, float, int | None]  # start, end, slide


@dataclass(frozen=True)
class Segment:
    """A stretch of a lecture: when, on which slide, what is said and what the slide says.

    ``slide``: its number from 0, None where a moving picture is shown. ``text``: the transcript. ``topic``: the number
    of the topic it belongs to. ``picture``: the file of its picture, from the index's folder.
    """

    start: float
    end: float
    slide: int | None
    title: str
    text: str
    slide_text: str
    keywords: tuple[str, ...]
    topic: int = 0
    picture: str = ""

    @property
    def content(self) -> str:
        """Everything that the segment says, as one text."""
        return "\n".join(part for part in (self.title, self.slide_text, self.text) if part)


@dataclass(frozen=True)
class Topic:
    """Segments next to each other that are about one thing; ``first`` and ``last`` are their numbers."""

    start: float
    end: float
    title: str
    keywords: tuple[str, ...]
    first: int
    last: int


def method() -> str:
    """What likeness is measured with."""
    return "TextTiling over " + ("sentence vectors" if text_model() else "TF-IDF (no sentence encoder is installed)")


def segments_of(
    scenes: Sequence[Scene], lines: Mapping[int, Sequence[Line]], captions: Sequence[Caption]
) -> list[Segment]:
    """The segments of a lecture, with keywords, in one topic.

    ``lines``: what stands on each slide, by its number.
    """
    own = without_template(lines)
    spans = [span for scene in scenes for span in _cut(scene, captions)]
    said = _said(spans, captions)
    found = []
    for (start, end, slide), text in zip(spans, said, strict=True):
        shown = own.get(slide, []) if slide is not None else []
        written = "\n".join(line.text for line in shown)
        found.append(Segment(start, end, slide, title_of(list(shown)), text, written, ()))
    return [dataclasses.replace(s, keywords=k) for s, k in zip(found, keywords([s.content for s in found]))]


def topics_of(segments: Sequence[Segment]) -> tuple[list[Segment], list[Topic]]:
    """The segments with their topics' numbers, and the topics."""
    if not segments:
        return [], []
    first = [0, *(i for i in _valleys(segments) if segments[i].title != segments[i - 1].title)]
    runs = list(zip(first, [*(i - 1 for i in first[1:]), len(segments) - 1]))
    words = keywords(["\n".join(s.content for s in segments[a : b + 1]) for a, b in runs])
    topics, marked = [], []
    for number, ((a, b), key) in enumerate(zip(runs, words)):
        titles = [s.title for s in segments[a : b + 1] if s.title]
        title = Counter(titles).most_common(1)[0][0] if titles else ", ".join(key[:3])
        topics.append(Topic(segments[a].start, segments[b].end, title, key, a, b))
        marked += [dataclasses.replace(s, topic=number) for s in segments[a : b + 1]]
    return marked, topics


def without_template(lines: Mapping[int, Sequence[Line]]) -> dict[int, list[Line]]:
    """The lines of each slide without those that stand on most slides: a name, a date, a page number."""
    kinds = Counter(kind for shown in lines.values() for kind in {_kind(line) for line in shown})
    usual = {k for k, n in kinds.items() if len(lines) >= 4 and n >= EVERYWHERE * len(lines)}
    return {slide: [line for line in shown if _kind(line) not in usual] for slide, shown in lines.items()}


def _kind(line: Line) -> tuple[str, int]:
    """A line whatever its numbers, and where it stands."""
    return re.sub(r"\d+", "0", line.text.lower()), round(line.top * 20)


def keywords(texts: Sequence[str], count: int = KEYWORDS) -> list[tuple[str, ...]]:
    """For each text the words and pairs of words that set it apart from the other texts."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

    if not any(re.search(r"[^\W\d_]{3}", text) for text in texts):
        return [()] * len(texts)
    stop = [*ENGLISH_STOP_WORDS, "okay", "just", "like", "know", "going", "right", "let", "gonna", "really", "thing"]
    made = TfidfVectorizer(
        stop_words=stop, ngram_range=(1, 2), token_pattern=r"(?u)\b[^\W\d_][\w-]{2,}\b", sublinear_tf=True
    )
    try:
        weights = made.fit_transform(texts)  # (N, terms)
    except ValueError:  # nothing but stop words
        return [()] * len(texts)
    terms = made.get_feature_names_out()
    return [
        _distinct([terms[j] for j in np.argsort(-row)[: 4 * count] if row[j] > 0], count) for row in weights.toarray()
    ]


def _distinct(terms: Iterable[str], count: int) -> tuple[str, ...]:
    """The first terms that share no word."""
    kept: list[str] = []
    for term in terms:
        if not set(term.split()) & {word for k in kept for word in k.split()}:
            kept.append(term)
    return tuple(kept[:count])


def _cut(scene: Scene, captions: Sequence[Caption]) -> list[Span]:
    """The scene, or its parts where it is long and what is said changes."""
    spans: list[Span] = [(scene.start, scene.end, scene.slide)]
    if scene.end - scene.start <= LONG_SECONDS:
        return spans
    edges = np.arange(scene.start, scene.end, BLOCK_SECONDS)
    said = _said([(a, min(a + BLOCK_SECONDS, scene.end), None) for a in edges.tolist()], captions)
    if not any(said):
        return spans
    depth = _depths(_vectors(said), REACH)
    cuts = [scene.start, scene.end]
    for i in np.argsort(-depth):
        at = float(edges[i + 1])
        around = max(c for c in cuts if c <= at), min(c for c in cuts if c >= at)
        if around[1] - around[0] > LONG_SECONDS and min(at - around[0], around[1] - at) >= 2 * BLOCK_SECONDS:
            cuts = sorted([*cuts, at]) if depth[i] > 0 else cuts
    return [(a, b, scene.slide) for a, b in itertools.pairwise(cuts)]


def _said(spans: Sequence[Span], captions: Sequence[Caption]) -> list[str]:
    """What is said in each span; a caption belongs where its middle lies."""
    starts = np.array([start for start, _, _ in spans])
    parts: list[list[str]] = [[] for _ in spans]
    for caption in captions:
        middle = (caption.start + caption.end) / 2
        i = int(np.searchsorted(starts, middle, side="right")) - 1
        if i >= 0 and middle <= spans[i][1]:
            parts[i].append(caption.text)
    return [" ".join(texts) for texts in parts]


def _valleys(segments: Sequence[Segment]) -> list[int]:
    """Numbers of the segments before which likeness is clearly deeper than usual."""
    if len(segments) < 3:
        return list(range(1, len(segments)))
    depth = _depths(_vectors([s.content for s in segments]), 1)  # (N - 1,)
    return (np.flatnonzero(depth > depth.mean() + depth.std() / 2) + 1).tolist()


def _depths(vectors: np.ndarray, reach: int) -> np.ndarray:
    """(N - 1,): how much less alike the two sides of each gap are than those of the peaks around it."""
    sides = [(vectors[max(0, i - reach) : i].sum(0), vectors[i : i + reach].sum(0)) for i in range(1, len(vectors))]
    alike = np.array([a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9) for a, b in sides])
    depth = np.zeros(len(alike))
    for i, here in enumerate(alike):
        left = right = i
        while left > 0 and alike[left - 1] >= alike[left]:
            left -= 1
        while right + 1 < len(alike) and alike[right + 1] >= alike[right]:
            right += 1
        depth[i] = alike[left] + alike[right] - 2 * here
    return depth


def _vectors(texts: Sequence[str]) -> np.ndarray:
    """(N, D) of unit length."""
    if text_model() is not None:
        return sentence_vectors(texts)
    from sklearn.feature_extraction.text import TfidfVectorizer

    # a letter between blanks makes sure that there is a vocabulary
    return TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+").fit([*texts, "a"]).transform(texts).toarray()
