"""The right of the agent's page: where the turn goes and why, and replies to approve, edit or reject."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from apps import ui
from apps.customer_service import assist, files, session
from apps.customer_service.session import Conversation
from core.answer import label
from domains.customer_service.desk import Help

_REAL = "Shown until another reply is decided; what is kept on disk is masked."
_PRIORITIES = {1: ":red-badge[priority 1 · first]", 2: ":orange-badge[priority 2]"}


def show(found: Conversation, helped: Help) -> None:
    """Draw the column."""
    _route(helped)
    st.markdown("**Replies** · nothing is sent: approve, then copy")
    rejected: set[int] = st.session_state.setdefault("rejected", {}).setdefault(found.turn, set())
    for place in range(len(helped.replies)):
        if place not in rejected:
            _reply(found, helped, place)
    if helped.replies and len(rejected) == len(helped.replies):
        st.info("All suggestions are rejected. Write your own below.", icon=":material/edit_note:")
    for why in helped.lacking:
        st.caption(f":material/block: {ui.escape(why)}")
    _own(found, helped)


def _route(helped: Help) -> None:
    """Queue, priority, the line of the table that fired, and the next step."""
    route = helped.route
    if route is None:
        return
    with st.container(border=True, key="route", gap="small"):
        badge = _PRIORITIES.get(route.priority, f":gray-badge[priority {route.priority}]")
        st.markdown(
            f":material/alt_route: **{ui.escape(label(route.queue).capitalize())}** {badge} "
            f":gray-badge[urgency {ui.escape(route.urgency)}]"
        )
        if helped.action is not None and helped.action.label is not None and not helped.found.is_outside:
            sure = helped.action.probabilities[helped.action.label]
            st.markdown(f":material/arrow_forward: Next step: **{ui.escape(label(helped.action.label))}** {sure:.0%}")
        st.caption(ui.escape(label(route.why) + _urgent(helped)))


def _urgent(helped: Help) -> str:
    """How sure the model of the urgency is, where one told it."""
    told = helped.urgency
    return "" if told is None or told.label is None else f"; urgency by its model, {told.probabilities[told.label]:.0%}"


def _reply(found: Conversation, helped: Help, place: int) -> None:
    given = helped.replies[place]
    shown, key = found.masked(given.text), f"{found.turn}_{place}"
    text = shown
    with st.container(border=True, key=f"reply_{key}", gap="small"):
        edits = st.session_state.get(f"edit_{key}", False)
        if edits:
            text = _written("Your words", f"words_{key}", text, 90)
        else:
            st.markdown(f"{ui.escape(text)}  \n:small[:gray[{ui.escape(given.source)} · {given.score:.2f}]]")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            does = "Approve edited" if edits else "Approve"
            if st.button(
                does, type="primary", icon=":material/check:", key=f"approve_{key}", disabled=not text.strip()
            ):
                was = "edited" if text != shown else "approved"
                hidden = found.masked(text)
                number = assist.keep_reply(found, helped, place, was, hidden)
                _answer(found, number, was, hidden, given.text if text == shown else found.unmasked(text, given.text))
            if not edits and st.button("Edit", icon=":material/edit:", key=f"change_{key}"):
                st.session_state[f"edit_{key}"] = True
                st.rerun()
            if st.button("Reject", icon=":material/close:", key=f"reject_{key}"):
                assist.keep_reply(found, helped, place, "rejected", "")
                st.session_state["rejected"][found.turn].add(place)
                st.rerun()


def _answer(found: Conversation, number: int, decision: str, hidden: str, words: str) -> None:
    """Go on after a reply, kept as ``hidden``. Its real words are what is sent; they stay in the session's memory."""
    session.answered(words)
    st.session_state["last_answer"] = (found.number, number, decision, hidden, words)
    st.rerun()


def _own(found: Conversation, helped: Help) -> None:
    """A reply that the agent writes, or has drafted by the model that was named."""
    model, key = files.told(files.WRITER), f"drafted_{found.turn}"
    with st.expander("Write your own reply", icon=":material/edit_note:"):
        if model is not None and found.open_line and _draft_button(found):
            with st.spinner("Writing …"):
                _drafts()[f"own_{found.turn}"] = assist.draft(found, helped, model)
            st.session_state[key] = Path(model).name
        if drafted := st.session_state.get(key):
            st.caption(f":orange[:material/warning:] Drafted by {ui.escape(drafted)}: check every fact.")
        text = _written("Your reply", f"own_{found.turn}", "", 80)
        if st.button("Keep this reply", disabled=not text.strip(), key=f"keep_own_{found.turn}"):
            hidden = found.masked(text)
            number = assist.keep_own_reply(found, helped, hidden, st.session_state.get(key))
            _answer(found, number, "written", hidden, found.unmasked(text))


def _drafts() -> dict[str, str]:
    """What is being written, by the key of its field: a field that is not shown forgets its text."""
    drafts: dict[str, str] = st.session_state.setdefault("reply_drafts", {})
    return drafts


def _written(title: str, key: str, held: str, height: int) -> str:
    """A field to write in; what stands there waits in the session, also while another page is open."""
    drafts = _drafts()
    st.session_state[key] = drafts.get(key, held)
    return st.text_area(
        title, height=height, key=key, label_visibility="collapsed",
        on_change=lambda: drafts.__setitem__(key, st.session_state[key]),
    )  # fmt: skip


def _draft_button(found: Conversation) -> bool:
    return st.button("Draft it", icon=":material/stylus_note:", key=f"draft_{found.turn}")


def show_kept(found: Conversation) -> None:
    """The answer that was decided last in this conversation, to be copied."""
    last = st.session_state.get("last_answer")
    if last is None or last[0] != found.number:
        return
    _, number, decision, hidden, words = last
    st.success(
        f"Reply {decision}, kept as entry {number}. Nothing was sent: copy it to your channel.",
        icon=":material/inventory:",
    )
    real = hidden != words and st.toggle("With the real words, to send", key=f"real_{number}", help=_REAL)
    st.code(words if real else hidden, language=None, wrap_lines=True)
