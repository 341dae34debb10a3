"""Marks of a course's answers that have none: proposed by a grader, decided by a teacher, used at the next training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from core.atomic import replace_folder
from core.progress import Progress, silent
from core.record import LOCAL
from domains.education.assignments_history import share_right
from domains.education.course_folder import CourseFolder
from domains.education.grading import Graded, Grader
from domains.education.review_queue import Waiting

_PROPOSED = ("answer_id", "proposed", "probability", "queue")


def without_mark(course: CourseFolder) -> pd.DataFrame:
    """The answers of a course that have a text and no mark yet, neither a grade nor points."""
    answers = course.table("answers")
    if answers is None or "answer" not in answers:
        return pd.DataFrame(columns=["answer_id"])
    unmarked = answers["answer"].str.strip() != ""
    for column in ("grade", "points"):
        if column in answers:
            unmarked &= answers[column] == ""
    return answers[unmarked].reset_index(drop=True)


def propose(course: CourseFolder, grader: Grader, progress: Progress = silent, who: str = LOCAL) -> pd.DataFrame:
    """Grade all answers without a mark: the sure ones become proposals, the others wait in the teacher's queue.

    The course's record keeps that ``who`` asked for them.

    Returns the proposals: answer_id, proposed, probability, queue (why it waits; blank where the grader is sure).
    """
    rows = without_mark(course)
    rows = rows.assign(**{c: "" for c in columns_of(grader) if c not in rows})  # a course may have no references
    asked = course.queue().record
    graded = grader.grade_table(rows, record=asked, who=who, progress=progress) if len(rows) else []
    course.queue().add_table(rows, graded, grader.bundle.fingerprint)
    cells = [_cells(str(name), g) for name, g in zip(rows["answer_id"], graded)]
    found = pd.DataFrame(cells, columns=list(_PROPOSED))
    with replace_folder(course.folder / "proposed") as folder:
        found.to_csv(folder / "proposed.csv", index=False)
    return found


def waiting(course: CourseFolder) -> list[Waiting]:
    """What waits in the queue and is still an answer of the course without a mark: it may have come with one since."""
    rows = without_mark(course)
    there = {name: str(text).strip() for name, text in zip(rows["answer_id"], rows.get("answer", ()))}
    return [w for w in course.queue().waiting() if there.get(w.answer_id) == str(w.case.get("answer", "")).strip()]


def _cells(name: str, graded: Graded) -> Sequence[str]:
    sure = graded.prediction.probabilities.get(str(graded.grade))
    return name, str(graded.grade), "" if sure is None else f"{sure:.4f}", graded.queue


def proposals(course: CourseFolder) -> pd.DataFrame | None:
    """The proposals of the last ``propose``; None before it."""
    path = course.folder / "proposed" / "proposed.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else None


def training_table(course: CourseFolder) -> pd.DataFrame:
    """All marked answers of a course that have a text, decisions among them, to train the next grader on.

    What a teacher decided is trained on, whatever the table's split says of its learner. Points become a grade: all of
    them correct, none incorrect, else partly.
    """
    answers = course.table("answers")
    if answers is None:
        return pd.DataFrame()
    queue = course.queue()
    table = queue.with_overrides(answers)
    decided = queue.marks(table).notna()
    for column, value in (("split", "train"), ("group", "")):
        if column in table:
            table.loc[decided, column] = value
    if "points" in table:
        table["grade"] = [row["grade"] or _label(share_right(row)) for row in table.to_dict("records")]
    return table[(table["grade"] != "") & (table["answer"].str.strip() != "")].reset_index(drop=True)


def columns_of(grader: Grader) -> set[str]:
    """The columns of a table that a grader was trained on, but for its target."""
    config = grader.bundle.config
    special = {config.table.id, config.table.group, config.table.split} - {None}
    return {c for m in config.modalities for c in m.columns} | {str(c) for c in special}


def _label(share: float | None) -> str:
    return "" if share is None else "correct" if share >= 1 else "partly" if share > 0 else "incorrect"


def train_again(course: CourseFolder, grader: Grader, out: Path, progress: Progress = silent) -> Grader:
    """A new grader on all marks and decisions of a course, kept in ``out``: by the same recipe where the course has all
    of its columns, else by the preset ``fast`` on those that it has.
    """
    table = training_table(course)
    if columns_of(grader) <= set(table):
        again = Grader(config=grader.bundle.config, keep_answers=grader.keep_answers)
    else:
        again = Grader(preset="fast", unseen="learners", keep_answers=grader.keep_answers)
    return again.fit(table, out=out, progress=progress)
