"""The open model of grading or of early warning."""

from __future__ import annotations

from apps.education import studios
from apps.ui import model


def show() -> None:
    """The page."""
    model.show(studios.pick())
