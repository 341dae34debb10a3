"""The education models in the app: grading and early warning, each with its options."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from apps.education.pages import PAGES
from apps.education.session import DISCLAIMER
from apps.ui.studio import Studio
from core.answer import label
from domains.education import recipe, risk_recipe, starter
from domains.education.course_folder import CourseFolder
from domains.education.grading import Grader
from domains.education.risk import EarlyWarning

_NAMES = {"match": "agreement", "learner": "learner's history"}
_UNSEEN = {"learners": "new learners", "answers": "new answers", "questions": "new questions", "modules": "new modules"}


def name(modality: str) -> str:
    """A modality as teachers call it."""
    return _NAMES.get(modality, label(modality))


def _unseen(columns: Sequence[str], target: str) -> dict[str, Any]:
    """What held-out rows are new in; a column ``group`` says it already."""
    if "group" in columns:
        return {}
    known = [u for u, c in recipe.UNSEEN.items() if c is None or c in columns]
    return {"unseen": st.selectbox("Held-out rows are", known, format_func=_UNSEEN.__getitem__, key="unseen")}


def _background(columns: Sequence[str], target: str) -> dict[str, Any]:
    """Whether the model may know who a learner is."""
    use = st.toggle("Use demographic columns", False, key="demographics")
    more = [c for c in starter.BACKGROUND if c in columns] if use else []
    return {"demographics": use, "categories": more}


GRADING = Studio(
    PAGES, DISCLAIMER, Grader, starter.GRADING, recipe.TARGETS, ":material/grading:", name=name, options=_unseen,
    opened=lambda: st.session_state.pop("graded", None), by=("question_id", "course_id"),
)  # fmt: skip
RISK = Studio(
    PAGES, DISCLAIMER, EarlyWarning, starter.RISK, (risk_recipe.TARGET,), ":material/support:", groups="Learners",
    name=name, options=_background, by=("age_band", "study_mode", "tutorial"),
)  # fmt: skip
WITHOUT = Studio(
    PAGES, DISCLAIMER, EarlyWarning, starter.RISK_WITHOUT, (risk_recipe.TARGET,), ":material/support:", name=name
)
_KINDS = {"Grading": GRADING, "Early warning": RISK}


def pick() -> Studio:
    """The kind of model that a page is about."""
    kind = st.segmented_control(
        "Model of", list(_KINDS), default="Grading", required=True, key="kind_of_model", label_visibility="collapsed"
    )
    return _KINDS[str(kind)]


def from_sample(studio: Studio) -> bool:
    """Whether the open model learned from the generated sample."""
    return studio.model_folder() == studio.sample.ready()


def own_folder(studio: Studio, course: CourseFolder, made_of: str) -> Path:
    """Where a model that learns from a course goes; ``made_of`` tells one state of its tables from another."""
    return starter.home() / f"{_own(studio, course)}{hashlib.sha256(made_of.encode()).hexdigest()[:6]}"


def of_course(course: CourseFolder) -> None:
    """Open, when a session comes to a course, the newest models that learned from it; for another, the sample's."""
    if st.session_state.get("models_of") == str(course.folder):
        return
    came_from = st.session_state.get("models_of")
    st.session_state["models_of"] = str(course.folder)
    for studio in (GRADING, RISK, WITHOUT):
        pattern = re.escape(_own(studio, course)) + "[0-9a-f]{6}"
        own = [bundle for name, bundle in studio.models().items() if re.fullmatch(pattern, name)]
        if (found := own[0] if own else came_from and studio.sample.ready()) and studio.model() is not None:
            studio.use_model(found)


def _own(studio: Studio, course: CourseFolder) -> str:
    return f"{re.sub(r'[^0-9A-Za-z]+', '-', course.name)}-{studio.sample.name.removeprefix('sample-')}-"
