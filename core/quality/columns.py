"""What each column of a table seems to hold, for the user to confirm or correct; nothing is converted by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from core.config import ExperimentConfig
from core.endings import ENDINGS
from core.numbers import number_or_none
from core.preprocess.quantity import parse_quantity
from core.schema import Modality, TargetKind
from core.table import StringTable

LOOKED_AT = 20_000  # cells of a column
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
_FILE = re.compile(r"[^|\n]{1,300}\.[A-Za-z0-9]{2,5}(\.gz)?( *\|.*)?")
_ENDINGS = (*chain(*(ENDINGS[m] for m in ENDINGS if m.is_file)), ".dcm", ".zip")
_TABULAR = {"numbers": "number", "quantities": "quantity"}
_FITS = {  # what a column that holds the key may be used as without a question
    "number": {"number", "quantity", "target", "special"},
    "quantity": {"quantity", "text", "target"},
    "category": {"category", "text", "target", "special"},
    "text": {"text", "target"},
    "date": {"special"},
    "file": {"file"},
    "identifier": {"special", "text", "file"},
    "constant": {"special"},
    "blank": set[str](),
}


@dataclass(frozen=True)
class ColumnFacts:
    """One column: what it seems to hold, what it is used as ("" if not at all), and what speaks against that."""

    name: str
    holds: str  # number, quantity, category, text, date, file, identifier, constant, blank
    used_as: str
    distinct: int
    blank: float  # share of its cells
    question: str = ""

    def __str__(self) -> str:
        used = f"used as {self.used_as}" if self.used_as else "not used"
        asked = f"; {self.question}" if self.question else ""
        return f"{self.name}: {self.holds}, {self.distinct} values, {self.blank:.0%} blank, {used}{asked}"


def column_facts(table: StringTable, config: ExperimentConfig) -> list[ColumnFacts]:
    """The facts of every column, in the table's order, from its first ``LOOKED_AT`` cells."""
    used = _uses(config)
    return [_facts(name, list(_cells(table, name)), used.get(name, "")) for name in table.columns]


def _cells(table: StringTable, name: str) -> Iterator[str]:
    return islice((cell.strip() for chunk in table.column(name) for cell in chunk), LOOKED_AT)


def _uses(config: ExperimentConfig) -> dict[str, str]:
    special = (config.table.id, config.table.group, config.table.split)
    found = {c: "special" for c in special if c}
    for m in config.modalities:
        kinds = m.views[0].preprocess
        for c in m.columns:
            if m.kind is Modality.TABULAR:
                found[c] = next((use for k, use in _TABULAR.items() if c in kinds.get(k, ())), "category")
            else:
                found[c] = "file" if m.kind.is_file else "text"
    return found | {config.target.column: "target" if config.target.kind is not TargetKind.NUMBER else "number"}


def _facts(name: str, cells: Sequence[str], used_as: str) -> ColumnFacts:
    filled = [c for c in cells if c]
    holds, distinct = guess(filled), len(set(filled))
    question = ""
    if used_as and used_as not in _FITS[holds]:
        question = f"it seems to hold {_PLURAL[holds]}: is {used_as} meant?"
    return ColumnFacts(name, holds, used_as, distinct, 1 - len(filled) / max(1, len(cells)), question)


_PLURAL = {
    "number": "numbers", "quantity": "numbers with units", "category": "a few categories", "text": "texts",
    "date": "dates", "file": "file names", "identifier": "identifiers", "constant": "one value only",
    "blank": "nothing",
}  # fmt: skip


def guess(filled: Sequence[str]) -> str:
    """What the cells that are not blank hold: that of which at least 95 in 100 are.

    >>> guess(["1", "2.5", "3"]), guess(["a.png", "my b.png|c.png"]), guess(["red", "blue", "red", "red"])
    ('number', 'file', 'category')
    """
    if not filled:
        return "blank"
    values = set(filled)
    if len(values) == 1 and len(filled) > 1:
        return "constant"
    if _most(filled, lambda c: number_or_none(c) is not None):
        return "number"
    if _most(filled, lambda c: _DATE.fullmatch(c) is not None):
        return "date"
    if _most(filled, lambda c: _FILE.fullmatch(c) is not None and _is_file_name(c.split("|")[0].strip())):
        return "file"
    words = sum(len(c.split()) for c in filled) / len(filled)
    if words < 5 and _most(filled, lambda c: c[0].isdigit() and getattr(parse_quantity(c), "kind", "") != ""):
        return "quantity"
    if words < 4 and len(values) <= max(20, 0.05 * len(filled)):
        return "category"
    if words < 1.5 and len(values) > 0.9 * len(filled):
        return "identifier"
    return "text" if words >= 3 else "category"


def _is_file_name(name: str) -> bool:
    """A name with spaces needs an ending of the known ones; a sentence may end in any."""
    return " " not in name or name.lower().endswith(_ENDINGS)


def _most(cells: Sequence[str], holds: Callable[[str], bool]) -> bool:
    return sum(map(holds, cells)) >= 0.95 * len(cells)
