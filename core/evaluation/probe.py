"""A bundle that is asked about cases as they are and changed; nothing of it gets into the user's cache."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from core.bundle import Bundle
from core.cache import MemoryCache
from core.dataset import Collate, Sample, prepare_row
from core.errors import PolyfuseError
from core.schema import Row
from core.view import View

Views: TypeAlias = dict[str, Tensor]  # of one case, (T, *shape) by view


class Probe:
    """A bundle with views of its own, which forget."""

    def __init__(self, bundle: Bundle) -> None:
        self.ensemble, self.names = bundle.ensemble, bundle.ensemble.modalities
        self.views = {name: _forgetful(view) for name, view in bundle.views.items()}
        self.collate = Collate(self.views, None)

    def read(self, rows: Sequence[Row]) -> list[Views]:
        """What the views make of cases.

        Raises:
            FileError: naming the case and the modality that cannot be read.
        """
        for view in self.views.values():
            cells = [cell for row in rows if (cell := row.values.get(view.modality.name)) is not None]
            with contextlib.suppress(PolyfuseError):  # what cannot be read is told with its case, in ``prepare_row``
                view.warm(cells, lambda count: None)
        return [{name: self.views[name].finish(p) for name, p in prepare_row(row, self.views).items()} for row in rows]

    def change(self, read: Sequence[Views], modality: str, cells: Sequence[Any]) -> list[Views]:
        """The same cases with other cells of one modality; None takes it away."""
        kept = [{n: t for n, t in case.items() if self.views[n].modality.name != modality} for case in read]
        rows = [Row(str(i), i, {} if cell is None else {modality: cell}) for i, cell in enumerate(cells)]
        return [old | new for old, new in zip(kept, self.read(rows), strict=True)]

    def answers(self, cases: Sequence[Views], patterns: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Calibrated answers (B, classes) or (B, 1) with only the modalities of each pattern."""
        batch = self.collate([Sample(str(i), i, case, None) for i, case in enumerate(cases)])
        keeps = [torch.tensor([[m in pattern for m in self.names]] * len(cases)) for pattern in patterns]
        here = self.ensemble.present(batch)  # (B, M)
        found = self.ensemble.answers(batch, keeps)
        kept = [(here & keep.numpy()).any(axis=1, keepdims=True) for keep in keeps]  # (B, 1)
        return [np.where(some, a, self.ensemble.target.nothing) for some, a in zip(kept, found)]


def _forgetful(view: View) -> View:
    other = copy.copy(view)
    other.cache = MemoryCache(2**26)
    return other
