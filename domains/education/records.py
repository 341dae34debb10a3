"""Learning records of any platform to the tables that the other parts read, streamed; faulty lines are set aside.

log          activity log as CSV: learner, time, verb and what it was about; see ``records_csv``
clicks       Open University-style click table (studentVle)
scores       graded work: learner, piece of work, time, score and its maximum
enrolments   which learner is in which group
xapi         statements, as JSON lines or an array
oneroster    gradebook and enrolments, a folder or zip

Written: ``events.csv``, ``scores.csv``, ``enrolments.csv`` (each where there is any), and ``set_aside.csv`` with file,
line, reason and content of every line that is not used. A learner whom a source names by a mail address is called by
its fingerprint, here and in answers (``domains.education.assignments``), so that these tables join.

    python -m domains.education.records statements.jsonl gradebook.zip --out records
"""

from __future__ import annotations

import argparse
import csv
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.atomic import replace_folder
from core.csv_rows import csv_reader
from core.errors import FileError, PolyfuseError, unknown
from domains.education import oneroster, records_csv, xapi
from domains.education.records_types import Enrolment, Event, Record, Score, SetAside, open_text, unpacking

KINDS = ("log", "clicks", "scores", "enrolments", "xapi", "oneroster")
_FILES: dict[type, str] = {Event: "events.csv", Score: "scores.csv", Enrolment: "enrolments.csv"}
ASIDE = "set_aside.csv"


@dataclass
class Imported:
    """What an import made: files in ``folder``, how many rows of each, and how often each reason set one aside."""

    folder: Path
    kinds: dict[str, str] = field(default_factory=dict)  # source → how it was read
    rows: Counter[str] = field(default_factory=Counter)  # file → rows
    reasons: Counter[str] = field(default_factory=Counter)

    def text(self) -> str:
        """The import for people."""
        lines = [f"{source}: read as {kind}" for source, kind in self.kinds.items()]
        lines += [f"{self.folder / name}: {count} rows" for name, count in sorted(self.rows.items())]
        return "\n".join(lines + [f"  {count} × {reason}" for reason, count in self.reasons.most_common(20)])


def import_records(
    sources: Sequence[Path | str], out: Path | str, *, kind: str | None = None, now: datetime | None = None
) -> Imported:
    """Read record files into ``out``, which is replaced as a whole.

    Args:
        kind: one of ``KINDS`` for all sources; None: told by each file's form.
        now: nothing may be dated later; None: the clock.

    Raises:
        FileError: if a source cannot be read at all or its kind cannot be told, or ``out`` holds other files.
    """
    if kind is not None and kind not in KINDS:
        raise unknown("kind of records", kind, KINDS)
    found, when = Imported(Path(out)), now or datetime.now(UTC)
    _refuse_foreign(found.folder)
    with replace_folder(Path(out)) as folder, ExitStack() as stack:
        writer = _Writer(folder, stack, found)
        for source in map(Path, sources):
            with _readable(source):
                found.kinds[str(source)] = kind or kind_of(source)
                for name, record in _records(source, found.kinds[str(source)], when):
                    writer.write(name, record)
    return found


def try_import(*sources: Path) -> None:
    """Import into a folder that is thrown away, to find out whether the readers survive the files."""
    with tempfile.TemporaryDirectory() as scratch:
        import_records(sources, Path(scratch) / "records")


@contextmanager
def _readable(source: Path) -> Iterator[None]:
    """Say of which source it is that a line cannot be read as text or CSV."""
    try:
        with unpacking(source):
            yield
    except UnicodeDecodeError as error:
        raise FileError(f"{source}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error
    except csv.Error as error:
        raise FileError(f"{source}: no readable CSV ({error}); check its quotes") from error


def _refuse_foreign(folder: Path) -> None:
    ours = {*_FILES.values(), ASIDE}
    if folder.exists() and (other := sorted({f.name for f in folder.iterdir()} - ours)):
        raise FileError(f"{folder}: holds {other[0]!r}, which no import made; choose a new folder for --out")


def kind_of(source: Path) -> str:
    """How a source is to be read, by its form.

    Raises:
        FileError: if nothing fits.
    """
    suffixes = [s.lower() for s in source.suffixes if s.lower() != ".gz"][-1:]
    if source.is_dir() or suffixes == [".zip"]:
        return "oneroster"
    if suffixes in ([".json"], [".jsonl"], [".ndjson"]):
        return "xapi"
    with open_text(source) as file:
        columns = {c.strip().lower() for c in next(csv_reader(file), [])}
    if columns >= set(records_csv.CLICKS):
        return "clicks"
    if columns >= set(records_csv.SCORES):
        return "scores"
    if columns & {"verb", "action", "event", "event_type", "event name"}:
        return "log"
    if columns >= {"student_id", "group"}:
        return "enrolments"
    raise FileError(f"{source}: records of an unknown kind; say how it is to be read: {', '.join(KINDS)}")


def _records(source: Path, kind: str, now: datetime) -> Iterator[tuple[str, Record]]:
    if kind == "oneroster":
        yield from oneroster.read(source, now)
        return
    made = {name: getattr(records_csv, name) for name in ("log", "clicks", "scores", "enrolments")}
    rows = xapi.read(source, now) if kind == "xapi" else records_csv.lines(source, made[kind], now)
    yield from ((source.name, row) for row in rows)


class _Writer:
    """One open CSV file for each kind of row, begun when the first comes."""

    def __init__(self, folder: Path, stack: ExitStack, found: Imported) -> None:
        self.folder, self.stack, self.found = folder, stack, found
        self.open = dict[str, Any]()

    def write(self, source: str, record: Record) -> None:
        if isinstance(record, SetAside):
            self._row(ASIDE, ("file", *record._fields), (source, *record))
            self.found.reasons[re.sub(r"'[^']*'|\d+", "…", record.reason)] += 1  # what differs by line left out
        else:
            self._row(_FILES[type(record)], record._fields, record)

    def _row(self, name: str, header: Sequence[str], cells: Sequence[object]) -> None:
        if name not in self.open:
            place = self.folder / name  # JSON may hold half a surrogate pair, which UTF-8 has no bytes for
            file = self.stack.enter_context(place.open("w", encoding="utf-8", errors="backslashreplace", newline=""))
            self.open[name] = csv.writer(file)
            self.open[name].writerow(header)
        self.open[name].writerow(cells)
        self.found.rows[name] += 1


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m domains.education.records", description=__doc__.split("\n")[0])
    parser.add_argument("sources", type=Path, nargs="+", help="record files, or a OneRoster folder or zip")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; one made before is replaced")
    parser.add_argument("--kind", choices=KINDS, help="how to read all sources; otherwise told by their form")
    options = parser.parse_args(arguments)
    try:
        print(import_records(options.sources, options.out, kind=options.kind).text())
    except PolyfuseError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
