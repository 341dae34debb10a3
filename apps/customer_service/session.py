"""What one session has open: a conversation. Words stay in its memory; only masked text is shown or kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import streamlit as st

from core.cells import locate
from core.numbers import number_or_none
from core.privacy.spans import Span, merged
from core.privacy.spans import found as spans_of
from core.privacy.text import PLACEHOLDER, Masked, Masker
from domains.customer_service import recipe
from domains.customer_service.turns import parted


@dataclass(frozen=True)
class Message:
    """What the customer said last and nobody has answered: a text, or a recording and what was heard in it."""

    text: str = ""
    audio: Path | None = None
    recognised: str = ""
    confidence: float | None = None

    @property
    def words(self) -> str:
        """The text, however it came; "" for a recording that nobody has heard."""
        return self.text or self.recognised


@dataclass(frozen=True)
class Conversation:
    """A conversation that is open. ``lines`` are the turns before, ``customer: …`` or ``agent: …``."""

    name: str
    number: int  # of the conversations of this session; names the widgets
    lines: tuple[str, ...] = ()
    message: Message | None = None
    behaviour: Mapping[str, str] = field(default_factory=dict)
    truth: str | None = None  # the intent that the table names for the open message
    heard: int = 0  # messages that were taken in; one that nobody could hear leaves no line

    @property
    def turn(self) -> str:
        """Names the open turn within this session."""
        return f"{self.number}-{len(self.lines) + self.heard}"

    @property
    def dialogue(self) -> str | None:
        """The turns before as a table holds them."""
        return "\n".join(self.lines) or None

    @property
    def open_line(self) -> tuple[str, ...]:
        """The open message as a line of the dialogue; none where nothing was said or heard."""
        return _line(self.message)

    def shown(self) -> list[tuple[str, str]]:
        """(who, masked text) of every turn; one masker, so that the same thing has the same placeholder throughout."""
        masker = Masker()
        return [(who, masker.mask(text).text) for who, text in self._said()]

    def unmasked(self, text: str, *beside: str) -> str:
        """A reply to send: its placeholders are again the words of the conversation, or of the texts ``beside``."""
        masker, words = Masker(), dict[str, str]()
        for said in (*(said for _, said in self._said()), *beside):
            found = masker.mask(said)
            for placeholder, span in zip(found.placeholders, found.spans):
                words.setdefault(placeholder, span.text)
        return PLACEHOLDER.sub(lambda m: words.get(m.group(), m.group()), text)

    def masked(self, text: str) -> str:
        """A further text, such as a reply, with the placeholders of the conversation; what is hidden there is here."""
        return self.mask(text).text

    def mask(self, text: str) -> Masked:
        """As ``masked``, and where in the text that is private which is hidden."""
        masker, hidden = Masker(), dict[str, tuple[str, Span]]()
        for _, said in self._said():
            found = masker.mask(said)
            hidden |= {s.text: (p, s) for s, p in zip(found.spans, found.placeholders)}
        first = masker.mask(text)
        told, spans = first.text, list(first.spans)
        for private in sorted(hidden, key=len, reverse=True):  # what announced it may not be in this text
            placeholder, span = hidden[private]
            again = re.compile(rf"(?<!\w){re.escape(private)}(?!\w)")
            told = again.sub(placeholder, told)
            spans += spans_of(again, text, span.kind)
        return Masked(told, tuple(merged(text, spans)))

    def _said(self) -> list[tuple[str, str]]:
        """(who, text) of every turn; not for showing."""
        turns = [parted(line) for line in self.lines]
        if self.message is not None and self.message.words:
            turns.append(("customer", self.message.words))
        return turns


def conversation() -> Conversation | None:
    """The conversation that is open."""
    return st.session_state.get("conversation")


def open_row(cells: Mapping[str, str], root: Path, name: str) -> Conversation:
    """Open a turn of a table, with all that was said before it."""
    cells = {name: cell.strip() for name, cell in cells.items()}  # where the text is blank, what was heard is read
    audio = locate(cells["audio"], root) if cells.get("audio") else None
    recognised = next((cells[c] for c in recipe.RECOGNISED if cells.get(c)), "")
    sure = cells.get("recognised_confidence", "")
    message = Message(cells.get("text", ""), audio, recognised, number_or_none(sure))
    known = (*recipe.NUMBERS, *recipe.CATEGORIES)
    return _keep(
        Conversation(
            name, _next(), tuple(cells.get("dialogue", "").splitlines()), message,
            {c: cells[c] for c in known if cells.get(c)}, cells.get("intent") or None,
        )
    )  # fmt: skip


def start() -> Conversation:
    """A new, empty conversation."""
    return _keep(Conversation("new conversation", _next()))


def hear(message: Message) -> None:
    """The customer says something; what was open before joins the dialogue."""
    found = conversation() or start()
    _keep(replace(found, lines=found.lines + _line(found.message), message=message, truth=None, heard=found.heard + 1))


def heard(recognised: str, confidence: float) -> None:
    """Keep what a recogniser heard in the open message."""
    found = conversation()
    assert found is not None
    assert found.message is not None
    _keep(replace(found, message=replace(found.message, recognised=recognised, confidence=confidence)))


def answered(text: str) -> None:
    """An agent approved an answer: it joins the dialogue, and the message is no longer open."""
    found = conversation()
    assert found is not None
    reply = f"agent: {' '.join(text.split())}"  # one line: what stood below would count as the customer's
    _keep(replace(found, lines=(*found.lines, *_line(found.message), reply), message=None, truth=None))


def behave(behaviour: Mapping[str, str]) -> None:
    """What is known of the customer changed."""
    found = conversation()
    assert found is not None
    if dict(behaviour) != dict(found.behaviour):
        _keep(replace(found, behaviour=dict(behaviour)))


def _line(message: Message | None) -> tuple[str, ...]:
    return (f"customer: {' '.join(message.words.split())}",) if message is not None and message.words else ()


def _keep(found: Conversation) -> Conversation:
    st.session_state["conversation"] = found
    return found


def _next() -> int:
    st.session_state["conversations"] = st.session_state.get("conversations", 0) + 1
    return int(st.session_state["conversations"])
