"""Tables that training reads by another way: which command makes of them what it reads, or trains on them at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from domains.education.assignments_lms import kind_of
from domains.education.assignments_public import is_public

_MARKS = ("grade", "label_2way", "label_3way", "score", "points")
_ASKED = {"question", "reference", "reference_answer", "all_references"}
_UNIVERSITY = {"code_module", "code_presentation", "id_student"}


def pointer(columns: Sequence[str], lacking: Collection[str] = ("answer",)) -> str:
    """The commands for a table of known columns that the grader does not read as it is, in words; "" for any other.

    ``lacking``: what a model reads and the table does not have; without the answer among it, it is no grader.

    >>> pointer(["answer", "grade"])
    ''
    """
    if "answer" in columns or "answer" not in lacking:
        return ""
    if is_public(columns) or kind_of(columns):
        return _answers(columns)
    if {*columns} >= _UNIVERSITY:
        return (
            "this is a table of the Open University set, not of graded answers. Name its folder (with "
            "oulad_enrolments.csv.gz, oulad_submissions.csv.gz and oulad_assessments.csv); "
            "whom to call is another model:\n"
            "  python -m domains.education.risk table FOLDER risk.csv\n"
            "  python -m domains.education.risk train risk.csv --out RUN"
        )
    if "at_risk" in columns and "enrolment_id" in columns:
        made = {"case_id", "start"} <= {*columns}
        table = "" if made else "  python -m domains.education.risk table FOLDER TABLE.csv\n"
        return (
            "these are enrolments, not graded answers; whom to call is another model:\n"
            f"{table}  python -m domains.education.risk train TABLE.csv --out RUN"
        )
    return ""


def _answers(columns: Sequence[str]) -> str:
    what = "the public layout of graded answers" if is_public(columns) else "an export of Moodle or Canvas"
    questions = "" if _ASKED & {*columns} or not is_public(columns) else " QUESTIONS.csv"
    dataset = " --dataset NAME" if "dataset" in columns else ""
    target = next((m for m in _MARKS if m in columns), "points")
    read = f"  python -m domains.education.assignments {{}}.csv{questions}{dataset} --unseen questions"
    return (
        f"this is {what}, which is made ready first, with question, reference and the learner's history:\n"
        f"{read.format('TRAIN')} --out train_ready.csv\n"
        f"  polyfuse train train_ready.csv --domain education --target {target} --out RUN\n"
        "and to measure on answers in a file of their own:\n"
        f"{read.format('TEST')} --history TRAIN.csv --out test_ready.csv\n"
        "  polyfuse evaluate RUN/bundle test_ready.csv --split all"
    )
