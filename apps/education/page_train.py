"""Check a table, train and compare: models of grading or of early warning."""

from __future__ import annotations

from apps.education import studios
from apps.ui import train


def show() -> None:
    """The page."""
    train.show(studios.pick())
