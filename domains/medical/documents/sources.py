"""The DICOM slices that a case's scan came from, for documents that refer to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydicom.dataset import Dataset

from core.errors import FileError
from core.preprocess.dicom_file import read_dicom
from core.preprocess.dicom_series import list_series
from core.preprocess.volume_io import is_series


def dicom_headers(place: Path | Sequence[Path], series: str | None = None) -> list[Dataset]:
    """The headers of a series in the order of its files; empty where the scan is no DICOM.

    Args:
        place: the scan's folder, zip or files.
        series: the unique identifier of the series that the model was given, where several stand together.

    Raises:
        FileError: for several series of which none was chosen, or files that cannot be read.
    """
    if not is_series(place):
        return []
    first = place if isinstance(place, Path) else place[0]
    listed = [s for s in list_series(place) if series in (None, s.uid)]
    if len(listed) != 1:
        told = ", ".join(s.uid for s in listed) or "none"
        raise FileError(f"{first}: series that the document could refer to: {told}; choose one by its identifier")
    sources = {s.source.name: s.source for s in listed[0].slices}  # a file of several frames once
    return [read_dicom(s.data, s.name, header_only=True) for s in sources.values()]
