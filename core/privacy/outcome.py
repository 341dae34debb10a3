"""What was done to a table and what is left, in counts alone: no cell, no path, no identifier."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from core.numbers import counted
from core.privacy.pseudonyms import SHIFTS

REJECTED = "rejected.csv"  # rows that could not be cleaned, with their reasons

Counts = dict[str, Counter[str]]  # by column: how many of each kind


@dataclass
class Outcome:
    """What was done to a table, in counts alone; ``left`` is what the verification pass still found."""

    cases: int = 0
    written: int = 0
    rejected: dict[int, str] = field(default_factory=dict)  # row, from 1 below the header, to the reason
    persons: int = 0
    files: int = 0
    replaced: Counts = field(default_factory=dict)
    left: Counts = field(default_factory=dict)
    rows_left: list[int] = field(default_factory=list)  # rows of the result with something left
    columns: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether the verification found nothing."""
        return not self.left

    def to_json(self) -> dict[str, Any]:
        """The report; it holds no cell, no path and no identifier."""
        low, high = SHIFTS
        said = {
            "date_shift": f"one a person, {low} to {high} days back, intervals kept",
            "rejected": len(self.rejected),
        }
        return vars(self) | said

    def text(self) -> str:
        """The report for a reader."""
        lines = [f"{self.written} of {self.cases} rows written, {self.files} files, {self.persons} persons"]
        lines += [f"{counted(len(self.rejected), 'row')} set aside: see {REJECTED}"] if self.rejected else []
        lines += [f"replaced in {where}: {_told(kinds)}" for where, kinds in self.replaced.items()]
        lines += [f"LEFT in {where}: {_told(kinds)}" for where, kinds in self.left.items()]
        lines += [f"rows with something left: {', '.join(map(str, self.rows_left[:20]))}"] if self.rows_left else []
        return "\n".join(
            [*lines, *self.notes, "" if self.left else "verified: nothing left that is looked for"]
        ).strip()


def _told(kinds: Counter[str]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
