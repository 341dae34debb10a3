"""Where a teacher should teach again: what was watched again, and what went wrong on the same concept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from domains.education.advice import FEW_LEARNERS, SMALLEST_GROUP, Advice, at_least
from domains.education.join import Link
from domains.education.join_recommend import WRONG

if TYPE_CHECKING:
    from domains.education.course import Course

OFTEN = 0.2  # share of viewers, at least, who watch a place again that no question asks for


class _First(NamedTuple):
    """Every learner's first answer to a question."""

    wrong: int
    answered: int
    rows: tuple[str, ...]  # answer ids

    @property
    def at_least(self) -> float:
        return at_least(self.wrong, self.answered) if self.answered >= SMALLEST_GROUP else 0.0


def advise(course: Course) -> list[Advice]:
    """See ``Course.advise``."""
    first = _first_answers(course.graded)
    lines = [_of_concept(course, concept, first) for concept in course.concepts if course.taught[concept]]
    told = {(a.lecture, a.start) for a in lines}
    for i, lecture in enumerate(course.lectures):
        for j, (segment, seen) in enumerate(zip(lecture.segments, course.views[i], strict=True)):
            often = at_least(len(seen.again), len(seen.watched)) >= OFTEN
            if often and (lecture.name, segment.start) not in told:
                lines.append(_of_place(course, (i, j), first))
    return sorted((a for a in lines if a.again is not None or a.wrong is not None), key=lambda a: -a.priority)


def _first_answers(graded: pd.DataFrame) -> dict[str, _First]:
    again = graded.duplicated(["question_id", "student_id"])  # in order of attempt and time
    first = graded[~again | (graded["student_id"] == "")]  # of what nobody signed, each counts
    found = first.groupby("question_id", sort=False)
    return {str(q): _First(int((own["share"] < WRONG).sum()), len(own), tuple(own["answer_id"])) for q, own in found}


def _of_concept(course: Course, concept: str, first: Mapping[str, _First]) -> Advice:
    """The line of a concept, at that of its places which is watched again most."""

    def often(link: Link) -> float:
        seen = course.views[link.lecture][link.number]
        return at_least(len(seen.again), len(seen.watched))

    place = max(course.taught[concept], key=often)
    asked = {
        str(q): first.get(str(q), _First(0, 0, ())) for q, c in course.questions["concept"].items() if c == concept
    }
    worst = max(asked, key=lambda q: asked[q].at_least)
    return _line(course, concept, (place.lecture, place.number), worst, asked[worst], place.weak)


def _of_place(course: Course, at: tuple[int, int], first: Mapping[str, _First]) -> Advice:
    """The line of a segment that is the place of no concept, with the questions that it answers best."""
    asked = {
        q: first.get(q, _First(0, 0, ()))
        for q, found in course.asked.items()
        if found and (found[0].lecture, found[0].number) == at
    }
    if not asked:
        return _line(course, "", at, "", _First(0, 0, ()), False)
    worst = max(asked, key=lambda q: asked[q].at_least)
    concept = str(course.questions.at[worst, "concept"])
    return _line(course, concept, at, worst, asked[worst], course.asked[worst][0].weak)


def _line(course: Course, concept: str, at: tuple[int, int], question: str, first: _First, weak_link: bool) -> Advice:
    lecture, seen = course.lectures[at[0]], course.views[at[0]][at[1]]
    segment = lecture.segments[at[1]]
    viewers = len(seen.watched) if len(seen.watched) >= SMALLEST_GROUP else None
    answered = first.answered if first.answered >= SMALLEST_GROUP else None
    again = at_least(len(seen.again), len(seen.watched)) if viewers else 0.0
    return Advice(
        concept=concept,
        lecture=lecture.name,
        start=segment.start,
        end=segment.end,
        slide=segment.slide,
        title=segment.title or ", ".join(segment.keywords[:3]),
        viewers=viewers,
        again=seen.share_again if viewers else None,
        question=question,
        answered=answered,
        wrong=first.wrong / answered if answered else None,
        priority=(again + first.at_least) / 2,
        thin=max(viewers or 0, answered or 0) < FEW_LEARNERS,
        weak_link=weak_link,
        rows=first.rows if answered else (),
        watchers=tuple(sorted(seen.again)) if viewers else (),
    )
