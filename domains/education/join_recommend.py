"""Weak points of a learner or the class, and what a learner should watch and try again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from core.numbers import counted
from domains.education.advice import FEW_LEARNERS, SMALLEST_GROUP, Recommendation, WeakPoint, where

if TYPE_CHECKING:
    from domains.education.course import Course

WEAK = 0.6  # probability of mastery below which a concept is a weak point
WRONG = 0.5  # share of the points below which an answer is wrong


def weak_points(course: Course, learner: str | None, below: float) -> list[WeakPoint]:
    """See ``Course.weak_points``."""
    rows = course.mastery
    if learner is not None:
        rows = rows[rows["student_id"] == learner]
    least = SMALLEST_GROUP if learner is None else 1
    found = [
        _weak_point(course, str(concept), learner, own, below)
        for concept, own in rows.groupby("concept", sort=False)
        if concept in course.taught and len(own) >= least
    ]
    return sorted((w for w in found if w.probability < below), key=lambda w: w.probability)


def _weak_point(course: Course, concept: str, learner: str | None, own: pd.DataFrame, below: float) -> WeakPoint:
    """``own``: the rows of the mastery table on the concept."""
    answers = course.graded[course.graded["concept"] == concept]
    place, mean = tuple(course.taught[concept]), float(own["probability"].mean())
    if learner is not None:
        ids = tuple(answers[answers["student_id"] == learner]["answer_id"])
        evidence, thin = int(own["evidence"].sum()), bool(own["thin"].any())
        return WeakPoint(concept, mean, evidence, thin, course.basis, None, place, ids)
    share, few = float((own["probability"] < below).mean()), len(own) < FEW_LEARNERS
    return WeakPoint(concept, mean, len(own), few, course.basis, share, place, tuple(answers["answer_id"]))


def recommend(course: Course, learner: str, weak: Sequence[WeakPoint]) -> list[Recommendation]:
    """See ``Course.recommend``."""
    own = course.graded[course.graded["student_id"] == learner]
    return [_recommendation(course, learner, w, own[own["concept"] == w.concept]) for w in weak if w.links]


def _recommendation(course: Course, learner: str, weak: WeakPoint, here: pd.DataFrame) -> Recommendation:
    """``here``: the learner's graded answers on the concept."""
    place = weak.links[0]
    lecture = course.lectures[place.lecture]
    exercise = _exercise(course, weak.concept, here)
    text = str(course.questions.at[exercise, "question"]) if exercise else ""
    taught_at = where(lecture.name, place.start, place.end, place.slide, place.title)
    thin = "; thin evidence" if weak.thin else ""
    reason = f"{_told(weak, here)}; taught at {taught_at}{_watched(course, learner, weak)}{thin}"
    return Recommendation(
        learner, weak.concept, lecture.name, place.start, place.end, place.slide, place.title, exercise, text,
        reason, weak.probability, weak.evidence, weak.thin, place.weak, weak.rows,
    )  # fmt: skip


def _told(weak: WeakPoint, here: pd.DataFrame) -> str:
    wrong = int((here["share"] < WRONG).sum())
    if wrong:
        return f"wrong in {wrong} of {counted(len(here), 'answer')} on {weak.concept!r}"
    return f"mastery of {weak.concept!r} at {weak.probability:.0%}"


def _watched(course: Course, learner: str, weak: WeakPoint) -> str:
    if course.events is None:
        return ""
    seen = course.views[weak.links[0].lecture][weak.links[0].number]
    if learner in seen.again:
        return "; watched more than once already"
    return "; watched once" if learner in seen.watched else "; not watched yet"


def _exercise(course: Course, concept: str, here: pd.DataFrame) -> str:
    """A question on the concept: one answered wrong last, else one not answered yet; "" if there is none."""
    last = here.groupby("question_id", sort=False)["share"].last()
    of_concept = [q for q, c in course.questions["concept"].items() if c == concept]
    wrong = [q for q in of_concept if q in last.index and last[q] < WRONG]
    return str(next(iter([*wrong, *(q for q in of_concept if q not in last.index)]), ""))
