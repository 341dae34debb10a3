"""Who said a turn of a table that holds both sides, and the refusal to read the agent's own words as a customer's."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import chain
from typing import Any

from core.config import ExperimentConfig
from core.errors import Fault, TableError
from core.manifest import Manifest
from core.table import StringTable
from domains.customer_service.recipe import RECOGNISED, WRITTEN

ROLES = ("role", "side", "who")  # columns that tell it
CUSTOMER, AGENT = "customer", "agent"
SIDES = {CUSTOMER: ("customer", "user"), AGENT: ("agent", "wizard", "assistant", "system")}
_SAID = {*WRITTEN, *RECOGNISED, "audio"}


def side_of(cell: str) -> str | None:
    """The side that a cell names; None for a blank and any other word.

    >>> side_of("User"), side_of(" wizard "), side_of("")
    ('customer', 'agent', None)
    """
    word = cell.strip().lower()
    return next((side for side, words in SIDES.items() if word in words), None)


def accept(manifest: Manifest) -> None:
    """Refuse a table in which turns of the agent are inputs: they tell what the agent did.

    Raises:
        TableError: if a row of the agent has a target, and words or sound of the turn are read.
    """
    column = _role(manifest.table)
    told = [i for i in _of_agent(manifest, column) if manifest.targets[i] is not None]
    if not told or not any(_SAID & set(m.columns) for m in manifest.config.modalities):
        return
    table = shlex.quote(manifest.table.source)
    reason = (
        f"{len(told)} rows that have {manifest.config.target.column!r} are the agent's own turns, whose words give "
        "away what the agent did; a row is one turn of a customer. For a table of what the agent decided: "
        f"python -m domains.customer_service.dialogues {table} --out FOLDER. For what customers want, leave "
        "these rows out; where the agent's words are meant, name the columns yourself (--text …) without --domain"
    )
    raise TableError(manifest.table.source, [Fault(0, column or "", "", reason)])


def is_of_turns(config: ExperimentConfig) -> bool:
    """Whether a model reads turns of a customer, by the modalities that this domain's recipe makes."""
    named = all(m.name in ("speech", "text", "dialogue", "behaviour") for m in config.modalities)
    return named and any(_SAID & set(m.columns) for m in config.modalities)


def note(table: StringTable, config: ExperimentConfig) -> str:
    """That a table to be answered holds turns of the agent, in words; "" where it does not, or for another model."""
    column = _role(table)
    if column is None or not is_of_turns(config):
        return ""
    count = sum(side_of(cell) == AGENT for part in table.column(column) for cell in part)
    told = f"note: {count} rows are the agent's own turns by the column {column!r}: they are answered as if a customer "
    return told + "had said them, so leave these answers out, or the rows" if count else ""


def screen(manifest: Manifest) -> tuple[dict[str, Any], list[str]]:
    """How many rows are the agent's, for ``check``; as JSON and in words."""
    count = sum(1 for _ in _of_agent(manifest, _role(manifest.table)))
    if not count:
        return {}, []
    words = f"note: {count} rows are the agent's own turns; --rejected FILE leaves out those without a target"
    return {"agent_rows": count}, [words]


def _role(table: StringTable) -> str | None:
    """The column that tells who said a turn."""
    return next((c for c in ROLES if c in table.columns and c not in table.unread), None)


def _of_agent(manifest: Manifest, column: str | None) -> Iterator[int]:
    """The cases that are turns of the agent."""
    if column is None:
        return
    cells = list(chain.from_iterable(manifest.table.column(column)))
    yield from (i for i in range(len(manifest)) if side_of(cells[manifest.row_numbers(i)[0] - 1]) == AGENT)
