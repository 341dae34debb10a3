"""The simulated learners as the tables that a platform would export, and the truth behind them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from domains.education import sample_content, sample_records
from domains.education.sample_learners import (
    FINAL_WEEK,
    LECTURE_WEEKS,
    POINTS,
    PRESENTATIONS,
    RUNNING,
    Learner,
)

COURSE = "Statistics in short"
COLUMNS = {
    "questions": ("question_id", "question", "reference", "concept", "module", "synthetic"),
    "answers": ("answer_id", "student_id", "question_id", "question", "reference", "answer", "concept", "module",
                "attempt", "time", "grade", "split", "group", "synthetic"),
    "events": sample_records.EVENT_COLUMNS,
    "enrolments": ("enrolment_id", "student_id", "name", "group", "course", "start", "registered", "left", "tutorial",
                   "age_band", "prior_statistics", "study_mode", "outcome", "at_risk", "split", "synthetic"),
    "work": ("group", "assessment", "kind", "due", "weight", "synthetic"),
    "scores": ("student_id", "group", "assessment", "time", "score", "max_score", "synthetic"),
}  # fmt: skip
FILES = (*(f"{name}.csv" for name in COLUMNS), "xapi.jsonl")
_TRUTH = {"mastery": ("student_id", "concept", "mastery"), "learners": ("student_id", "ability", "diligence")}


def write(folder: Path, learners: Sequence[Learner], seconds: Mapping[str, float]) -> None:
    """Write all tables; ``seconds`` is how long each lecture lasts."""
    events = sorted((e for x in learners for e in sample_records.events(x, seconds)), key=lambda e: e.time)
    _write(folder, "questions", map(_question, sample_content.questions()))
    _write(folder, "answers", (row for x in learners for row in _answers(x)))
    _write(folder, "events", map(sample_records.row, events))
    _write(folder, "enrolments", map(_enrolment, learners))
    _write(folder, "work", (row for group in PRESENTATIONS for row in _work(group)))
    _write(folder, "scores", (row for x in learners for row in _scores(x)))
    with (folder / "xapi.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(sample_records.statement(e, seconds) + "\n" for e in events if e.group == RUNNING)
    mastery = ((x.id, c, f"{m:.3f}") for x in learners for c, m in x.mastery.items())
    traits = ((x.id, f"{x.ability:.3f}", f"{x.diligence:.3f}") for x in learners)
    for name, rows in (("mastery", mastery), ("learners", traits)):
        with (folder / "truth" / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([_TRUTH[name], *rows])


def _write(folder: Path, name: str, rows: Iterable[Mapping[str, str]]) -> None:
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS[name], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**dict.fromkeys({"synthetic"} & {*COLUMNS[name]}, "true"), **row} for row in rows)


def _question(q: sample_content.Question) -> dict[str, str]:
    named = {"question_id": q.id, "question": q.question, "reference": q.reference, "concept": q.concept}
    return named | {"module": sample_content.taught_in(q.concept).title}


def _answers(learner: Learner) -> Iterator[dict[str, str]]:
    for g in learner.given:
        yield _question(g.question) | {
            "answer_id": f"{learner.id}-{g.question.id}-{g.attempt}", "student_id": learner.id, "answer": g.text,
            "attempt": str(g.attempt), "time": _time(g.time), "grade": g.grade, "split": _split(learner),
            "group": learner.id,
        }  # fmt: skip


def _split(learner: Learner) -> str:
    """By time: the running presentation is held out, half of the one before chooses and calibrates."""
    place = list(PRESENTATIONS).index(learner.presentation)
    return "test" if learner.presentation == RUNNING else "val" if place and int(learner.id[1:]) % 2 else "train"


def _enrolment(learner: Learner) -> dict[str, str]:
    start = PRESENTATIONS[learner.presentation]
    return learner.facts | {
        "enrolment_id": f"{learner.id}-{learner.presentation}", "student_id": learner.id, "name": learner.name,
        "group": learner.presentation, "course": COURSE, "start": start.date().isoformat(),
        "registered": learner.registered.date().isoformat(), "tutorial": learner.tutorial,
        "left": learner.left.date().isoformat() if learner.left else "", "outcome": learner.outcome,
        "at_risk": str(int(learner.outcome != "pass")), "split": _split(learner),
    }  # fmt: skip


def _quizzes() -> list[tuple[str, int, list[str]]]:
    """Name, week in whose last day it is due, and questions of each quiz."""
    asked = sample_content.questions()
    taught = [[s.concept for s in lecture.slides] for lecture in sample_content.lectures()]
    first = [[next(q.id for q in asked if q.concept == c) for c in dict.fromkeys(own)] for own in taught]
    rest = [q.id for q in asked if q.id not in {i for own in first for i in own}]
    quizzes = [(f"quiz-{n}", week + 1, own) for n, (week, own) in enumerate(zip(LECTURE_WEEKS, first), 1)]
    return [*quizzes, ("final", FINAL_WEEK, rest)]


def _work(group: str) -> Iterator[dict[str, str]]:
    for name, week, asked in _quizzes():
        due = PRESENTATIONS[group] + timedelta(days=7 * week - 1)
        kind, weight = ("exam" if name == "final" else "quiz"), str(10 * len(asked))
        yield {"group": group, "assessment": name, "kind": kind, "due": due.date().isoformat(), "weight": weight}


def _scores(learner: Learner) -> Iterator[dict[str, str]]:
    """The points of the first attempts at each quiz, from when the last of them was given."""
    first = {g.question.id: g for g in learner.given if g.attempt == 1}
    for name, _, asked in _quizzes():
        given = [first[q] for q in asked if q in first]
        if given:
            score = f"{sum(POINTS.get(g.grade, 0.0) for g in given):g}"
            yield {
                "student_id": learner.id, "group": learner.presentation, "assessment": name, "score": score,
                "time": _time(max(g.time for g in given)), "max_score": str(len(asked)),
            }  # fmt: skip


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
