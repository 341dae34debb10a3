"""The education models in the app: grading and early warning, each with its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from apps.education.pages import PAGES
from apps.education.session import DISCLAIMER
from apps.ui.studio import Studio
from core.answer import label
from domains.education import recipe, risk_recipe, starter
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
