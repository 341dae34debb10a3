"""The agent's page: the conversation, what the customer wants and why, where it goes, and replies to approve."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from apps import ui
from apps.customer_service import agent_answer, agent_conversation, agent_replies, files, session
from apps.customer_service.pages import DISCLAIMER, PAGES
from apps.customer_service.studio import STUDIO
from apps.ui.record import sign
from core.numbers import number_or_none
from domains.customer_service import starter
from domains.customer_service.intent import DOUBTFUL

_STYLE = """<style>
[class*=st-key-reply_], .st-key-route {padding: .45rem .8rem !important}
[class*=st-key-reply_] button {min-height: 2rem; padding: .1rem .6rem}
.st-key-conversation_box [data-testid=stChatMessage] {padding: .5rem}
</style>"""


def show() -> None:
    """The page."""
    ui.page("Agent", DISCLAIMER, sign)
    st.html(_STYLE)
    if STUDIO.model() is None:
        _first_visit()
    found = session.conversation() or _first_conversation()
    left, middle, right = st.columns([1.05, 1.15, 1.1], gap="medium")
    with left, PAGES.boundary():
        agent_conversation.show(found)
    found = session.conversation() or found
    if found.message is None:
        with middle:
            st.subheader("Waiting for the customer", anchor=False)
            st.caption("Write, record or upload what the customer says, on the left.")
            agent_replies.show_kept(found)
        return
    helped = None
    with middle:
        answer, last = st.container(), st.container()
    with answer, PAGES.boundary():
        helped = agent_answer.show(found)
    with right, PAGES.boundary():
        if helped is not None:
            agent_replies.show(found, helped)
    with last, PAGES.boundary():
        if helped is not None:
            agent_answer.rests_on(found, helped)


def _first_visit() -> None:
    """Train the sample model, with its progress on the page."""
    st.markdown(
        "**Welcome.** The sample model is being trained on generated conversations, on this machine. "
        "This takes about a minute and happens once; then a sample conversation opens."
    )
    with ui.Steps("Training the sample model") as steps:
        STUDIO.use_model(starter.ensure(steps))
    with ui.Steps("Learning the replies") as steps:
        files.suggester(steps)
    st.rerun()


def _first_conversation() -> session.Conversation:
    """A conversation to begin with: of the test turns the first call, well heard, after others and with behaviour."""
    table = files.turns_table()
    rows = agent_conversation.turns(str(table), table.stat().st_mtime_ns)
    name = next((n for n, row in rows.items() if _is_telling(row)), next(iter(rows), None))
    return session.open_row(rows[name], table.parent, name) if name is not None else session.start()


def _is_telling(row: Mapping[str, str]) -> bool:
    heard = (number_or_none(row.get("recognised_confidence", "")) or 0) >= DOUBTFUL
    return heard and bool(row.get("audio")) and row.get("turn_number") == "2" and bool(row.get("last_page"))
