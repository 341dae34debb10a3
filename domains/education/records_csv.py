"""Records as CSV: logs, click tables, scores, enrolments; streamed, and a faulty line never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from core.csv_rows import csv_reader
from core.errors import FileError
from core.numbers import parse_number
from domains.education.assignments_lms import moodle_time
from domains.education.records_types import (
    Enrolment,
    Event,
    Record,
    Score,
    SetAside,
    learner_id,
    needed,
    open_text,
    read_seconds,
    read_time,
    with_point,
)

Make = Callable[[Mapping[str, str], datetime], Record]
_NAMES = {  # column of a log → names that platforms give it
    "student_id": (
        "student_id",
        "user_id",
        "userid",
        "learner_id",
        "username",
        "anon_user_id",
        "id_student",
        "user full name",
    ),
    "time": ("time", "timestamp", "timecreated", "event_time", "datetime"),
    "verb": ("verb", "action", "event", "event_type", "event name"),
    "lecture": ("lecture", "video", "video_id"),
    "object": ("object", "resource", "object_id", "event context"),
    "start_s": ("start_s", "start", "position"),
    "end_s": ("end_s", "end"),
    "group": ("group", "course", "course_id", "courseid"),
    "clicks": ("clicks", "count"),
}
_SAME = {"play": "played", "pause": "paused", "seek": "seeked", "complete": "completed", "open": "opened"}
_SAME |= {"viewed": "opened", "view": "opened", "stop": "ended", "terminated": "ended", "initialized": "opened"}
CLICKS = ("code_module", "code_presentation", "id_student", "date", "sum_click")
SCORES = ("student_id", "assessment", "score", "max_score")


def lines(path: Path, make: Callable[[Sequence[str]], Make], now: datetime) -> Iterator[Record]:
    """Every line below the header as ``make(columns)`` reads it; what it refuses is set aside with the reason.

    Raises:
        FileError: if the file cannot be opened, or has no header or a wrong one.
        UnicodeDecodeError, csv.Error: where it is not UTF-8, or a quote is never closed.
    """
    with open_text(path) as file:
        reader = csv_reader(file, strict=True)
        header = [c.strip() for c in next(reader, ())]
        if not header:
            raise FileError(f"{path}: empty; a record file starts with a line of column names")
        read = make(header)
        for cells in reader:
            if cells:
                yield _record(header, cells, reader.line_num, read, now)


def _record(header: Sequence[str], cells: Sequence[str], line: int, read: Make, now: datetime) -> Record:
    if len(cells) != len(header):
        reason = f"{len(cells)} cells where the header has {len(header)}; check commas and quotes"
        return SetAside(line, reason, ",".join(cells)[:200])
    try:
        return read(dict(zip(header, cells)), now)
    except ValueError as error:
        return SetAside(line, str(error), ",".join(cells)[:200])


def log(columns: Sequence[str]) -> Make:
    """How lines of an activity log are read: columns under their documented names or those of common platforms.

    Raises:
        FileError: if the learner, the time or the verb has no column.
    """
    known = {c.lower(): c for c in columns}
    place = {k: next((known[n] for n in names if n in known), None) for k, names in _NAMES.items()}
    for must in ("student_id", "time", "verb"):
        if place[must] is None:
            found = ", ".join(columns)
            raise FileError(f"no column for {must}: name one of {', '.join(_NAMES[must])}; the log has {found}")

    def read(row: Mapping[str, str], now: datetime) -> Event:
        cell = {k: row[c] if c is not None else "" for k, c in place.items()}
        verb = needed(cell["verb"], "verb").lower()
        start, end = (read_seconds(cell[k].strip(), k) for k in ("start_s", "end_s"))
        verb = _SAME.get(verb, verb)
        if verb != "seeked" and start and end and float(end) < float(start):
            raise ValueError(f"end_s {end} lies before start_s {start}; only a jump (seeked) may go back")
        student = learner_id(needed(cell["student_id"], "learner"))
        time, count = read_time(moodle_time(cell["time"]), now), cell["clicks"].strip() or "1"
        return Event(student, time, cell["lecture"], verb, start, end, cell["object"], cell["group"], _count(count))

    return read


def clicks(columns: Sequence[str]) -> Make:
    """How lines of an Open University-style click table are read; ``date`` counts days from the start of a course.

    Raises:
        FileError: if a column is missing.
    """
    if lacking := [c for c in CLICKS if c not in columns]:
        raise FileError(f"no column {lacking[0]!r}; a table of clicks has {', '.join(CLICKS)}, so written")

    def read(row: Mapping[str, str], now: datetime) -> Event:
        module, presentation = (needed(row[c], c) for c in CLICKS[:2])
        day = parse_number(needed(row["date"], "date"))
        try:
            date = presentation_start(presentation) + timedelta(days=day)
        except OverflowError:
            raise ValueError(f"the day {row['date'][:20]!r} lies outside the calendar") from None
        time = read_time(date.isoformat(), now)
        student, count = learner_id(needed(row["id_student"], "learner")), _count(needed(row["sum_click"], "sum_click"))
        return Event(student, time, "", "opened", "", "", row.get("id_site", ""), f"{module}_{presentation}", count)

    return read


def presentation_start(presentation: str) -> datetime:
    """The day on which a presentation such as 2013B (February) or 2014J (October) starts, to the month.

    Raises:
        ValueError: for another form.
    """
    month = {"B": 2, "J": 10}.get(presentation[4:])
    if month is None or not presentation[:4].isdigit():
        raise ValueError(f"the presentation {presentation[:20]!r} is none; write a year and B or J, such as 2014J")
    return datetime(int(presentation[:4]), month, 1)


def scores(columns: Sequence[str]) -> Make:
    """How lines of a table of graded work are read: ``SCORES``, time, and group where there is one."""
    if lacking := [c for c in SCORES if c not in columns]:
        raise FileError(f"no column {lacking[0]!r}; the table of scores has {', '.join(columns)}")

    def read(row: Mapping[str, str], now: datetime) -> Score:
        student, item = learner_id(needed(row["student_id"], "learner")), needed(row["assessment"], "assessment")
        value, most = (parse_number(with_point(needed(row[c], c))) for c in ("score", "max_score"))
        if not 0 <= value <= most or most == 0:
            raise ValueError(f"the score {value:g} lies outside 0 to {most:g}, which is above 0")
        time = read_time(row.get("time", ""), now)
        return Score(student, time, item, f"{value:g}", f"{most:g}", row.get("group", "").strip())

    return read


def enrolments(columns: Sequence[str]) -> Make:
    """How lines of a table of enrolments are read; a learner may be in one group of a course alone."""
    for must in ("student_id", "group"):
        if must not in columns:
            raise FileError(f"no column {must!r}; the table of enrolments has {', '.join(columns)}")
    seen: dict[tuple[str, str], str] = {}

    def read(row: Mapping[str, str], now: datetime) -> Enrolment:
        student, group = learner_id(needed(row["student_id"], "learner")), needed(row["group"], "group")
        course = row.get("course", "").strip()
        start, left = (read_time(row[c], now) if row.get(c, "").strip() else "" for c in ("start", "left"))
        if left and start and left < start and not row.get("registered", "").strip():
            raise ValueError(f"left {left} before the start {start}")
        only_group(seen, student, course, group)
        return Enrolment(student, group, course, start, left)

    return read


def only_group(seen: dict[tuple[str, str], str], student: str, course: str, group: str) -> None:
    """Note a learner's group of a course.

    Raises:
        ValueError: if the learner is in another one.
    """
    first = seen.setdefault((student, course), group)
    if first != group:
        where = f" of {course!r}" if course else ""
        raise ValueError(f"the learner {student!r} is in two groups{where}: {first!r} and here {group!r}; keep one")


def _count(text: str) -> str:
    value = parse_number(text)
    if value < 0 or value != int(value):
        raise ValueError(f"the count {text[:20]!r} is none; clicks are a whole number from 0")
    return str(int(value))
