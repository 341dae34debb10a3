"""The data-quality report of a table: columns, unreadable files, duplicates, shortcuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.cache import FeatureCache
from core.check import Description, describe
from core.config import ExperimentConfig
from core.dataset import cells_of
from core.errors import Fault, FileError, TableError
from core.manifest import Manifest
from core.preprocess import build
from core.progress import Progress, silent
from core.quality.columns import ColumnFacts, column_facts
from core.quality.duplicates import Duplicates, find_duplicates
from core.quality.likeness import find_alike
from core.quality.shortcuts import LOOKS_LIKE_ONE, shortcut_auroc
from core.splits import some_of, split

READ, LIMIT = 300, 0.05  # files of a column that are read as a sample; the unreadable share at which work stops


@dataclass(frozen=True)
class Unreadable:
    """What could not be read of the sampled cells of one modality."""

    modality: str
    read: int
    faults: tuple[Fault, ...]

    @property
    def share(self) -> float:
        """Of the sampled cells."""
        return len(self.faults) / max(1, self.read)


@dataclass(frozen=True)
class Quality:
    """Everything about the data that a user should know before training on it."""

    description: Description
    columns: list[ColumnFacts]
    unreadable: list[Unreadable]
    duplicates: list[Duplicates]
    shortcut: float | None  # AUROC of a forest on facts without content

    def to_json(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The report for people."""
        found = self.description.lines()
        found += [f"column {c}" for c in self.columns]
        found += [f"{u.modality}: {len(u.faults)} of {u.read} sampled cells cannot be read" for u in self.unreadable]
        found += [f"duplicates in {d}" for d in self.duplicates]
        if self.shortcut is not None:
            warned = "; a shortcut: make these facts alike before training" if self.shortcut > LOOKS_LIKE_ONE else ""
            found.append(f"facts without content (what is present, file sizes): AUROC {self.shortcut:.2f}{warned}")
        return found


def inspect(
    manifest: Manifest,
    config: ExperimentConfig,
    *,
    limit: float = LIMIT,
    content: bool = False,
    progress: Progress = silent,
    cache: FeatureCache | None = None,
) -> Quality:
    """Inspect a table that has no faults of form; with ``content`` also for cases alike in content, see ``leaks``.

    Raises:
        TableError: when more than ``limit`` of a modality's sampled files cannot be read; it names all of these.
    """
    unreadable = [_try(manifest, i, progress) for i, m in enumerate(config.modalities) if m.kind.is_file]
    for found in unreadable:
        if found.share > limit:
            raise TableError(manifest.table.source, list(found.faults))
    rows = split(manifest, config, config.seed)
    return Quality(
        describe(manifest, config),
        column_facts(manifest.table, config),
        unreadable,
        leaks(manifest, rows, content=content, progress=progress, cache=cache),
        shortcut_auroc(manifest, [*rows["train"], *rows["val"]]),
    )


def leaks(
    manifest: Manifest,
    rows: Mapping[str, np.ndarray],
    *,
    content: bool = True,
    progress: Progress = silent,
    cache: FeatureCache | None = None,
) -> list[Duplicates]:
    """Cases that are the same, or alike, and how many of them stand on both sides of the split ``rows``.

    By hashing; with ``content`` also by vectors (``core.quality.likeness``), which find the same cases again.
    """
    part = np.full(len(manifest), "", dtype=object)
    for name, chosen in rows.items():
        part[chosen] = name
    found = find_duplicates(manifest, part.tolist())
    if content:
        found += find_alike(manifest, part.tolist(), rows["train"].tolist(), progress=progress, cache=cache)
    return found


def _try(manifest: Manifest, place: int, progress: Progress) -> Unreadable:
    """Read a sample of one modality's cells as training would."""
    modality = manifest.config.modalities[place]
    reader = build(modality.kind, modality.views[0].preprocess)
    rows = some_of(np.flatnonzero(manifest.present[:, place]).tolist(), READ)
    faults = []
    for done, (row, cell) in enumerate(zip(rows, cells_of(manifest, modality.name, rows)()), start=1):
        try:
            reader.prepare(cell)
        except FileError as error:
            faults.append(Fault(manifest.row_numbers(row)[0], modality.columns[0], "", str(error)))
        progress(f"reading {modality.name}", done, len(rows))
    return Unreadable(modality.name, len(rows), tuple(faults))
