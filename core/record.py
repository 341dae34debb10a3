"""Who asked what of which model, what it answered and what a person decided, kept for good in one SQLite file.

Entries can be added and read, never changed or removed (``core.record_file``); several processes may write at once. The
decisions come out again as training rows.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from core import record_file
from core.errors import ConfigError, FileError

PREDICTION = "prediction"  # the kind of an entry that nobody has decided on yet
LOCAL = "local"  # who asked, where no name is given
_OWN = ("entry", "time", "kind", "bundle", "who", "input")  # columns of an export that no case or decision may have

Given: TypeAlias = tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any], str]  # case, answer, decision, input


@dataclass(frozen=True)
class Entry:
    """One answer and the decision about it. ``time`` is UTC, ISO 8601; ``bundle`` names the model that answered.

    ``who`` asked or decided; ``input`` is the hash of what the model was given; ``chain`` is of ``core.record_file``.
    """

    id: int
    time: str
    kind: str
    case: dict[str, Any]
    answer: dict[str, Any]
    decision: dict[str, Any]
    bundle: str = ""
    who: str = ""
    input: str = ""
    chain: str = ""


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
        who: str = LOCAL,
        input: str = "",
    ) -> int:
        """Keep one entry for good and return its number.

        Args:
            kind: what was decided, such as "intent", "reply", "grade".
            case: what was answered, by the names of a table's columns.
            answer: what the system said.
            decision: what the person said, by the names of the columns to train on.
            bundle: the model that answered, such as ``Bundle.fingerprint``.
            who: asked or decided, a name that the user gives.
            input: hash of what the model was given, see ``input_hash``.

        Raises:
            ConfigError: for a value that is no JSON, or a name that case and decision share.
            FileError: if the file cannot be written.
        """
        return self.extend(kind, [(case, answer, decision, input)], bundle, who)

    def extend(self, kind: str, entries: Iterable[Given], bundle: str = "", who: str = LOCAL) -> int:
        """Keep many entries (case, answer, decision, input) at once, all or none; the last one's number, else 0.

        Raises:
            ConfigError, FileError: as ``append``.
        """
        values = [self._values(kind, *entry) | {"bundle": bundle, "who": who or LOCAL} for entry in entries]
        number = 0
        with self._open(write=True) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")  # from here to the end no other process appends
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            for one in values:
                number = record_file.insert(connection, one | {"time": now})
        return number

    def _values(
        self, kind: str, case: Mapping[str, Any], answer: Mapping[str, Any], decision: Mapping[str, Any], input: str
    ) -> dict[str, str]:
        if twice := sorted(({*case} & {*decision}) | ({*case, *decision} & {*_OWN})):
            raise ConfigError(
                f"record: {', '.join(twice)} would stand for two columns of one training row; name case and decision "
                f"apart, and neither of them {', '.join(_OWN)}"
            )
        parts = {name: self._json(part) for name, part in (("given", case), ("answer", answer), ("decision", decision))}
        return parts | {"kind": kind, "input": input}

    def rows(self, kind: str | None = None, since: str | None = None) -> list[Entry]:
        """All entries in order, or those of a ``kind``, or from a time on (ISO 8601, UTC).

        Raises:
            FileError: if the file is no record.
        """
        return list(self._entries(kind, since))

    def check(self) -> list[str]:
        """What was changed or removed behind the file's back, in words; empty: nothing that the chain can tell.

        Raises:
            FileError: if the file is no record, or is not there.
        """
        if not self.path.exists():
            raise FileError(f"{self.path}: no such record; name the file that an app or ``predict --record`` wrote")
        with self._open() as connection:
            return record_file.faults(connection)

    def export(self, path: Path | str, kind: str | None = None) -> int:
        """Write the entries as a CSV table to train on, and return how many they are.

        Columns: ``entry, time, kind, bundle, who, input``; those of the case and of the decision under their own names;
        those of the answer as ``answer_NAME``. Texts are written as they are, also where a spreadsheet would read a
        formula.
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
            for number, values in record_file.read(connection, kind, since):
                case, answer, decision = (json.loads(values[name]) for name in ("given", "answer", "decision"))
                names = ("bundle", "who", "input", "chain")
                told = {name: values[name] for name in names}
                yield Entry(number, values["time"], values["kind"], case, answer, decision, **told)

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
                    record_file.prepare(connection)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise FileError(
                f"{self.path}: the record of decisions cannot be used ({error}); free space, or name a file that this "
                "program wrote"
            ) from error


def input_hash(values: Mapping[str, Any]) -> str:
    """What a model was given, as a hash that tells equal inputs and nothing else: ``Row.values`` by modality."""
    from core.cache import content_key  # brings torch, which a reader of decisions does not need

    keys = {name: content_key(cell) for name, cell in sorted(values.items())}
    return hashlib.sha256(json.dumps(keys).encode()).hexdigest()


def _flat(entry: Entry) -> dict[str, Any]:
    own = {"entry": entry.id, "time": entry.time, "kind": entry.kind, "bundle": entry.bundle}
    own |= {"who": entry.who, "input": entry.input}
    found = own | entry.case | {f"answer_{k}": v for k, v in entry.answer.items()} | entry.decision
    return {k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict | list) else v for k, v in found.items()}
