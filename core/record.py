"""What was answered and what a person decided, kept for good: one SQLite file that only grows.

Entries can be added and read, never changed or removed (the file itself refuses it); several processes may write at
once. The decisions come out again as training rows.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import ConfigError, FileError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, kind TEXT NOT NULL,
    given TEXT NOT NULL, answer TEXT NOT NULL, decision TEXT NOT NULL, bundle TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_kind ON entries (kind, time);
CREATE TRIGGER IF NOT EXISTS no_change BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'a record is never changed: append a new entry'); END;
CREATE TRIGGER IF NOT EXISTS no_removal BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'a record is never shortened'); END;
"""
_OWN = ("entry", "time", "kind", "bundle")  # columns of an export that no case or decision may have


@dataclass(frozen=True)
class Entry:
    """One answer and the decision about it. ``time`` is UTC, ISO 8601; ``bundle`` names the model that answered."""

    id: int
    time: str
    kind: str
    case: dict[str, Any]
    answer: dict[str, Any]
    decision: dict[str, Any]
    bundle: str = ""


class Record:
    """An append-only store of answers and decisions.

    Args:
        path: the file; made at the first entry, with its folder.
        clean: applied to every text before it is written (masking of personal data); texts under keys that are ``id``
            or end in ``_id`` are left as they are.
    """

    def __init__(self, path: Path | str, clean: Callable[[str], str] | None = None) -> None:
        self.path, self.clean = Path(path), clean

    def append(
        self,
        kind: str,
        case: Mapping[str, Any],
        answer: Mapping[str, Any],
        decision: Mapping[str, Any],
        bundle: str = "",
    ) -> int:
        """Keep one entry for good and return its number.

        Args:
            kind: what was decided, such as "intent", "reply", "grade".
            case: what was answered, by the names of a table's columns.
            answer: what the system said.
            decision: what the person said, by the names of the columns to train on.
            bundle: the model that answered, such as the fingerprint of its bundle.

        Raises:
            ConfigError: for a value that is no JSON, or a name that case and decision share.
            FileError: if the file cannot be written.
        """
        if twice := sorted(({*case} & {*decision}) | ({*case, *decision} & {*_OWN})):
            raise ConfigError(
                f"record: {', '.join(twice)} would stand for two columns of one training row; name case and decision "
                f"apart, and neither of them {', '.join(_OWN)}"
            )
        values = (kind, *(self._json(part) for part in (case, answer, decision)), bundle)
        with self._open(write=True) as connection, connection:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            made = connection.execute(
                "INSERT INTO entries (time, kind, given, answer, decision, bundle) VALUES (?, ?, ?, ?, ?, ?)",
                (now, *values),
            )
            return int(made.lastrowid or 0)

    def rows(self, kind: str | None = None, since: str | None = None) -> list[Entry]:
        """All entries in order, or those of a ``kind``, or from a time on (ISO 8601, UTC).

        Raises:
            FileError: if the file is no record.
        """
        return list(self._entries(kind, since))

    def export(self, path: Path | str, kind: str | None = None) -> int:
        """Write the entries as a CSV table to train on, and return how many they are.

        Columns: ``entry, time, kind, bundle``; those of the case and of the decision under their own names; those of
        the answer as ``answer_NAME``. Texts are written as they are, also where a spreadsheet would read a formula.
        """
        names = list(dict.fromkeys(name for e in self._entries(kind) for name in _flat(e)))
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names or list(_OWN), restval="")
            writer.writeheader()
            rows = [{k: v for k, v in _flat(e).items() if k in names} for e in self._entries(kind)]
            writer.writerows(rows)
        return len(rows)

    def _entries(self, kind: str | None = None, since: str | None = None) -> Iterator[Entry]:
        if not self.path.exists():
            return
        with self._open() as connection:
            found = connection.execute(
                "SELECT id, time, kind, given, answer, decision, bundle FROM entries "
                "WHERE (? IS NULL OR kind = ?) AND (? IS NULL OR time >= ?) ORDER BY id",
                (kind, kind, since, since),
            )
            for number, time, what, *parts, bundle in found:
                case, answer, decision = map(json.loads, parts)
                yield Entry(number, time, what, case, answer, decision, bundle)

    def _json(self, part: Mapping[str, Any]) -> str:
        try:
            return json.dumps(self._cleaned(dict(part)), ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"record: only what JSON can hold is kept ({error}); give texts, numbers, lists"
            ) from error

    def _cleaned(self, value: Any, key: str = "") -> Any:
        if isinstance(value, Mapping):
            return {k: self._cleaned(v, str(k)) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._cleaned(v, key) for v in value]
        keeps = self.clean is None or not isinstance(value, str) or key == "id" or key.endswith("_id")
        return value if keeps or self.clean is None else self.clean(value)

    @contextmanager
    def _open(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection of this call alone, so that threads and processes never share one."""
        try:
            if write:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=60)) as connection:
                if write:
                    _prepare(connection)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise FileError(
                f"{self.path}: the record of decisions cannot be used ({error}); free space, or name a file that this "
                "program wrote"
            ) from error


_preparing = threading.Lock()


def _prepare(connection: sqlite3.Connection) -> None:
    with _preparing:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a decision that was shown as kept survives a power cut
        connection.executescript(_SCHEMA)


def _flat(entry: Entry) -> dict[str, Any]:
    own = {"entry": entry.id, "time": entry.time, "kind": entry.kind, "bundle": entry.bundle}
    found = own | entry.case | {f"answer_{k}": v for k, v in entry.answer.items()} | entry.decision
    return {k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict | list) else v for k, v in found.items()}
