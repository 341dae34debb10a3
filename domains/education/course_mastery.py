"""Mastery of a course's learners, traced from the sequence of their answers, and kept as the course's mastery table."""

from __future__ import annotations

import pandas as pd

from core.errors import ConfigError
from core.progress import Progress, silent
from domains.education.assignments_history import share_right
from domains.education.course_folder import CourseFolder
from domains.education.mastery import Mastery
from domains.education.mastery_net import NetOptions

FOLDS = 5
HALF = 0.5  # of the points, from which an answer that has no grade counts as right


def trace(course: CourseFolder, progress: Progress = silent, options: NetOptions | None = None) -> pd.DataFrame:
    """Learn from all marked answers of a course, decisions among them, and write ``mastery.csv``; its table.

    Raises:
        ConfigError: if there are fewer than five learners with marks, or all answers are alike.
    """
    answers = outcomes(course)
    marked = answers[answers["correct"] != ""]
    if (learners := marked["student_id"].nunique()) < FOLDS:
        raise ConfigError(f"tracing mastery needs marks of at least {FOLDS} learners, found {learners}")
    table = Mastery(options=options, folds=FOLDS, networks=1).fit(marked, progress=progress).table(answers)
    course.store("mastery", table)
    return table


def outcomes(course: CourseFolder) -> pd.DataFrame:
    """The answers of learners in order, with their concept and ``correct``: 1, 0, or blank without a mark.

    Raises:
        ConfigError: without answers or questions.
    """
    answers, questions = course.table("answers"), course.table("questions")
    if answers is None or questions is None:
        raise ConfigError("the course has no answers and questions yet; import them first")
    answers = course.queue().with_overrides(answers)
    concepts = dict(zip(questions["question_id"], questions["concept"]))
    rows = answers.to_dict("records")
    found = pd.DataFrame({
        "student_id": answers["student_id"], "question_id": answers["question_id"],
        "concept": answers["question_id"].map(concepts), "correct": [_right(r) for r in rows],
    })  # fmt: skip
    if "time" in answers and (answers["time"] != "").all():
        found["time"] = answers["time"]
    return found[found["student_id"] != ""].reset_index(drop=True)


def _right(row: dict[str, str]) -> str:
    if grade := row.get("grade", ""):
        return str(int(grade == "correct"))
    share = share_right(row)
    return "" if share is None else str(int(share >= HALF))
