"""Numbers that may identify somebody, written or spoken in English: cards, accounts, phones, dates, orders, codes.

Kept: values (see ``values``), times of day and numbers of fewer than four digits, unless a word such as "PIN" stands
before them. A year is four digits and is taken out. Number words of other languages are not known;
their digits are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.privacy.spans import Span, found
from core.privacy.values import AFTER_MONEY, UNIT, is_value

_WRITTEN = re.compile(  # no letters and digits of the same code are left behind it
    r"(?<!\w)\+?\(?\d(?:[ \t.,\-–/()_]{0,3}\d){3,}(?:[A-Za-z_]+\d[A-Za-z0-9_]*)?"
)
_CODE = re.compile(
    r"[\w\-/]*\d{4}[\w\-/]*|\b[A-Za-z]+[-_/]?\d{3}[\w\-/]*|\b(?=\w*[A-Za-z]\w*\d\w*[A-Za-z]\w*\d)\w{4,}\b"
)
_CUED = re.compile(
    r"\b(?:pin|cvv2?|cvc|security (?:code|number)|pass ?(?:code|word)|code|order|account|ticket|booking|reference|ref)"
    r"(?: (?:number|no|is|was|code))*[\s:.#]{1,3}(?P<number>\d{3,})",
    re.I,
)
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?\b")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATES = (
    re.compile(
        rf"\b(?:\d{{1,2}}([./-])\d{{1,2}}\1(?:\d{{4}}|\d{{2}}(?![ -]{{0,2}}{UNIT}))|"
        r"\d{4}[./-]\d{1,2}[./-]\d{1,2})\b",
        re.I,
    ),
    re.compile(
        rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?),? \d{{4}}\b|"
        rf"\b\d{{1,2}}([-/]){_MONTH}\1\d{{2}}(?:\d{{2}})?\b",
        re.I,
    ),
)
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
)  # fmt: skip
_TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_REPEAT = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
DIGITS = (  # what a number word adds to a number that is read out
    {w: str(i) for i, w in enumerate(_ONES)}
    | dict.fromkeys(("oh", "o", "nought", "naught", "nil"), "0")
    | {w: str(i + 10) for i, w in enumerate(_TEENS)}
    | {w: str(10 * i + 20) for i, w in enumerate(_TENS)}
    | {"hundred": "00", "thousand": "000"}
)
_TOKEN = r"(?:\d+|" + "|".join(sorted({*DIGITS, *_REPEAT}, key=len, reverse=True)) + r")"
_SPOKEN = re.compile(rf"\b{_TOKEN}(?:(?:[\s,.\-–]+|\s+and\s+){_TOKEN})+\b", re.I)


def numbers(text: str, regions: tuple[str, ...]) -> Iterator[Span]:
    """All numbers that may identify somebody; spans may overlap, those named first are the surer ones."""
    yield from (s for s in found(_IBAN, text, "ACCOUNT") if sum(c.isdigit() for c in s.text) > 7)  # not "CD20 positive"
    yield from (s for s in found(_WRITTEN, text, "CARD") if is_card(s.text))
    for dates in _DATES:
        yield from found(dates, text, "DATE")
    yield from _phones(text, regions)
    yield from (s for s in found(_WRITTEN, text, "NUMBER") if not is_value(text, s))
    yield from found(_CUED, text, "NUMBER", "number")
    yield from (s for s in found(_CODE, text, "NUMBER") if not is_value(text, s))
    yield from (s for s in found(_SPOKEN, text, "NUMBER") if _identifies(text, s) and not is_value(text, s))


def digits(text: str) -> str:
    """What is written or spoken, as digits and letters: the same number said in two ways is the same.

    >>> digits("four one double two"), digits("41-22"), digits("forty one, twenty two")
    ('4122', '4122', '4122')
    """
    tokens, out, i = re.findall(r"[^\W_]+", text.lower()), "", 0
    while i < len(tokens):
        repeat = _REPEAT.get(tokens[i], 1) if i + 1 < len(tokens) else 1
        i += repeat > 1
        value = DIGITS.get(tokens[i], tokens[i])
        if tokens[i] in _TENS and i + 1 < len(tokens) and tokens[i + 1] in _ONES[1:]:
            i, value = i + 1, value[0] + DIGITS[tokens[i + 1]]
        out += value * repeat
        i += 1
    return out


def _phones(text: str, regions: tuple[str, ...]) -> Iterator[Span]:
    if sum(c.isdigit() for c in text) < 7:
        return
    from phonenumbers import PhoneNumberMatcher

    for region in regions:
        for match in PhoneNumberMatcher(text, region):
            yield Span(match.start, match.end, "PHONE", match.raw_string)


def is_card(number: str) -> bool:
    """13 to 19 digits with Luhn's check digit (ISO/IEC 7812)."""
    found = [int(c) for c in number if c.isdigit()][::-1]
    doubled = sum(sum(divmod(2 * d, 10)) for d in found[1::2])
    return 13 <= len(found) <= 19 and (sum(found[::2]) + doubled) % 10 == 0


def _identifies(text: str, span: Span) -> bool:
    """Three digits one by one, or four in three words; not an amount of money, not a time of few words."""
    tokens = re.findall(_TOKEN, span.text, re.I)
    if any(t.lower() in ("hundred", "thousand") for t in tokens):
        return len(tokens) >= 3 and not AFTER_MONEY.match(text, span.end)
    if not (said := [t for t in tokens if t.lower() not in _REPEAT]):
        return False
    one_by_one = all(len(DIGITS.get(t.lower(), t)) == 1 for t in said)
    length = len(digits(span.text))
    return length >= 3 if one_by_one else length >= 4 and len(tokens) >= 3
