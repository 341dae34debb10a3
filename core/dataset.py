"""Rows to tensors: read, keep, pad, mask, collate. Letters as in ``core.schema``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from core.errors import FileError, PolyfuseError
from core.manifest import Manifest
from core.schema import Batch, Encoded, Row
from core.scratch import ROOM, Scratch
from core.targets import Target
from core.view import View


@dataclass(frozen=True)
class Sample:
    """One case as tensors; a view without data has no key. ``index`` is the row number in the dataset."""

    id: str
    index: int
    views: dict[str, Tensor]  # (T, *shape) each
    target: Any
    weight: float = 1.0


class CaseDataset(Dataset[Sample]):
    """Cases of a manifest by their row number.

    What a view prepared is kept on disk up to ``room`` bytes (``core.scratch``) and beyond prepared again, so the
    memory does not grow with the table. With ``augment``, randomness depends on seed, epoch and row alone.
    """

    def __init__(
        self, manifest: Manifest, views: dict[str, View], augment: bool = False, seed: int = 0, room: int = ROOM
    ) -> None:
        self.manifest, self.views, self.augment, self.seed = manifest, views, augment, seed
        self.epoch = 0
        self._kept = Scratch(len(manifest), room)

    def augmented(self, seed: int) -> CaseDataset:
        """The same cases with augmentation; both keep what they prepared in one place."""
        other = copy.copy(self)
        other.augment, other.seed, other.epoch = True, seed, 0
        return other

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, key: int | tuple[int, float]) -> Sample:
        index, weight = key if isinstance(key, tuple) else (key, 1.0)
        row, prepared = self._prepared(int(index))
        rng = np.random.default_rng((self.seed, self.epoch, row.index)) if self.augment else None
        views = {name: self.views[name].finish(value, rng) for name, value in prepared.items()}
        return Sample(row.id, int(index), views, row.target, weight)

    def _prepared(self, index: int) -> tuple[Row, dict[str, Any]]:
        if (kept := self._kept.get(index)) is not None:
            return self.manifest.case(index), kept
        row = self.manifest.row(index)
        prepared = prepare_row(row, self.views)
        self._kept.put(index, prepared)
        return row, prepared


def prepare_row(row: Row, views: dict[str, View]) -> dict[str, Any]:
    """What each view makes of a row's cells; absent modalities have no key.

    Raises:
        FileError: naming the row and the modality, if a cell cannot be read.
    """
    prepared = {}
    for name, view in views.items():
        if (cell := row.values.get(view.modality.name)) is not None:
            try:
                prepared[name] = view.prepare(cell)
            except PolyfuseError as error:
                raise FileError(f"case {row.id!r}, {view.modality.name}: {error}") from error
    return prepared


class Collate:
    """Samples of B cases to one padded batch."""

    def __init__(self, views: dict[str, View], target: Target | None) -> None:
        self.signatures = {name: view.signature for name, view in views.items()}
        self.target = target

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        """Pad and mask; the target is encoded where every case has one."""
        inputs = {name: self._pad(name, [s.views.get(name) for s in samples]) for name in self.signatures}
        known = self.target is not None and all(s.target is not None for s in samples)
        target = self.target.encode([s.target for s in samples]) if known and self.target else None
        weight = torch.tensor([s.weight for s in samples])
        return Batch([s.id for s in samples], inputs, target, weight, torch.tensor([s.index for s in samples]))

    def _pad(self, name: str, found: list[Tensor | None]) -> Encoded:
        signature = self.signatures[name]
        is_id = signature.vocabulary is not None and signature.shape == ()
        blank = torch.zeros((0, *signature.shape), dtype=torch.long if is_id else torch.float32)
        items = [blank if t is None else t for t in found]
        if all(len(t) == 0 for t in items):
            items[0] = torch.zeros((1, *signature.shape), dtype=blank.dtype)  # T ≥ 1 keeps every shape legal
        lengths = torch.tensor([0 if t is None else len(t) for t in found])
        padded = pad_sequence(items, batch_first=True)  # (B, T, *shape)
        return Encoded(padded, torch.arange(padded.shape[1])[None] < lengths[:, None])  # mask (B, T)


def to_device(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """The batches on a device. A GPU computes on one while the next is read; a CPU would only share its cores."""
    if device.type == "cpu":
        yield from batches
        return
    source = iter(batches)
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(_read, source, device)
        while (batch := coming.result()) is not None:
            coming = reader.submit(_read, source, device)
            yield batch.to(device, non_blocking=True)


def _read(batches: Iterator[Batch], device: torch.device) -> Batch | None:
    """The next batch, for CUDA in memory that it copies from while it computes; None after the last."""
    batch = next(batches, None)
    if batch is None or device.type != "cuda":
        return batch
    with torch.cuda.device(device):  # a thread begins on the first one
        return batch.pin_memory()


class Batches:
    """Which rows go into which batch of an epoch, the same on every process, each row once.

    Each process takes every n-th row of a batch, and a short share is filled up with a row of weight 0, so that several
    processes compute the gradient that one would.
    """

    def __init__(
        self, rows: Sequence[int], size: int, *, shuffle: bool, seed: int = 0, rank: int = 0, of: int = 1
    ) -> None:
        self.rows = np.asarray(rows, dtype=np.int64)
        self.size, self.shuffle, self.seed, self.rank, self.of = size, shuffle, seed, rank, of
        self.epoch = 0

    def totals(self) -> list[int]:
        """Rows of each batch over all processes."""
        full, left = divmod(len(self.rows), self.size)
        sizes = [self.size] * full + [left] * (left > 0)
        if self.shuffle and len(sizes) > 1 and left and left < 2 * self.of:  # batch norm needs more than one row
            sizes[-2:] = [sizes[-2] + sizes[-1]]
        return sizes

    def __len__(self) -> int:
        return len(self.totals())

    def __iter__(self) -> Iterator[list[tuple[int, float]]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.rows) if self.shuffle else self.rows
        end = 0
        for total in self.totals():
            start, end = end, end + total
            part = order[start:end].tolist()
            share = [(row, 1.0) for row in part[self.rank :: self.of]]
            most = -(-len(part) // self.of)
            yield share + [(part[0], 0.0)] * (most - len(share))


def cells_of(manifest: Manifest, modality: str, rows: Sequence[int]) -> Callable[[], Iterator[Any]]:
    """A fresh iterator over the present cells of one modality, each time it is called."""

    def cells() -> Iterator[Any]:
        for i in rows:
            if (cell := manifest.cell(int(i), modality)) is not None:
                yield cell

    return cells
