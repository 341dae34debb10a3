"""Write a folder as a whole: a full disk or a kill leaves the old one as it was."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from core.errors import BundleError


@contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """Give a new empty folder to write to; when the block ends well it takes the place of ``folder``.

    Whoever may read the folder may read its files.

    Raises:
        BundleError: if writing fails; the old folder is untouched.
    """
    recover(folder)
    new, old = _beside(folder)
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        yield new
        for file in new.rglob("*"):
            if file.is_file():
                file.chmod(new.stat().st_mode & 0o666)  # safetensors writes files that nobody else may read
                with file.open("rb") as written:
                    os.fsync(written.fileno())
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except (OSError, SafetensorError) as error:  # safetensors has its own error for a full disk
        recover(folder)
        shutil.rmtree(new, ignore_errors=True)
        kept = " What was there before is unchanged." if folder.exists() else ""
        full = isinstance(error, SafetensorError) or error.errno in (errno.ENOSPC, errno.EDQUOT)
        todo = "Free space and try again." if full else "Choose another folder, or one that you may write into."
        why = getattr(error, "strerror", 0) or error
        raise BundleError(f"{folder}: cannot be written ({why}).{kept} {todo}") from error
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)


def recover(folder: Path) -> None:
    """Finish what a kill between the two renames of ``replace_folder`` left undone: the new folder was whole then."""
    new, old = _beside(folder)
    if old.exists() and not folder.exists():
        (new if new.exists() else old).rename(folder)


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
