"""Simulated learners of the sample course: what they know, watch, answer and how they end. Nobody stands behind them.

A learner depends on the seed and its number only. Each concept has a mastery from 0 to 1: it begins with prior
knowledge, grows with the seconds watched of the concept's slides, and decides how good answers are. Who answers badly
watches the slides of that concept again (the more diligent, the more often) and answers once more. Who watches little
is likelier to leave the course, and to fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from domains.education import sample_content

PRESENTATIONS = {"2023-autumn": datetime(2023, 10, 2, tzinfo=UTC), "2024-spring": datetime(2024, 2, 19, tzinfo=UTC),
                 "2024-autumn": datetime(2024, 9, 30, tzinfo=UTC)}  # fmt: skip
RUNNING = list(PRESENTATIONS)[-1]
WEEKS, LECTURE_WEEKS, FINAL_WEEK = 8, (1, 3, 5), 7
HARD = {"mean and median": 0.0, "skewness": 0.35, "standard deviation": 0.25, "random sampling": 0.05,
        "standard error": 0.75, "confidence interval": 0.6, "p-value": 0.85, "Bayes' rule": 0.7,
        "correlation and causation": 0.1}  # fmt: skip
POINTS = {"correct": 1.0, "partly": 0.5}
_FIRST = (
    "Ada", "Bram", "Chloe", "Dario", "Esra", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kemi", "Lior", "Maya", "Nils",
    "Oksana", "Paolo", "Quinn", "Rosa", "Sami", "Tove", "Uma", "Viktor", "Wren", "Yara", "Zane",
)  # fmt: skip
_LAST = (
    "Abel", "Brandt", "Castro", "Duval", "Eriksen", "Fabre", "Garcia", "Hoxha", "Ito", "Jensen", "Kaya", "Lund",
    "Moreau", "Novak", "Okoro", "Petrov", "Rossi", "Silva", "Tanaka", "Vargas", "Weber", "Young",
)  # fmt: skip


class Watched(NamedTuple):
    """A stretch of a lecture that was played without a break, in seconds of the lecture; ``last`` of a sitting."""

    time: datetime
    lecture: str
    start: float
    end: float
    last: bool


class Given(NamedTuple):
    """An answer; ``mastery`` is the truth at that moment."""

    time: datetime
    question: sample_content.Question
    attempt: int
    grade: str
    text: str
    mastery: float


@dataclass
class Learner:
    """A learner and, once simulated, what is recorded of it and the truth behind it."""

    id: str
    name: str
    presentation: str
    registered: datetime
    tutorial: str
    facts: dict[str, str]
    ability: float
    diligence: float
    mastery: dict[str, float] = field(default_factory=dict)
    watched: list[Watched] = field(default_factory=list)
    visits: list[datetime] = field(default_factory=list)  # of the course's page
    given: list[Given] = field(default_factory=list)
    left: datetime | None = None
    outcome: str = ""


def draw(number: int, seed: int) -> Learner:
    """Who learner ``number`` is, before the course begins."""
    rng = np.random.default_rng([seed, number, 1])
    presentation = list(PRESENTATIONS)[number % len(PRESENTATIONS)]
    prior, part_time = rng.random() < 0.35, rng.random() < 0.4
    facts = {
        "age_band": str(rng.choice(["under 25", "25 to 34", "35 and over"], p=[0.5, 0.3, 0.2])),
        "prior_statistics": "yes" if prior else "no",
        "study_mode": "part time" if part_time else "full time",
    }
    ability = float(rng.normal(0.35 if prior else -0.2, 0.9))
    diligence = float(np.clip(rng.beta(2.2, 1.4) - 0.12 * part_time, 0.02, 0.98))
    first, last = str(rng.choice(_FIRST)), str(rng.choice(_LAST))
    tutorial = (
        "Evening" if rng.random() < 0.02 else str(rng.choice(["Monday", "Tuesday", "Wednesday"]))
    )  # one stays small
    early = timedelta(days=int(rng.integers(2, 40)))
    registered = PRESENTATIONS[presentation] - early
    return Learner(
        f"S{number + 1:04d}", f"{first} {last}", presentation, registered, tutorial, facts, ability, diligence
    )


def simulate(learner: Learner, number: int, seed: int, truths: Sequence[dict[str, Any]]) -> Learner:
    """Let a learner take the course. ``truths`` tell when which slide of each lecture is shown."""
    _Course(learner, np.random.default_rng([seed, number, 2]), truths).run()
    return learner


class _Course:
    """One learner on the way through the course."""

    def __init__(self, learner: Learner, rng: np.random.Generator, truths: Sequence[dict[str, Any]]) -> None:
        self.learner, self.rng, self.truths = learner, rng, truths
        self.begin = PRESENTATIONS[learner.presentation]
        self.later = learner.presentation == RUNNING
        for concept in sample_content.concepts():
            start = 1 / (1 + np.exp(-(learner.ability - 0.9 - 1.6 * HARD[concept])))
            learner.mastery[concept] = float(start)

    def run(self) -> None:
        """Week by week, until the end or until the learner leaves."""
        asked = {c: [q for q in sample_content.questions() if q.concept == c] for c in self.learner.mastery}
        for week in range(1, WEEKS + 1):
            if self.rng.random() < self._hazard(week):
                self.learner.left = self._moment(week, 0)
                break
            for _ in range(self.rng.poisson(0.6 + 5 * self.learner.diligence)):
                self.learner.visits.append(self._moment(week, float(self.rng.uniform(0, 6))))
            if week in LECTURE_WEEKS:
                truth = self.truths[LECTURE_WEEKS.index(week)]
                if self.rng.random() < 0.45 + 0.55 * self.learner.diligence:
                    self._watch(truth, self._moment(week, 1))
                self._quiz([asked[c][0] for c in _taught(truth)], week + 1)
            if week == FINAL_WEEK:
                self._quiz([q for c in asked for q in asked[c][1:]], week, again=False)
        self.learner.watched.sort()
        self.learner.given.sort(key=lambda g: g.time)
        self.learner.outcome = self._outcome()

    def _hazard(self, week: int) -> float:
        """Chance to leave in this week: high for those who do little and know little."""
        drive = 1.3 - 4.6 * self.learner.diligence - 0.5 * self.learner.ability
        return float(0.16 / (1 + np.exp(-drive))) if week > 1 else 0.01

    def _moment(self, week: int, day: float) -> datetime:
        """A time in the evening of a day of a week."""
        late = float(day + self.rng.exponential(1.6 - 1.2 * self.learner.diligence))
        hours = float(self.rng.normal(19, 2.5)) % 24
        return self.begin + timedelta(days=7 * (week - 1) + min(late, 5.5) // 1, hours=hours)

    def _watch(self, truth: dict[str, Any], time: datetime) -> None:
        """One sitting with a whole lecture: some slides are skipped, some watched twice at once."""
        stretches: list[list[float]] = []
        for slide in truth["slides"]:
            concept, ends = slide["concept"], [slide["start"], slide["end"]]
            if concept and self.rng.random() < 0.35 * (1 - self.learner.diligence):
                continue
            unsure = concept and self.rng.random() < 0.6 * (1 - self.learner.mastery[concept]) ** 2
            for again in range(2 if unsure else 1):
                if stretches and stretches[-1][1] == ends[0] and not again and self.rng.random() > 0.12:
                    stretches[-1][1] = ends[1]
                else:
                    stretches.append(list(ends))
                self._learn(concept, 0.5)
        self._record(truth["lecture"], time, stretches)

    def _record(self, lecture: str, time: datetime, stretches: Sequence[Sequence[float]]) -> None:
        for i, (start, end) in enumerate(stretches):
            self.learner.watched.append(Watched(time, lecture, start, end, i + 1 == len(stretches)))
            time += timedelta(seconds=round(end - start + float(self.rng.exponential(20))))

    def _learn(self, concept: str, share: float) -> None:
        """Watching ``share`` of a concept's slides brings mastery nearer to 1, less so where the concept is hard."""
        if concept:
            now, rate = self.learner.mastery[concept], 0.95 - 0.6 * HARD[concept]
            self.learner.mastery[concept] = now + (1 - now) * share * rate * (0.6 + 0.4 * self.learner.diligence)

    def _quiz(self, asked: Sequence[sample_content.Question], week: int, again: bool = True) -> None:
        """Answer questions; after a bad answer, watch the slides of its concept again and answer once more."""
        if self.rng.random() > 0.35 + 0.65 * self.learner.diligence:
            return
        time = self._moment(week, 2)
        for question in asked:
            time += timedelta(seconds=int(self.rng.uniform(50, 200)))
            grade = self._answer(question, 1, time)
            if again and grade != "correct" and self.rng.random() < 0.1 + 0.6 * self.learner.diligence:
                self._watch_again(question.concept, time + timedelta(minutes=float(self.rng.uniform(5, 60))))
                self._answer(question, 2, time + timedelta(hours=float(self.rng.uniform(2, 20))))

    def _watch_again(self, concept: str, time: datetime) -> None:
        for truth in self.truths:
            found = [[s["start"], s["end"]] for s in truth["slides"] if s["concept"] == concept]
            if found:
                self._record(truth["lecture"], time, [[found[0][0], found[-1][1]]] * int(self.rng.integers(1, 3)))
        self._learn(concept, 0.8)

    def _answer(self, question: sample_content.Question, attempt: int, time: datetime) -> str:
        mastery = self.learner.mastery[question.concept]
        chances = (0.85, 0.13, 0.01, 0.01) if self.rng.random() < mastery else (0.04, 0.3, 0.36, 0.3)
        grade = str(self.rng.choice(sample_content.GRADES, p=chances))
        text = sample_content.answer(question, grade, self.rng, later=self.later)
        self.learner.given.append(Given(time, question, attempt, grade, text, mastery))
        return grade

    def _outcome(self) -> str:
        if self.learner.left is not None:
            return "withdrawn"
        best: dict[str, float] = {}
        for g in self.learner.given:
            best[g.question.id] = max(best.get(g.question.id, 0.0), POINTS.get(g.grade, 0.0))
        return "pass" if sum(best.values()) >= 0.5 * len(sample_content.questions()) else "fail"


def _taught(truth: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(s["concept"] for s in truth["slides"] if s["concept"]))
