"""A table of strings on disk: any source is streamed once into a memory-mapped file, so memory does not grow with it.

No type is guessed: a cell is the text that stands there, "" is blank, and a literal NA stays text.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from core.errors import Fault, FileError, TableError, unknown
from core.table_sources import MAX_CELL, MAX_COLUMNS, UNREAD, read_source, too_wide


class StringTable:
    """Rows of named strings in a file that lives as long as this object.

    It may be sent to another process: the copy reads the same file and does not delete it.
    """

    def __init__(self, path: Path, source: str, fingerprint: str, unread: dict[str, str]) -> None:
        """Use ``open``; ``path`` is an Arrow IPC file of string columns."""
        self.path, self.source, self.fingerprint = path, source, fingerprint
        self.unread = unread  # columns that hold no text, and why: their cells are the names of their types
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        self.columns: tuple[str, ...] = tuple(reader.schema.names)
        batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        self._ends = list(accumulate(b.num_rows for b in batches))
        self._columns = [dict(zip(self.columns, b.columns)) for b in batches]

    @classmethod
    def open(cls, source: Path | str | pd.DataFrame, folder: Path | None = None) -> Self:
        """Read a CSV (also ``.csv.gz``, ``.tsv``) or Parquet file or a DataFrame.

        Between the cells of a CSV stands a comma, or the semicolon or tab of its header where there are more of these.
        In the last two a missing value becomes "", and any other one the text that ``text_of`` gives it.
        ``folder``: where the working copy is kept meanwhile; None: the system's temporary folder.

        Raises:
            FileError: if the file is missing or cannot be read.
            TableError: for faults of the table's form: ragged rows, duplicate columns, no rows, absurd sizes.
        """
        name, batches = read_source(source)
        home = Path(tempfile.mkdtemp(prefix="polyfuse-", dir=folder))
        try:
            table = cls(home / "table.arrow", name, *_write(home / "table.arrow", name, batches))
        except OSError as error:
            shutil.rmtree(home, ignore_errors=True)
            raise FileError(
                f"{name}: cannot be copied to {home} ({error.strerror or error}); free space there"
            ) from error
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        weakref.finalize(table, _remove, home, os.getpid())
        return table

    def __len__(self) -> int:
        return self._ends[-1]

    def __getstate__(self) -> dict[str, Any]:
        return {k: getattr(self, k) for k in ("path", "source", "fingerprint", "unread")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]  # opens the same file again

    def row(self, index: int, columns: Iterable[str] | None = None) -> dict[str, str]:
        """The cells of one row, counted from 0, of these columns or of all."""
        batch = bisect_right(self._ends, index)
        within = index - (self._ends[batch - 1] if batch else 0)
        found = self._columns[batch]
        return {c: found[c][within].as_py() for c in (self.columns if columns is None else columns)}

    def frame(self) -> pd.DataFrame:
        """The whole table in memory, every cell a string."""
        return pd.DataFrame({c: [cell for part in self.column(c) for cell in part] for c in self.columns}, dtype=str)

    def column(self, name: str, chunk: int = 8192) -> Iterator[list[str]]:
        """All cells of one column, in order, a list of up to ``chunk`` at a time.

        Raises:
            ConfigError: for a column that does not exist.
            TableError: for one that holds no text.
        """
        if name not in self.columns:
            raise unknown("column", name, self.columns)
        if name in self.unread:
            raise TableError(self.source, [Fault(0, name, "", self.unread[name])])
        for columns in self._columns:
            cells = columns[name]
            for start in range(0, len(cells), chunk):
                yield cells.slice(start, chunk).to_pylist()


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a forked data loader
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, source: str, batches: Iterator[pa.RecordBatch]) -> tuple[str, dict[str, str]]:
    """Write all batches, checked; their fingerprint, and by column why it holds no text."""
    first = next(batches, None)
    if first is None:
        raise TableError(source, [Fault(0, "", "", "no rows below the header; a table needs at least one case")])
    _check_columns(source, first.schema.names)
    digest, unread, rows = _Digest(first.schema.names), dict[str, str](), 0
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, first.schema) as writer:
        while first is not None:
            _check_cells(source, first, rows)
            writer.write_batch(first)
            unread |= {f.name: f.metadata[UNREAD].decode() for f in first.schema if f.metadata}
            digest.add(first)
            rows += first.num_rows
            first = next(batches, None)
    pa.default_memory_pool().release_unused()  # what the reader held goes back to the system
    return digest.hexdigest(), unread


def _check_columns(source: str, names: Sequence[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise too_wide(source, len(names))
    seen: set[str] = set()
    twice = [n for n in names if n in seen or seen.add(n)]  # type: ignore[func-returns-value]
    if twice:
        raise TableError(source, [Fault(0, n, "", "two columns have this name; rename one") for n in twice])


def _check_cells(source: str, batch: pa.RecordBatch, before: int) -> None:
    faults = []
    for name, cells in zip(batch.schema.names, batch.columns):
        lengths = _lengths(cells)
        for i in np.flatnonzero(lengths > MAX_CELL):
            reason = f"a cell of {lengths[i]:,} bytes; at most {MAX_CELL:,} fit, so keep it in a file"
            faults.append(Fault(before + int(i) + 1, name, "", reason))
    if faults:
        raise TableError(source, faults)


def _lengths(cells: pa.StringArray) -> np.ndarray:
    offsets = np.frombuffer(cells.buffers()[1], np.int32)[cells.offset : cells.offset + len(cells) + 1]
    return np.diff(offsets)


class _Digest:
    """SHA-256 of names and cells, whatever the batches: per column one stream of lengths and one of bytes."""

    def __init__(self, names: Sequence[str]) -> None:
        self._head = json.dumps(list(names)).encode()
        self._parts = [(hashlib.sha256(), hashlib.sha256()) for _ in names]

    def add(self, batch: pa.RecordBatch) -> None:
        for (lengths, content), cells in zip(self._parts, batch.columns):
            offsets = np.frombuffer(cells.buffers()[1], np.int32)[cells.offset : cells.offset + len(cells) + 1]
            lengths.update(np.diff(offsets).astype("<i4").tobytes())
            if offsets[-1] > offsets[0]:
                content.update(cells.buffers()[2][int(offsets[0]) : int(offsets[-1])])

    def hexdigest(self) -> str:
        total = hashlib.sha256(self._head)
        for lengths, content in self._parts:
            total.update(lengths.digest() + content.digest())
        return total.hexdigest()
