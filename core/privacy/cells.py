"""Single cells of a table: what they say of a person, and what stands there instead."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

from core.privacy.columns import Role, listed, words_of
from core.privacy.dates import dates, day_of
from core.privacy.person import OLDEST, Person, tells_old_age

_KINDS = {
    Role.NAME: "NAME", Role.OTHER_NAME: "NAME", Role.ID: "ID", Role.ADDRESS: "ADDRESS", Role.PHONE: "PHONE",
    Role.EMAIL: "EMAIL", Role.DATE: "DATE",
}  # fmt: skip
_AGE_WORDS = listed(
    "age years yrs in of scan exam diagnosis onset admission patient person subject customer student learner mother "
    "father"
)
_SHORTER = listed("days weeks months hours minutes seconds")
_DECIMAL = re.compile(r"[-+]?\d{1,5}\.\d+(?:e[-+]?\d+)?", re.I)  # a measurement, not a number of anybody
_COMPACT = re.compile(r"\d{8}(?:(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\.\d{1,6})?)?)?")  # as DICOM writes it
_YEARS = re.compile(r"(?P<years>\d+(?:\.\d*)?)\s*(?:y|yrs?|years?)?", re.I)  # 093Y in DICOM
UNREAD = "UNREAD_DATE"  # a date that cannot be moved: a code stands for it
_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?")


def is_age(column: str) -> bool:
    """Whether a column holds ages of people in years, by its name: ``age_at_admission``, but not ``account_age``."""
    words = words_of(column)
    before = set(words[: words.index("at")] if "at" in words else words)
    return "age" in before and before <= _AGE_WORDS and not _SHORTER & set(words)


def learn_cell(cell: str, role: Role, person: Person) -> None:
    """Take what a cell says of its person."""
    if role in (Role.NAME, Role.OTHER_NAME):
        person.known.add_name(cell, own=role is Role.NAME)
    elif role is Role.ID:
        person.learn_id(cell)
    elif role in (Role.PHONE, Role.EMAIL, Role.ADDRESS):
        person.known.add_value(cell, _KINDS[role])
    elif role is Role.TEXT:
        person.learn(cell)


def clean_cell(cell: str, role: Role, person: Person, *, age: bool = False) -> tuple[str, Counter[str]]:
    """A cell without identity, and how many parts of each kind were replaced. Blank stays blank."""
    if not cell.strip() or role is Role.KEPT:
        return cell, Counter()
    if age and (years := _years(cell)) is not None and years > OLDEST:
        return (str(OLDEST + 1) if role is Role.NUMBER else f"{OLDEST + 1}+"), Counter({"AGE": 1})
    if role is Role.NUMBER or (role is Role.TEXT and _DECIMAL.fullmatch(cell.strip())):
        return cell, Counter()
    if role is Role.PERSON:
        return person.name, Counter({"PERSON": 1})
    if role is Role.DATE:
        return _date_cell(cell.strip(), person)
    if role is Role.TEXT:
        cleaned = person.clean(cell)
        return cleaned.text, cleaned.kinds
    if role is Role.NAME:  # whatever stands there is theirs
        return person.name, Counter({"NAME": 1})
    return person.pseudonym(cell, _KINDS[role]), Counter({_KINDS[role]: 1})


def left_in_cell(cell: str, role: Role, person: Person, *, age: bool = False) -> Counter[str]:
    """How much of each kind still stands in a cell of the result."""
    found = Counter[str]()
    if role is Role.KEPT and len(cell.split()) < 2:  # the code of a class is no number of anybody
        return Counter(span.kind for span in (*person.known.values(cell), *person.known.names(cell)))
    if cell in ("", person.name):
        return found
    years = _years(cell) if age else None
    found["AGE"] += years is not None and years > OLDEST + 1
    if role is Role.NUMBER or (role is Role.TEXT and _DECIMAL.fullmatch(cell.strip())):
        return +(found + Counter(span.kind for span in person.known.values(cell)))
    if role is Role.DATE and _COMPACT.fullmatch(cell):
        day = _compact(cell)
        return +(found + Counter(DATE=int(day not in person.written)))
    return +(found + person.left(cell))


def _date_cell(cell: str, person: Person) -> tuple[str, Counter[str]]:
    """A date on another day, a code where it cannot be read, blank where it tells an age that is never told."""
    known = [d.day for d in dates(cell)] or [_compact(cell)]
    if _TIME.fullmatch(cell):
        return cell, Counter()
    if (day := known[0]) is None:
        return person.pseudonym(cell, "DATE"), Counter({UNREAD: 1})
    if tells_old_age(day):
        return "", Counter({"AGE": 1})
    if _COMPACT.fullmatch(cell):
        new = day + person.shift
        person.written.add(new)
        return f"{new:%Y%m%d}{cell[8:]}", Counter({"DATE": 1})
    cleaned = person.clean(cell)
    return cleaned.text, cleaned.kinds


def _compact(cell: str) -> date | None:
    return day_of(cell[:4], cell[4:6], cell[6:8]) if _COMPACT.fullmatch(cell) else None


def _years(cell: str) -> float | None:
    found = _YEARS.fullmatch(cell.strip())
    return float(found["years"]) if found else None
