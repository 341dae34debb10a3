"""What the sample course teaches and asks, read from ``sample_course.toml``, and answers of a wanted quality."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

GRADES = ("correct", "partly", "contradictory", "incorrect")
LATER = 0.6  # chance that the running presentation says a thing in the last wording, which earlier ones never use
_CHOICE = re.compile(r"\{([^{}]*)\}")
_NOTHING = ("I don't know", "no idea", "we did not have this", "?", "I missed that lecture, sorry", "not sure at all")
_BEFORE = (
    "",
    "",
    "",
    "",
    "I think ",
    "I think that ",
    "well, ",
    "as far as I remember ",
    "in my opinion ",
    "probably ",
)
_BETWEEN = (". ", ", and ", "; ", ", ", ". Also, ")


@dataclass(frozen=True)
class Slide:
    """One slide: ``bullets`` appear one after the other, each as (what is written, what is said)."""

    title: str
    concept: str
    figure: str
    bullets: tuple[tuple[str, str], ...]
    clip_seconds: float = 0.0  # a moving clip plays that long after the first bullet


@dataclass(frozen=True)
class SampleLecture:
    """One lecture; its first slide is the title."""

    id: str
    title: str
    opening: str
    slides: tuple[Slide, ...]


@dataclass(frozen=True)
class Question:
    """One question: ``points`` make up the reference, ``wrong`` contradicts it, ``beside`` says nothing to it."""

    id: str
    concept: str
    question: str
    reference: str
    points: tuple[tuple[str, ...], ...]
    wrong: tuple[str, ...]
    beside: tuple[str, ...]


@cache
def _course() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("sample_course.toml").read_text(encoding="utf-8"))


@cache
def lectures() -> tuple[SampleLecture, ...]:
    """The lectures in order."""
    return tuple(
        SampleLecture(x["id"], x["title"], x["opening"], tuple(map(_slide, x["slides"]))) for x in _course()["lectures"]
    )


def _slide(x: dict[str, Any]) -> Slide:
    bullets = tuple((written, said) for written, said in x["bullets"])
    return Slide(x["title"], x["concept"], x["figure"], bullets, x.get("clip_seconds", 0.0))


@cache
def questions() -> tuple[Question, ...]:
    """The questions, two a concept, in the order of the lectures."""
    return tuple(
        Question(
            **{k: x[k] for k in ("id", "concept", "question", "reference")},
            points=tuple(map(tuple, x["points"])),
            wrong=tuple(x["wrong"]),
            beside=tuple(x["beside"]),
        )
        for x in _course()["questions"]
    )


def concepts() -> tuple[str, ...]:
    """The concepts in the order in which they are taught."""
    return tuple(dict.fromkeys(slide.concept for lecture in lectures() for slide in lecture.slides))


def taught_in(concept: str) -> SampleLecture:
    """The lecture that teaches a concept."""
    return next(x for x in lectures() if any(slide.concept == concept for slide in x.slides))


def expand(template: str, rng: np.random.Generator) -> str:
    """A template with each ``{a|b}`` replaced by one of its choices.

    >>> expand("the {mean|mean} rises", np.random.default_rng(0))
    'the mean rises'
    """
    return re.sub(r"\s+", " ", _CHOICE.sub(lambda m: str(rng.choice(m[1].split("|"))), template)).strip()


def answer(question: Question, grade: str, rng: np.random.Generator, *, later: bool = False) -> str:
    """What a learner writes whose answer deserves ``grade``.

    correct holds both points; partly one of them; contradictory a statement against the reference, at times beside a
    point; incorrect nothing to the point. ``later``: also in wordings that earlier presentations never use.
    """
    points = [_one(p, rng, later) for p in question.points]
    if grade == "correct":
        said = points if rng.random() < 0.7 else points[::-1]
    elif grade == "partly":
        said = [points[rng.integers(len(points))]]
    elif grade == "contradictory":
        said = [_one(question.wrong, rng, later)]
        said = [points[rng.integers(len(points))], *said] if rng.random() < 0.15 else said
    elif rng.random() < 0.2:
        return str(rng.choice(_NOTHING))
    else:
        said = [_one(question.beside, rng, later)]
    if grade != "incorrect" and rng.random() < 0.15:
        said = [*said, _one(question.beside, rng, later)]
    between = str(rng.choice(_BETWEEN))
    return _as_typed(str(rng.choice(_BEFORE)) + between.join(said), rng)


def _one(wordings: Sequence[str], rng: np.random.Generator, later: bool) -> str:
    """One wording; the last of several is kept for the running presentation."""
    last = len(wordings) - 1
    chosen = last if later and rng.random() < LATER else rng.integers(max(last, 1))
    return expand(wordings[int(chosen)], rng)


def _as_typed(text: str, rng: np.random.Generator) -> str:
    """With a capital and a full stop, or without; at times with a slip of the keyboard."""
    if rng.random() < 0.6:
        text = text[:1].upper() + text[1:]
    if rng.random() < 0.6:
        text += "."
    if rng.random() < 0.2 and len(text) > 12:
        place = int(rng.integers(2, len(text) - 2))
        text = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text
