"""How far a case's text is from the nearest training case in frozen pretrained features: what no class score can tell.

Text alone, since sound is near to the sound of one voice and room, whatever is said: by the distance of Whisper's
features 28 % of barista's turns in new voices were called outsiders where 5 % were stated.

Letters as in ``core.schema``. Cosine distance of mean features (Sun et al., "Out-of-Distribution Detection with Deep
Nearest Neighbors", 2022).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from core.manifest import Manifest
from core.schema import Modality
from core.splits import some_of
from core.view import View

MOST = 20_000  # training cases that are kept; of more, so many are drawn
_CHUNK = 1024


@dataclass(frozen=True)
class Nearest:
    """Unit vectors (N, F) of training cases in one view, as 16-bit floats; ``rows``: their numbers, while training."""

    view: str
    vectors: Tensor
    rows: tuple[int, ...] = ()

    @classmethod
    def fit(cls, views: Mapping[str, View], manifest: Manifest, rows: Sequence[int], seed: int = 0) -> Self | None:
        """From the cases of ``rows``; None where no view of text has frozen pretrained features."""
        view = _chosen(views)
        if view is None:
            return None
        rows = some_of(rows, MOST, seed)
        here = [(i, v) for i, v in zip(rows, _vectors(view, manifest, rows)) if v is not None]
        if not here:
            return None
        return cls(view.name, torch.stack([v for _, v in here]).half(), tuple(i for i, _ in here))

    def of_rows(self, view: View, manifest: Manifest, rows: Sequence[int], own: bool = False) -> np.ndarray:
        """(N,) distances of a table's rows; NaN where the modality is missing.

        ``own``: it is the table that this was fitted on, and no row shall be its own nearest.
        """
        return self._distances(list(_vectors(view, manifest, rows)), rows if own else None)

    def of_samples(self, samples: Sequence[Tensor | None]) -> np.ndarray:
        """(N,) distances of samples (T, F) of the view; NaN for None."""
        return self._distances([None if s is None else _unit(s) for s in samples], None)

    def _distances(self, vectors: Sequence[Tensor | None], rows: Sequence[int] | None) -> np.ndarray:
        found, known = np.full(len(vectors), np.nan), self.vectors.float()  # (N,), (K, F)
        place = {row: i for i, row in enumerate(self.rows)}
        here = [i for i, v in enumerate(vectors) if v is not None]
        for start in range(0, len(here), _CHUNK):
            part = here[start : start + _CHUNK]
            likeness = torch.stack([v for i in part if (v := vectors[i]) is not None]) @ known.T  # (C, K)
            if rows is not None:
                own = [(j, place[rows[i]]) for j, i in enumerate(part) if rows[i] in place]
                likeness[[j for j, _ in own], [k for _, k in own]] = -1.0
            found[part] = 1 - likeness.max(dim=1).values.numpy()
        return found

    def save(self, file: Path) -> None:
        """Write the vectors as safetensors."""
        save_file({self.view: self.vectors.contiguous()}, file)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Take over what ``save`` wrote."""
        return cls(*next(iter(load_file(file).items())))


def _chosen(views: Mapping[str, View]) -> View | None:
    return next((v for v in views.values() if v.backbone is not None and v.modality.kind is Modality.TEXT), None)


def _vectors(view: View, manifest: Manifest, rows: Sequence[int]) -> Iterator[Tensor | None]:
    for i in rows:
        cell = manifest.cell(int(i), view.modality.name)
        yield None if cell is None else _unit(view.prepare(cell))


def _unit(sample: Tensor) -> Tensor:
    """(T, F) -> (F,) of length 1."""
    return normalize(sample.float().mean(dim=0), dim=0)
