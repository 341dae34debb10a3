"""Files that are missing as a whole: told once a column, with the folder that their paths start from where one does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.cells import GONE, check_file, split_files
from core.config import ExperimentConfig, ModalityConfig
from core.errors import Fault, FileError, TableError
from core.table import StringTable

_TRIED = 3  # files that a folder must hold to be named


def told_once(faults: Sequence[Fault], table: StringTable, config: ExperimentConfig, root: Path) -> list[Fault]:
    """The faults for people: where not one file of a column is there, a fault of the column stands for those of rows.

    One file alone may be a slip of the pen, and stays.
    """
    told = list(faults)
    for m in (m for m in config.modalities if m.kind.is_file and m.columns[0] in table.columns):
        column = m.columns[0]
        gone = [f for f in told if f.row and f.column == column and f.reason.startswith(GONE)]
        if len(gone) < 2 or len(gone) != sum(len(split_files(c)) for part in table.column(column) for c in part):
            continue
        found = _holder([f.value for f in gone[:_TRIED]], root, m)
        hint = f"they are there from {found}: give --root {found}" if found else "give that folder with --root FOLDER"
        reason = f"none of {len(gone):,} files is there; paths start from {root}; {hint} (in Python: root=)"
        by_row = set(gone)
        told = [Fault(0, column, gone[0].value, reason), *(f for f in told if f not in by_row)]
    return told


@contextlib.contextmanager
def telling_once(table: StringTable, config: ExperimentConfig, root: Path) -> Iterator[None]:
    """A ``TableError`` that is raised within names files that are missing as a whole once."""
    try:
        yield
    except TableError as error:
        raise TableError(table.source, told_once(error.faults, table, config, root)) from None


def _holder(names: Sequence[str], root: Path, modality: ModalityConfig) -> Path | None:
    """The nearest folder above ``root`` from which all these paths lead to files."""
    for folder in root.parents:
        try:
            for name in names:
                check_file(name, folder, modality.kind)
        except FileError:
            continue
        return folder
    return None
