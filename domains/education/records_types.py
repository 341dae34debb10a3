"""The rows that every kind of learning record becomes, and the checks that all of their readers share."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from core.errors import FileError

VERBS = ("played", "paused", "seeked", "completed", "opened", "ended", "interacted", "answered", "submitted")


class Event(NamedTuple):
    """What a learner did at one moment; seconds are places in a lecture. Blank is ""."""

    student_id: str
    time: str  # ISO 8601, in UTC
    lecture: str  # a video; else blank
    verb: str  # one of VERBS, or the record's own word
    start_s: str = ""  # where playing starts, or what a jump leaves
    end_s: str = ""  # where playing ends, or where a jump lands
    object: str = ""
    group: str = ""  # the course or class
    clicks: str = "1"  # clicks that one line of a click table sums up


class Score(NamedTuple):
    """A graded piece of work; ``score`` lies between 0 and ``max_score``."""

    student_id: str
    time: str
    assessment: str
    score: str
    max_score: str
    group: str = ""


class Enrolment(NamedTuple):
    """A learner in one group (class, or presentation of a course)."""

    student_id: str
    group: str
    course: str = ""
    start: str = ""
    left: str = ""


class SetAside(NamedTuple):
    """A line that is not used: ``line`` counts from 1 in its file, ``content`` is its start, or what names it."""

    line: int
    reason: str
    content: str


Record = Event | Score | Enrolment | SetAside


def open_text(path: Path) -> TextIO:
    """A record file, also ``.gz``, as text.

    Raises:
        FileError: if it is not there or cannot be opened.
    """
    try:
        packed = path.suffix.lower() == ".gz"
        raw = gzip.open(path, "rb") if packed else path.open("rb")  # noqa: SIM115  # the caller closes it
    except OSError as error:
        raise FileError(f"{path}: cannot be opened ({error.strerror}); give the path of a record file") from error
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


@contextmanager
def unpacking(path: Path) -> Iterator[None]:
    """Say of which file it is that its ``.gz`` cannot be read to the end.

    Raises:
        FileError: in place of what gzip raises.
    """
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(f"{path}: not a readable .gz file, or cut off ({error}); pack it again") from error


def read_moment(text: str) -> datetime:
    """A moment in UTC from ISO 8601, without an offset taken as UTC, or from seconds or milliseconds since 1970.

    Raises:
        ValueError: with the reason in words.
    """
    cell = text.strip()
    if not cell:
        raise ValueError("no time; write one such as 2026-03-01T10:00:00Z")
    try:
        if re.fullmatch(r"\d{13}", cell):  # before ISO 8601, which knows the year 1761 in some of them
            return datetime.fromtimestamp(int(cell) / 1000, UTC)
        seconds = bool(re.fullmatch(r"\d{9,10}(\.\d+)?", cell))
        found = datetime.fromtimestamp(float(cell), UTC) if seconds else datetime.fromisoformat(cell)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"the time {cell[:40]!r} is none; write one such as 2026-03-01T10:00:00Z") from None


def read_time(text: str, now: datetime) -> str:
    """What ``read_moment`` reads, as ISO 8601 in UTC; not later than ``now``.

    >>> read_time("2026-03-01T10:00:00+01:00", datetime(2026, 4, 1, tzinfo=UTC))
    '2026-03-01T09:00:00Z'
    >>> read_time("2027-01-01", datetime(2026, 4, 1, tzinfo=UTC))
    Traceback (most recent call last):
    ...
    ValueError: the time '2027-01-01' lies in the future (now is 2026-04-01); correct the clock or the date

    Raises:
        ValueError: with the reason in words.
    """
    found = read_moment(text)
    if found > now:
        raise ValueError(
            f"the time {text.strip()[:40]!r} lies in the future (now is {now.date()}); correct the clock or the date"
        )
    return found.isoformat(timespec="milliseconds" if found.microsecond else "seconds").replace("+00:00", "Z")


def read_seconds(value: object, what: str) -> str:
    """A place in a lecture in seconds, or "" for none.

    Raises:
        ValueError: for text, a negative number or one that is not finite.
    """
    if value is None or value == "":
        return ""
    try:
        found = float("nan") if isinstance(value, bool) else float(with_point(str(value)))
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or found < 0:
        raise ValueError(f"{what} is {str(value)[:40]!r}; seconds are a number from 0")
    return f"{found:.3f}".rstrip("0").rstrip(".")


def fingerprint(mail: str) -> str:
    """The SHA-1 of a mail address as xAPI writes it in ``mbox_sha1sum``."""
    address = mail.strip().lower().removeprefix("mailto:")
    return hashlib.sha1(f"mailto:{address}".encode(errors="backslashreplace")).hexdigest()


def learner_id(named: str) -> str:
    """How tables call a learner: as named, a mail address by its fingerprint, so that records of all sources join.

    >>> learner_id("s1"), learner_id("Ann@x.org") == learner_id("mailto:ann@x.org")
    ('s1', True)
    """
    return fingerprint(named) if "@" in named else named


def with_point(cell: str) -> str:
    """A number with a point for its decimals, where spreadsheets wrote a comma; any other cell stays.

    >>> with_point("1,50"), with_point("1.5"), with_point("1,5,0")
    ('1.50', '1.5', '1,5,0')
    """
    return cell.replace(",", ".") if re.fullmatch(r"\s*[+-]?\d+,\d+\s*", cell) else cell


def needed(value: str | None, what: str) -> str:
    """A cell that must not be blank.

    Raises:
        ValueError: if it is.
    """
    if not (found := (value or "").strip()):
        raise ValueError(f"no {what}")
    return found
