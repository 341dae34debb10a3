"""Identity out of a whole table of cases: every column and every file, one pseudonym and one date shift a person.

Three passes. *Learn*: what columns, headers and transcripts say of each person. *Clean*: every row is written anew; one
that cannot be cleaned is set aside, and none of its files is left behind. *Verify* (``core.privacy.verify``): all that
was written is read again, and what is left is counted. In memory stay the identifiers of all persons, not the cells.

Not taken out: the voice itself, a face that a scan of the head would give (the report says both), and what only
somebody who knows the person would recognise in a text.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.atomic import replace_folder
from core.cells import check_file, locate, split_files
from core.errors import ConfigError, FileError
from core.privacy.audio import TimedWord
from core.privacy.cells import clean_cell, is_age, learn_cell
from core.privacy.columns import Role, Roles
from core.privacy.dates import is_day_first
from core.privacy.files import Files, Written, names_at
from core.privacy.measured import measured
from core.privacy.notes import notes
from core.privacy.outcome import REJECTED, Counts, Outcome
from core.privacy.person import Person
from core.privacy.pseudonyms import Pseudonyms
from core.progress import Progress, silent
from core.schema import Modality
from core.table import StringTable

TABLE, REPORT, FILES = "table.csv", "deidentified.json", "files"

LISTENED = 16000  # Hz


@dataclass
class Row:
    """A row of the result: its cells, whose it is, and the files that were written for it, by column."""

    person: Person
    cells: dict[str, str]
    files: dict[str, list[Written]] = field(default_factory=dict)


class Run:
    """One table on its way. Use ``deidentify``."""

    def __init__(self, table: StringTable, root: Path, roles: Roles, files: Files, pseudonyms: Pseudonyms) -> None:
        self.table, self.root, self.roles, self.files, self.pseudonyms = table, root, roles, files, pseudonyms
        texts = (cell for c in table.columns if c not in roles.files for chunk in table.column(c) for cell in chunk)
        self._day_first = is_day_first(texts)
        self.persons: dict[str, Person] = {}
        self.outcome = Outcome(cases=len(table), columns={c: str(r) for c, r in roles.roles.items()})
        self.done: dict[tuple[str, Path], Written] = {}  # what was written, by whose it is and the original

    def person(self, index: int) -> Person:
        """Whose row it is; a row without a name of a person is a person of its own."""
        column = self.roles.person
        key = (self.table.row(index, [column])[column].strip() if column else "") or f"row {index + 1}"
        if key not in self.persons:
            self.persons[key] = Person(key, self.pseudonyms, self._day_first)
        return self.persons[key]

    def learn(self, index: int) -> None:
        """Take what a row says of its person; what cannot be read is told when it is cleaned."""
        person, cells = self.person(index), self.table.row(index)
        for column, cell in cells.items():
            if kind := self.roles.files.get(column):
                for name in split_files(cell):
                    try:
                        self.files.learn(self._path(name, kind), kind, person)
                    except FileError:
                        continue
            else:
                learn_cell(cell, self.roles.roles[column], person)

    def keep_numbers(self) -> None:
        """Keep columns that turn out to be measured, now that all is known that identifies somebody."""
        numbers = dict.fromkeys(measured(self), Role.NUMBER)
        self.roles = replace(self.roles, roles={**self.roles.roles, **numbers})
        self.outcome.columns |= {c: str(role) for c, role in numbers.items()}

    def clean(self, index: int, out: Path) -> Row:
        """A row without identity, its files written.

        Raises:
            FileError: if a file cannot be cleaned; none that was written for this row alone is left.
        """
        row = Row(self.person(index), {})
        fresh: list[tuple[str, Path]] = []
        counts: Counts = {}
        try:
            for column, cell in self.table.row(index).items():
                if kind := self.roles.files.get(column):
                    row.files[column] = [
                        self._file(n, kind, row.person, out / FILES / column, fresh) for n in split_files(cell)
                    ]
                    row.cells[column] = "|".join(w.path.relative_to(out).as_posix() for w in row.files[column])
                    for written in row.files[column]:
                        counts.setdefault(column, Counter()).update(written.kinds)
                else:
                    role = self.roles.roles[column]
                    row.cells[column], found = clean_cell(cell, role, row.person, age=is_age(column))
                    counts.setdefault(column, Counter()).update(found)
        except FileError:
            for key in fresh:
                _remove(self.done.pop(key).path)
            raise
        for column, kinds in counts.items():
            if +kinds:
                self.outcome.replaced.setdefault(column, Counter()).update(kinds)
        return row

    def _file(self, name: str, kind: Modality, person: Person, folder: Path, fresh: list[tuple[str, Path]]) -> Written:
        path = self._path(name, kind)
        key = (person.key, path)
        if key not in self.done:
            code = self.pseudonyms.code("file", person.key, name)
            try:
                self.done[key] = self.files.clean(path, kind, person, folder / f"FILE_{code}")
            except Exception:
                _remove(folder / f"FILE_{code}")
                raise
            fresh.append(key)
        return self.done[key]

    def _path(self, name: str, kind: Modality) -> Path:
        check_file(name, self.root, kind)
        return locate(name, self.root)

    def reason(self, index: int, error: Exception) -> str:
        """Why a row was set aside, without the names of its files and without what identifies its person."""
        said = str(error).replace(str(self.root), "")
        for column in self.roles.files:
            for name in split_files(self.table.row(index, [column])[column]):
                said = said.replace(name, f"the file in {column}")
                for told in sorted(names_at(locate(name, self.root)), key=len, reverse=True):
                    said = re.sub(rf"(?<!\w){re.escape(told)}(?!\w)", "the file", said)
        return self.person(index).clean(said).text


def deidentify(
    table: Path | str,
    out: Path | str,
    roles: Roles | Callable[[Sequence[str]], Roles],
    *,
    root: Path | None = None,
    key: bytes | None = None,
    pixels: bool = True,
    hear: Callable[[Path], Sequence[TimedWord]] | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Write a table and its files without identity into a new folder: table.csv, files/, deidentified.json.

    Args:
        table: CSV or Parquet.
        out: a folder that is not there yet, or empty.
        roles: what the columns are, see ``roles_of``; or what makes that from the columns.
        root: the folder that file paths start from; None: the table's.
        key: of the pseudonyms and date shifts; None: a new one that is kept nowhere, so nobody can go back or go on.
        pixels: read and paint over text in pictures and slices (needs the extra ``lecture``).
        hear: gives the words, with times, of a recording without a transcript, such as ``listener()``.
        progress: told of each pass.

    Raises:
        TableError, FileError: if the table cannot be read, or no row of it can be cleaned.
        ConfigError: if ``out`` holds something.
        MissingExtraError: where a package is needed that is not installed.
    """
    from core.privacy.verify import verify

    table, out = Path(table), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: holds something already; name a new folder for the result")
    rows = StringTable.open(table)
    pseudonyms = Pseudonyms(key)
    known = roles(rows.columns) if callable(roles) else roles
    run = Run(rows, root or table.absolute().parent, known, Files(pseudonyms, pixels, hear), pseudonyms)
    for index in range(len(rows)):
        run.learn(index)
        progress("learning", index + 1, len(rows))
    run.keep_numbers()
    with replace_folder(out) as new:
        good = _clean_all(run, new, progress)
        run.outcome.notes = notes(run, pixels, hear is not None)
        verify(run, good, new, progress)
        _write(run, new)
    return run.outcome


def listener() -> Callable[[Path], Sequence[TimedWord]]:
    """The words of a recording by faster-whisper, for ``deidentify``.

    Raises:
        MissingExtraError: without the extra ``speech``.
    """
    from core.preprocess.audio_io import read_audio
    from core.recognition import build

    recogniser = build()
    hours = recogniser.max_hours * 3600
    return lambda path: recogniser.listen(read_audio(path, LISTENED, max_seconds=hours), LISTENED).words


def _clean_all(run: Run, out: Path, progress: Progress) -> list[Row]:
    good: list[Row] = []
    with (out / TABLE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, run.table.columns)
        writer.writeheader()
        for index in range(len(run.table)):
            try:
                row = run.clean(index, out)
            except FileError as error:
                run.outcome.rejected[index + 1] = run.reason(index, error)
            else:
                writer.writerow(row.cells)
                row.cells = {}
                good.append(row)
            progress("cleaning", index + 1, len(run.table))
    if not good:
        first = next(iter(run.outcome.rejected.values()))
        raise FileError(f"{run.table.source}: no row can be cleaned; the first one's reason: {first}")
    run.outcome.written, run.outcome.persons, run.outcome.files = len(good), len(run.persons), len(run.done)
    return good


def _write(run: Run, out: Path) -> None:
    (out / REPORT).write_text(json.dumps(run.outcome.to_json(), indent=1), encoding="utf-8")
    if run.outcome.rejected:
        with (out / REJECTED).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["row", "reason"])
            writer.writerows(run.outcome.rejected.items())


def _remove(path: Path) -> None:
    import shutil

    for found in path.parent.glob(path.name.split(".")[0] + "*"):
        shutil.rmtree(found) if found.is_dir() else found.unlink()
