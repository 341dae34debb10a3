"""Write a folder as a whole: a full disk or a kill leaves the old one as it was."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import BundleError


@contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """Give a new empty folder to write to; when the block ends well it takes the place of ``folder``.

    Raises:
        BundleError: if writing fails; the old folder is untouched.
    """
    new, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    shutil.rmtree(new, ignore_errors=True)
    try:
        new.mkdir(parents=True)
        yield new
        for file in new.rglob("*"):
            if file.is_file():
                with file.open("rb") as written:
                    os.fsync(written.fileno())
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        kept = " What was there before is unchanged." if folder.exists() else ""
        raise BundleError(
            f"{folder}: cannot be written ({error.strerror or error}).{kept} Free space and try again."
        ) from error
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
