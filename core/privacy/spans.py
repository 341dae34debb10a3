"""A part of a text that holds personal data, and what the finders share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

KINDS = ("EMAIL", "CARD", "ACCOUNT", "PHONE", "DATE", "NUMBER", "ADDRESS", "NAME")


@dataclass(frozen=True)
class Span:
    """Letters ``start`` to ``end`` of a text, what kind of data they are, and the letters themselves.

    ``text`` is the personal data: for use in memory, never to be stored or shown.
    """

    start: int
    end: int
    kind: str
    text: str


def found(pattern: re.Pattern[str], text: str, kind: str, group: int | str = 0) -> Iterator[Span]:
    """Every place of a pattern, or of one of its groups, as a span."""
    for match in pattern.finditer(text):
        if match.start(group) < match.end(group):
            yield Span(match.start(group), match.end(group), kind, match.group(group))


def merged(text: str, spans: Iterable[Span]) -> list[Span]:
    """Spans in order, none overlapping: those that overlap become one, of the kind that was named first."""
    kept: list[tuple[int, int, int, str]] = []  # start, end, when it was named, kind
    for start, end, rank, kind in sorted((s.start, s.end, rank, s.kind) for rank, s in enumerate(spans)):
        if kept and start < kept[-1][1]:
            a, b, first, named = kept.pop()
            first, kind = min((first, named), (rank, kind))
            kept.append((a, max(b, end), first, kind))
        else:
            kept.append((start, end, rank, kind))
    return [Span(a, b, kind, text[a:b]) for a, b, _, kind in kept]
