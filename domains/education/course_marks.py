"""Marks of a course's answers that have none: proposed by a grader, decided by a teacher, used at the next training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from core.atomic import replace_folder
from core.progress import Progress, silent
from domains.education.course_folder import CourseFolder
from domains.education.grading import Graded, Grader

_PROPOSED = ("answer_id", "proposed", "probability", "queue")


def without_mark(course: CourseFolder) -> pd.DataFrame:
    """The answers of a course that have a text and no mark yet."""
    answers = course.table("answers")
    if answers is None or "grade" not in answers:
        return pd.DataFrame(columns=["answer_id"])
    return answers[(answers["grade"] == "") & (answers["answer"].str.strip() != "")].reset_index(drop=True)


def propose(course: CourseFolder, grader: Grader, progress: Progress = silent) -> pd.DataFrame:
    """Grade all answers without a mark: the sure ones become proposals, the others wait in the teacher's queue.

    Returns the proposals: answer_id, proposed, probability, queue (why it waits; blank where the grader is sure).
    """
    rows = without_mark(course)
    graded = grader.grade_table(rows, progress=progress) if len(rows) else []
    course.queue().add_table(rows, graded, grader.bundle.fingerprint)
    cells = [_cells(str(name), g) for name, g in zip(rows["answer_id"], graded)]
    found = pd.DataFrame(cells, columns=list(_PROPOSED))
    with replace_folder(course.folder / "proposed") as folder:
        found.to_csv(folder / "proposed.csv", index=False)
    return found


def _cells(name: str, graded: Graded) -> Sequence[str]:
    sure = graded.prediction.probabilities.get(str(graded.grade))
    return name, str(graded.grade), "" if sure is None else f"{sure:.4f}", graded.queue


def proposals(course: CourseFolder) -> pd.DataFrame | None:
    """The proposals of the last ``propose``; None before it."""
    path = course.folder / "proposed" / "proposed.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else None


def training_table(course: CourseFolder) -> pd.DataFrame:
    """All marked answers of a course, decisions among them, to train the next grader on.

    What a teacher decided is trained on, whatever the table's split says of its learner.
    """
    answers = course.table("answers")
    if answers is None:
        return pd.DataFrame()
    queue = course.queue()
    table = queue.with_overrides(answers)
    decided = table["answer_id"].isin(queue.decisions())
    for column, value in (("split", "train"), ("group", "")):
        if column in table:
            table.loc[decided, column] = value
    return table[table["grade"] != ""].reset_index(drop=True)


def train_again(course: CourseFolder, grader: Grader, out: Path, progress: Progress = silent) -> Grader:
    """A new grader by the same recipe, on all marks and decisions of a course; kept in ``out``."""
    again = Grader(config=grader.bundle.config, keep_answers=grader.keep_answers)
    return again.fit(training_table(course), out=out, progress=progress)
