"""Rows of CSV text: what stands between the cells, and what the csv module cannot read, in words: an open quote, a cell
without end, a bare return.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import FileError

_HEAD, _LONGEST = 100, 2**20  # lines and letters that hold the names of all columns
_QUOTED = re.compile(r'(^|[,;\t])"[^"]*(?:""[^"]*)*"')  # a cell in quotes, which may hold ends of lines


def delimiter_of(text: str, usual: str = ",") -> str:
    """What stands between the cells, by the names of columns: the usual mark, or a semicolon or tab as of spreadsheets.

    >>> delimiter_of('student_id;"name, first";points')
    ';'
    """
    names = re.split(r"[\r\n]", _QUOTED.sub(r"\1", text.lstrip("\ufeff").lstrip()[:_LONGEST]), maxsplit=1)[0]
    return max((usual, ";", "\t"), key=names.count)  # the usual one where alike


def csv_reader(lines: Iterable[str], *, strict: bool = False) -> Any:
    """A ``csv.reader`` of lines with commas, semicolons or tabs between the cells, as the first line tells."""
    rest = iter(lines)
    head = list(itertools.islice(rest, _HEAD))
    return csv.reader(itertools.chain(head, rest), delimiter=delimiter_of("\n".join(head)), strict=strict)


def csv_frame(path: Path) -> pd.DataFrame:
    """A whole CSV, which may have no row, every cell a string; separators as in ``csv_reader``.

    Raises:
        FileError: if it is missing, not UTF-8 or no CSV.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            between = delimiter_of("".join(itertools.islice(file, _HEAD)))
            file.seek(0)
            return pd.read_csv(file, sep=between, dtype=str, keep_default_na=False)
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be opened ({error.strerror}); give the path of a CSV file") from error
    except ValueError as error:
        raise FileError(f"{path}: cannot be read as CSV ({error}); save it again") from error


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
