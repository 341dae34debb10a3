"""Columns of plain numbers, known by their cells: measurements, counts and spans of time, which tell nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.privacy.cells import is_age
from core.privacy.columns import Role, listed, words_of

if TYPE_CHECKING:
    from core.privacy.table import Run

_NUMBER = re.compile(r"[-+]?(?:0|[1-9]\d*)(?:\.\d*)?(?:e[-+]?\d+)?", re.I)
_CODES = listed("number no nr num code key ref reference")  # by its name no measurement
_BORN = listed("birth born dob birthday birthdate")  # a day or a month of it would tell
_SPAN, _WHOLE = 10_000, 10_000_000  # a larger number may be a date or a time stamp, or a phone's


def measured(run: Run) -> list[str]:
    """Columns of a learned table that are kept as numbers, though their names say nothing, or speak of time.

    Of a column that was taken for dates: small numbers, few of which could be years. Of one that nothing is known of:
    numbers most of which several persons have, and none of which is known to be their person's.
    """
    roles = run.roles.roles
    found = [
        c for c, role in roles.items() if role is Role.DATE and not _BORN & set(words_of(c)) and _fits(run, c, _SPAN)
    ]
    texts = [c for c, role in roles.items() if role is Role.TEXT and not _CODES & set(words_of(c)) and not is_age(c)]
    return [*found, *(c for c in texts if _fits(run, c, _WHOLE) and _is_shared(run, c))]


def _cells(run: Run, column: str) -> Iterator[str]:
    return (cell.strip() for chunk in run.table.column(column) for cell in chunk)


def _fits(run: Run, column: str, limit: int) -> bool:
    """Whether all cells that are not blank are numbers below a limit, and fewer than half could be years."""
    count = years = 0
    for cell in filter(None, _cells(run, column)):
        if not _NUMBER.fullmatch(cell) or abs(float(cell)) >= limit:
            return False
        count += 1
        years += 1800 <= float(cell) <= 2100
    return count > 2 * years


def _is_shared(run: Run, column: str) -> bool:
    """Whether most cells hold what several persons have, as no number of a person is."""
    owners: dict[str, set[str]] = {}
    cells = [(cell, run.person(index)) for index, cell in enumerate(_cells(run, column)) if cell]
    for cell, person in cells:
        if any(person.known.values(cell)):
            return False
        owners.setdefault(cell, set()).add(person.key)
    return 2 * sum(len(owners[cell]) > 1 for cell, _ in cells) >= len(cells)
