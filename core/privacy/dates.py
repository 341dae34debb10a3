"""Dates in text: found, read, and written again in the same form on another day.

Known: 2021-05-03 (with - / or ., also with a time), 03/05/2021 and 03.05.21, 3 May 21, 03-May-2021, May 3rd 2021,
May 2021. A day and month without a year are found, but cannot be moved. English names of months; other languages' are
not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from core.privacy.values import UNIT

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_NAME = (
    r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"(?P<rest>uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?\b(?:\.(?=,?\s*\d))?"
)
_DAY = r"(?P<d>[0-3]?\d)(?P<th>st|nd|rd|th)?"
_SPOKEN_DAY = (
    r"(?:(?:twenty|thirty)[\s-])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|"
    r"\w+teenth)|twentieth|thirtieth"
)
_ISO = re.compile(r"(?<![\w./-])(?P<y>\d{4})(?P<s>[-/.])(?P<m>[01]?\d)(?P=s)(?P<d>[0-3]?\d)(?![\d/-]|\.\d)(?=T\d|\b)")
_NO_SIZE = rf"(?![\s-]{{0,2}}{UNIT})"
_NUMERIC = re.compile(
    r"(?<![\w./-])(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)"
    rf"(?P<y>\d{{4}}|\d{{2}}{_NO_SIZE})(?![\w/-]|\.\d)",
    re.I,
)
_YEAR = rf"(?P<y>\d{{4}}|\d\d(?![:.,/-]\d){_NO_SIZE})"  # not "3 Mar 10:30"
_NAMED = (
    re.compile(rf"(?<![\w.])(?P<all>{_DAY}(?P<of>\s+of|)\s+{_NAME}(?:,?\s+(?=\d{{4}})|\s+){_YEAR})\b", re.I),
    re.compile(rf"\b(?P<all>{_NAME}\s+{_DAY},?\s+(?P<y>\d{{4}}))\b", re.I),
    re.compile(rf"(?<![\w.])(?P<all>{_DAY}(?P<s>[-/]){_NAME}(?P=s){_YEAR})\b", re.I),
)
_MONTH_YEAR = re.compile(rf"\b{_NAME},?\s+(?P<y>\d{{4}})\b", re.I)
_NO_YEAR = (
    re.compile(rf"(?<![\w.])[0-3]?\d(?:st|nd|rd|th)?(?:\s+of)?\s+{_NAME}(?!\s+be\b)", re.I),
    re.compile(rf"\b(?-i:(?=[A-Z])){_NAME}\s+[0-3]?\d(?:st|nd|rd|th)?\b{_NO_SIZE}", re.I),
    re.compile(rf"\b(?:{_SPOKEN_DAY})\s+(?:of\s+)?{_NAME}(?!\s+be\b)", re.I),
    re.compile(rf"\b{_NAME}\s+(?:the\s+)?(?:{_SPOKEN_DAY})\b", re.I),
)


@dataclass(frozen=True)
class Dated:
    """Letters ``start`` to ``end`` of a text that are a date. ``day`` is None where it cannot be told."""

    start: int
    end: int
    day: date | None
    write: Callable[[date], str]  # another day in the same form


def dates(text: str, day_first: bool = True) -> list[Dated]:
    """The dates of a text, in order. ``day_first``: how 03/05/2021 is read where both ways are possible."""
    kept: list[Dated] = []
    for one in _all(text, day_first):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)


def moved(text: str, by: timedelta, day_first: bool = True) -> tuple[str, list[date]]:
    """The text with every date that can be read moved, and the new days.

    >>> moved("seen 2021-05-03, again on 10 May 2021", timedelta(days=-31))[0]
    'seen 2021-04-02, again on 9 April 2021'
    """
    out, end, days = "", 0, []
    for one in dates(text, day_first):
        if one.day is not None:
            new = one.write(one.day + by)
            days += [found.day for found in dates(new, day_first) if found.day]  # as it will be read again
            out, end = out + text[end : one.start] + new, one.end
    return out + text[end:], days


def is_day_first(texts: Iterable[str]) -> bool:
    """Whether dates such as 25/12/2021 outnumber those such as 12/25/2021; True where nothing tells."""
    votes = 0
    for text in texts:
        for match in _NUMERIC.finditer(text):
            a, b = int(match["a"]), int(match["b"])
            votes += (a > 12 >= b) - (b > 12 >= a)
    return votes >= 0


def day_of(year: str, month: str, day: str) -> date | None:
    """The day that three numbers tell; None for what is none, or too long ago to be of anybody."""
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found if found.year > 1800 else None


def _all(text: str, day_first: bool) -> Iterator[Dated]:
    for m in _ISO.finditer(text):
        yield Dated(m.start(), m.end(), day_of(m["y"], m["m"], m["d"]), _iso(m))
    for m in _NUMERIC.finditer(text):
        yield _numeric(m, day_first)
    for pattern in _NAMED:
        for m in pattern.finditer(text):
            month = _month(m["name"])
            yield Dated(m.start("all"), m.end("all"), day_of(_whole(m["y"]), str(month), m["d"]), _named(m))
    for m in _MONTH_YEAR.finditer(text):
        yield Dated(m.start(), m.end(), day_of(m["y"], str(_month(m["name"])), "15"), _named(m))
    for pattern in _NO_YEAR:
        for m in pattern.finditer(text):
            yield Dated(m.start(), m.end(), None, date.isoformat)


def _numeric(m: re.Match[str], day_first: bool) -> Dated:
    a, b = int(m["a"]), int(m["b"])
    first = a > 12 or (day_first and b <= 12)
    day = day_of(_whole(m["y"]), str(b if first else a), str(a if first else b))

    def write(new: date) -> str:
        parts = (new.day, new.month) if first else (new.month, new.day)
        padded = [f"{p:02}" if len(m["a"]) == 2 else str(p) for p in parts]
        return m["s"].join([*padded, f"{new.year:04}"[-len(m["y"]) :]])

    return Dated(m.start(), m.end(), day, write)


def _whole(year: str) -> str:
    return year if len(year) == 4 else f"{'20' if int(year) < 40 else '19'}{year}"


def _iso(m: re.Match[str]) -> Callable[[date], str]:
    return lambda new: m["s"].join((f"{new.year:04}", f"{new.month:02}", f"{new.day:02}"))


def _named(m: re.Match[str]) -> Callable[[date], str]:
    """The parts of a date put back in where they stood."""

    def write(new: date) -> str:
        name = _MONTHS[new.month - 1]
        is_whole = (m["rest"] or "t") != "t" or m["name"].lower() == "may"  # "Sept" is short
        name = name if is_whole else name[:3]
        name = name.upper() if m["name"].isupper() else name.capitalize() if m["name"][0].isupper() else name
        parts = {"y": f"{new.year:04}"[-len(m["y"]) :], "name": name, "rest": ""}
        if "d" in m.re.groupindex:
            parts |= {
                "d": f"{new.day:02}" if m["d"][0] == "0" else str(new.day),
                "th": _ending(new.day) if m["th"] else "",
            }
        out = m.group()
        for group, text in sorted(parts.items(), key=lambda part: -m.start(part[0])):
            if m.start(group) >= 0:
                out = out[: m.start(group) - m.start()] + text + out[m.end(group) - m.start() :]
        return out

    return write


def _ending(day: int) -> str:
    return "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _month(name: str) -> int:
    return next(i for i, full in enumerate(_MONTHS, start=1) if full.startswith(name.lower()))
