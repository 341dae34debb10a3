"""The open model."""

from __future__ import annotations

from apps.customer_service.studio import STUDIO
from apps.ui import model


def show() -> None:
    """The page."""
    model.show(STUDIO)
