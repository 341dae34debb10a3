"""Zip files of strangers: judged by their table of contents before anything is unpacked, and never unpacked to disk."""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from core.errors import FileError

MAX_FILES = 20_000
MAX_UNZIPPED = 4 << 30  # bytes of all members together
BOMB_BYTES, BOMB_RATIO = 256 << 20, 200  # what unpacks to more bytes and to more times its size is a bomb
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError)


@contextmanager
def open_zip(path: Path) -> Iterator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]]:
    """The open archive and its members that are files. What is wrong with them while they are read is told in words.

    Raises:
        FileError: if it is no zip, is damaged, encrypted or too large, or names a place outside itself.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.filename.endswith("/")]
            _check_members(path, members)
            yield archive, members
    except _BROKEN as error:
        raise FileError(f"{path}: not a readable zip ({error}); pack it again") from error


def _check_members(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_FILES:
        raise FileError(f"{path}: {len(members)} files in the zip; at most {MAX_FILES} are read")
    total = sum(m.file_size for m in members)
    allowed = min(MAX_UNZIPPED, max(BOMB_BYTES, BOMB_RATIO * path.stat().st_size))
    if total > allowed:
        raise FileError(f"{path}: the zip unpacks to {total} bytes; of a zip of its size at most {allowed} are read")
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if not name.parts:
            raise FileError(f"{path}: the zip holds a file without a name; pack it again")
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
            raise FileError(f"{path}: the zip names a place outside itself ({member.filename}); it is not opened")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise FileError(f"{path}: the zip holds a symbolic link ({member.filename}); it is not opened")
        if member.flag_bits & 1:
            raise FileError(f"{path}: the zip is encrypted ({member.filename}); pack it without a password")
