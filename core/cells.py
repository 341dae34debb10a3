"""Cells that name files, and cells of several rows that make one case."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.config import ModalityConfig
from core.errors import FileError
from core.excerpt import excerpt
from core.schema import Modality

GONE = "no such file: "  # how a fault of a file that is not there begins


def split_files(cell: str) -> list[str]:
    """The paths of one cell: several are separated by '|'.

    >>> split_files("a.png | b.png|")
    ['a.png', 'b.png']
    """
    return [part.strip() for part in cell.split("|") if part.strip()]


def locate(name: str, root: Path) -> Path:
    """The absolute path of a cell's file; links are not followed."""
    return Path(os.path.normpath(root / name))


def named_series(path: Path) -> tuple[Path, str | None]:
    """The place of a scan, and which of the series there is meant where ``#`` and its number or identifier follow.

    A place that is there by its whole name is that place, whatever its name holds.
    """
    place, mark, series = path.name.rpartition("#")
    if not mark or not place or not series or path.exists():
        return path, None
    return path.with_name(place), series


def check_file(name: str, root: Path, kind: Modality, allow_outside: bool = False) -> None:
    """Refuse a path that leads to nothing usable, or out of ``root`` unless that is allowed.

    Raises:
        FileError: with the reason in words.
    """
    if re.match(r"[a-z]+://", name, re.IGNORECASE):
        raise FileError("a web address; nothing is fetched: save the file on this machine and name its path")
    path = locate(name, root)
    if not allow_outside and not path.is_relative_to(root):
        raise FileError(f"leads out of the folder {root}; move the file there, or allow files outside")
    if kind is Modality.VOLUME:
        path, _ = named_series(path)
    try:
        found = path.stat()
        if path.is_dir():
            if kind is not Modality.VOLUME:
                raise FileError(f"a folder where {kind} files are due; name the files, separated by '|'")
            if not any(path.iterdir()):
                raise FileError(f"an empty folder: {path}")
    except FileNotFoundError:
        raise FileError(f"{GONE}{path}") from None
    except (OSError, ValueError) as error:
        raise FileError(f"cannot be opened: {path} ({error})") from None
    if found.st_size == 0 and not path.is_dir():
        raise FileError(f"an empty file (0 bytes): {path}")


def case_value(modality: ModalityConfig, rows: Sequence[Mapping[str, str]], root: Path) -> Any:
    """What a modality of a case holds, from all its rows: files, a text or a dict of cells; None if all are blank.

    A pair is absent unless its first column and another one hold text.
    """
    row = together(modality, rows)
    if modality.kind.is_file:
        return tuple(locate(name, root) for name in split_files(row[modality.columns[0]])) or None
    if modality.kind is Modality.TEXT:
        return joined(modality, [text for text in row.values() if text])
    return row if holds(modality, row) else None


def together(modality: ModalityConfig, rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The cells of all rows of a case as those of one row, "" where blank.

    Files and texts that differ stand together; of a table's values the first one of each column counts.
    """
    if modality.kind.is_file:
        names = {c: [name for row in rows for name in split_files(row.get(c, ""))] for c in modality.columns}
        return {c: "|".join(_distinct(found)) for c, found in names.items()}
    cells = {c: _distinct(row.get(c, "").strip() for row in rows) for c in modality.columns}
    most = 1 if modality.kind is Modality.TABULAR else None
    return {c: "\n".join(found[:most]) for c, found in cells.items()}


def joined(modality: ModalityConfig, texts: Sequence[str]) -> str | None:
    """The text of a case from those of its columns, as far as the model may read it; None if nothing is left."""
    read = [part for text in texts if (part := excerpt(text, modality.excerpt).strip())]
    return "\n".join(read[:1] if modality.first else read) or None


def holds(modality: ModalityConfig, cells: Mapping[str, str]) -> bool:
    """Whether cells by column are enough for a table row, or for a pair of texts."""
    first, *others = (bool(cells[c].strip()) for c in modality.columns)
    return first and any(others) if modality.kind is Modality.PAIR else first or any(others)


def _distinct(items: Iterable[str]) -> list[str]:
    return [item for item in dict.fromkeys(items) if item]
