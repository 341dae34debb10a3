"""Rows of CSV text, what stands between their cells, and what the csv module cannot read in words: an open quote, a
cell without end, a bare return.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any

from core.errors import FileError


def delimiter_of(text: str, usual: str = ",") -> str:
    """What stands between the cells, by the header: the usual mark, or a semicolon or tab, as spreadsheets write."""
    names = re.sub(r'"[^"]*"', "", text.lstrip().partition("\n")[0])
    return max((usual, ";", "\t"), key=names.count)  # the usual one where alike


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
