"""Answer a table of any length, in order, in constant memory; what was killed goes on where it stopped.

Rows are taken a window at a time. Answers go to ``OUT.part``, which takes the name ``OUT`` when it is whole; beside it
``OUT.part.json`` says of which table and model it is. A window that was not finished is answered again, so the result
is byte for byte that of a run without a stop.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.cache import MemoryCache
from core.errors import ConfigError, Fault, FileError, TableError
from core.manifest import Manifest
from core.numbers import plain
from core.predict import Predictor
from core.progress import Progress, silent
from core.schema import Prediction
from core.table import StringTable

WINDOW = 1024  # rows that are read, embedded and written together


class Windows:
    """A table, checked whole, as manifests of up to ``WINDOW`` good rows each; keeps 8 bytes a row.

    Args:
        table: the cases to answer.
        predictor: the model that will answer them.
        root: where paths in cells start from.
        rejected: rows with faults are written there with their reasons, and left out.
        size: rows of a window.
        open_files: further faults of a window that opening its files shows; None: files are opened when answered.

    Raises:
        TableError: with all faults, where ``rejected`` is None or no row is left.
    """

    def __init__(
        self,
        table: StringTable,
        predictor: Predictor,
        root: Path,
        rejected: Path | None = None,
        size: int = WINDOW,
        open_files: Callable[[Manifest], list[Fault]] | None = None,
    ) -> None:
        self.table, self.config, self.root = table, predictor.bundle.config, root
        self._look = open_files or (lambda manifest: [])
        self._whole = self._open(None) if self.config.table.gather else None
        count = len(self._whole) if self._whole is not None else len(table)
        self._parts = [range(i, min(i + size, count)) for i in range(0, count, size)]
        faults = self._faults()
        self._bad = {f.row - 1 for f in faults if f.row}
        self.left_out = len(self._bad)  # cases
        if faults and (rejected is None or any(not f.row for f in faults)):
            raise TableError(table.source, faults)
        if faults and rejected is not None and self._whole is not None:
            self._whole.faults = faults
            self._whole, self._bad = self._whole.without_faulty(rejected), set()
            self.left_out = count - len(self._whole)
            self._parts = [range(i, min(i + size, len(self._whole))) for i in range(0, len(self._whole), size)]
        elif faults and rejected is not None:
            if len(self._bad) == len(table):
                raise TableError(table.source, faults)
            bad = sorted(self._bad)
            self._open(bad).write_rejected(rejected, range(len(bad)), faults)
        self.sizes = [sum(i not in self._bad for i in part) if self._bad else len(part) for part in self._parts]

    def __len__(self) -> int:
        return sum(self.sizes)

    def __getitem__(self, place: int) -> Manifest:
        part = self._parts[place]
        if self._whole is not None:
            return self._whole.select(part)
        return self._open([i for i in part if i not in self._bad] if self._bad else part)

    def _open(self, rows: Sequence[int] | None) -> Manifest:
        return Manifest(self.table, self.config, self.root, False, False, rows)

    def _faults(self) -> list[Fault]:
        if self._whole is not None:
            return [*self._whole.faults, *self._look(self._whole)]
        faults, ids, column = dict[Fault, None](), _Ids(len(self._parts[0])), self.config.table.id
        for part in self._parts:
            manifest = self._open(part)
            faults |= dict.fromkeys([*manifest.faults, *self._look(manifest)])  # a fault of a column is told once
            ids.add(manifest.ids)
        if column in self.table.columns:
            faults |= dict.fromkeys(ids.faults(str(column), self.table))
        return list(faults)


class _Ids:
    """Ids of a long table as hashes of 8 bytes, to find those that are used twice."""

    def __init__(self, size: int) -> None:
        self.size = size  # of a window
        self._hashes: list[np.ndarray] = []

    def add(self, ids: Sequence[str]) -> None:
        found = (int.from_bytes(hashlib.blake2b(i.encode(), digest_size=8).digest(), "little") for i in ids)
        self._hashes.append(np.fromiter(found, dtype=np.uint64, count=len(ids)))

    def faults(self, column: str, table: StringTable) -> Iterator[Fault]:
        """One for each row whose id an earlier row has; of rows of one window the manifest tells."""
        every = np.concatenate(self._hashes)
        order = np.argsort(every, kind="stable")
        again = np.append(False, every[order[1:]] == every[order[:-1]])  # (rows,) in sorted order
        first = order[np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))]
        for row, before in sorted(zip(order[again].tolist(), first[again].tolist())):
            if row // self.size != before // self.size:
                name = table.row(row, [column])[column]
                yield Fault(row + 1, column, name, f"the same id as row {before + 1}; ids must differ")


def answer_lines(windows: Windows, predictor: Predictor, explain: bool, start: int = 0) -> Iterator[str]:
    """The answers of each window from number ``start`` on, as one text of JSON lines a window.

    Frozen features are kept in memory for a window, and not in the cache on disk.
    """
    memory = MemoryCache()
    for view in predictor.bundle.views.values():
        view.cache = memory
    for place, size in list(enumerate(windows.sizes))[start:]:
        memory.clear()  # so that a window's answers do not depend on what was answered before it
        if not size:
            yield ""
            continue
        manifest = windows[place]
        predictor.warm([manifest.row(i) for i in range(len(manifest))])
        yield "".join(f"{to_line(p)}\n" for p in predictor.predict_table(manifest, explain=explain))


def answer_file(
    windows: Windows, predictor: Predictor, out: Path, *, explain: bool = False, progress: Progress = silent
) -> int:
    """Write all answers to ``out`` as JSON lines, and say how many there are; goes on with ``out``.part where it can.

    Raises:
        ConfigError: if the half-finished file is of another table, model or option.
        FileError: if a file cannot be written.
    """
    part, about = out.with_name(out.name + ".part"), out.with_name(out.name + ".part.json")
    identity = _identity(windows, predictor, explain)
    try:
        if not part.exists():
            about.write_text(json.dumps(identity), encoding="utf-8")
        elif _told(about) != identity:
            reason = "half-finished answers of another table, model or option"
            raise ConfigError(f"{part}: {reason}; delete it to start anew, or choose another file")
        with part.open("ab") as file:
            start, done = _finished(part, windows.sizes)
            file.truncate(_length(part, done))
            progress("answers", done, len(windows))
            for size, lines in zip(windows.sizes[start:], answer_lines(windows, predictor, explain, start)):
                file.write(lines.encode())
                file.flush()
                done += size
                progress("answers", done, len(windows))
            os.fsync(file.fileno())
        part.replace(out)
        about.unlink()
    except OSError as error:
        raise FileError(
            f"{out}: cannot be written ({error.strerror or error}); free space, then run it again"
        ) from error
    return done


def to_line(found: Prediction) -> str:
    """An answer as one line of JSON; a figure that is not defined is null."""
    return json.dumps(plain(vars(found)))


def _identity(windows: Windows, predictor: Predictor, explain: bool) -> dict[str, Any]:
    made_by = {k: predictor.bundle.facts.get(k) for k in ("created", "fingerprint", "expert_weights")}
    config = hashlib.sha256(json.dumps(predictor.bundle.config.to_json(), sort_keys=True).encode()).hexdigest()
    return {"table": windows.table.fingerprint, "cases": windows.sizes[:], "model": made_by, "config": config} | {
        "explain": explain,
        "on_defect": [v.config.preprocess.get("on_defect") for v in predictor.bundle.views.values()],
        "review": getattr(predictor.review, "__module__", None),
    }


def _told(about: Path) -> Any:
    """Of which table and model half-finished answers are; None where it does not say so, or no longer."""
    try:
        return json.loads(about.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _finished(part: Path, sizes: Sequence[int]) -> tuple[int, int]:
    """How many windows stand whole in a file, and how many lines they have."""
    lines, done = sum(chunk.count(b"\n") for chunk in _chunks(part)), 0
    for place, size in enumerate(sizes):
        if done + size > lines:
            return place, done
        done += size
    return len(sizes), done


def _length(part: Path, lines: int) -> int:
    """The bytes of the first so many lines."""
    if not lines:
        return 0
    place = 0
    for chunk in _chunks(part):
        found = chunk.count(b"\n")
        if found >= lines:
            ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == 10)
            return place + int(ends[lines - 1]) + 1
        lines, place = lines - found, place + len(chunk)
    return place


def _chunks(path: Path, size: int = 2**22) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(size):
            yield chunk
