"""A file of answers or questions as numbered rows: its encoding, its separator, and which known kind it is."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from core.csv_rows import csv_reader, csv_rows
from core.errors import FileError, unknown
from domains.education import assignments_lms as lms
from domains.education.assignments_lms import Line
from domains.education.assignments_public import is_public, public_line
from domains.education.records_types import SetAside, open_text, unpacking

KINDS = ("plain", "public", *lms.KINDS)
MOST_BYTES = 512 << 20  # of a file, unpacked; it is read as a whole
_CALLED = {"utf-8-sig": "UTF-8"}  # encodings, in words
QUESTION = ("question", "reference", "concept", "module")


def which(kind: str | None, columns: Sequence[str], source: str) -> str:
    """The kind of a file: as it was named, else told by its header.

    Raises:
        ConfigError: for an unknown kind.
        FileError: if the header is none of the known ones.
    """
    if kind is not None:
        if kind not in KINDS:
            raise unknown("kind of assignments", kind, KINDS)
        return kind
    if is_public(columns):
        return "public"
    if "question_id" in columns and {"student_id", "answer"} & {*columns}:
        return "plain"
    if (found := lms.kind_of(columns)) is not None:
        return found
    raise FileError(
        f"{source}: no known columns in {', '.join(columns[:12])}; export the quiz report 'Responses' (Moodle) or "
        "'Student analysis' (Canvas), a gradebook, or write student_id, question_id, answer and grade or points"
    )


def open_csv(path: Path, encoding: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The header and the numbered rows of a CSV file, decoded as a whole so that a wrong encoding is told at once.

    Raises:
        FileError: if it is missing, empty or not so encoded.
        ConfigError: for an unknown encoding.
    """
    try:
        with unpacking(path), open_text(path) as file:
            content = _read(path, file.buffer)
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"  # it says so itself
        text = content.decode(encoding)
    except LookupError:
        raise unknown("encoding", encoding, ("utf-8-sig", "cp1252", "latin-1", "utf-16")) from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FileError(
            f"{path}: is not {_CALLED.get(encoding, encoding)} at line {line}; save it as 'CSV UTF-8', or name its "
            "encoding, such as cp1252 for files of older spreadsheet programs"
        ) from error
    reader = csv_reader(io.StringIO(text, newline=""))
    rows = csv_rows(reader, str(path))
    columns = [c.strip() for c in next(rows, [])]
    if not columns:
        raise FileError(f"{path}: is empty; it needs a header that names its columns, and rows below it")
    return columns, ((reader.line_num, row) for row in rows if any(cell.strip() for cell in row))


def _read(path: Path, file: BinaryIO) -> bytes:
    """All of a file, in blocks: what it may hold at most is not allocated."""
    content = bytearray()
    while block := file.read(1 << 20):
        content += block
        if len(content) > MOST_BYTES:
            raise FileError(f"{path}: more than {MOST_BYTES >> 20} MiB; give it in parts")
    return bytes(content)


def lines_of(
    kind: str, columns: Sequence[str], rows: Iterator[tuple[int, list[str]]], aside: list[SetAside]
) -> Iterator[Line]:
    """Rows under the names of their kind, each with its line; rows of a wrong length go to ``aside``."""
    if kind in lms.KINDS:
        return lms.read(kind, columns, whole(columns, rows, aside), aside)
    return (Line(line, dict(zip(columns, row))) for line, row in whole(columns, rows, aside))


def whole(
    columns: Sequence[str], rows: Iterator[tuple[int, list[str]]], aside: list[SetAside], of: str = ""
) -> Iterator[tuple[int, list[str]]]:
    """The rows that are as long as the header; all others go to ``aside``, with the file ``of`` which they are."""
    for line, row in rows:
        if len(row) == len(columns):
            yield line, row
        else:
            reason = f"{of}{len(row)} cells, the header has {len(columns)}"
            reason += "; quote cells that hold the separator, and close every quote"
            aside.append(SetAside(line, reason, ",".join(row)[:60]))


def read_questions(
    path: Path, encoding: str, dataset: str | None, aside: list[SetAside]
) -> dict[str, Mapping[str, str]]:
    """What a table of questions says of each, by its id; rows of a wrong length or without an id go to ``aside``.

    Raises:
        FileError: without a column ``question_id``.
    """
    columns, rows = open_csv(path, encoding)
    if "question_id" not in columns:
        raise FileError(f"{path}: no column 'question_id' among {', '.join(columns[:12])}; it names each question")
    found: dict[str, Mapping[str, str]] = {}
    for line, cells in whole(columns, rows, aside, "questions: "):
        row = dict(zip(columns, cells))
        if not row["question_id"].strip():
            aside.append(SetAside(line, "questions: no question_id; every question needs one", ",".join(cells)[:60]))
        elif dataset is None or row.get("dataset", dataset) == dataset:
            row = public_line(row)
            found[row["question_id"]] = {name: row.get(name, "") for name in QUESTION}
    return found
