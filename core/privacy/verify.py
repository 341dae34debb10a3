"""Read everything again that was written without identity, and count what is left of it, by place and kind.

Looked for is what the originals said of the same person (names, numbers, addresses, identifiers), in the bytes of every
file too, and whatever the rules for text, dates and headers find. A day that stands there must be one that was moved.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.preprocess.dicom_file import read_dicom
from core.preprocess.dicom_sources import sources
from core.preprocess.image_file import read_image
from core.privacy.audio import TimedWord
from core.privacy.cells import is_age, left_in_cell
from core.privacy.dicom import left_in_header
from core.privacy.files import WORDS, Written, dicom_planes, holds_dicom, read_words
from core.privacy.person import Person
from core.privacy.pixels import boxes_by_shape
from core.privacy.scans import scan_planes
from core.progress import Progress
from core.schema import Modality
from core.table import StringTable

if TYPE_CHECKING:
    from core.privacy.table import Row, Run

_NAME = re.compile(r"FILE_[b-z]{10}(?:\.[a-z.]+)?")


def verify(run: Run, rows: Sequence[Row], out: Path, progress: Progress) -> None:
    """Count into ``run.outcome`` what is left in the table and the files below ``out``."""
    from core.privacy.table import TABLE

    table, seen = StringTable.open(out / TABLE), set[Path]()
    for index, row in enumerate(rows):
        found = _in_cells(run, row, table.row(index))
        for column, files in row.files.items():
            for written in files:
                if written.path not in seen:
                    seen.add(written.path)
                    found += [(column, _in_file(run, written, run.roles.files[column], row.person))]
        for where, kinds in found:
            if kinds:
                run.outcome.left.setdefault(where, Counter()).update(kinds)
        if any(kinds for _, kinds in found):
            run.outcome.rows_left.append(index + 1)
        progress("verifying", index + 1, len(rows))


def _in_cells(run: Run, row: Row, cells: dict[str, str]) -> list[tuple[str, Counter[str]]]:
    found = []
    for column, cell in cells.items():
        if column in run.roles.files:
            strange = [n for n in cell.split("|") if n and not _NAME.fullmatch(Path(n).name)]
            found.append((column, Counter({"FILE_NAME": len(strange)} if strange else {})))
        else:
            found.append((column, left_in_cell(cell, run.roles.roles[column], row.person, age=is_age(column))))
    return found


def _in_file(run: Run, written: Written, kind: Modality, person: Person) -> Counter[str]:
    path, found = written.path, Counter[str]()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        found += _in_bytes(file, person)
    if kind is Modality.AUDIO:
        return found + _in_sound(run, written, person)
    if holds_dicom(path):
        for source in sources(path)[0]:
            found += left_in_header(read_dicom(source.data, source.name, header_only=True), person)
    if run.files.pixels:
        found["PIXELS"] += _in_pixels(path, kind)
    return +found


def _in_bytes(file: Path, person: Person) -> Counter[str]:
    """Known identifiers among the bytes of a file, as they stand or compressed as a whole."""
    data = file.read_bytes()
    text = (gzip.decompress(data) if file.suffix == ".gz" else data).lower()
    encodings = ("utf-8", "utf-16-le")
    return Counter(kind for value, kind in person.known.solid() if any(value.encode(e) in text for e in encodings))


def _in_pixels(path: Path, kind: Modality) -> int:
    if holds_dicom(path):
        planes = dicom_planes(sources(path)[0])
    elif kind is Modality.VOLUME:
        planes = scan_planes(path)
    else:
        planes = [read_image(path)]
    return sum(map(len, boxes_by_shape(planes).values()))


def _in_sound(run: Run, written: Written, person: Person) -> Counter[str]:
    """Sound where there must be none, private words in the transcript, tags; and what is heard, if words are heard."""
    import soundfile

    with soundfile.SoundFile(written.path) as file:
        tags = file.copy_metadata()
        loud = sum(_sounds(file, *span) for span in written.silent)
    words: list[Sequence[TimedWord]] = [read_words(written.path.with_suffix(WORDS))]
    if run.files.hear is not None:
        words.append(run.files.hear(written.path))
    found = Counter({"SOUND": loud, "TAG": len(tags)})
    for some in words:
        found += person.left(" ".join(w.text for w in some))
    return +found


def _sounds(file: Any, start: float, end: float) -> bool:
    """Whether anything is heard between two times in seconds; only these are read, whatever the length of the file."""
    first, last = (min(round(second * file.samplerate), file.frames) for second in (start, end))
    file.seek(first)
    return bool(np.any(file.read(last - first, dtype="float32")))
