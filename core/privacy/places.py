"""Mail addresses and where somebody lives, written or spoken."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.privacy.spans import Span, found

_DOTTED = r"[\w\-]+(?:\s+dot\s+\w+){1,6}"
_MAILS = (
    re.compile(r"(?<![\w.+%'’-])[\w.+%'’-]++\s?@\s?[\w-]+(?:\s?\.\s?[\w-]+)*"),
    re.compile(rf"\be-?mail(?:\s+address)?(?:\s+is|:)?\s+(?P<mail>\S.{{0,60}}?\s(?:at|@)\s{_DOTTED})", re.I),
    re.compile(
        rf"(?<![\w.\-])(?P<mail>[\w.\-]++(?:\s+(?:dot|underscore|dash|hyphen)\s+[\w\-]+){{0,6}}\s+(?:at|@)\s+{_DOTTED})",
        re.I,
    ),
    re.compile(r"(?<![\w.\-])(?P<mail>[\w.\-]++\s?[\[(]at[\])]\s?[\w\-]+(?:\s?(?:[\[(]dot[\])]|\.)\s?\w+)+)", re.I),
)
_HOUSE = (
    r"(?:\d{1,5}[a-z]?|(?:(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|hundred|and)"
    r"[\s-]+){0,5}(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|hundred))"
)
_MORE = (
    r"(?:[\s,]+(?i:apartment|apt|flat|unit|suite|floor|room)\.?\s+\w+)?"
    r"(?:,\s*[A-Z][\w'’-]+(?:\s[A-Z][\w'’-]+){0,2}){0,2}"
)
_STREETS = (
    re.compile(
        rf"\b(?i:{_HOUSE})[\s,]+(?:[\w'’.-]+\s+){{1,3}}?(?i:street|road|avenue|lane|boulevard|crescent|terrace|parkway|"
        rf"highway|st|rd|ave|blvd)\b\.?{_MORE}"
    ),
    re.compile(
        rf"\b(?i:{_HOUSE})[\s,]+(?:[A-Z][\w'’.-]+\s+){{1,3}}?(?:Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Way|Close|Row|"
        rf"Circle|Gardens|Park|Hill)\b\.?{_MORE}"
    ),
    re.compile(r"\b[A-ZÄÖÜ]\w*(?:straße|strasse|str\.|weg|gasse|platz|allee)\s+\d{1,4}[a-z]?\b"),
    re.compile(r"\b(?i:\d{1,4},?\s+(?:rue|avenue|calle|via|boulevard|place)(?:\s+[\w'’-]+){1,4})"),
)
_NUMBER = r"(?:\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty)\b)"
_CUED = re.compile(
    r"\b(?:i(?:'m| am)? liv(?:e|ing) (?:at|on|in)|address(?: is|:)|(?:deliver|send|ship|post)(?:ed)?(?: it)? to)\s+"
    rf"(?P<place>(?=[^.!?;\n]{{0,60}}{_NUMBER})(?:(?!\s(?:and|but|so|because)\s+(?:my|i|the|please|it|can)\b)[^.!?;\n]){{3,80}})",
    re.I,
)
_POSTCODES = (
    re.compile(r"\b(?:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[a-z]{1,2}\d[a-z\d]? \d(?!am|pm)[a-z]{2})\b"),
    re.compile(r"\b(?:[A-Z][\w'’-]+,?\s)?[A-Z]{2}\s\d{5}(?:-\d{4})?\b"),
)


def mails(text: str) -> Iterator[Span]:
    """Mail addresses: with an @, or spelled out with "at" and "dot"."""
    yield from found(_MAILS[0], text, "EMAIL")
    for pattern in _MAILS[1:]:
        yield from found(pattern, text, "EMAIL", "mail")


def addresses(text: str) -> Iterator[Span]:
    """House number and street, post codes, and what follows words such as "my address is" where a number is in it."""
    for pattern in _STREETS:
        yield from found(pattern, text, "ADDRESS")
    yield from found(_CUED, text, "ADDRESS", "place")
    for pattern in _POSTCODES:
        yield from found(pattern, text, "ADDRESS")
