"""A bundle's answers on many rows of a table, read in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.bundle import Bundle
from core.dataset import CaseDataset, Collate, Sample, cells_of, prepare_row
from core.ensemble import Pattern
from core.manifest import Manifest


@dataclass(frozen=True)
class Asked:
    """What a bundle says about N rows, each read once."""

    answers: np.ndarray  # (N, classes) or (N, 1), calibrated
    by_pattern: np.ndarray  # (P, N, classes): with the modalities of each pattern alone; of some rows, see the caller
    unlike: np.ndarray  # (N,) bool: a modality of the case is unlike the training cases

    def of(self, known: np.ndarray, some: np.ndarray) -> Asked:
        """The rows where ``known`` (N,) bool holds; patterns were asked of the places ``some`` among all."""
        return Asked(self.answers[known], self.by_pattern[:, known[some]], self.unlike[known])


def table_answers(bundle: Bundle, manifest: Manifest, rows: Sequence[int], batch: int = 64) -> np.ndarray:
    """A bundle's calibrated answers on rows of a table, read in batches: (N, classes) or (N, 1)."""
    if not len(rows):
        return np.zeros((0, len(bundle.ensemble.target.classes) or 1))
    data, collate = CaseDataset(manifest, bundle.views, room=0), Collate(bundle.views, None)
    _warm(bundle, manifest, rows)
    return np.concatenate(
        [bundle.ensemble.answers(collate([data[i] for i in part]))[0] for part in _parts(rows, batch)]
    )


def ask_table(
    bundle: Bundle, manifest: Manifest, rows: Sequence[int], patterns: Sequence[Pattern] = (), batch: int = 64
) -> Asked:
    """The answers of ``table_answers``, those with modalities switched off, and which rows are unlike training ones."""
    outputs = len(bundle.ensemble.target.classes) or 1
    if not len(rows):
        return Asked(np.zeros((0, outputs)), np.zeros((len(patterns), 0, outputs)), np.zeros(0, dtype=bool))
    _warm(bundle, manifest, rows)
    collate, found, unlike = Collate(bundle.views, None), list[np.ndarray](), list[bool]()
    for part in _parts(rows, batch):
        samples, told = zip(*(_sample(bundle, manifest, i) for i in part))
        unlike += told
        keeps = [torch.tensor([p] * len(part)) for p in ((True,) * len(bundle.ensemble.modalities), *patterns)]
        found.append(np.stack(bundle.ensemble.answers(collate(samples), keeps)))  # (1 + P, B, classes)
    every = np.concatenate(found, axis=1)
    return Asked(every[0], every[1:], np.array(unlike))


def _sample(bundle: Bundle, manifest: Manifest, index: int) -> tuple[Sample, bool]:
    """A row as tensors, and whether one of its modalities is unlike the training cases."""
    row, views = manifest.row(index), bundle.views
    prepared = prepare_row(row, views)
    told = [bundle.unlike(m, cell, prepared) for m, cell in row.values.items()]
    return Sample(row.id, index, {n: views[n].finish(p) for n, p in prepared.items()}, None), any(told)


def _warm(bundle: Bundle, manifest: Manifest, rows: Sequence[int]) -> None:
    for view in bundle.views.values():
        view.warm(cells_of(manifest, view.modality.name, rows)(), lambda count: None)


def _parts(rows: Sequence[int], batch: int) -> list[list[int]]:
    return [list(rows[i : i + batch]) for i in range(0, len(rows), batch)]


def table_far(bundle: Bundle, manifest: Manifest, rows: Sequence[int], own: bool = False) -> np.ndarray | None:
    """How far rows are from the nearest training case (N,), where the bundle can tell; see ``Nearest.of_rows``."""
    if (nearest := bundle.nearest) is None:
        return None
    return nearest.of_rows(bundle.views[nearest.view], manifest, rows, own)
