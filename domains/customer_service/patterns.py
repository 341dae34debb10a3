"""Amounts, order numbers and dates by their written form: what is found where no slot tagger was trained.

English forms. A pattern does not know what a number means: an order number is one that a cue word names, or letters
and digits together; it has at least three digits and four signs, and is no ordinal and no quantity with a unit.
"""

from __future__ import annotations

import re

from domains.customer_service.slots import Slot

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_MONEY = r"\d{1,3}(?:[,.]\d{3})*(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d{1,2})?(?!\d)"
_UNIT = (
    r"(?:st|nd|rd|th|s|x|p|[ap]\.?m|[kmgt]b(?:ps|it)?|[kmg]?hz|[mkc]?m|m?ah|k?[gwv]|[km]g|m?l|lbs?|ft|px|k|hr?s?|min"
    r"|mins|secs?|\s?(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|times|pieces))"
)
_CODE = (  # begins here; all is bounded, so that a long text costs in proportion to its length
    rf"(?!\d{{1,4}}(?:[-.,x]\d{{1,4}}){{0,3}}{_UNIT}\b)(?=[#\w-]{{4}})(?=(?:[#\w-]{{0,20}}?\d){{3}})"
)
_PATTERNS = {
    "date": r"\b\d{4}-\d\d-\d\d\b|\b\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}\b(?:,?\s+\d{{4}}\b)?"
    rf"|\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s+\d{{4}}\b)?"
    r"|\b(?:today|yesterday|tomorrow)\b",
    "amount": rf"[£$€¥]\s?(?:{_MONEY})|\b(?:{_MONEY})\s?(?:[£$€¥]|(?:usd|eur|gbp|dollars?|euros?|pounds?|bucks)\b)",
    "order_number": rf"(?:(?<=order )|(?<=number )){_CODE}[#\w-]*\d[\w-]*|(?<!\w)#\d[\w-]+"
    rf"|\b{_CODE}(?=[\w-]{{0,40}}[A-Za-z])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\d[\w-]*",
}
_ALL = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()), re.IGNORECASE)


def find(text: str) -> tuple[Slot, ...]:
    """Slots by pattern, in order; ``source`` is "pattern", and there is no probability.

    >>> [(s.name, s.text) for s in find("I paid $20.50 for order AB-1234 on 3rd May 2025")]
    [('amount', '$20.50'), ('order_number', 'AB-1234'), ('date', '3rd May 2025')]
    """
    return tuple(Slot(str(m.lastgroup), m.group(), m.start(), m.end(), None, "pattern") for m in _ALL.finditer(text))
