"""Paths as people give them: one that no system takes is told in words, before anything asks what is there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from core.errors import FileError

_NAME = 255  # bytes that a name may have
_SHOWN = 60  # letters of a path in a message


def check_path(path: Path) -> None:
    """Refuse a path that cannot be looked at; that nothing is there is no fault here.

    Raises:
        FileError: naming its beginning, the reason and what to do.
    """
    try:
        if any(len(os.fsencode(name)) > _NAME for name in path.parts):  # also where its folder is not there yet
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        long = isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG
        what = f"a name in it may have {_NAME} bytes, the whole 4095; shorten it" if long else "correct the path"
        raise FileError(f"{_beginning(str(path))}: cannot be looked at ({reason.lower()}); {what}") from error


def typed_path(text: str) -> Path:
    """The path that somebody typed, with ~ for a home.

    Raises:
        FileError: if it is blank, or cannot be looked at.
    """
    if not text.strip():
        raise FileError("the path is empty; give the path of a file or folder on this machine")
    try:
        path = Path(text.strip()).expanduser()
    except RuntimeError as error:
        raise FileError(f"{_beginning(text)}: no user of that name has a home here; give the whole path") from error
    check_path(path)
    return path


def _beginning(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} letters)"
