"""The Open University set (Kuzilek, Hlosta and Zdrahal 2017, CC BY 4.0) as the four tables of early warning.

Read: ``oulad_enrolments.csv.gz``, ``oulad_submissions.csv.gz`` and ``oulad_assessments.csv``. The set gives days from
the start of a presentation and no dates; B presentations start in February, J in October, so the first of that month is
taken. What the set says of the whole course (``total_clicks_whole_course``, ``final_result``…) is not read, but for
``at_risk``. Marks brought over from an earlier presentation (``is_banked``) are left out.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from core.errors import FileError
from domains.education.records_csv import presentation_start
from domains.education.risk_features import RiskTables

_ENROLMENT = ["code_module", "code_presentation", "id_student", "enrolment_id", "at_risk", "date_registration",
              "date_unregistration"]  # fmt: skip
_DEMOGRAPHICS = ["gender", "region", "highest_education", "imd_band", "age_band", "num_of_prev_attempts",
                 "studied_credits", "disability"]  # fmt: skip
_BEFORE = {"pre_course_clicks": "clicks_before", "pre_course_interaction_rows": "visits_before"}


def read(folder: Path) -> RiskTables:
    """The tables of a folder.

    Raises:
        FileError: if a file is missing or lacks a column.
    """
    enrolments = _read(folder / "oulad_enrolments.csv.gz", [*_ENROLMENT, *_DEMOGRAPHICS, *_BEFORE])
    handed_in = _read(folder / "oulad_submissions.csv.gz", ["id_student", "id_assessment", "date_submitted", "score"])
    calendar = _read(folder / "oulad_assessments.csv", ["id_assessment", "assessment_type", "date", "weight"])
    groups = set(_group(enrolments))
    own = enrolments[_DEMOGRAPHICS].assign(
        enrolment_id=enrolments["enrolment_id"],
        student_id=enrolments["id_student"],
        group=_group(enrolments),
        course=enrolments["code_module"],
        season=enrolments["code_presentation"].str[4:],
        start=[presentation_start(p).date().isoformat() for p in enrolments["code_presentation"]],
        registered=_dates(enrolments, "date_registration"),
        left=_dates(enrolments, "date_unregistration"),
        at_risk=enrolments["at_risk"],
        **{new: enrolments[old] for old, new in _BEFORE.items()},
    )
    work = pd.DataFrame({"group": _group(calendar), "assessment": calendar["id_assessment"]})
    work = work.assign(kind=calendar["assessment_type"], due=_dates(calendar, "date"), weight=calendar["weight"])
    taken = handed_in[(handed_in["is_banked"] == "0") & (handed_in["score"] != "")]
    scores = pd.DataFrame({"student_id": taken["id_student"], "group": _group(taken)})
    scores = scores.assign(assessment=taken["id_assessment"], time=_dates(taken, "date_submitted"))
    scores = scores.assign(score=taken["score"], max_score="100")
    events = pd.DataFrame(columns=["student_id", "group", "time", "clicks"], dtype=str)
    return RiskTables.of(own, work[work["group"].isin(groups)], scores[scores["group"].isin(groups)], events)


def _group(table: pd.DataFrame) -> pd.Series:
    return table["code_module"] + "_" + table["code_presentation"]


def _dates(table: pd.DataFrame, column: str) -> pd.Series:
    """Days from the start of each row's presentation as ISO dates; blank stays blank."""
    start = table["code_presentation"].map({p: presentation_start(p) for p in table["code_presentation"].unique()})
    found = start + pd.to_timedelta(pd.to_numeric(table[column], errors="coerce"), unit="D")
    return found.dt.strftime("%Y-%m-%d").fillna("")


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        found = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError) as error:
        raise FileError(f"{path}: cannot be read ({error}); give a folder of the Open University set") from error
    if lacking := [c for c in ["code_module", "code_presentation", *columns] if c not in found]:
        raise FileError(f"{path}: no column {lacking[0]!r}; it has {', '.join(found.columns)}")
    return found
