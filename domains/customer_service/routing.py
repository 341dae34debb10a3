"""Where a turn goes: a table of lines that people read and edit; the first line that fits decides, and is named.

A line holds conditions, a queue and a priority (1 is first). A condition is a value, several (``a|b``), none of them
(``!a|b``), or a comparison (``>= 0.7``); what a line does not name may be anything. ``intent``, ``urgency``,
``confidence`` and ``out_of_scope`` come from the answer; every other name is a value of behaviour, such as ``plan`` or
``waiting_seconds``. Where no model tells the urgency, lines of the same kind do: see ``RoutingTable.urgency``.

It is read from TOML or CSV by ``RoutingTable.read``; see ``routing_file`` for the layout.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from core.errors import ConfigError

COMPARISONS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
COMPARISON = re.compile(r"(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)")
USUAL = "normal"  # the urgency where no line says another


@dataclass(frozen=True)
class Line:
    """One line: ``where`` are its conditions by name; ``number`` is where it stands in its file."""

    where: dict[str, str]
    queue: str = ""
    priority: int = 3
    urgency: str = ""  # what a line about urgency says; a routing line has it among ``where``
    name: str = ""
    note: str = ""
    number: int = 0

    def fits(self, case: Mapping[str, Any]) -> bool:
        """Whether all conditions hold; one about a value that is missing does not."""
        return all(_holds(condition, case.get(name)) for name, condition in self.where.items())

    def covers(self, other: Line) -> bool:
        """Whether all that fits ``other`` fits this line, as far as equal conditions show."""
        return all(_within(condition, other.where.get(name)) for name, condition in self.where.items())

    def told(self) -> str:
        """The conditions in words."""
        shown = (f"{name} {_told(condition)}" for name, condition in self.where.items())
        return " and ".join(shown) or "anything else"


@dataclass(frozen=True)
class Route:
    """Where a turn goes and why: ``line`` is the number of the line that decided, in its file."""

    queue: str
    priority: int
    urgency: str
    line: int
    name: str
    why: str


@dataclass(frozen=True)
class RoutingTable:
    """Lines in order; ``source`` is where they were read."""

    lines: tuple[Line, ...]
    urgencies: tuple[Line, ...] = ()
    source: str = field(default="", compare=False)

    @classmethod
    def read(cls, path: Path | str, *, intents: Sequence[str] = (), behaviour: Sequence[str] = ()) -> Self:
        """Open a table, .toml or .csv.

        Args:
            intents, behaviour: where they are known, a name that is not among them is a fault.

        Raises:
            FileError: if it cannot be read.
            TableError: with all its faults and the line of each.
        """
        from domains.customer_service import routing_file

        found = routing_file.read(Path(path), intents, behaviour)
        return cls(found.lines, found.urgencies, found.source)

    def write(self, path: Path | str) -> None:
        """Write the table, .toml or .csv, so that ``read`` gives it back; comments of a TOML file are lost.

        Raises:
            ConfigError: for another ending, or lines about urgency in a CSV, which has no place for them.
        """
        from domains.customer_service import routing_file

        routing_file.write(self, Path(path))

    def urgency(
        self, intent: str | Sequence[str] | None, behaviour: Mapping[str, Any] | None = None, **case: Any
    ) -> str:
        """What the lines about urgency say: low, normal or high."""
        return self._urgency({**(behaviour or {}), **case, "intent": intent}).urgency

    def route(
        self,
        intent: str | Sequence[str] | None,
        *,
        confidence: float | None = None,
        urgency: str | None = None,
        out_of_scope: bool = False,
        behaviour: Mapping[str, Any] | None = None,
    ) -> Route:
        """The queue and priority of a turn, and which line decided.

        Args:
            intent: one or several, as a list or joined by '|'; None: not known.
            confidence: its probability; of several, that of the most probable.
            urgency: of a model; None: what the table's own lines say.
            out_of_scope: the mark of the detector.
            behaviour: values by column, numbers or text.

        Raises:
            ConfigError: if no line fits; a table that was read has a last line that always does.
        """
        wanted = intent.split("|") if isinstance(intent, str) else intent
        case = {**(behaviour or {}), "intent": wanted, "confidence": confidence, "out_of_scope": out_of_scope}
        rule = None if urgency else self._urgency(case)
        case["urgency"] = urgency or (rule.urgency if rule else USUAL)
        line = next((n for n in self.lines if n.fits(case)), None)
        if line is None:
            raise ConfigError(f"{self.source or 'routing table'}: no line fits; add a last line without conditions")
        name = f" ({line.name})" if line.name else ""
        why = f"line {line.number}{name}: {line.told()}"
        if rule is not None and rule.number:
            why += f"; urgency {rule.urgency} by line {rule.number}: {rule.told()}"
        return Route(line.queue, line.priority, case["urgency"], line.number, line.name, why)

    def _urgency(self, case: Mapping[str, Any]) -> Line:
        return next((n for n in self.urgencies if n.fits(case)), Line({}, urgency=USUAL))

    def rows(self) -> list[dict[str, str]]:
        """The lines for an editor: a dict of text a line, with the same names in each."""
        names = list(dict.fromkeys(name for line in self.lines for name in line.where))
        return [
            {name: line.where.get(name, "") for name in names}
            | {"queue": line.queue, "priority": str(line.priority), "name": line.name, "note": line.note}
            for line in self.lines
        ]

    def with_rows(
        self, rows: Sequence[Mapping[str, Any]], *, intents: Sequence[str] = (), behaviour: Sequence[str] = ()
    ) -> RoutingTable:
        """The table with the lines as an editor gives them back; those about urgency stay.

        Raises:
            TableError: with all faults; a fault's line is the row in the editor, from 1.
        """
        from domains.customer_service import routing_file

        return routing_file.from_rows(rows, self.urgencies, intents, behaviour)


def alternatives(condition: str) -> list[str]:
    """The values of a condition that is no comparison."""
    return [part.strip() for part in condition.removeprefix("!").split("|") if part.strip()]


def _holds(condition: str, value: Any) -> bool:
    if value is None or value != value or value == "":  # a table's blank cell is NaN
        return False
    if found := COMPARISON.fullmatch(condition.strip()):
        try:
            return COMPARISONS[found[1]](float(value), float(found[2]))
        except (TypeError, ValueError):
            return False
    values = [_text(v) for v in value] if isinstance(value, list | tuple | set | frozenset) else [_text(value)]
    return any(v in map(_text, alternatives(condition)) for v in values) != condition.startswith("!")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    written = str(value)  # 2, 2.0 and "2.0", as tables with gaps have it, are one number
    return written.removesuffix(".0") if re.fullmatch(r"-?\d+\.0", written) else written


def _within(wide: str, narrow: str | None) -> bool:
    """Whether a condition lets through all that another one does."""
    if narrow is None:
        return False
    plain = not (wide.startswith("!") or narrow.startswith("!") or COMPARISON.fullmatch(wide))
    return wide == narrow or (plain and set(alternatives(narrow)) <= set(alternatives(wide)))


def _told(condition: str) -> str:
    if COMPARISON.fullmatch(condition):
        return condition
    named = " or ".join(alternatives(condition))
    return f"is not {named}" if condition.startswith("!") else f"is {named}"
