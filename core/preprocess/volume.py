"""CT volumes to tensors: one grid in mm for every scan and format, seen through one or more Hounsfield windows.

Shapes: T volumes of one case, C windows, Z slices, H rows, W columns of the grid. Letters as in core/schema.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import ConfigError, unknown
from core.preprocess.augmentation import Augmentation
from core.preprocess.grid import AIR, Volume, resample
from core.preprocess.volume_io import POLICIES, read_volume
from core.preprocess.windows import WINDOWS, Window, apply_window, is_pair, resolve
from core.schema import Signature

__all__ = ["WINDOWS", "Volume", "VolumePreprocessor", "read_volume"]

_DICOM = (".dcm", ".dicom", ".ima")
Cell = tuple[Path | Volume, ...]


class VolumePreprocessor:
    """Cells of scans to samples (T, C, Z, H, W) float32 in [0, 1].

    A cell names folders, zips or files; several DICOM files of one cell are the slices of one series. A ``Volume``
    that was read before may stand in their place: what it was read with was chosen then.

    Args:
        window: a preset of ``WINDOWS``, a (centre, width) in Hounsfield units, or a list of these, one a channel.
        spacing: mm between slices, rows and columns of the grid, which lies around the centre of the scan: what does
            not fit is cut, what is missing is air. None: the whole scan is fitted to the grid, whatever its mm.
        size: slices, rows and columns of the grid.
        on_defect: "refuse", "resample" or "accept" faults of geometry; see ``read_volume``.
        allow_modality: values of the DICOM tag Modality that are read.
        augment: options of ``Augmentation``; all slices of a scan are changed alike.

    Nothing is learned from the training rows.

    Raises:
        ConfigError: for a value that does not exist or is out of range.
    """

    def __init__(
        self,
        window: Window | Sequence[Window] = "lung",
        spacing: Sequence[float] | None = (3.0, 2.0, 2.0),
        size: Sequence[int] = (64, 96, 96),
        on_defect: str = "refuse",
        allow_modality: Sequence[str] = ("CT",),
        augment: dict[str, Any] | None = None,
    ) -> None:
        if on_defect not in POLICIES:
            raise unknown("on_defect", on_defect, POLICIES)
        if len(size) != 3 or any(not isinstance(n, int) or n < 1 for n in size):
            raise ConfigError(f"size: expected three whole numbers from 1 (slices, rows, columns), found {size!r}")
        if spacing is not None and (len(spacing) != 3 or any(not v > 0 for v in spacing)):
            raise ConfigError(f"spacing: expected three numbers above 0 in mm, or nothing, found {spacing!r}")
        several: Sequence[Any] = [window] if isinstance(window, str) or is_pair(window) else window
        if not several:
            raise ConfigError("window: at least one is needed")
        self.windows = [resolve(one) for one in several]
        self.spacing = None if spacing is None else tuple(float(v) for v in spacing)
        self.size, self.on_defect, self.allow_modality = tuple(size), on_defect, tuple(allow_modality)
        self.augmentation = Augmentation.of(augment)
        self._told: tuple[Cell, tuple[str, ...]] = ((), ())  # the cell read last and its notes

    @property
    def signature(self) -> Signature:
        """One volume: (C, Z, H, W)."""
        return Signature((len(self.windows), *self.size))

    def fit(self, cells: Iterable[tuple[Path, ...]]) -> None:
        """Learn nothing: every scan is handled on its own."""

    def state(self) -> dict[str, Any]:
        """Empty: nothing is learned."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over nothing."""

    def read(self, cell: Cell, on_defect: str | None = None, series: str | int | None = None) -> list[Volume]:
        """The scans of a cell, canonical but not resampled.

        ``on_defect`` and ``series`` are choices for this cell alone, see ``read_volume``; None: as configured.

        Raises:
            FileError: naming the file and what is wrong with it.
        """
        found = [self._read(scan, on_defect or self.on_defect, series) for scan in scans(cell)]
        if all(isinstance(part, Path) for part in cell):
            self._told = tuple(cell), _notes(found)
        return found

    def _read(self, scan: Path | list[Path] | Volume, on_defect: str, series: str | int | None) -> Volume:
        from core.preprocess.dicom_series import check_modality

        if not isinstance(scan, Volume):
            return read_volume(scan, series, on_defect, self.allow_modality)
        if "modality" in scan.facts:  # DICOM alone tells
            check_modality(scan.facts["modality"], self.allow_modality, "the scan")
        return scan

    def notes(self, cell: Cell) -> tuple[str, ...]:
        """What a reader of the result should know about the scans of a cell: faults, what was done, warnings.

        Right after ``prepare`` of the same cell this reads nothing again.
        """
        kept, notes = self._told
        return notes if kept and kept == tuple(cell) else _notes(self.read(cell))

    def on_grid(self, volumes: Sequence[Volume]) -> Tensor:
        """Scans that were read already, as ``prepare`` returns them: (T, Z, H, W) float32 in Hounsfield units."""
        grids = [resample(np.maximum(v.array, AIR), v.spacing, self.spacing, self.size) for v in volumes]
        return torch.from_numpy(np.stack(grids))  # (T, Z, H, W)

    def prepare(self, cell: Cell) -> Tensor:
        """Read, check and resample: (T, Z, H, W) float32 in Hounsfield units, no lower than air.

        Raises:
            FileError: naming the file and what is wrong with it.
        """
        return self.on_grid(self.read(cell))

    def finish(self, prepared: Tensor, rng: np.random.Generator | None = None) -> Tensor:
        """The sample (T, C, Z, H, W): each window as a channel on the scale [0, 1]."""
        sample = torch.stack([apply_window(prepared, w) for w in self.windows], dim=1)  # (T, C, Z, H, W)
        if rng is None:
            return sample
        flat = sample.flatten(1, 2)  # (T, C*Z, H, W)
        return self.augmentation.apply(flat, rng).view_as(sample)  # (T, C, Z, H, W)


def scans(cell: Sequence[Path | Volume]) -> list[Path | list[Path] | Volume]:
    """The scans of a cell: DICOM files together, whatever their names, are one, every other part is one of its own."""
    files = [p for p in cell if isinstance(p, Path) and _is_slice(p)]
    if len(files) < 2:
        return list(cell)
    return [files, *(p for p in cell if p not in set(files))]


def _is_slice(path: Path) -> bool:
    """Whether a path is a DICOM file by name or content: slices are often named by identifiers, 1.2.840.113619."""
    from core.preprocess.dicom_file import is_dicom

    if path.suffix.lower() in _DICOM:
        return path.is_file()
    with contextlib.suppress(OSError):  # what cannot be opened is told by its reader
        return path.is_file() and is_dicom(path)
    return False


def _notes(volumes: Sequence[Volume]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for volume in volumes for note in volume.notes))
