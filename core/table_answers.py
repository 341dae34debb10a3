"""A bundle's answers on many rows of a table, read in batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.bundle import Bundle
from core.dataset import CaseDataset, Collate, cells_of
from core.manifest import Manifest


def table_answers(bundle: Bundle, manifest: Manifest, rows: Sequence[int], batch: int = 64) -> np.ndarray:
    """A bundle's calibrated answers on rows of a table, read in batches: (N, classes) or (N, 1)."""
    if not len(rows):
        return np.zeros((0, len(bundle.ensemble.target.classes) or 1))
    data, collate = CaseDataset(manifest, bundle.views, memory=0), Collate(bundle.views, None)
    parts = [list(rows[i : i + batch]) for i in range(0, len(rows), batch)]
    for view in bundle.views.values():
        view.warm(cells_of(manifest, view.modality.name, rows)(), lambda count: None)
    return np.concatenate([bundle.ensemble.answers(collate([data[i] for i in part]))[0] for part in parts])


def table_far(bundle: Bundle, manifest: Manifest, rows: Sequence[int], own: bool = False) -> np.ndarray | None:
    """How far rows are from the nearest training case (N,), where the bundle can tell; see ``Nearest.of_rows``."""
    if (nearest := bundle.nearest) is None:
        return None
    return nearest.of_rows(bundle.views[nearest.view], manifest, rows, own)
