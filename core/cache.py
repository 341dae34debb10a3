"""Frozen features on disk, keyed by content: a second training over the same files starts at the fusion.

One SQLite file, safe for several processes. It holds features of the user's data, so it stays in a folder that the
user owns: ``POLYFUSE_CACHE`` or ``~/.cache/polyfuse``.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.cells import named_series
from core.errors import FileError


def default_folder() -> Path:
    """Where features are kept unless the caller names a folder."""
    return Path(os.environ.get("POLYFUSE_CACHE") or Path.home() / ".cache" / "polyfuse")


class FeatureCache:
    """Tensors by key. A key names everything that a feature depends on, so an entry is never stale."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or default_folder()) / "features.sqlite"
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._lock = threading.Lock()  # an app answers from several threads

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                if self._connection is None or self._process != os.getpid():  # a forked data loader needs its own
                    self._connection, self._process = _connect(self.path), os.getpid()
                with self._connection as connection:
                    yield connection
        except (sqlite3.Error, OSError) as error:
            raise FileError(
                f"{self.path}: the feature cache cannot be used ({error}); free space, delete the file, or name "
                "another folder in the environment variable POLYFUSE_CACHE"
            ) from error

    def __contains__(self, key: str) -> bool:
        with self._open() as connection:
            return connection.execute("SELECT 1 FROM features WHERE key = ?", (key,)).fetchone() is not None

    def get(self, key: str) -> Tensor | None:
        """The tensor under ``key``, or None."""
        with self._open() as connection:
            found = connection.execute("SELECT value FROM features WHERE key = ?", (key,)).fetchone()
        return None if found is None else torch.from_numpy(np.load(io.BytesIO(found[0]), allow_pickle=False))

    def put(self, items: Mapping[str, Tensor]) -> None:
        """Keep tensors under their keys.

        Raises:
            FileError: if the cache cannot be written.
        """
        with self._open() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO features VALUES (?, ?)", [(key, _bytes(t)) for key, t in items.items()]
            )


class MemoryCache(FeatureCache):
    """The same in memory, for answering: nothing is written to disk, and beyond ``most`` bytes the oldest go."""

    def __init__(self, most: int = 2**28) -> None:
        self.most, self._held = most, 0
        self._kept: dict[str, Tensor] = {}
        self._lock = threading.Lock()

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def get(self, key: str) -> Tensor | None:
        """The tensor under ``key``, or None."""
        return self._kept.get(key)

    def put(self, items: Mapping[str, Tensor]) -> None:
        """Keep tensors under their keys."""
        with self._lock:
            for key, tensor in items.items():
                if key not in self._kept:
                    self._kept[key], self._held = tensor, self._held + tensor.nbytes
            while self._held > self.most:
                self._held -= self._kept.pop(next(iter(self._kept))).nbytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept, self._held = {}, 0


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=60, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")  # a lost entry is computed again
    connection.execute("CREATE TABLE IF NOT EXISTS features (key TEXT PRIMARY KEY, value BLOB)")
    return connection


def _bytes(tensor: Tensor) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, tensor.cpu().numpy(), allow_pickle=False)
    return buffer.getvalue()


def content_key(cell: Any) -> str:
    """SHA-256 of what a cell holds: the text, the table cells, or the bytes of its files (folders file by file).

    Raises:
        FileError: for a file that is not there.
    """
    digest = hashlib.sha256()
    if isinstance(cell, tuple):
        for path in cell:
            if not isinstance(path, Path):  # a scan that is read already
                digest.update(path.digest())
                continue
            path, series = named_series(path)
            digest.update((series or "").encode())
            for file in sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]:
                try:
                    stat = file.stat()
                    digest.update(_file_key(file, stat.st_size, stat.st_mtime_ns))
                except OSError as error:
                    raise FileError(f"{file}: cannot be read ({error.strerror}); restore it or leave it out") from error
    else:
        digest.update(json.dumps(cell, sort_keys=True).encode())
    return digest.hexdigest()


@lru_cache(maxsize=65536)
def _file_key(path: Path, size: int, changed: int) -> bytes:
    """Size and time only tell this process when to read a file again; the key itself is the content's."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def weights_key(module: torch.nn.Module) -> str:
    """SHA-256 of all weights and buffers of a module."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(
            tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            if tensor.numel()
            else b""
        )
    return digest.hexdigest()
