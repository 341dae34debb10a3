"""What was prepared of each case, in a file that has no name and is gone with the process.

The system keeps what it can of the file in memory that it takes back when others need it; the process itself holds two
numbers a case. So a long table is prepared once, whatever its length.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors.numpy import save
from safetensors.torch import load
from torch import Tensor

ROOM = 2**34  # bytes of disk at most
_SHARE = 0.5  # of the free disk at most


class Scratch:
    """Tensors and arrays of up to ``cases`` cases by name, together up to ``room`` bytes; more are not taken in.

    Only the process that made it writes; one forked from it reads what was there, and a pickled copy begins empty.
    """

    def __init__(self, cases: int, room: int = ROOM) -> None:
        self._cases, self._room = cases, room
        self._left = room
        self._file: Any = None
        self._owner = os.getpid()
        self._places = np.full((cases, 2), -1, dtype=np.int64)  # where each begins, and its bytes; -1: not there
        self._arrays: set[str] = set()  # names whose values were numpy arrays

    def __reduce__(self) -> tuple[type[Scratch], tuple[int, int]]:
        return Scratch, (self._cases, self._room)

    def get(self, case: int) -> dict[str, Any] | None:
        """What was put for a case, in tensors and arrays of its own; None if nothing was taken in."""
        start, size = self._places[case]
        if start < 0:
            return None
        found = load(os.pread(self._file.fileno(), int(size), int(start)))
        return {name: t.numpy() if name in self._arrays else t for name, t in found.items()}

    def put(self, case: int, prepared: Mapping[str, Tensor | np.ndarray]) -> None:
        """Keep the values of a case where there is room; a full disk ends the keeping, not the program."""
        if self._left <= 0 or os.getpid() != self._owner:
            return
        self._arrays |= {name for name, value in prepared.items() if isinstance(value, np.ndarray)}
        try:
            content = save({name: np.ascontiguousarray(value) for name, value in prepared.items()})
            if len(content) > self._left:
                self._left = 0
                return
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as this object
                self._left = min(self._left, int(_SHARE * shutil.disk_usage(tempfile.gettempdir()).free))
            start = self._file.seek(0, os.SEEK_END)
            self._file.write(content)
            self._file.flush()
        except OSError:
            self._left = 0
            return
        self._places[case] = start, len(content)
        self._left -= len(content)
