"""DICOM series to volumes: which series, in which order, repaired how, in Hounsfield units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from core.cells import named_series
from core.errors import FileError
from core.numbers import counted
from core.preprocess.dicom_file import MAX_VOXELS, NoImageError, frames, read_dicom, rescaled, stored_pixels
from core.preprocess.dicom_sources import Source, sources
from core.preprocess.geometry import GeometryError, Slice, inspect, some
from core.preprocess.grid import Volume, canonical
from core.preprocess.stacking import plan, stack

MAX_SLICES = 4096


@dataclass(frozen=True)
class Frame(Slice):
    """A slice and where its pixels are: which frame of which file, and its rescale to Hounsfield units."""

    source: Source = field(default_factory=lambda: Source("", b""))
    index: int = 0
    rescale: tuple[float, float] | None = None  # slope, intercept
    unit: str = ""  # what the rescale leads to, where it says so: HU, or another quantity such as mg/ml of iodine


@dataclass(frozen=True)
class Series:
    """One DICOM series of a folder. ``number`` counts from 1 in order of the unique identifiers."""

    number: int
    uid: str
    description: str
    modality: str
    slices: tuple[Frame, ...]
    facts: dict[str, str]

    def __str__(self) -> str:
        kind = ", localiser" if all(s.localizer for s in self.slices) else ""
        told = f"{self.modality}, {len(self.slices)} slices{kind}, {self.uid}"
        return f"{self.number}: {self.description or 'no description'} ({told})"


def list_series(place: Path | Sequence[Path]) -> list[Series]:
    """The series in a folder, zip or list of files, or the one that is named after a ``#``; only headers are read.

    Raises:
        FileError: if nothing there is a readable DICOM image.
    """
    return _series(place)[0]


def read_series(
    place: Path | Sequence[Path],
    choose: str | int | None = None,
    on_defect: str = "refuse",
    allow_modality: Sequence[str] | None = ("CT",),
) -> Volume:
    """Read one series as a volume; arguments and errors as in ``read_volume``."""
    listed, warnings = _series(place)
    where = str(place) if isinstance(place, Path) else some([str(p) for p in place], 2)
    series = _choose(listed, choose, where)
    check_modality(series.modality, allow_modality, where)
    if len(series.slices) > MAX_SLICES:
        raise FileError(
            f"{where}: {len(series.slices)} slices; at most {MAX_SLICES} are read, leave out what is not needed"
        )
    defects = inspect(series.slices)
    kept, actions = plan(series.slices, defects, on_defect, where)  # refuses what no policy can help first
    if defects and on_defect == "refuse":
        raise GeometryError(where, defects)
    voxels = _voxels(kept, where)  # (n, h, w)
    warnings += _units(kept, where)
    array, affine, more = stack(kept, voxels, on_defect, where)
    array, affine = canonical(array, affine)
    told = tuple(str(d) for d in defects)
    return Volume(array, affine, told, (*actions, *more), tuple(warnings), series.facts)


def check_modality(found: str, allowed: Sequence[str] | None, where: str) -> None:
    """Refuse a scan whose DICOM tag Modality is not among those allowed.

    Raises:
        FileError: naming the tag.
    """
    if allowed is not None and found not in allowed:
        raise FileError(
            f"{where}: the DICOM tag Modality says {found or 'nothing'}, expected {' or '.join(allowed)}, whose values "
            f"mean something else; give such a scan (a model trained with others in allow_modality reads those)"
        )


def _units(slices: Sequence[Frame], where: str) -> list[str]:
    """What makes it doubtful that the values of slices are Hounsfield units.

    Raises:
        FileError: where only some slices tell how to rescale, so that they would lie far apart.
    """
    bare = [s.name for s in slices if s.rescale is None]
    if 0 < len(bare) < len(slices):
        raise FileError(
            f"{where}: {len(bare)} of {counted(len(slices), 'slice')} without rescale slope and intercept: "
            f"{some(bare)}; export the series again"
        )
    told = ["no rescale slope and intercept: stored values are taken as Hounsfield units"] if bare else []
    other = sorted({s.unit for s in slices} - {"", "HU"})
    return [*told, *(f"the rescale type is {unit}, not HU: values are taken as Hounsfield units" for unit in other)]


def _choose(listed: list[Series], choose: str | int | None, where: str) -> Series:
    if choose is None and len(listed) == 1:
        return listed[0]
    found = [s for s in listed if choose is not None and str(choose) in (s.uid, str(s.number))]
    if found:
        return found[0]
    lines = "\n".join(f"  {s}" for s in listed)
    said = f"no series {choose!r}" if choose is not None else f"{len(listed)} series stand together"
    table = "in a table cell after a '#': FOLDER#1"
    raise FileError(f"{where}: {said}; choose one by its number or unique identifier ({table}):\n{lines}")


def sources_of(place: Path) -> list[Source]:
    """The DICOM files of a place; of a series that is named after a ``#``, its own alone.

    Raises:
        FileError: as ``list_series``.
    """
    where, named = named_series(place)
    if named is None:
        return sources(where)[0]
    return list({frame.source.name: frame.source for frame in list_series(place)[0].slices}.values())


def _series(place: Path | Sequence[Path]) -> tuple[list[Series], list[str]]:
    where, named = named_series(place) if isinstance(place, Path) else (place, None)
    found, notes = sources(where)
    groups: dict[str, list[tuple[Source, Dataset]]] = {}
    beside, broken = [], []  # a report beside the slices is no fault, a damaged slice is
    for source in found:
        try:
            header = read_dicom(source.data, source.name, header_only=True)
        except NoImageError as error:
            beside.append(str(error))
            continue
        except FileError as error:
            broken.append(str(error))
            continue
        groups.setdefault(_text(header, "SeriesInstanceUID"), []).append((source, header))
    if broken or not groups:
        raise FileError(some(broken or beside))
    if beside:
        notes.append(f"passed over: {some(beside)}")
    listed = [_one_series(i, uid, groups[uid]) for i, uid in enumerate(sorted(groups), start=1)]
    return listed if named is None else [_choose(listed, named, str(where))], notes


def _one_series(number: int, uid: str, files: list[tuple[Source, Dataset]]) -> Series:
    slices = tuple(frame for source, header in files for frame in _frames(source, header))
    first = files[0][1]
    facts = {
        "format": "DICOM",
        "modality": _text(first, "Modality"),
        "body_part": _text(first, "BodyPartExamined"),
        "series_uid": uid,
        "series_description": _text(first, "SeriesDescription"),
        "slices": str(len(slices)),
        "slice_thickness": _text(first, "SliceThickness"),
    }
    return Series(number, uid, facts["series_description"], facts["modality"], slices, facts)


def _text(header: Dataset, key: str) -> str:
    """An attribute as text; empty where it is missing or damaged."""
    try:
        return str(header.get(key) or "")
    except Exception:  # as in _frames
        return ""


def _frames(source: Source, header: Dataset) -> list[Frame]:
    """The slices of one file: one, or each frame of a multi-frame image."""
    count = frames(header)
    if count > MAX_SLICES:
        raise FileError(
            f"{source.name}: the header claims {count} frames; at most {MAX_SLICES} are read, "
            "leave out what is not needed"
        )
    try:
        return [_frame(source, header, index, count) for index in range(count)]
    except Exception as error:  # values are parsed on access, and a damaged one makes the parser raise nearly anything
        raise FileError(f"{source.name}: the DICOM header is damaged ({error}); export it again") from error


def _frame(source: Source, header: Dataset, index: int, count: int) -> Frame:
    def get(group: str, key: str) -> Any:
        """An attribute of a frame: from its functional group, the shared one, or the header."""
        for holder in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
            items = header.get(holder) or []
            item = items[min(index, len(items) - 1)] if items else {}
            if group in item and key in item[group].value[0]:
                return item[group].value[0].get(key)
        return header.get(key) if count == 1 or key != "ImagePositionPatient" else None

    position = _numbers(get("PlanePositionSequence", "ImagePositionPatient"), 3)
    axes = _numbers(get("PlaneOrientationSequence", "ImageOrientationPatient"), 6)
    spacing = _numbers(get("PixelMeasuresSequence", "PixelSpacing"), 2)
    thickness = _numbers([get("PixelMeasuresSequence", "SliceThickness")], 1)
    slope = _numbers([get("PixelValueTransformationSequence", "RescaleSlope")], 1)
    intercept = _numbers([get("PixelValueTransformationSequence", "RescaleIntercept")], 1)
    unit = get("PixelValueTransformationSequence", "RescaleType")
    return Frame(
        name=source.name if count == 1 else f"{source.name} frame {index + 1}",
        position=position,
        axes=None if axes is None or not _is_direction(axes) else axes.reshape(2, 3),
        spacing=None if spacing is None or (spacing <= 0).any() else (float(spacing[0]), float(spacing[1])),
        shape=(int(header.Rows), int(header.Columns)),
        series=_text(header, "SeriesInstanceUID"),
        localizer="LOCALIZER" in [str(v).strip() for v in header.get("ImageType") or []],
        number=int(header.get("InstanceNumber") or 0) * count + index,
        thickness=1.0 if thickness is None or thickness[0] <= 0 else float(thickness[0]),
        source=source,
        index=index,
        rescale=None if slope is None or intercept is None else (float(slope[0]), float(intercept[0])),
        unit=str(unit or "").strip().upper(),
    )


def _numbers(value: Any, count: int) -> np.ndarray | None:
    """(count,) finite numbers, or None where the header has nothing usable."""
    if value is None or len(value) != count or any(v is None or v == "" for v in value):
        return None
    numbers = np.array([float(v) for v in value])
    return numbers if np.isfinite(numbers).all() else None


def _is_direction(axes: np.ndarray) -> bool:
    """Whether six direction cosines are two unit vectors at right angles."""
    row, column = axes[:3], axes[3:]
    return bool(abs(row @ row - 1) < 1e-2 and abs(column @ column - 1) < 1e-2 and abs(row @ column) < 1e-2)


def _voxels(slices: Sequence[Frame], where: str) -> np.ndarray:
    """(n, h, w) float32 in rescaled units, in the order of ``slices``; each file is decoded once."""
    rows, columns = slices[0].shape
    if len(slices) * rows * columns > MAX_VOXELS:
        raise FileError(f"{where}: {len(slices)} x {rows} x {columns} voxels; at most {MAX_VOXELS} are read")
    result = np.empty((len(slices), rows, columns), np.float32)
    files: dict[str, list[int]] = {}
    for place, one in enumerate(slices):
        files.setdefault(one.source.name, []).append(place)
    for name, places in files.items():
        dataset = read_dicom(slices[places[0]].source.data, name)
        pixels = stored_pixels(dataset, name)
        if int(dataset.get("SamplesPerPixel") or 1) > 1 or dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
            raise FileError(f"{name}: holds colours, so it has no Hounsfield units; give it as an image")
        if pixels.shape[-2:] != (rows, columns) or pixels.size != rows * columns * frames(dataset):
            raise FileError(f"{name}: pixels of the shape {pixels.shape} do not fit its header; export it again")
        pixels = pixels.reshape(-1, rows, columns)  # (frames, h, w)
        for place in places:
            result[place] = _rescaled(pixels[slices[place].index], slices[place], dataset)  # (h, w)
    return result


def _rescaled(pixels: np.ndarray, one: Frame, dataset: Dataset) -> np.ndarray:
    if one.rescale is not None:
        return pixels.astype(np.float32) * np.float32(one.rescale[0]) + np.float32(one.rescale[1])
    return rescaled(pixels, dataset, one.name)
