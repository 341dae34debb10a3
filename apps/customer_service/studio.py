"""The customer-service models in the app."""

from __future__ import annotations

import streamlit as st

from apps.customer_service.pages import DISCLAIMER, PAGES
from apps.ui.studio import Studio
from core.answer import label
from domains.customer_service import recipe, starter
from domains.customer_service.intent import IntentDetector

NAMES = {"speech": "speech", "text": "text", "dialogue": "dialogue", "behaviour": "behaviour"}


def modality(name: str) -> str:
    """A modality as people of a service call it."""
    return NAMES.get(name, label(name))


def _forget() -> None:
    """Answers of the model before."""
    st.session_state["help"] = {}


STUDIO = Studio(
    PAGES,
    DISCLAIMER,
    IntentDetector,
    starter.SAMPLE,
    recipe.TARGETS,
    ":material/support_agent:",
    groups="Customers",
    by=("channel", "plan", "speaker", "noise_db"),
    name=modality,
    opened=_forget,
)
