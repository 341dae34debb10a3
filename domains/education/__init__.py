"""Education: lectures, assignments and learning records on the shared engine."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from domains.education.course import Course
from domains.education.lecture import Lecture

if TYPE_CHECKING:
    from domains.education.grading import Grader
    from domains.education.mastery import Mastery
    from domains.education.risk import EarlyWarning

__all__ = ["Course", "EarlyWarning", "Grader", "Lecture", "Mastery"]
_MODELS = {"EarlyWarning": "risk", "Grader": "grading", "Mastery": "mastery"}  # loaded when asked for: they take longer


def __getattr__(name: str) -> Any:
    if name not in _MODELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODELS[name]}"), name)
