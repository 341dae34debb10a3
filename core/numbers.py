"""Numbers as people write them in tables: what counts as one, and why a cell is none."""

from __future__ import annotations

import math
import re
from typing import Any

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_MISSING = {"nan", "na", "n/a", "null", "none", "?", "-", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}


def parse_number(text: str) -> float:
    """A finite decimal number, spaces around it left out.

    >>> parse_number(" 1.5e3 ")
    1500.0
    >>> parse_number("NaN")
    Traceback (most recent call last):
    ...
    ValueError: not a finite number; leave the cell blank for a missing value

    Raises:
        ValueError: with the reason in words.
    """
    cell = text.strip()
    value = float(cell) if _NUMBER.fullmatch(cell) else math.nan
    if math.isfinite(value):
        return value
    if cell.lower() in _MISSING or math.isinf(value):
        raise ValueError("not a finite number; leave the cell blank for a missing value")
    raise ValueError("text where a number is due; write a number such as 12.5, without unit, or leave the cell blank")


def number_or_none(text: str) -> float | None:
    """As ``parse_number``; None for what is no number.

    >>> number_or_none("12.5"), number_or_none("12,5 kg")
    (12.5, None)
    """
    try:
        return parse_number(text)
    except ValueError:
        return None


def plain(data: Any) -> Any:
    """JSON data in which a figure that is not defined is null: JSON has no NaN.

    >>> plain({"a": (1.0, float("nan"))})
    {'a': [1.0, None]}
    """
    if isinstance(data, dict):
        return {k: plain(v) for k, v in data.items()}
    if isinstance(data, list | tuple):
        return [plain(v) for v in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def counted(count: int, what: str) -> str:
    """A number of things in words.

    >>> counted(1, "answer"), counted(0, "answer")
    ('1 answer', '0 answers')
    """
    return f"{count} {what}{'s' * (count != 1)}"
