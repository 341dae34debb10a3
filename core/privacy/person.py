"""Everything that is said of one person, under one pseudonym and on one time line."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from core.privacy.dates import dates, moved
from core.privacy.known import Known
from core.privacy.numbers import digits
from core.privacy.pseudonyms import Pseudonyms
from core.privacy.spans import Span, merged
from core.privacy.text import PLACEHOLDER, Masked, Masker

OLDEST = 89  # years; above, an age is "90 or older" (45 CFR 164.514(b)(2)(i)(C))
_OLD = r"(?:9\d|1[0-4]\d)"
_ONES = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_SPOKEN = (
    rf"(?:ninety(?:[\s-]{_ONES})?|"
    rf"(?:a|one)[\s-]hundred(?:[\s-](?:and[\s-])?(?:{_ONES}|ten|eleven|twelve|\w+teen))?)"
)
_AGE = re.compile(  # "93F" only where a sentence or its noun begins: elsewhere it is a fever
    rf"(?<![\w.,/-])(?P<age>{_OLD}(?:\.\d+)?)(?=[\s-]{{0,2}}(?:(?:years?|yrs?|y/?o|y[\s-]old)\b|y\.\s?o\b))"
    rf"|\b(?P<said>{_SPOKEN})(?=[\s-]years?(?:[\s-]old|\sof\sage)\b)"
    rf"|\bage[ds]?\b(?:\s*\(\w+\))?\s*(?:[:=]|of\b|is\b|was\b)?\s*(?P<then>{_OLD}(?:\.\d+)?+|{_SPOKEN})\b"
    r"(?!\s*(?:mm|cm|%|\+|days?|weeks?|months?|hours?))"
    rf"|(?:^|[.;\n]\s*|\b(?:an?|the|this|is|pt|patient)\s+)(?P<sex>{_OLD})(?=[fm]\b(?!\s+(?:fever|temp)))",
    re.I,
)
_ROUNDS = 4  # a placeholder can bring a rule to see what stands beside it


@dataclass(frozen=True)
class Cleaned:
    """A text without identity, and how many parts of each kind were replaced in it."""

    text: str
    kinds: Counter[str]


class Person:
    """Cleans what belongs to one person. First ``learn``, from all that there is; then ``clean``; then ``left``.

    Args:
        key: what tells this person from others, such as the cell of the column ``patient_id``.
        pseudonyms: of the run.
        day_first: how ambiguous dates are read.
    """

    def __init__(self, key: str, pseudonyms: Pseudonyms, day_first: bool = True) -> None:
        self.key, self.known, self._pseudonyms, self._day_first = key, Known(), pseudonyms, day_first
        self.shift = pseudonyms.shift(key)
        self.name = f"PERSON_{pseudonyms.code('person', key)}"
        self.written: set[date] = set()  # days that may stand in the result
        self.uids: set[str] = set()  # DICOM identifiers of the originals
        self._ids: dict[str, str] = {}  # an id of a column, as it stands and as digits alone, to what it is
        self._masker = Masker()
        self.known.add_value(key, "PERSON")

    def learn(self, text: str) -> None:
        """Take the names that rules find in a text, so that they are found where nothing announces them."""
        self._masker.find(text)

    def learn_id(self, value: str) -> None:
        """Take the id in a cell: ``1-11`` and ``11-1`` are two, and a text may divide either in another way."""
        self.known.add_value(value, "ID")
        folded = value.strip().casefold()
        self._ids[folded] = folded
        self._ids.setdefault(digits(value), folded)

    def clean(self, text: str) -> Cleaned:
        """The text with dates moved and everything else that may identify somebody replaced by its pseudonym.

        So is a date of more than ``OLDEST`` years ago: as a birthday beside a moved date, it would tell the age.
        """
        born = [d for d in dates(text, self._day_first) if d.day and tells_old_age(d.day)]
        old = [Span(d.start, d.end, "DATE", text[d.start : d.end]) for d in born]
        out, days = moved(self._replaced(text, old), self.shift, self._day_first)
        self.written |= set(days)
        kinds = +Counter({"DATE": len(days) + len(old)})
        for _ in range(_ROUNDS):
            spans = self._find(out)
            if not spans:
                break
            kinds += Counter(span.kind for span in spans)
            out = self._replaced(out, spans)
        return Cleaned(out, kinds)

    def mask(self, text: str) -> Masked:
        """What is private in a text as it stands, dates included: for words whose times are known."""
        spans = [Span(d.start, d.end, "DATE", text[d.start : d.end]) for d in dates(text, self._day_first)]
        spans = merged(text, [*spans, *self._find(text, hide_dates=False)])
        return Masked(self._replaced(text, spans), tuple(spans))

    def pseudonym(self, value: str, kind: str) -> str:
        """What stands for a whole cell, a header element or a file's name: ``KIND_`` and ten letters."""
        if value.strip() == self.key or (self._is_number(value) if kind == "ID" else self.known.is_own(value)):
            return self.name
        parts = re.findall(r"[^\W\d_]+", value.casefold())
        if kind == "NAME" and parts:  # by the family name, so that "Dr. Novak" and "NOVAK^JANE" are one
            return f"NAME_{self._pseudonyms.code('name', parts[0] if '^' in value else parts[-1])}"
        folded = value.strip().casefold()
        same = self._ids.get(folded, self._ids.get(digits(value), folded)) if kind == "ID" else digits(value)
        return f"{kind}_{self._pseudonyms.code('value', same)}"

    def _is_number(self, value: str) -> bool:
        """Whether an id is the person's own, and not one that their name is only a part of."""
        return any(span.kind == "PERSON" and span.text == value.strip() for span in self.known.values(value))

    def left(self, text: str) -> Counter[str]:
        """How much of each kind still stands in a text that was cleaned."""
        return Counter(span.kind for span in self._find(text))

    def _find(self, text: str, hide_dates: bool = True) -> list[Span]:
        """Spans in order; days that were moved already, and placeholders, are passed over."""
        hidden = _hidden(text)
        for one in dates(hidden, self._day_first) if hide_dates else ():
            if one.day in self.written:
                hidden = hidden[: one.start] + "\0" * (one.end - one.start) + hidden[one.end :]
        undated = [Span(d.start, d.end, "DATE", text[d.start : d.end]) for d in dates(hidden, self._day_first)]
        old = [Span(*m.span(m.lastgroup), "AGE", m[m.lastgroup]) for m in _AGE.finditer(hidden) if m.lastgroup]
        known, ruled, named = self.known.values(hidden), self._masker.find(hidden), self.known.names(hidden)
        return merged(text, [*undated, *known, *old, *ruled, *named])

    def _replaced(self, text: str, spans: list[Span]) -> str:
        out, end = "", 0
        for span in spans:
            new = f"{OLDEST + 1}+" if span.kind == "AGE" else f"[{self.pseudonym(span.text, span.kind)}]"
            out, end = out + text[end : span.start] + new, span.end
        return out + text[end:]


def tells_old_age(day: date) -> bool:
    """Whether somebody born on a day may be older today than any age that is told."""
    return day.year <= (date.today() - timedelta(days=round(365.25 * (OLDEST + 1)))).year


def _hidden(text: str) -> str:
    return PLACEHOLDER.sub(lambda m: "\0" * len(m.group()), text)
