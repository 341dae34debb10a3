"""The file of a record: a SQLite table that refuses changes, whose entries are chained by hashes.

An entry's ``chain`` is the SHA-256 of the chain before it and of all that it holds, so a change, a removal or an
insertion that went round the triggers shows at every later entry (Schneier and Kelsey, "Secure Audit Logs to Support
Computer Forensics", 1999; without their keys: who may write the file can chain it anew). Entries cut off at the end
show only to somebody who noted the last chain. Entries of files that are older than the chain have none.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping

FIELDS = ("time", "kind", "given", "answer", "decision", "bundle", "who", "input")
_ADDED = ("who", "input", "chain")  # columns that older files lack
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, kind TEXT NOT NULL,
    given TEXT NOT NULL, answer TEXT NOT NULL, decision TEXT NOT NULL, bundle TEXT NOT NULL,
    who TEXT NOT NULL DEFAULT '', input TEXT NOT NULL DEFAULT '', chain TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS by_kind ON entries (kind, time);
CREATE TRIGGER IF NOT EXISTS no_change BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'a record is never changed: append a new entry'); END;
CREATE TRIGGER IF NOT EXISTS no_removal BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'a record is never shortened'); END;
"""
_preparing = threading.Lock()


def prepare(connection: sqlite3.Connection) -> None:
    """Make the table, or give an older one the columns that it lacks."""
    with _preparing:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a decision that was shown as kept survives a power cut
        connection.executescript(_SCHEMA)
        connection.execute("BEGIN IMMEDIATE")
        for column in _missing(connection):
            connection.execute(f"ALTER TABLE entries ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
        connection.commit()


def insert(connection: sqlite3.Connection, values: Mapping[str, str]) -> int:
    """Append one entry of ``FIELDS``, chained to the last one, and return its number.

    The caller holds an immediate transaction, so that no other process appends in between.
    """
    last = connection.execute("SELECT id, chain FROM entries ORDER BY id DESC LIMIT 1").fetchone()
    number, before = (1, "") if last is None else (last[0] + 1, last[1])
    ordered = [values[name] for name in FIELDS]
    chain = link(before, number, ordered)
    marks = ", ".join("?" * (len(FIELDS) + 2))
    connection.execute(
        f"INSERT INTO entries (id, chain, {', '.join(FIELDS)}) VALUES ({marks})", (number, chain, *ordered)
    )
    return int(number)


def read(connection: sqlite3.Connection, kind: str | None, since: str | None) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and fields of the entries in order, with their ``chain``; blank where an older file has no such column."""
    lacking = _missing(connection)
    names = ", ".join("''" if name in lacking else name for name in (*FIELDS, "chain"))
    found = connection.execute(
        f"SELECT id, {names} FROM entries WHERE (? IS NULL OR kind = ?) AND (? IS NULL OR time >= ?) ORDER BY id",
        (kind, kind, since, since),
    )
    for number, *values in found:
        yield number, dict(zip((*FIELDS, "chain"), values))


def faults(connection: sqlite3.Connection) -> list[str]:
    """What does not fit the chain, in words; empty: every entry since the chain began is as it was written."""
    told, before, expected = list[str](), "", None
    for number, values in read(connection, None, None):
        if expected is not None and number != expected:
            told.append(f"entry {number} follows entry {expected - 1}: what stood between them is gone")
        expected = number + 1
        if not values["chain"] and not before:
            continue  # written before there was a chain
        if values["chain"] != link(before, number, [values[name] for name in FIELDS]):
            told.append(f"entry {number} is not what was written, or the one before it has changed")
        before = values["chain"]
    return told


def link(before: str, number: int, values: list[str]) -> str:
    """The chain of an entry."""
    return hashlib.sha256(json.dumps([before, number, *values]).encode()).hexdigest()


def _missing(connection: sqlite3.Connection) -> list[str]:
    here = {row[1] for row in connection.execute("PRAGMA table_info(entries)")}
    return [name for name in _ADDED if name not in here]
