"""Rows of CSV text: what stands between the cells, and what the csv module cannot read, in words: an open quote, a cell
without end, a bare return.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from core.errors import FileError


def delimiter_of(text: str, usual: str = ",") -> str:
    """What stands between the cells, by the first line: the usual mark, or a semicolon or tab as of spreadsheets.

    >>> delimiter_of('student_id;"name, first";points')
    ';'
    """
    names = re.sub(r'"[^"]*"', "", text.lstrip().partition("\n")[0])
    return max((usual, ";", "\t"), key=names.count)  # the usual one where alike


def csv_reader(lines: Iterable[str], *, strict: bool = False) -> Any:
    """A ``csv.reader`` of lines with commas, semicolons or tabs between the cells, as the first line tells."""
    rest = iter(lines)
    first = next(rest, "")
    return csv.reader(itertools.chain([first], rest), delimiter=delimiter_of(first), strict=strict)


def csv_rows(reader: Any, source: str) -> Iterator[list[str]]:
    """The rows of a ``csv.reader``.

    Raises:
        FileError: naming the line that cannot be read.
    """
    try:
        yield from reader
    except csv.Error as error:
        raise FileError(
            f"{source}: no readable CSV at line {reader.line_num} ({error}); check its quotes and the ends of its lines"
        ) from error
