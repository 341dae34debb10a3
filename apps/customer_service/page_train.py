"""Check a table, train and compare."""

from __future__ import annotations

from apps.customer_service.studio import STUDIO
from apps.ui import train


def show() -> None:
    """The page."""
    train.show(STUDIO)
