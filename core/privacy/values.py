"""Numbers that identify nobody: amounts of money, sizes, ranges, ratios, thousands, and the names of markers."""

from __future__ import annotations

import re

from core.privacy.spans import Span

_CURRENCY = r"(?:[$€£¥₹%]|(?:usd|eur|gbp|chf|dollars?|euros?|pounds?|quid|bucks?|credits?|cents?|pence|percent)\b)"
_BEFORE_MONEY = re.compile(r"(?:[$€£¥₹]|\b(?:usd|eur|gbp|chf))\s?$", re.I)
AFTER_MONEY = re.compile(r"\s?" + _CURRENCY, re.I)
UNIT = (  # "PA", "CC", "MS" and "L" are words of reports; a date stands before them
    r"(?:%|(?:[mcdkµμu]m|[mkµμu]g|mcg|[mdµμu]l|mmhg|kpa|bpm|[km]?hz|m?mol|m?eq|iu|percent|units?|times?|sec(?:ond)?s?|"
    r"min(?:ute)?s?|hrs?|hours?|days?|weeks?|wks?|months?|years?|yrs?|(?-i:m|g|l|cc|ms|U|HU|°C))(?![^\W_]))"
)
_END = r"(?!\w|[-–/.,]\d)"
_AMOUNT = re.compile(r"(?:\d{1,3}(?:[,. ]\d{3}){1,2}|\d{1,7})(?:[.,]\d{1,2})?(?!\d|[-–/.,]\d)")
_DECIMAL = re.compile(r"\d{1,6}[.,]\d{1,2}")
_SMALL, _THOUSANDS = r"(?:0|[1-9]\d{0,2})(?:\.\d{1,2})?", r"[1-9]\d{0,2}(?:,\d{3}){1,2}"
_PART = r"\d{1,3}(?:\.\d{1,2})?"
_VALUE = re.compile(
    rf"(?P<size>(?:{_PART}(?:\s?[-–./x×]\s?{_PART}){{0,3}}|\d{{1,4}}\s?[-–]\s?\d{{1,4}}|{_THOUSANDS}|\d{{4,6}})"
    rf"[ -]{{0,2}}{UNIT})"
    rf"|(?P<range>(?P<low>{_SMALL})\s?[-–]\s?(?P<high>{_SMALL}){_END})"
    rf"|(?P<ratio>(?P<over>[1-9]\d{{1,2}})/(?P<under>[1-9]\d{{1,2}}){_END})"
    rf"|(?P<thousands>{_THOUSANDS}{_END})|(?P<decimal>\d{{1,6}}\.\d{{1,2}}{_END})|(?P<plain>[1-9]\d{{0,2}}{_END})",
    re.I,
)
_BETWEEN = re.compile(r"\)?(?:[,;]\s+|\s+and\s+|\s?\(|$)", re.I)
_MARKER = re.compile(r"(?:CD|CA|CK|IL|S)-?\d{1,3}")  # CD117, CA-125, S100: of cells and tumours
_ANNOUNCED = re.compile(  # as somebody's number, whatever its form
    r"(?:#|\b(?:pin|cvv2?|cvc|code|password|order|account|ticket|booking|reference|ref|number|card|phone|tel|telephone|"
    r"mobile|fax|call|mrn|id|iban)(?:\s(?:number|no|is|was|code|on|at|me))*[\s:.#=]{1,3})$",
    re.I,
)


def is_value(text: str, span: Span) -> bool:
    """Whether a written number is a value, or a list of them, that nothing announces as somebody's number."""
    start, end = span.start + span.text.startswith("("), span.end
    if _DECIMAL.fullmatch(text[start:end]):
        return True
    is_announced = _ANNOUNCED.search(text[max(0, start - 40) : start]) is not None
    if _MARKER.fullmatch(span.text):
        return not is_announced
    kinds = []
    while start < end:
        value = _money(text, start) or _VALUE.match(text, start)
        if value is None or not _is_sound(value):
            return False
        kinds.append(value.lastgroup)  # None: money
        start = value.end()
        if start < end:
            between = _BETWEEN.match(text, start, end)
            if between is None:
                return False
            start = between.end()
    return kinds[0] is None or (not is_announced and set(kinds) != {"plain"})


def _money(text: str, start: int) -> re.Match[str] | None:
    amount = _AMOUNT.match(text, start)
    is_money = amount and (
        _BEFORE_MONEY.search(text[max(0, start - 5) : start]) or AFTER_MONEY.match(text, amount.end())
    )
    return amount if is_money else None


def _is_sound(value: re.Match[str]) -> bool:
    """A range rises; a ratio could be no day of a month and no month of a year."""
    if value.lastgroup == "range":
        return float(value["low"]) < float(value["high"])
    if value.lastgroup == "ratio":
        over, under = int(value["over"]), int(value["under"])
        return max(over, under) > 99 or min(over, under) > 12
    return True
