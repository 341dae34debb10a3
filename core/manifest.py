"""A table of cases: which cells make a case, what is wrong with the table, and each case as a ``Row``.

Of a case its target, group and split are kept in memory; cells are read from the table on disk when a row is asked for.
The value of a modality in a ``Row``: TEXT a str (several columns, one a line); TABULAR and PAIR a dict of column to
str; all others a tuple of absolute paths. A modality whose cells are all blank has no value. Files are checked to be
there, not opened.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from core.cells import case_value
from core.config import ExperimentConfig
from core.errors import ConfigError, Fault, FileError, TableError
from core.schema import Modality, Row
from core.table import StringTable
from core.table_faults import (
    SPLITS,
    Case,
    agreement_faults,
    column_faults,
    number_columns,
    parse_target,
    row_faults,
    split_of,
    target_fault,
    together_faults,
)


class Manifest:
    """The cases of one table, checked. ``faults`` holds all that is wrong; see ``raise_faults``."""

    def __init__(
        self,
        table: StringTable,
        config: ExperimentConfig,
        root: Path,
        need_target: bool,
        allow_outside: bool,
        window: Sequence[int] | None = None,
        for_training: bool = True,
    ) -> None:
        """Use ``open``; ``window``: only these rows, counted from 0, as if the table had no others."""
        self.table, self.config, self.root = table, config, root
        self._need_target, self._allow_outside, self._for_training = need_target, allow_outside, for_training
        unknown = column_faults(table.columns, table.unread, config, need_target, for_training)
        self._lacking = {f.column for f in unknown}
        taken = range(len(table)) if window is None else window
        self._gathered = self._gather() if config.table.gather else None  # the rows of each case; None: its number
        # a case's number in the whole table
        self._number = np.asarray(taken if self._gathered is None else range(len(self._gathered)), dtype=int)
        self._columns = list(dict.fromkeys(c for m in config.modalities for c in m.columns))
        self._blank = {c for c in self._columns if c not in table.columns}
        self.targets: list[Any] = []  # raw, of every case: str, tuple of str, or float; None where blank
        self.groups: list[str | None] = []  # of every case; None where blank or no column is named
        self.splits: list[str | None] = []  # train, val or test; None where no column is named
        self.faults = list[Fault](unknown)
        self.present = np.zeros((len(self), len(config.modalities)), dtype=bool)  # (cases, modalities)
        for i, (case, here, found) in enumerate(self._check_cases()):
            self.targets.append(case.target)
            self.groups.append(case.group)
            self.splits.append(case.split)
            self.present[i] = here
            self.faults += found
        self.faults += self._together(range(len(self)))

    @classmethod
    def open(
        cls,
        source: Path | str | pd.DataFrame,
        config: ExperimentConfig,
        root: Path | None = None,
        need_target: bool = True,
        *,
        allow_outside: bool = False,
        for_training: bool = True,
    ) -> Self:
        """Read and check a table: CSV, Parquet or DataFrame.

        Paths in cells are relative to ``root`` (None: the table's folder) and must not leave it unless
        ``allow_outside``. Without ``need_target``, for prediction, the columns of target, group and split may be
        missing or blank. Without ``for_training``, to measure a model, group and split may be, and what the rows must
        be together (some to train on, no group in two splits, no label of one case) is not asked.

        Raises:
            FileError: if the table itself cannot be read.
            TableError: if it is no table; faults of its cells are kept in ``faults``.
            ConfigError: if ``root`` or the id column is needed and not given.
        """
        if isinstance(source, pd.DataFrame) and root is None and any(m.kind.is_file for m in config.modalities):
            raise ConfigError("a DataFrame has no folder: give root, the folder that its file paths start from")
        if config.table.gather and config.table.id is None:
            raise ConfigError("table.gather joins rows that share an id: name the id column in table.id")
        home = Path() if isinstance(source, pd.DataFrame) else Path(source).parent
        table = StringTable.open(source)
        place = (root if root is not None else home).absolute().resolve()
        return cls(table, config, place, need_target, allow_outside, for_training=for_training)

    def __len__(self) -> int:
        return len(self._number)

    @property
    def ids(self) -> list[str]:
        """The id of every case, read from the table; the row's number where no id column is named."""
        return [self._id(i) for i in range(len(self))]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the table's cells and of which cases are in."""
        return hashlib.sha256(self.table.fingerprint.encode() + self._number.astype("<i8").tobytes()).hexdigest()

    def case_hashes(self, config: ExperimentConfig) -> np.ndarray:
        """(cases,) int64 of each case's id, answer and what the model of ``config`` reads of it.

        Equal for equal cells: they tell whether a case is met again, also in another table, and nothing else about it.
        """
        read = [c for m in config.modalities for c in m.columns]
        named = dict.fromkeys([config.table.id, config.target.column, *read])
        cells = zip(*(chain.from_iterable(self.table.column(c)) for c in named if c in self.table.columns))
        rows = np.fromiter((_hash("\0".join(row).encode()) for row in cells), np.int64, len(self.table))
        if self._gathered is None:
            return rows[self._number]
        return np.array([_hash(np.sort(rows[list(own)]).tobytes()) for own in self._gathered], dtype=np.int64)

    def row(self, index: int) -> Row:
        """One case. ``Row.index`` is its number in the whole table, also in a selection."""
        cells = self._cells(index)
        found = {m.name: case_value(m, cells, self.root) for m in self.config.modalities}
        return replace(self.case(index), values={name: value for name, value in found.items() if value is not None})

    def case(self, index: int) -> Row:
        """One case as ``row`` gives it, without its values: reads no more than the id."""
        number = int(self._number[index])
        return Row(self._id(index), number, {}, self.targets[index], self.groups[index], self.splits[index])

    def cell(self, index: int, modality: str) -> Any:
        """What one modality of a case holds, or None; reads no other column."""
        m = next(m for m in self.config.modalities if m.name == modality)
        return case_value(m, self._cells(index, m.columns), self.root)

    def row_numbers(self, index: int) -> tuple[int, ...]:
        """The rows of the table that make a case, counted from 1 below the header."""
        return tuple(r + 1 for r in self._rows(index))

    def _rows(self, index: int) -> tuple[int, ...]:
        """The rows of the table that make a case, counted from 0."""
        return (int(self._number[index]),) if self._gathered is None else self._gathered[index]

    def count_groups(self, indices: Iterable[int]) -> int:
        """How many groups these cases are of, which is how often they can be cut; one without a group is its own."""
        found = [self.groups[i] for i in indices]
        return found.count(None) + len({*found} - {None})

    def select(self, indices: Iterable[int]) -> Self:
        """These cases alone, in this order: a view that shares the table."""
        chosen = [int(i) for i in indices]
        part = copy.copy(self)
        part._gathered = None if self._gathered is None else [self._gathered[i] for i in chosen]
        part.targets = [self.targets[i] for i in chosen]
        part.groups = [self.groups[i] for i in chosen]
        part.splits = [self.splits[i] for i in chosen]
        part._number, part.present = self._number[chosen], self.present[chosen]
        rows = {r for case in range(len(part)) for r in part.row_numbers(case)} if self.faults else set()
        part.faults = [f for f in self.faults if not f.row or f.row in rows]
        return part

    def raise_faults(self) -> None:
        """Refuse a faulty table.

        Raises:
            TableError: with all faults.
        """
        if self.faults:
            raise TableError(self.table.source, self.faults)

    def without_faulty(self, rejected: Path) -> Self:
        """The cases without a fault; the rows of all others are written to ``rejected`` as CSV with their reasons.

        Raises:
            TableError: if the fault is the whole table's, or no case is left.
            FileError: if ``rejected`` cannot be written.
        """
        place = {row: case for case in range(len(self)) for row in self.row_numbers(case)}
        faults, bad = list(self.faults), set[int]()
        while True:
            bad |= {place[f.row] for f in faults if f.row}
            good = [i for i in range(len(self)) if i not in bad]
            if any(not f.row for f in faults) or not good:
                raise TableError(self.table.source, faults)
            more = self._together(good)  # a label may be left with one case
            if not more:
                break
            faults += more
        self.write_rejected(rejected, sorted(bad), faults)
        kept = self.select(good)
        kept.faults = []
        return kept

    def write_rejected(self, path: Path, cases: Sequence[int], faults: Sequence[Fault]) -> None:
        """Write the rows of these cases to a CSV, each with the reasons that ``faults`` give.

        Raises:
            FileError: if the file cannot be written.
        """
        reasons: dict[int, list[str]] = {}
        for f in faults:
            reasons.setdefault(f.row, []).append(
                f"{f.column}: {f.reason}" + (f" (found {f.value!r})" if f.value else "")
            )
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["row", "reasons", *self.table.columns])
                for row in sorted(r for case in cases for r in self._rows(case)):
                    why = reasons.get(row + 1, ["another row of this case is faulty"])
                    writer.writerow([row + 1, "; ".join(why), *self.table.row(row).values()])
        except OSError as error:
            raise FileError(f"{path}: cannot be written ({error.strerror}); choose another place") from error

    def _gather(self) -> list[tuple[int, ...]]:
        cases: dict[str, list[int]] = {}
        for row, name in enumerate(self._special(self.config.table.id)):
            cases.setdefault(name or f"\0{row}", []).append(row)  # a blank id joins nothing
        return [tuple(rows) for rows in cases.values()]

    def _special(self, column: str | None) -> Iterable[str]:
        if column is None or column in self._lacking:
            return ("" for _ in range(len(self.table)))
        return (cell.strip() for chunk in self.table.column(column) for cell in chunk)

    def _cells(self, index: int, columns: Iterable[str] | None = None) -> list[dict[str, str]]:
        wanted = self._columns if columns is None else list(columns)
        if not self._blank:
            return [self.table.row(r, wanted) for r in self._rows(index)]
        known, blank = [c for c in wanted if c not in self._blank], dict.fromkeys(wanted, "")
        return [blank | self.table.row(r, known) for r in self._rows(index)]

    def _check_cases(self) -> Iterator[tuple[Case, list[bool], list[Fault]]]:
        """Every case by its special columns, which modalities it has, and its faults."""
        t, modalities = self.config.table, self.config.modalities
        named = dict.fromkeys([t.id, t.group, t.split, self.config.target.column])
        special = [c for c in named if c in self.table.columns]
        wanted = list(dict.fromkeys(self._columns + special))
        files = {m.columns[0]: m.kind for m in modalities if m.kind.is_file}
        tabular = [c for m in modalities if m.kind is Modality.TABULAR for c in m.columns]
        agreeing, numbers = [*tabular, *(c for c in special if c != t.id)], number_columns(self.config)
        for index in range(len(self)):
            cells, rows = self._cells(index, wanted), self.row_numbers(index)
            here = [case_value(m, cells, self.root) is not None for m in modalities]
            case, faults = self._case(rows[0], {c: _first(cells, c) for c in special})
            if len(rows) > 1:
                faults += agreement_faults(rows, cells, agreeing)
            if not any(here) and not self._lacking:
                faults.append(Fault(rows[0], ", ".join(self._columns), "", "no modality is present"))
            for row, said in zip(rows, cells):
                faults += row_faults(row, said, files, numbers, self.root, self._allow_outside)
            yield case, here, faults

    def _case(self, row: int, said: Mapping[str, str]) -> tuple[Case, list[Fault]]:
        t, target, faults = self.config.table, self.config.target, list[Fault]()
        name = said.get(t.id or "", "" if t.id in self.table.columns else str(row))
        if not name:
            faults.append(Fault(row, t.id or "", "", "the id is blank"))
        part = said.get(t.split or "", "").strip()
        split = split_of(part) or (None if self._for_training else part or None)  # a test set's parts have own names
        if self._need_target and self._for_training and t.split in said and split is None:
            faults.append(Fault(row, t.split or "", said[t.split or ""], f"a split is one of {', '.join(SPLITS)}"))
        fault = target_fault(row, said.get(target.column, ""), target)
        if fault and self._need_target and target.column in said:
            faults.append(fault)
        value = None if fault else parse_target(said.get(target.column, ""), target)
        group = said.get(t.group or "") or None
        return Case(row, name, _one(value), _one(group), split), faults

    def _id(self, index: int) -> str:
        row, column = self._rows(index)[0], self.config.table.id
        if column is None or column not in self.table.columns:
            return str(row + 1)
        return self.table.row(row, (column,))[column].strip()

    def _together(self, indices: Iterable[int]) -> list[Fault]:
        rows = ((i, self._rows(i)[0] + 1) for i in indices)
        cases = [Case(row, self._id(i), self.targets[i], self.groups[i], self.splits[i]) for i, row in rows]
        return together_faults(cases, self.config, self._need_target and self._for_training and not self._lacking)


def _hash(data: bytes) -> int:
    """64 bits."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), signed=True)


def _one(value: Any) -> Any:
    """Equal strings as one object: a long table has few labels."""
    return sys.intern(value) if isinstance(value, str) else value


def _first(cells: Sequence[Mapping[str, str]], column: str) -> str:
    return next((c[column].strip() for c in cells if c[column].strip()), "")
