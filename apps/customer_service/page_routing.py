"""The routing table: edit it as a table or as text, check it, try a turn on it, save it to the user's folder."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from apps import ui
from apps.customer_service import files
from apps.customer_service.pages import DISCLAIMER, PAGES
from apps.customer_service.studio import STUDIO
from core.answer import label
from core.errors import FileError, TableError
from core.numbers import counted, number_or_none
from domains.customer_service import recipe
from domains.customer_service.routing import COMPARISON, RoutingTable

_NAME = "routing.toml"
_ANSWERS = ("intent", "urgency", "out_of_scope", "confidence")
_WIDTHS = {
    "name": 185, "queue": 95, "priority": 90, "intent": 185, "urgency": 100, "out_of_scope": 125, "confidence": 120,
}  # fmt: skip


def show() -> None:
    """The page."""
    ui.page("Routing", DISCLAIMER)
    place = files.routing_file()
    if not place.is_file():
        raise FileError(f"{place}: no routing table is there; clone the repository again")
    whose = "your own table" if files.is_own(_NAME) else "the sample's table; saving makes a copy of your own"
    st.markdown(f"The first line that fits a turn decides its queue and priority. Open is **{whose}**.")
    left, right = st.columns([2.1, 1], gap="large")
    with left:
        lines, text = st.tabs(["Lines", "Text (TOML)"])
        with lines, PAGES.boundary():
            _lines(place)
        with text, PAGES.boundary():
            _text(place)
    with right, PAGES.boundary():
        _try(RoutingTable.read(place))
        if files.is_own(_NAME) and st.button("Back to the sample's table", icon=":material/undo:", key="routing_back"):
            files.forget(_NAME)
            st.rerun()


def _known() -> tuple[Sequence[str], Sequence[str]]:
    """Intents and behaviour columns that a line may name; none are known without a model."""
    model = STUDIO.model()
    if model is None:
        return (), ()
    config = model.bundle.config
    columns = [c for m in config.modalities if m.name == "behaviour" for c in m.columns]
    known = dict.fromkeys([*columns, *recipe.NUMBERS, *recipe.CATEGORIES])
    return (model.bundle.ensemble.target.classes if config.target.column == "intent" else ()), tuple(known)


def _lines(place: Path) -> None:
    table = RoutingTable.read(place)
    rows = pd.DataFrame(table.rows())
    first = ["name", "queue", "priority", *(c for c in _ANSWERS if c in rows)]
    last = [c for c in rows if c not in (*first, "note")]
    edited = st.data_editor(
        rows[[*first, *last, "note"]], num_rows="dynamic", height=395, hide_index=True, width="stretch",
        key=f"lines_{place.stat().st_mtime_ns}",
        column_config={c: st.column_config.TextColumn(label(c), width=w) for c, w in _WIDTHS.items() if c in rows},
    )  # fmt: skip
    st.caption(
        "A line leads to its queue and priority, from 1 (first) to 5, where all its conditions hold. A condition is a "
        "value, several as `a|b`, none of them as `!a|b`, or a comparison such as `>= 0.7`; blank: any. The lines that "
        "tell the urgency where no model does stand in the text."
    )
    if st.button("Check and save", type="primary", icon=":material/save:", key="save_lines"):
        intents, behaviour = _known()
        try:
            table.with_rows(edited.to_dict("records"), intents=intents, behaviour=behaviour).write(files.own(_NAME))
        except TableError as error:
            _faults(error, "row")
            return
        _saved()


def _text(place: Path) -> None:
    text = st.text_area(
        "Routing table as TOML", place.read_text(encoding="utf-8"), height=395, key=f"toml_{place.stat().st_mtime_ns}",
        label_visibility="collapsed",
    )  # fmt: skip
    if st.button("Check and save", type="primary", icon=":material/save:", key="save_toml"):
        intents, behaviour = _known()
        with tempfile.TemporaryDirectory() as scratch:
            new = Path(scratch) / _NAME
            new.write_text(text, encoding="utf-8")
            try:
                RoutingTable.read(new, intents=intents, behaviour=behaviour)
            except TableError as error:
                _faults(error, "line")
                return
        files.own(_NAME).write_text(text, encoding="utf-8")
        _saved()


def _faults(error: TableError, where: str) -> None:
    st.error(f"Not saved: {counted(len(error.faults), 'fault')}.", icon=":material/error:")
    rows = [{where: f.row or "table", "column": f.column, "found": f.value, "reason": f.reason} for f in error.faults]
    st.dataframe(rows, hide_index=True, alt="Faults of the routing table")


def _saved() -> None:
    st.session_state["help"] = {}
    st.toast("Saved. The next turn is routed by it.", icon=":material/check:")
    st.rerun()


def _try(table: RoutingTable) -> None:
    """Which line fires for a turn that the user describes."""
    st.markdown("**Try a turn**")
    intents = list(_known()[0]) or sorted({i for n in table.lines for i in n.where.get("intent", "").split("|") if i})
    intent = st.selectbox("Intent", intents, format_func=label, key="try_intent")
    urgency = st.selectbox("Urgency", ["as the table says", *recipe.URGENCIES], key="try_urgency")
    sure = st.slider("How sure the model is", 0.0, 1.0, 0.8, 0.05, key="try_sure")
    route = table.route(
        intent, confidence=sure, urgency=None if urgency not in recipe.URGENCIES else urgency,
        out_of_scope=intent == recipe.OUT_OF_SCOPE, behaviour=_behaviour(table),
    )  # fmt: skip
    st.success(f"{label(route.queue).capitalize()}, priority {route.priority}, urgency {route.urgency}")
    st.caption(ui.escape(label(route.why)))


def _behaviour(table: RoutingTable) -> dict[str, str | float]:
    """What is told of the customer; where a number is due, anything else is left out and said."""
    conditions = [(c, told) for n in (*table.lines, *table.urgencies) for c, told in n.where.items()]
    compared = {c for c, told in conditions if COMPARISON.fullmatch(told)} | {*recipe.NUMBERS}
    behaviour = dict[str, str | float]()
    for column in dict.fromkeys(c for c, _ in conditions if c not in _ANSWERS):
        told = st.text_input(label(column).capitalize(), key=f"try_{column}").strip()
        number = number_or_none(told) if column in compared else None
        if told and column not in compared:
            behaviour[column] = told
        elif number is not None and (number >= 0 or column not in recipe.NUMBERS):
            behaviour[column] = number
        elif told:
            least = " of 0 or more" if column in recipe.NUMBERS else ""
            st.warning(f"{ui.escape(told[:40])} is no number{least} and is left out; write one such as 120.")
    return behaviour
