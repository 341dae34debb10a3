"""Where DICOM files come from: a folder, a zip, or files; zips are read in memory, never unpacked to disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.archive import MAX_FILES, open_zip
from core.errors import FileError
from core.preprocess.dicom_file import is_dicom
from core.preprocess.geometry import some

_WHOLE = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".zip")  # one such file is a whole scan
_IGNORED = {".ds_store", "thumbs.db", "dicomdir"}  # left by systems and DICOM media, never slices


@dataclass(frozen=True)
class Source:
    """One DICOM file, on disk or out of a zip, and its name for messages."""

    name: str
    data: Path | bytes


def sources(place: Path | Sequence[Path]) -> tuple[list[Source], list[str]]:
    """All DICOM files of a folder (with subfolders), a zip, one file or several files.

    Returns:
        the sources, and notes on files of a folder that were passed over since they are not DICOM.

    Raises:
        FileError: nothing there, not DICOM, too many files, or a zip with anything unsafe or foreign in it.
    """
    if not isinstance(place, Path):
        return [_file(path, several=len(place) > 1) for path in place], []
    if not place.exists():
        raise FileError(f"{place}: does not exist; check the path in the table")
    if place.is_dir():
        return _folder(place)
    return (_zip(place) if place.suffix.lower() == ".zip" else [_file(place)]), []


def _file(path: Path, several: bool = False) -> Source:
    try:
        marked = is_dicom(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be opened ({error.strerror}); check the path in the table") from error
    if not marked and several and path.name.lower().endswith(_WHOLE):
        raise FileError(
            f"{path}: only the slices of one DICOM series may come as several files; "
            "give one NIfTI, MHA, NRRD or zip at a time"
        )
    if not marked:
        raise FileError(f"{path}: is not DICOM (the DICM mark is missing); name the right file or export it again")
    return Source(str(path), path)


def _folder(folder: Path) -> tuple[list[Source], list[str]]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name.lower() not in _IGNORED)
    if len(files) > MAX_FILES:
        raise FileError(f"{folder}: {len(files)} files; at most {MAX_FILES} are read, give the folder of one series")
    home = folder.resolve()
    if away := [p for p in files if p.is_symlink() and not p.resolve().is_relative_to(home)]:
        raise FileError(
            f"{folder}: links lead out of the folder ({some([p.name for p in away])}); copy the files into it"
        )
    found = [Source(str(p.relative_to(folder)), p) for p in files if is_dicom(p)]
    if not found:
        names = some([p.name for p in files]) or "nothing"
        raise FileError(f"{folder}: holds no DICOM file (found {names}); give the folder of a DICOM series")
    foreign = [str(p.relative_to(folder)) for p in files if not is_dicom(p)]
    return found, [f"not DICOM, and passed over: {some(foreign)}"] if foreign else []


def _zip(path: Path) -> list[Source]:
    with open_zip(path) as (archive, members):
        found = [Source(m.filename, archive.read(m)) for m in members if not _is_ignored(m.filename)]
    foreign = [s.name for s in found if isinstance(s.data, bytes) and not is_dicom(s.data)]
    if foreign or not found:
        held = f"holds files that are not DICOM: {some(foreign)}" if foreign else "is empty"
        raise FileError(f"{path}: the zip {held}; pack nothing but the files of a DICOM series")
    return found


def _is_ignored(name: str) -> bool:
    return "__MACOSX" in PurePosixPath(name).parts or PurePosixPath(name).name.lower() in _IGNORED
