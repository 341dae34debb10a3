"""A course: what is taught at a second, what learners did there, and what they got wrong, joined."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import ConfigError, unknown
from domains.education import join_tables as tables
from domains.education.advice import FEW_ANSWERS, SMALLEST_GROUP, Advice, Recommendation, WeakPoint
from domains.education.engagement import rewatch_curve, watched
from domains.education.join import Link, links, scores_of
from domains.education.join_advise import advise
from domains.education.join_recommend import WEAK, recommend, weak_points
from domains.education.join_views import Views, views
from domains.education.lecture import Lecture
from domains.education.passages import Passages

MASTERY, ANSWERS = "mastery table", "share of the points, drawn to one half"


class Course:
    """Lectures, questions and, where there are any, answers, events and mastery of learners.

    Args:
        lectures: indexed lectures, or their folders; events name them by ``Lecture.name``, or by an address or a file
            that ends with it.
        questions: question_id, question, concept; reference where there is one.
        answers: answer_id, student_id, question_id and grade (or points and max_points).
        events: the table of ``domains.education.records``.
        mastery: student_id, concept, probability, evidence, thin. None: the share of the points in the answers.

    Raises:
        ConfigError: for an empty course: no lecture, no question, or lectures without a word.
        TableError: for faults of a table, all at once.
    """

    def __init__(
        self,
        lectures: Sequence[Lecture | Path | str],
        questions: tables.Source,
        answers: tables.Source | None = None,
        events: tables.Source | None = None,
        mastery: tables.Source | None = None,
    ) -> None:
        if not lectures:
            raise ConfigError("an empty course: no lecture is given; index at least one with Lecture.index")
        self.lectures = [item if isinstance(item, Lecture) else Lecture.open(item) for item in lectures]
        self.questions = tables.questions(questions)
        known = set(self.questions.index)
        self.answers = None if answers is None else tables.answers(answers, known)
        self.events = None if events is None else tables.events(events, [lecture.name for lecture in self.lectures])
        self.passages = Passages(self.lectures)
        self.basis = MASTERY if mastery is not None else ANSWERS
        self._given = None if mastery is None else tables.mastery(mastery)

    @property
    def concepts(self) -> list[str]:
        """The concepts of the questions, in their order."""
        return list(dict.fromkeys(self.questions["concept"]))

    @cached_property
    def learners(self) -> list[str]:
        """Every learner of the answers, the events and the mastery table."""
        found = (t["student_id"] for t in (self.answers, self.events, self._given) if t is not None)
        return sorted({s for column in found for s in column if s})

    @cached_property
    def taught(self) -> dict[str, list[Link]]:
        """Where each concept is taught, best first."""
        own = self.questions.groupby("concept", sort=False)["question_id"].apply(list)
        return {concept: self._taught(concept, own[concept]) for concept in self.concepts}

    @property
    def asked(self) -> dict[str, list[Link]]:
        """Where what each question asks for is taught, best first."""
        return {q: found for q, (_, found) in self._asked.items()}

    @cached_property
    def _asked(self) -> dict[str, tuple[np.ndarray, list[Link]]]:
        """Of each question the scores of all segments, and its links."""
        rows, scored = self.questions, {}
        for q, text, reference in zip(rows.index, rows["question"], rows["reference"]):
            found = self.passages.scores(f"{text}\n{reference}".strip())
            scored[str(q)] = scores_of(found), links(found, scores_of(found))
        return scored

    def _taught(self, concept: str, questions: Sequence[str]) -> list[Link]:
        found = self.passages.scores(concept)
        return links(found, np.mean([scores_of(found), *(self._asked[q][0] for q in questions)], axis=0))

    @cached_property
    def stretches(self) -> pd.DataFrame:
        """What each learner played: student_id, lecture, start_s, end_s; empty without events."""
        if self.events is None:
            return pd.DataFrame(columns=["student_id", "lecture", "start_s", "end_s"])
        return watched(self.events)

    @cached_property
    def views(self) -> list[list[Views]]:
        """For each lecture, who watched each of its segments, and who watched it again."""
        return [views(self.stretches, lecture.name, lecture.segments) for lecture in self.lectures]

    def rewatch(self, lecture: str, step: float = 5.0) -> pd.DataFrame:
        """The re-watch curve of a lecture: start_s, end_s, viewers, again, share_again.

        Steps with fewer than ``SMALLEST_GROUP`` viewers have no figures (NaN).

        Raises:
            ConfigError: for an unknown lecture.
        """
        found = next((item for item in self.lectures if item.name == lecture), None)
        if found is None:
            raise unknown("lecture", lecture, [item.name for item in self.lectures])
        curve = rewatch_curve(self.stretches, lecture, found.duration, step)
        figures = ["viewers", "again", "share_again"]
        curve[figures] = curve[figures].astype(float).where(curve["viewers"] >= SMALLEST_GROUP)
        return curve

    @cached_property
    def mastery(self) -> pd.DataFrame:
        """student_id, concept, probability, evidence, thin: as given, or from the graded answers."""
        if self._given is not None or self.answers is None:
            return self._given if self._given is not None else pd.DataFrame(columns=tables.NEEDED["mastery"])
        graded = self.graded[self.graded["student_id"] != ""]  # what nobody signed is no learner's
        found = graded.groupby(["student_id", "concept"], sort=True)["share"].agg(["sum", "count"]).reset_index()
        found["probability"] = (found["sum"] + 1) / (found["count"] + 2)  # the mean of a beta distribution
        found["thin"] = found["count"] < FEW_ANSWERS
        return found.rename(columns={"count": "evidence"})[list(tables.NEEDED["mastery"])]

    @cached_property
    def graded(self) -> pd.DataFrame:
        """The answers with a grade: ``share`` of the points, and the concept of their question."""
        if self.answers is None:
            return pd.DataFrame(columns=["answer_id", "student_id", "question_id", "share", "concept"])
        graded = self.answers[self.answers["share"].notna()]
        return graded.assign(concept=graded["question_id"].map(self.questions["concept"]))

    def weak_points(self, learner: str | None = None, below: float = WEAK) -> list[WeakPoint]:
        """The concepts below a limit of mastery, the weakest first.

        Args:
            learner: of one learner; None: of the class, without concepts of fewer than ``SMALLEST_GROUP`` learners.
            below: the limit; of the class, for its mean.

        Raises:
            ConfigError: for an unknown learner.
        """
        self._check_learner(learner)
        return weak_points(self, learner, below)

    def recommend(self, learner: str, most: int = 5) -> list[Recommendation]:
        """What a learner should watch again and try, the weakest concept first.

        Raises:
            ConfigError: for an unknown learner.
        """
        self._check_learner(learner)
        return recommend(self, learner, weak_points(self, learner, WEAK)[:most])

    def advise(self) -> list[Advice]:
        """Where to teach again, the most pressing first: a line a concept, and a line for each other segment that many
        watch again.

        Shares of fewer than ``SMALLEST_GROUP`` learners are not shown, nor lines that have no other.
        """
        return advise(self)

    def evidence(self, line: Advice | Recommendation | WeakPoint) -> dict[str, pd.DataFrame]:
        """The rows behind a line: ``answers``, and ``stretches`` played at its place by those who watched it again."""
        answers = self.graded[self.graded["answer_id"].isin(line.rows)]
        if not isinstance(line, Advice):
            return {"answers": answers}
        here = self.stretches[self.stretches["lecture"] == line.lecture]
        inside = (here["start_s"] < line.end) & (here["end_s"] > line.start) & here["student_id"].isin(line.watchers)
        return {"answers": answers, "stretches": here[inside]}

    def _check_learner(self, learner: str | None) -> None:
        if learner is not None and learner not in self.learners:
            raise unknown("learner", learner, self.learners)
