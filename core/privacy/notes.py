"""What the report of a cleaned table says besides counts: what was not looked for, and what seems to be amiss."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from core.cells import locate, split_files
from core.privacy.cells import UNREAD
from core.privacy.columns import Role
from core.schema import Modality

if TYPE_CHECKING:
    from core.privacy.table import Run

_LOOKED_AT = 20  # cells of a column


def notes(run: Run, pixels: bool, hears: bool) -> list[str]:
    """Sentences for the report. ``pixels``: text was looked for in pixels; ``hears``: recordings were recognised."""
    kinds = set(run.roles.files.values())
    told = [
        f"{c} seems to name files, which were not copied: say what they are (--image, --volume, --audio) to have them "
        "cleaned too"
        for c in _unnamed_files(run)
    ]
    told += [
        f"{c} repeats, yet every row counts as a person of its own, with dates moved apart: if it tells persons apart, "
        "name it (--person)"
        for c in _repeating_ids(run)
    ]
    told += [
        f"{c}: unreadable dates: {kinds[UNREAD]}; a code stands for each, and the intervals to them are lost"
        for c, kinds in run.outcome.replaced.items()
        if kinds[UNREAD]
    ]
    if Role.TEXT in run.roles.roles.values():
        told.append("not found in texts: a stranger's rare name that nothing announces; read some of them")
    if kinds & {Modality.IMAGE, Modality.VOLUME}:
        told.append("not changed: the shape of a face that a scan of the head may show")
        told += [] if pixels else ["not looked for: text burned into pixels"]
    if Modality.AUDIO in kinds:
        told.append("not changed: the voice itself, by which a person may be known")
        told += ["words of recordings were recognised, and what was not heard was not silenced"] if hears else []
    return told


def _unnamed_files(run: Run) -> list[str]:
    """Columns read as texts whose first cells name files that are there."""
    found = []
    for column, role in run.roles.roles.items():
        cells = (c for chunk in run.table.column(column) for c in chunk if c.strip()) if role is Role.TEXT else ()
        names = [name for cell in islice(cells, _LOOKED_AT) for name in split_files(cell)]
        if names and all(_is_file(run.root, name) for name in names):
            found.append(column)
    return found


def _repeating_ids(run: Run) -> list[str]:
    """Columns of ids or of the person's names that stand in several rows, where no two rows are of one person."""
    if len(run.persons) < len(run.table):
        return []
    ids = [column for column, role in run.roles.roles.items() if role in (Role.ID, Role.NAME)]
    cells = {c: [cell for chunk in run.table.column(c) for cell in chunk if cell.strip()] for c in ids}
    return [c for c in ids if len(set(cells[c])) < len(cells[c])]


def _is_file(root: Path, name: str) -> bool:
    try:
        return locate(name, root).is_file()
    except OSError:  # a text longer than any name
        return False
