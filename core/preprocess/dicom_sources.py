"""Where DICOM files come from: a folder, a zip, or files; zips are read in memory, never unpacked to disk."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import FileError
from core.preprocess.dicom_file import is_dicom
from core.preprocess.geometry import some

MAX_FILES = 20_000
MAX_UNZIPPED = 4 << 30  # bytes of all members of a zip together
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
        return [_file(path) for path in place], []
    if not place.exists():
        raise FileError(f"{place}: does not exist; check the path in the table")
    if place.is_dir():
        return _folder(place)
    return (_zip(place) if place.suffix.lower() == ".zip" else [_file(place)]), []


def _file(path: Path) -> Source:
    try:
        marked = is_dicom(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be opened ({error.strerror}); check the path in the table") from error
    if not marked:
        raise FileError(f"{path}: is not DICOM (the DICM mark is missing); name the right file or export it again")
    return Source(str(path), path)


def _folder(folder: Path) -> tuple[list[Source], list[str]]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name.lower() not in _IGNORED)
    if len(files) > MAX_FILES:
        raise FileError(f"{folder}: {len(files)} files; at most {MAX_FILES} are read, give the folder of one series")
    found = [Source(str(p.relative_to(folder)), p) for p in files if is_dicom(p)]
    if not found:
        names = some([p.name for p in files]) or "nothing"
        raise FileError(f"{folder}: holds no DICOM file (found {names}); give the folder of a DICOM series")
    foreign = [str(p.relative_to(folder)) for p in files if not is_dicom(p)]
    return found, [f"{len(foreign)} file(s) that are not DICOM were passed over: {some(foreign)}"] if foreign else []


def _zip(path: Path) -> list[Source]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            _check_members(path, members)
            wanted = [m for m in members if not _is_ignored(m.filename)]
            found = [Source(m.filename, archive.read(m)) for m in wanted]
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise FileError(f"{path}: not a readable zip ({error}); pack the series again") from error
    foreign = [s.name for s in found if isinstance(s.data, bytes) and not is_dicom(s.data)]
    if foreign or not found:
        held = f"holds files that are not DICOM: {some(foreign)}" if foreign else "is empty"
        raise FileError(f"{path}: the zip {held}; pack nothing but the files of a DICOM series")
    return found


def _is_ignored(name: str) -> bool:
    return "__MACOSX" in PurePosixPath(name).parts or PurePosixPath(name).name.lower() in _IGNORED


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse a zip by its table of contents, before anything is unpacked."""
    if len(members) > MAX_FILES:
        raise FileError(f"{path}: {len(members)} files in the zip; at most {MAX_FILES} are read")
    if (total := sum(m.file_size for m in members)) > MAX_UNZIPPED:
        raise FileError(f"{path}: the zip unpacks to {total} bytes; at most {MAX_UNZIPPED} are read")
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
            raise FileError(f"{path}: the zip names a place outside itself ({member.filename}); it is not opened")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise FileError(f"{path}: the zip holds a symbolic link ({member.filename}); it is not opened")
        if member.flag_bits & 1:
            raise FileError(f"{path}: the zip is encrypted ({member.filename}); pack it without a password")
