"""Sources of tables as batches of string columns: CSV, Parquet, DataFrame."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from core.csv_rows import delimiter_of
from core.errors import Fault, FileError, TableError
from core.numbers import counted
from core.paths import check_path

MAX_COLUMNS = 10_000
BOMB_BYTES, BOMB_RATIO = 4 << 30, 500  # what unpacks to more bytes and to more times its size is a bomb
UNREAD = b"unread"
MAX_CELL = 4 * 2**20  # bytes
_BLOCK = 8 * 2**20  # bytes read at a time; a row must fit
_ROWS = 4096  # rows taken at a time from Parquet and DataFrames
_MOST_FAULTS = 1000
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_TIMES = (pa.types.is_timestamp, pa.types.is_duration, pa.types.is_time)
_PARQUET = (".parquet", ".pq")


def read_source(source: Path | str | pd.DataFrame) -> tuple[str, Iterator[pa.RecordBatch]]:
    """The name of a source for messages, and its rows as batches whose columns are all strings without nulls.

    A column that holds no text, such as lists of numbers, says why in its field's metadata, under ``UNREAD``.

    Raises:
        FileError: if the file is missing, not UTF-8, damaged or of an unknown kind.
        TableError: for ragged rows, while reading.
    """
    if isinstance(source, pd.DataFrame):
        return "table", _from_frame(source)
    path = Path(source)
    check_path(path)
    if path.is_dir():
        raise FileError(f"{path}: a folder; name the CSV, TSV or Parquet table in it")
    if not path.is_file():
        raise FileError(f"{path}: no such file; give the path of a CSV, TSV or Parquet table")
    kinds = [s.lower() for s in path.suffixes[-2:]]
    kind = kinds[-2] if kinds[-1:] == [".gz"] and len(kinds) > 1 else (kinds or [""])[-1]
    if kind in _PARQUET:
        return path.name, _no_bomb(path, _from_parquet(path))
    if kind in _DELIMITERS:
        return path.name, _no_bomb(path, _from_csv(path, _DELIMITERS[kind]))
    raise FileError(f"{path}: not a known kind of table {kind!r}; save it as .csv, .csv.gz, .tsv or .parquet")


def _no_bomb(path: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches, until they have become absurdly many bytes for the size of their file."""
    size, read = path.stat().st_size, 0
    for batch in batches:
        read += batch.nbytes
        if read > max(BOMB_BYTES, BOMB_RATIO * size):
            raise FileError(
                f"{path}: unpacks to more than {BOMB_BYTES >> 30} GiB and {BOMB_RATIO} times its size; "
                "unpack it yourself, and give it in parts"
            )
        yield batch


def _from_csv(path: Path, delimiter: str) -> Iterator[pa.RecordBatch]:
    last = ""
    try:
        delimiter = _checked_head(path, delimiter)
        for batch in _without_header(_csv_batches(path, delimiter)):
            last = batch.columns[-1][-1].as_py()
            yield batch
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        if ragged := re.search(r"Expected (\d+) columns, got", str(error)):
            raise TableError(path.name, _ragged(path, delimiter, int(ragged[1]))) from error
        raise _csv_error(path, str(error)) from error
    if "\n" in last and not _tail(path).rstrip().endswith(b'"'):  # Arrow ends an open quote without a word
        raise FileError(f"{path}: a quote is never closed; it swallows the rows from {last[:40]!r} on")


def _csv_batches(path: Path, delimiter: str) -> Iterator[pa.RecordBatch]:
    """Batches with columns f0, f1, …; the header is their first row."""
    with pa.input_stream(str(path), compression="gzip" if path.suffix.lower() == ".gz" else None) as stream:
        # No handler of invalid rows: Arrow's thread may let go of it while the program ends, which then aborts.
        reader = pa_csv.open_csv(
            stream,
            pa_csv.ReadOptions(block_size=_BLOCK, use_threads=False, autogenerate_column_names=True),
            pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            _as_text(),
        )
        with reader:
            yield from reader


def _ragged(path: Path, delimiter: str, expected: int) -> list[Fault]:
    """The rows that do not have as many cells as the header."""
    faults: list[Fault] = []
    usual = csv.field_size_limit(_BLOCK)  # of all readers of this process
    try:
        with _open(path) as file, contextlib.suppress(csv.Error):  # an open quote ends the telling, not the program
            lines = io.TextIOWrapper(file, "utf-8", "replace", newline="")
            rows = (row for row in csv.reader(lines, delimiter=delimiter) if row)
            for number, row in enumerate(rows):
                if len(row) != expected and len(faults) < _MOST_FAULTS:
                    reason = (
                        f"{counted(len(row), 'cell')}, the header has {expected}; quote cells that hold {delimiter!r}"
                    )
                    faults.append(Fault(number, "", delimiter.join(row)[:60], reason))
    finally:
        csv.field_size_limit(usual)
    return faults


def _checked_head(path: Path, delimiter: str) -> str:
    """What stands between the cells, see ``delimiter_of``.

    Raises:
        FileError: for a beginning that is not UTF-8, which Arrow would tell of ragged rows first.
        TableError: for a header of absurdly many columns, which would take Arrow minutes to lay out.
    """
    with _open(path) as file:
        head = file.read(_BLOCK)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError as error:
        raise _csv_error(path, "UTF8") from error
    delimiter = delimiter_of(text, delimiter)
    if head.count(delimiter.encode()) >= MAX_COLUMNS:
        _check_width(path, head, delimiter)
    return delimiter


def _check_width(path: Path, head: bytes, delimiter: str) -> None:
    with contextlib.suppress(csv.Error, StopIteration):  # a header that cannot be read is told by Arrow
        names = next(csv.reader(io.StringIO(head.decode("utf-8", "replace"), newline=""), delimiter=delimiter))
        if len(names) > MAX_COLUMNS:
            raise too_wide(path.name, len(names))


def too_wide(source: str, columns: int) -> TableError:
    """The error for a table of too many columns."""
    return TableError(source, [Fault(0, "", str(columns), f"more than {MAX_COLUMNS:,} columns")])


@cache
def _as_text() -> pa_csv.ConvertOptions:
    """Every column is text; more columns than are named here are refused anyway."""
    every = {f"f{i}": pa.string() for i in range(20_000)}
    return pa_csv.ConvertOptions(column_types=every, strings_can_be_null=False, null_values=[])


def _without_header(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    names: list[str] = []
    for batch in batches:
        if not names and batch.num_rows:
            names = [column[0].as_py() for column in batch.columns]
            batch = batch.slice(1)
        if batch.num_rows:
            yield pa.RecordBatch.from_arrays(batch.columns, names=names)


def _csv_error(path: Path, found: str) -> FileError:
    if "UTF8" in found:
        with path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                return FileError(f"{path}: not CSV but a zip, as Excel saves its tables; save it as CSV (UTF-8)")
        return FileError(f"{path}: not UTF-8 {_where_not_utf8(path)}; save the table as UTF-8")
    if "straddl" in found:
        limit = f"{_BLOCK // 2**20} MiB"
        return FileError(f"{path}: a row is larger than {limit}, or a quote is never closed; check the quotes")
    return FileError(f"{path}: cannot be read as a table ({found}); save it again as UTF-8 CSV")


def _where_not_utf8(path: Path) -> str:
    """The first byte that is not UTF-8 and its line."""
    decoder, offset, line = codecs.getincrementaldecoder("utf-8")(), 0, 1
    with _open(path) as file:
        while block := file.read(2**20):
            kept = len(decoder.getstate()[0])
            try:
                line += decoder.decode(block).count("\n")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                return f"at byte {offset - kept + error.start} (line {line})"
            offset += len(block)
    return f"at byte {offset} (line {line}, cut off)"


def _tail(path: Path) -> bytes:
    tail = b""
    with _open(path) as file:
        while block := file.read(2**20):
            tail = (tail + block)[-64:]
    return tail


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _from_parquet(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_columns > MAX_COLUMNS:
                raise too_wide(path.name, file.metadata.num_columns)
            for batch in file.iter_batches(_ROWS):
                yield _batch(batch.schema.names, map(_as_strings, batch.columns))
    except (pa.ArrowException, OSError) as error:
        raise FileError(f"{path}: not a readable Parquet file ({error})") from error


def _from_frame(frame: pd.DataFrame) -> Iterator[pa.RecordBatch]:
    names = [str(c) for c in frame.columns]
    for start in range(0, len(frame), _ROWS):
        part = frame.iloc[start : start + _ROWS]
        yield _batch(names, (_frame_strings(name, part.iloc[:, i]) for i, name in enumerate(names)))


def _batch(names: Sequence[str], columns: Iterable[tuple[pa.StringArray, str]]) -> pa.RecordBatch:
    """Columns of strings; why one holds no text stands in its field's metadata, under ``UNREAD``."""
    cells, why = zip(*columns)
    fields = [pa.field(name, pa.string(), metadata={UNREAD: said} if said else None) for name, said in zip(names, why)]
    return pa.RecordBatch.from_arrays(list(cells), schema=pa.schema(fields))


def _frame_strings(name: str, cells: pd.Series) -> tuple[pa.StringArray, str]:
    try:
        array = pa.array(cells, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # objects of several types
        return pa.array(map(text_of, cells), pa.string()), ""
    except UnicodeEncodeError as error:
        raise TableError("table", [Fault(0, name, "", "text that is not valid Unicode")]) from error
    return _as_strings(array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array)


def _as_strings(cells: pa.Array) -> tuple[pa.StringArray, str]:
    """Cells of any type as text, a list of texts joined by '|'; of what is no text the type, and why it is none."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    kind = cells.type
    is_time = any(is_it(kind) for is_it in _TIMES)
    is_several = pa.types.is_list(kind) and pa.types.is_string(kind.value_type)
    try:
        if pa.types.is_floating(kind) or pa.types.is_boolean(kind):  # as numpy's: a short number has few digits
            values, known = (c.to_numpy(zero_copy_only=False) for c in (cells, cells.is_valid()))
            return pa.array([text_of(v) if k else "" for v, k in zip(values, known)], pa.string()), ""
        if is_time:
            return pa.array(map(text_of, cells.to_pylist()), pa.string()), ""
        if is_several:
            return pa.array(["|".join(filter(None, several or ())) for several in cells.to_pylist()], pa.string()), ""
        strings = cells.cast(pa.string()).fill_null("")
    except (pa.ArrowException, ValueError, OverflowError):
        why = f"times ({kind}) beyond the years 1 to 9999" if is_time else f"cells of {kind} are not text or numbers"
        known = cells.is_valid().to_pylist()
        return pa.array([f"<{kind}>" if k else "" for k in known], pa.string()), f"{why}; make them a column of text"
    return pa.concat_arrays([strings]), ""  # offsets start at 0


def text_of(value: Any) -> str:
    """A value as a table's cell, one text for one value wherever it comes from; mostly that of a CSV from pandas.

    "" for a missing one; integral numbers without ".0", other numbers shortest; a time of no hour as its day, a span of
    no hours as its days.

    >>> text_of(3.0), text_of(np.float32(0.1)), text_of(True), text_of(None)
    ('3', '0.1', 'True', '')
    >>> text_of(pd.Timestamp("2020-01-02")), text_of(pd.Timestamp("2020-01-02 10:00"))
    ('2020-01-02', '2020-01-02 10:00:00')
    """
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() and abs(float(value)) < 2**53 else str(value)
    if isinstance(value, timedelta | np.timedelta64):
        span = pd.Timedelta(value)
        return str(span) if span % pd.Timedelta(days=1) else f"{span.days} days"
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        is_day = value.time() == time.min and not getattr(value, "nanosecond", 0)
        return str(value.date() if is_day else value)
    return str(value)
