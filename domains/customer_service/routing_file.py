"""Routing tables as files. All faults are told at once, each with its line.

TOML, a block a line, in order::

    [[line]]
    name = "stolen phones first"
    intent = ["sim_blocked", "login_problem"]
    waiting_seconds = "> 300"
    queue = "security"
    priority = 1

    [[urgency]]                 # where no model tells the urgency
    intent = "internet_down"
    plan = "business"
    is = "high"

CSV: columns ``queue, priority``, one for each condition, and ``name, note`` if wanted; a blank cell is no condition.
Semicolons or tabs may stand between the cells.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.csv_rows import csv_rows, delimiter_of
from core.errors import ConfigError, Fault, FileError, TableError
from domains.customer_service.recipe import URGENCIES
from domains.customer_service.routing import COMPARISON, Line, RoutingTable, alternatives

_OWN = ("queue", "priority", "name", "note")
_ANSWERS = ("intent", "urgency", "confidence", "out_of_scope")
_HEADER = re.compile(r"\s*\[\[\s*(line|urgency)\s*\]\]")
PRIORITIES = range(1, 6)


@dataclass(frozen=True)
class LineFault(Fault):
    """A fault of one line of the file; 0: of the whole table."""

    def __str__(self) -> str:
        where = f"line {self.row}" if self.row else "the table"
        where += f", {self.column}" if self.column else ""
        return f"{where}: {self.reason}" + (f" (found {self.value!r})" if self.value else "")


@dataclass(frozen=True)
class _Raw:
    """A line as it stands in the file: its place, and its cells as text."""

    number: int
    cells: dict[str, str]


def read(path: Path, intents: Sequence[str] = (), behaviour: Sequence[str] = ()) -> RoutingTable:
    """See ``RoutingTable.read``."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: cannot be read as text ({error}); give a routing table, .toml or .csv") from error
    if path.suffix.lower() == ".csv":
        return _table(str(path), _csv_lines(str(path), text), [], intents, behaviour)
    if path.suffix.lower() != ".toml":
        raise FileError(f"{path}: a routing table is .toml or .csv; rename it, or save it as one of these")
    lines, urgencies = _toml_lines(str(path), text)
    return _table(str(path), lines, urgencies, intents, behaviour)


def from_rows(
    rows: Sequence[Mapping[str, Any]], urgencies: Sequence[Line], intents: Sequence[str], behaviour: Sequence[str]
) -> RoutingTable:
    """See ``RoutingTable.with_rows``."""
    raw = [_Raw(i, {k: _cell(v) for k, v in row.items()}) for i, row in enumerate(rows, 1)]
    found = _table("routing table", raw, [], intents, behaviour)
    return RoutingTable(found.lines, tuple(urgencies), found.source)


def _csv_lines(source: str, text: str) -> list[_Raw]:
    delimiter = delimiter_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = csv_rows(reader, source)
    header = [_column(name.strip()) for name in next(rows, [])]
    if twice := sorted({n for n in header if header.count(n) > 1}):
        raise TableError(source, [LineFault(1, n, "", "the column is there twice; rename one") for n in twice])
    found, faults, start = list[_Raw](), list[Fault](), reader.line_num + 1
    for cells in rows:
        if len(cells) > len(header):
            reason = f"{len(cells)} cells under {len(header)} columns; quote cells that hold {delimiter!r}"
            faults.append(LineFault(start, "", cells[-1], reason))
        elif any(c.strip() for c in cells):
            found.append(_Raw(start, _truth(dict(zip(header, (c.strip() for c in cells))))))
        start = reader.line_num + 1
    if faults:
        raise TableError(source, faults)
    return found


def _column(name: str) -> str:
    """The table's own columns are known in capitals too; of behaviour the letters count."""
    return name.lower() if name.lower() in (*_OWN, *_ANSWERS) else name


def _truth(cells: dict[str, str]) -> dict[str, str]:
    """Spreadsheets write true and false in capitals."""
    said = cells.get("out_of_scope", "")
    return cells | {"out_of_scope": said.lower()} if said.lower() in ("true", "false") else cells


def _toml_lines(source: str, text: str) -> tuple[list[_Raw], list[_Raw]]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        fault = LineFault(int(place[1]) if place else 0, "", "", f"not TOML: {error}; quote texts, close brackets")
        raise TableError(source, [fault]) from error
    if alien := sorted(set(content) - {"line", "urgency"}):
        raise TableError(
            source, [LineFault(0, a, "", "unknown part; there are [[line]] and [[urgency]]") for a in alien]
        )
    places: dict[str, list[int]] = {"line": [], "urgency": []}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            places[header[1]].append(number)
    return _blocks(source, content, "line", places), _blocks(source, content, "urgency", places)


def _blocks(source: str, content: Mapping[str, Any], part: str, places: Mapping[str, list[int]]) -> list[_Raw]:
    blocks = content.get(part, [])
    numbers = places[part]
    if not isinstance(blocks, list) or len(numbers) != len(blocks) or not all(isinstance(b, dict) for b in blocks):
        raise TableError(source, [LineFault(0, part, "", f"write each line as a block of its own under [[{part}]]")])
    if faults := [f for n, block in zip(numbers, blocks) for f in _shape_faults(n, block)]:
        raise TableError(source, faults)
    return [_Raw(n, {k: _cell(v) for k, v in block.items()}) for n, block in zip(numbers, blocks)]


def _shape_faults(number: int, block: Mapping[str, Any]) -> Iterator[Fault]:
    """Several values are alternatives of a condition; what a line leads to is one, and nothing is a table."""
    for name, value in block.items():
        if isinstance(value, dict):
            yield LineFault(number, name, str(value)[:40], "expected a value, or several in brackets")
        elif isinstance(value, list) and name in (*_OWN, "is"):
            yield LineFault(number, name, str(value)[:40], "expected one value")


def _cell(value: Any) -> str:
    if value is None or value != value:  # an editor's empty cell
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return "|".join(map(_cell, value)) if isinstance(value, list) else str(value).strip()


def _table(
    source: str, lines: list[_Raw], urgencies: list[_Raw], intents: Sequence[str], behaviour: Sequence[str]
) -> RoutingTable:
    known = {"intent": list(intents), "behaviour": list(behaviour)}
    faults = [f for raw in lines for f in (*_result_faults(raw), *_condition_faults(raw, _OWN, known))]
    for raw in urgencies:
        faults += [*_urgency_faults(raw), *_condition_faults(raw, ("is", "name", "note"), known)]
    if not lines:
        faults.append(LineFault(0, "", "", "no line is there; add at least one with a queue and a priority"))
    if not faults:
        found = tuple(_line(raw, _OWN) for raw in lines)
        faults = list(_order_faults(found))
    if faults:
        raise TableError(source, sorted(faults, key=lambda f: f.row))
    return RoutingTable(found, tuple(_line(raw, ("is", "name", "note")) for raw in urgencies), source)


def _line(raw: _Raw, own: Sequence[str]) -> Line:
    where = {k: v for k, v in raw.cells.items() if k not in own and v not in ("", "*")}
    cells = raw.cells
    return Line(
        where, cells.get("queue", ""), int(cells.get("priority") or 3), cells.get("is", ""), cells.get("name", ""),
        cells.get("note", ""), raw.number,
    )  # fmt: skip


def _result_faults(raw: _Raw) -> Iterator[Fault]:
    if not raw.cells.get("queue"):
        yield LineFault(raw.number, "queue", "", "is missing; name the queue that this line leads to")
    priority = raw.cells.get("priority", "")
    if priority not in map(str, PRIORITIES):
        yield LineFault(raw.number, "priority", priority, "expected a whole number from 1 (first) to 5")


def _urgency_faults(raw: _Raw) -> Iterator[Fault]:
    if (value := raw.cells.get("is", "")) not in URGENCIES:
        yield LineFault(raw.number, "is", value, f"expected one of {', '.join(URGENCIES)}")


def _condition_faults(raw: _Raw, own: Sequence[str], known: Mapping[str, list[str]]) -> Iterator[Fault]:
    for name, condition in raw.cells.items():
        if name in own or condition in ("", "*"):
            continue
        values, number = alternatives(condition), raw.number
        compares = condition.lstrip("!").lstrip()[:1] in ("<", ">", "=")
        if not values:
            yield LineFault(number, name, condition, "names no value; write one, or leave it blank for any")
        elif compares and not COMPARISON.fullmatch(condition):
            yield LineFault(number, name, condition, "expected >=, <=, > or < and a number, or values joined by |")
        elif name == "confidence" and not compares:
            yield LineFault(number, name, condition, "expected a comparison such as >= 0.7")
        elif name == "confidence" and not 0 <= float(re.sub(r"[<>= ]", "", condition)) <= 1:
            yield LineFault(number, name, condition, "a confidence is from 0 to 1")
        elif name == "out_of_scope" and condition not in ("true", "false"):
            yield LineFault(number, name, condition, "expected true or false")
        elif name == "urgency" and (alien := [v for v in values if v not in URGENCIES]):
            yield LineFault(number, name, alien[0], f"expected {', '.join(URGENCIES)}")
        elif name == "intent" and known["intent"] and (alien := [v for v in values if v not in known["intent"]]):
            yield LineFault(
                number, name, alien[0], f"the model knows no such intent, only {', '.join(known['intent'])}"
            )
        elif name not in _ANSWERS and known["behaviour"] and name not in known["behaviour"]:
            choices = ", ".join((*_ANSWERS, *known["behaviour"]))
            yield LineFault(number, name, condition, f"no condition of that name; there are {choices}")


def _order_faults(lines: Sequence[Line]) -> Iterator[Fault]:
    for i, line in enumerate(lines):
        if earlier := next((e for e in lines[:i] if e.covers(line)), None):
            yield LineFault(
                line.number, "", "", f"is never reached: line {earlier.number} takes all that fits; move it up"
            )
    if all(line.where for line in lines):
        yield LineFault(0, "", "", "nothing takes the rest; add a last line with a queue and no conditions")


def write(table: RoutingTable, path: Path) -> None:
    """See ``RoutingTable.write``."""
    if path.suffix.lower() == ".toml":
        blocks = [("line", line, {"queue": line.queue, "priority": line.priority}) for line in table.lines]
        blocks += [("urgency", line, {"is": line.urgency}) for line in table.urgencies]
        path.write_text("\n".join(_block(*block) for block in blocks), encoding="utf-8")
    elif path.suffix.lower() != ".csv":
        raise ConfigError(f"{path}: a routing table is written as .toml or .csv; choose such a name")
    elif table.urgencies:
        raise ConfigError(f"{path}: a CSV has no place for lines about urgency; write it as .toml")
    else:
        rows = table.rows()
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _block(part: str, line: Line, result: Mapping[str, Any]) -> str:
    texts = {k: v for k, v in (("name", line.name), ("note", line.note)) if v}
    cells = {k: _toml(k, v) for k, v in line.where.items()} | {k: _quoted(v) for k, v in (texts | dict(result)).items()}
    return f"[[{part}]]\n" + "".join(f"{_key(k)} = {v}\n" for k, v in cells.items())


def _toml(name: str, condition: str) -> str:
    if name == "out_of_scope":
        return condition
    parts = alternatives(condition)
    listed = len(parts) > 1 and condition == "|".join(parts)  # neither "!a|b" nor blanks around the bar
    return f"[{', '.join(map(_quoted, parts))}]" if listed else _quoted(condition)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)
