"""What imports add to a course: the answers of one more quiz, the records of one more week, beside what is there.

An answer with the id of an older one takes its place; a record that is there already is not counted twice. All is
written as the tables of ``domains.education.course_folder``.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from core.errors import ConfigError, Fault, TableError
from core.numbers import counted
from core.table import StringTable
from domains.education.assignments import Assignments
from domains.education.assignments_history import HISTORY, with_history
from domains.education.assignments_read import open_csv
from domains.education.course_folder import CourseFolder
from domains.education.records import Imported
from domains.education.records_types import SetAside, learner_id
from domains.education.risk_faults import cells

ASKED = ("question_id", "question", "reference", "concept", "module")
CALENDAR = ("assessment", "due", "weight")
_KEY = ["student_id", "group"]


def add_answers(course: CourseFolder, found: Assignments) -> str:
    """Add answers and their questions; what was added, in words.

    Proposed marks go where answers are new, as one may be of a text that is replaced, and the mastery table of the
    course goes: it was drawn from other answers, or on other concepts.
    """
    _set_aside_bare_points(found)
    new, told = found.table(), "no answers"
    if len(new):
        old = course.table("answers")
        merged = (new if old is None else pd.concat([old, new])).fillna("").drop_duplicates("answer_id", keep="last")
        rows = merged.drop(columns=[c for c in HISTORY if c in merged]).to_dict("records")
        table = pd.DataFrame(with_history(rows), dtype=str)
        course.store("answers", table if "grade" in table else table.assign(grade=""))  # a blank one waits for a mark
        shutil.rmtree(course.folder / "proposed", ignore_errors=True)
        replaced = 0 if old is None else len(old) + len(new) - len(merged)
        told = counted(len(new), "answer") + (f", {replaced} of them in place of older ones" if replaced else "")
    asked = questions_of(course.table("questions"), found.questions, new)
    course.store("questions", asked)
    (course.folder / "mastery.csv").unlink(missing_ok=True)
    return (
        f"Added {told}. The course has {counted(len(asked), 'question')} on "
        f"{counted(asked['concept'].nunique(), 'concept')}."
    )


def _set_aside_bare_points(found: Assignments) -> None:
    """Points of which nobody tells the most that there are say nothing of what was known; a course refuses them."""
    bare = [r for r in found.rows if r.get("points") and not r.get("max_points") and not r.get("grade")]
    reason = "points without max_points, so no share of them is known; add that column, or export percentages"
    found.aside += [SetAside(0, reason, row["answer_id"]) for row in bare]
    ids = {row["answer_id"] for row in bare}
    found.rows = [row for row in found.rows if row["answer_id"] not in ids]


def questions_of(
    old: pd.DataFrame | None, given: Mapping[str, Mapping[str, str]], answers: pd.DataFrame
) -> pd.DataFrame:
    """The questions of a course, each cell from the first that tells it: a table of questions, the course, the answers.

    A question without words is called by its id; without a concept it is one of its own.
    """
    asked = [pd.DataFrame([{"question_id": q, **told} for q, told in given.items()], columns=list(ASKED))]
    if old is not None:
        named = old[["question", "concept"]]
        asked.append(old.assign(**named.where(named.ne(old["question_id"], axis=0), "")))
    table = pd.concat([*asked, answers.reindex(columns=list(ASKED), fill_value="")])
    known = table.replace("", None).groupby("question_id", sort=False).first().reset_index().fillna("")
    return known.assign(
        question=known["question"].where(known["question"] != "", known["question_id"]),
        concept=known["concept"].where(known["concept"] != "", known["question_id"]),
    )


def add_records(course: CourseFolder, found: Imported) -> dict[str, int]:
    """Add the tables of an import of records; how many rows of each are new."""
    added = {}
    for name in ("events", "scores", "enrolments"):
        if (file := found.folder / f"{name}.csv").is_file():
            new, old = pd.read_csv(file, dtype=str, keep_default_na=False), course.table(name)
            if name == "enrolments":
                new = with_facts(new, [Path(source) for source, kind in found.kinds.items() if kind == name])
            merged = _together(new.head(0) if old is None else old, new, _KEY if name == "enrolments" else [])
            added[name] = len(merged) - (0 if old is None else len(old))
            course.store(name, merged)
    return added


def _together(old: pd.DataFrame, new: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Old and new rows: by a key the new ones win in what they tell, else those that are not there yet are added."""
    if key:
        untold = old[[*key, *(c for c in old if c not in new)]]
        told = new.merge(untold, on=key, how="left")
        return pd.concat([old, told]).fillna("").drop_duplicates(key, keep="last")
    both = [c for c in new if c in old]
    there = pd.MultiIndex.from_frame(new[both]).isin(pd.MultiIndex.from_frame(old[both]))
    return pd.concat([old, new[~there]]).fillna("")


def with_facts(enrolments: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
    """Enrolments with what else the files tell of a learner, such as the name, and an id for each.

    A column that no file has is left out, so that it takes nothing away from what is known.
    """
    tables = [StringTable.open(file).frame() for file in files]
    named = {c for table in tables for c in table}
    enrolments = enrolments[[c for c in enrolments if c in named or (enrolments[c] != "").any()]]
    for told in tables:
        told[_KEY] = told[_KEY].apply(lambda cells: cells.str.strip())
        told["student_id"] = told["student_id"].map(learner_id)
        told = told.drop_duplicates(_KEY)  # called as the records call them
        more = [c for c in told if c not in enrolments]
        enrolments = enrolments.merge(told[[*_KEY, *more]], on=_KEY, how="left").fillna("")
    if "enrolment_id" not in enrolments:
        enrolments = enrolments.assign(enrolment_id=enrolments["student_id"] + "-" + enrolments["group"])
    return enrolments


def is_calendar(file: Path) -> bool:
    """Whether a file is a calendar of work, not records.

    Raises:
        FileError: if it is not UTF-8.
    """
    named = file.name.lower().endswith((".csv", ".csv.gz"))
    return named and {"assessment", "due"} <= set(open_csv(file, "utf-8-sig")[0])


def add_calendar(course: CourseFolder, file: Path) -> int:
    """Take a calendar of work (group, assessment, due, weight) in place of the old one; how many pieces of work.

    Without the column group, all groups have the same calendar.

    Raises:
        ConfigError: without that column, where the course has no group yet.
        TableError: for a column that is missing, a due date that is none, or a weight that is no number.
    """
    table = StringTable.open(file).frame()
    if lacking := [c for c in CALENDAR if c not in table]:
        raise TableError(file.name, [Fault(0, c, "", f"is missing; it has {', '.join(table)}") for c in lacking])
    if "group" not in table:
        if not (groups := course.groups()):
            raise ConfigError(
                f"{file.name}: the course has no group yet whose calendar this could be; import enrolments "
                "(student_id, group, start) first, or add the column group"
            )
        table = table.merge(pd.DataFrame({"group": groups}), how="cross")
    if faults := list(cells("work", table)):
        raise TableError(file.name, faults)
    course.store("work", table)
    return len(table)
