"""A folder of files as a table: files that differ in their ending alone are one case, named by their common path.

Sounds, pictures, films and scans go to the column of the first modality of their kind, several of one kind together; a
text file (``.txt``, UTF-8) is read into the first text column. All other columns are blank.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from core.config import ExperimentConfig
from core.endings import ENDINGS
from core.errors import FileError
from core.schema import Modality
from core.table import StringTable
from core.table_faults import named_columns


def folder_table(folder: Path, config: ExperimentConfig) -> StringTable:
    """The table of a folder and the folders in it, in the order of their names; its paths start from ``folder``.

    Raises:
        FileError: if there is no file that the model reads, or a text is not UTF-8.
    """
    columns = named_columns(config, need_target=False)
    places = {m.kind: m.columns[0] for m in reversed(config.modalities) if m.kind in ENDINGS}
    known = {e: kind for kind in places for e in ENDINGS[kind]}
    with tempfile.TemporaryDirectory(prefix="polyfuse-") as scratch:
        file, count = Path(scratch) / f"{folder.name}.csv", 0
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, columns, restval="")
            writer.writeheader()
            for stem, files in groupby(_files(folder, known), key=lambda file: file[0]):
                row = {config.table.id: stem} if config.table.id else {}
                found: dict[Modality, list[str]] = {}
                for _, kind, name in files:
                    found.setdefault(kind, []).append(_text(folder / name) if kind is Modality.TEXT else name)
                row |= {places[k]: ("\n" if k is Modality.TEXT else "|").join(several) for k, several in found.items()}
                writer.writerow(row)
                count += 1
        if not count:
            raise FileError(
                f"{folder}: no file that the model reads; it reads {', '.join(sorted(known)) or 'no files'}"
            )
        return StringTable.open(file)


def _files(folder: Path, known: dict[str, Modality]) -> Iterator[tuple[str, Modality, str]]:
    """(common path, kind, path) of every readable file, in order."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        found = [(n[: -len(e)], known[e], n) for n in names for e in known if n.lower().endswith(e)]
        for stem, kind, name in sorted(found):
            home = Path(place).relative_to(folder)
            yield (home / stem).as_posix(), kind, (home / name).as_posix()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise FileError(f"{path}: not UTF-8; save the text in UTF-8") from None
