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
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


def default_folder() -> Path:
    """Where features are kept unless the caller names a folder."""
    return Path(os.environ.get("POLYFUSE_CACHE") or Path.home() / ".cache" / "polyfuse")


class FeatureCache:
    """Tensors by key. A key names everything that a feature depends on, so an entry is never stale."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or default_folder()) / "features.sqlite"
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    def _open(self) -> sqlite3.Connection:
        if self._connection is None or self._process != os.getpid():  # a forked data loader needs its own connection
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=60)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=OFF")  # a lost entry is computed again
            self._connection.execute("CREATE TABLE IF NOT EXISTS features (key TEXT PRIMARY KEY, value BLOB)")
            self._process = os.getpid()
        return self._connection

    def get(self, key: str) -> Tensor | None:
        """The tensor under ``key``, or None."""
        found = self._open().execute("SELECT value FROM features WHERE key = ?", (key,)).fetchone()
        return None if found is None else torch.from_numpy(np.load(io.BytesIO(found[0]), allow_pickle=False))

    def put(self, items: Mapping[str, Tensor]) -> None:
        """Keep tensors under their keys."""
        with self._open() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO features VALUES (?, ?)", [(key, _bytes(t)) for key, t in items.items()]
            )


def _bytes(tensor: Tensor) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, tensor.cpu().numpy(), allow_pickle=False)
    return buffer.getvalue()


def content_key(cell: Any) -> str:
    """SHA-256 of what a cell holds: the text, the table cells, or the bytes of its files (folders file by file)."""
    digest = hashlib.sha256()
    if isinstance(cell, tuple):
        for path in cell:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    stat = file.stat()
                    digest.update(_file_key(file, stat.st_size, stat.st_mtime_ns))
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
