"""The customer-service models in the app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from apps.customer_service.pages import DISCLAIMER, PAGES
from apps.ui.studio import Change, Source, Studio
from core.answer import label
from core.config import ExperimentConfig
from core.record import Record
from core.record_rows import training_rows
from domains.customer_service import recipe, starter
from domains.customer_service.intent import IntentDetector

_FEW = "For five to ten turns an intent: all of them are learned from, five members are each tried on a fifth of them."
_ALARMS = "Of turns that the service does handle, so many may be marked as out of scope by mistake."
_OUTSIDE = "How the table calls turns that belong to no intent; they are learned from, where there are any."
_DECIDED = "On the page Agent, of any conversation; turns of this table itself stay as they are, also those to test on."
NAMES = {"speech": "speech", "text": "text", "dialogue": "dialogue", "behaviour": "behaviour"}


def modality(name: str) -> str:
    """A modality as people of a service call it."""
    return NAMES.get(name, label(name))


def _options(columns: Sequence[str], target: str) -> dict[str, Any]:
    """How often a turn in scope may be marked by mistake, and whether there are only a few turns an intent."""
    few = {"few_shot": st.toggle("Few turns an intent", key="few_shot", help=_FEW)}
    if target != "intent":
        return few
    with st.container(horizontal=True):
        outside = st.text_input("Out of scope is labelled", recipe.OUT_OF_SCOPE, key="outside", help=_OUTSIDE).strip()
        rate = st.number_input("False alarms, %", 1, 30, 5, key="false_alarm", help=_ALARMS)
    return few | {"false_alarm": rate / 100, "outside": outside or recipe.OUT_OF_SCOPE}


def _decided(source: Source, config: ExperimentConfig) -> Change | None:
    """Turns whose intent agents decided, masked as they were kept, to be learned from with those of the table."""
    if config.target.column != "intent" or not starter.record_file().is_file():
        return None
    entries = [e for e in Record(starter.record_file()).rows("intent") if e.case.get("turn_id")]
    words = f"Also learn from turns whose intent agents decided ({len(entries)} decisions)"
    if not entries or not st.checkbox(words, True, key="with_decided", help=_DECIDED):
        return None
    rows, _ = training_rows(entries, "intent", "turn_id")
    named = rows["turn_id"].str.rpartition(" ")[0]

    def add(table: pd.DataFrame) -> pd.DataFrame:
        known = set(table["turn_id"]) if "turn_id" in table else set()
        new = _fitting(rows[~named.isin(known) & ~named.str.startswith("row ")], table)
        return pd.concat([table, new.reindex(columns=table.columns, fill_value="")], ignore_index=True)

    return add


def _fitting(rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Decided turns as turns of a table: those with words, of its intents, in its columns.

    The record also holds what was decided with other models, such as the sample's.
    """
    held = rows.reindex(columns=["text", "recognised"], fill_value="")
    said = held["text"].where(held["text"] != "", held["recognised"])
    domains = dict(zip(table["intent"], table[recipe.DOMAIN])) if recipe.DOMAIN in table else {}
    new = rows.assign(**{recipe.DOMAIN: rows["intent"].map(domains).fillna("")})
    if not set(held) <= set(table):  # what was typed and what was heard share the one column that is there
        new = new.assign(**{c: said for c in (*recipe.WRITTEN, *recipe.RECOGNISED) if c in table})
    intents = {one for cell in table["intent"] for one in cell.split("|")}
    return new[rows["intent"].map(lambda cell: set(cell.split("|")) <= intents).astype(bool) & (said != "")]


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
    options=_options,
    screen=_decided,
    opened=_forget,
)
