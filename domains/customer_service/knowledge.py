"""A knowledge base: what a service may answer, from Markdown pages and CSV tables, each piece with its source.

Markdown: every heading with a text below it is one piece; its title is the path of headings. CSV: columns ``answer``,
and if wanted ``question``, ``source``, ``intent``, ``id``, with commas, semicolons or tabs between the cells; an answer
with several questions has a row for each. Placeholders such as ``{order_number}`` are filled when a reply is suggested.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.csv_rows import csv_rows, delimiter_of
from core.errors import ConfigError, Fault, FileError, TableError

SUFFIXES = (".md", ".markdown", ".csv")
PLACEHOLDER = re.compile(r"\{([^\W\d]\w*)\}")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"\s*(```|~~~)")


@dataclass(frozen=True)
class Piece:
    """One answer: when it fits (``question``, or the headings above it), what it says, and where it stands."""

    question: str
    answer: str
    source: str
    intent: str = ""

    @property
    def text(self) -> str:
        """What is searched."""
        return f"{self.question}\n{self.answer}".strip()

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names in braces, in order."""
        return tuple(dict.fromkeys(PLACEHOLDER.findall(self.answer)))


@dataclass(frozen=True)
class KnowledgeFault(Fault):
    """A fault of one file: ``column`` is the file, ``row`` its line, 0 for the whole file."""

    def __str__(self) -> str:
        where = f"{self.column}, line {self.row}" if self.row else self.column
        return f"{where}: {self.reason}" + (f" (found {self.value!r})" if self.value else "")


@dataclass(frozen=True)
class Knowledge:
    """All pieces in order of files."""

    pieces: tuple[Piece, ...]

    @classmethod
    def read(cls, *paths: Path | str) -> Knowledge:
        """Read files, or all .md and .csv files of folders.

        Raises:
            FileError: if there is no such file, or the knowledge base is empty.
            TableError: with all faults of all files.
        """
        files = [f for path in paths for f in _files(Path(path))]
        found, faults = list[Piece](), list[Fault]()
        for file, name in files:
            pieces, wrong = parse(_text(file), name)
            found += pieces
            faults += wrong
        shown = ", ".join(map(str, paths)) or "no path"
        if faults:
            raise TableError(f"knowledge base {shown}", faults)
        if not found:
            raise FileError(
                f"knowledge base {shown}: is empty, there is nothing to suggest from; write a Markdown file with a "
                "heading and a text below it, or a CSV with the columns question and answer"
            )
        return cls(tuple(found))

    def __len__(self) -> int:
        return len(self.pieces)


def fill(text: str, slots: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The text with its placeholders filled, and the names of those that no slot fills; they stay as they are."""
    missing = tuple(n for n in dict.fromkeys(PLACEHOLDER.findall(text)) if not slots.get(n))
    return PLACEHOLDER.sub(lambda m: str(slots.get(m[1]) or m[0]), text), missing


def parse(text: str, name: str) -> tuple[list[Piece], list[Fault]]:
    """Pieces and faults of one file's content; ``name`` ends in .md or .csv and is shown as the source."""
    return _csv(text, name) if name.lower().endswith(".csv") else _markdown(text, name)


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    if path.is_dir():
        yield from (
            (f, f.relative_to(path).as_posix()) for f in sorted(path.rglob("*")) if f.suffix.lower() in SUFFIXES
        )
    elif path.suffix.lower() not in SUFFIXES:
        raise FileError(f"{path}: a knowledge base is made of {', '.join(SUFFIXES)} files; name one, or their folder")
    elif not path.is_file():
        raise FileError(f"{path}: no such file or folder; give the knowledge base's files, or their folder")
    else:
        yield path, path.name


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{file}: cannot be read as UTF-8 text ({error}); save it as such") from error


def _markdown(text: str, name: str) -> tuple[list[Piece], list[Fault]]:
    headings, body, start = list[tuple[int, str]](), list[str](), 1
    pieces, faults, fenced = list[Piece](), list[Fault](), False

    def close() -> None:
        answer = "\n".join(body).strip()
        if answer and not headings:
            faults.append(KnowledgeFault(start, name, answer[:40], "a text without a heading; write one above it"))
        elif answer:
            path = [title for _, title in headings]
            pieces.append(Piece(": ".join(path), answer, f"{name} › {path[-1]}"))
        faults.extend(KnowledgeFault(start, name, *f) for f in _brace_faults(answer))

    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= bool(_FENCE.match(line))
        if (found := _HEADING.match(line)) is None or fenced:
            body.append(line)
            continue
        close()
        level, title = len(found[1]), found[2]
        headings = [h for h in headings if h[0] < level] + [(level, title)]
        body, start = [], number
        if not title:
            faults.append(KnowledgeFault(number, name, "", "a heading without a title; write what the text answers"))
    close()
    return pieces, faults


def _csv(text: str, name: str) -> tuple[list[Piece], list[Fault]]:
    delimiter = delimiter_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = csv_rows(reader, name)
    header = [h.strip().lower() for h in next(rows, [])]
    if "answer" not in header:
        listed = ", ".join(header) or "nothing"
        reason = f"needs a column answer (and question, source, intent if wanted); found {listed}"
        return [], [KnowledgeFault(1, name, "", reason)]
    pieces, faults, start = list[Piece](), list[Fault](), reader.line_num + 1
    for cells in rows:
        row = dict(zip(header, (c.strip() for c in cells)))
        if len(cells) > len(header):
            reason = f"{len(cells)} cells under {len(header)} columns; quote cells that hold {delimiter!r}"
            faults.append(KnowledgeFault(start, name, cells[-1][:40], reason))
        elif any(row.values()):
            if not row.get("answer"):
                faults.append(KnowledgeFault(start, name, row.get("question", "")[:40], "the answer is blank"))
            faults += [KnowledgeFault(start, name, *f) for f in _brace_faults(row.get("answer", ""))]
            source = row.get("source") or f"{name}, line {start}"
            pieces.append(Piece(row.get("question", ""), row.get("answer", ""), source, row.get("intent", "")))
        start = reader.line_num + 1
    return pieces, faults


def _brace_faults(answer: str) -> Iterator[tuple[str, str]]:
    rest = PLACEHOLDER.sub("", answer)
    for wrong in re.findall(r"\{[^{}\n]*\}?|\}", rest):
        yield wrong[:40], "a brace that is no placeholder; write {name}, with letters, digits and _"


def from_turns(questions: Sequence[str], answers: Sequence[str], sources: Sequence[str]) -> Knowledge:
    """Past answered turns as a knowledge base of their own: blank answers are left out, equal ones kept once.

    Raises:
        ConfigError: for columns of different length.
    """
    if not len(questions) == len(answers) == len(sources):
        raise ConfigError("questions, answers and sources must be of one length")
    seen: dict[str, Piece] = {}
    for question, answer, source in zip(questions, answers, sources):
        if answer.strip():
            seen.setdefault(" ".join(answer.split()).lower(), Piece(question, answer.strip(), source))
    return Knowledge(tuple(seen.values()))
