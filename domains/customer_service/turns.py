"""Turns of a table or of the record as reply suggestion reads them: masked, with the reply that was given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from core.errors import ConfigError
from core.privacy.text import PLACEHOLDER, Masker
from core.record import Record
from core.table_faults import split_of
from domains.customer_service.recipe import CATEGORIES, IDS, NUMBERS, RECOGNISED

_TEXT_COLUMNS = ("text", *RECOGNISED)
_SIDES = re.compile(r"^\s*(customer|user|agent)\s*:\s*", re.I)


@dataclass(frozen=True)
class Turn:
    """What a customer said, after which lines, and what was known; ``reply`` is what the agent answered."""

    text: str
    before: tuple[str, ...] = ()  # lines, ``customer: …`` or ``agent: …``
    intent: str = ""
    behaviour: dict[str, str] = field(default_factory=dict)
    reply: str = ""
    action: str = ""
    source: str = ""
    group: str = ""

    @property
    def all_said(self) -> set[str]:
        """The ``words`` of every line of the agent."""
        return {words(parted(n)[1]) for n in self.before if by_agent(n)}

    @property
    def said(self) -> str:
        """The last line of the agent, without the word agent."""
        return next((parted(n)[1] for n in reversed(self.before) if by_agent(n)), "")


def parted(line: str) -> tuple[str, str]:
    """Who says a line of a dialogue, customer or agent, and the words; one without a speaker is the customer's.

    >>> parted("Agent: Which one?"), parted("mine: it is late")
    (('agent', 'Which one?'), ('customer', 'mine: it is late'))
    """
    side = _SIDES.match(line)
    return ("agent" if side and side[1].lower() == "agent" else "customer"), _SIDES.sub("", line)


def by_agent(line: str) -> bool:
    """Whether a line of a dialogue is the agent's, ``agent: …``."""
    return parted(line)[0] == "agent"


def from_dialogue(
    dialogue: str | Sequence[str],
    text: str | None = None,
    intent: str | None = None,
    behaviour: Mapping[str, Any] | None = None,
) -> Turn:
    """The open turn of a dialogue: its last lines of the customer, or ``text`` where that is given apart.

    Raises:
        ConfigError: if the customer said nothing, or for lines that are no text.
    """
    given = [dialogue] if isinstance(dialogue, str) or not isinstance(dialogue, Sequence) else dialogue
    if alien := [type(n).__name__ for n in given if not isinstance(n, str)]:
        raise ConfigError(f"dialogue: expected lines of text, each customer: … or agent: …, found {alien[0]}")
    lines = [n.strip() for n in (dialogue.splitlines() if isinstance(dialogue, str) else dialogue) if n.strip()]
    own = list[str]()
    while text is None and lines and not by_agent(lines[-1]):
        own.insert(0, parted(lines.pop())[1])
    said = (text if text is not None else " ".join(own)).strip()
    if not said:
        raise ConfigError("suggest: the customer's last words are missing; end the dialogue with a line customer: …")
    values = {k: str(v) for k, v in (behaviour or {}).items() if v is not None and v == v and str(v) != ""}
    return Turn(said, tuple(lines), intent or "", values)


def from_table(table: pd.DataFrame, *, test: bool = False) -> list[Turn]:
    """Answered turns of a table in the documented layout, all but the test rows, or these alone; texts are masked.

    Without a column ``split`` every row is learned from, and every row tests.

    Raises:
        ConfigError: without a column ``reply``, or one that holds what the customer said.
    """
    texts = [c for c in _TEXT_COLUMNS if c in table.columns]
    if "reply" not in table.columns or not texts:
        raise ConfigError(
            f"replies are learned from the columns reply and {' or '.join(_TEXT_COLUMNS)}; found "
            f"{', '.join(map(str, table.columns))}; of turns of both sides make such a table: "
            "python -m domains.customer_service.dialogues TURNS.csv --out FOLDER"
        )
    rows = (dict(zip(table.columns, map(_cell, row))) for row in table.itertuples(index=False, name=None))
    every = "split" not in table.columns
    chosen = (row for row in rows if row["reply"] and (every or (split_of(row["split"]) == "test") == test))
    return [t for row in chosen for t in _turns(row, texts)]


def _turns(row: Mapping[str, str], texts: Sequence[str]) -> Iterator[Turn]:
    said = next((row[c] for c in texts if row[c]), "")
    if not said:
        return
    masker = Masker()
    before = [n for n in row.get("dialogue", "").splitlines() if n.strip()]
    for text in (*before, said, row["reply"]):
        masker.find(text)  # so that a name is known in the lines before it is told
    lines = tuple(masker.mask(n).text for n in before)
    behaviour = {c: row[c] for c in (*NUMBERS, *CATEGORIES) if row.get(c)}
    name = next((row[c] for c in (*IDS, "dialogue_id") if row.get(c)), "")
    group = next((row[c] for c in ("group", "customer_id", "user_worker", "dialogue_id") if row.get(c)), name)
    yield Turn(
        masker.mask(said).text, lines, row.get("intent", ""), behaviour, template(masker.mask(row["reply"]).text),
        row.get("action") or row.get("next_action", ""), f"answered turn {name}".strip(), group,
    )  # fmt: skip


def from_record(record: Record) -> tuple[list[Turn], list[str]]:
    """Replies that agents approved, edited or wrote, as answered turns; and the suggestions that they rejected."""
    kept, rejected = list[Turn](), list[str]()
    for entry in record.rows("reply"):
        decision, suggested = entry.decision.get("decision"), _cell(entry.answer.get("template"))
        if decision == "rejected":
            rejected.append(template(suggested or str(entry.answer.get("suggested", ""))))
            continue
        row = {k: _cell(v) for k, v in entry.case.items()}
        unfilled = suggested if decision == "approved" else ""  # an amount of this customer is no other's
        row |= {"reply": unfilled or _cell(entry.decision.get("reply")), "intent": _cell(entry.answer.get("intent"))}
        present = [c for c in _TEXT_COLUMNS if row.get(c)]
        if row["reply"] and present:
            (turn,) = _turns(row, present)
            kept.append(turn)
    return kept, rejected


def template(reply: str) -> str:
    """A masked reply with its placeholders as those of a knowledge base: [NUMBER_1] becomes {number}."""
    return PLACEHOLDER.sub(lambda m: "{" + m.group()[1:-1].rpartition("_")[0].lower() + "}", reply).strip()


def words(reply: str) -> str:
    """A reply without its case and blanks; its placeholders keep their names."""
    return " ".join(template(reply).lower().split())


def key(reply: str) -> str:
    """What makes two replies the same: their words, whatever fills the placeholders."""
    return re.sub(r"\{\w+\}", "{}", words(reply))


def _cell(value: Any) -> str:
    return "" if value is None or value != value else str(value).strip()
