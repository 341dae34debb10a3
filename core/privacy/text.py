"""Mask personal data in text: numbers, mails, phones, addresses and names become placeholders such as [NUMBER_1].

Rules, not a model: what they look for stands in ``numbers``, ``places`` and ``names`` of this folder, with what each
does not find. How often they miss or go too far is measured by ``benchmarks/privacy.py``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from core.privacy.names import names
from core.privacy.numbers import digits, numbers
from core.privacy.places import addresses, mails
from core.privacy.spans import KINDS, Span, merged

PLACEHOLDER = re.compile(rf"\[(?:{'|'.join((*KINDS, 'PERSON', 'ID'))})_(?:\d+|[b-z]{{10}})\]")  # counted, or keyed
_WINDOW, _OVERLAP = 2000, 400  # letters
REGIONS = ("US", "GB")  # whose phone numbers are known without a country code


@dataclass(frozen=True)
class Masked:
    """The text without personal data, and where it was in the original. Keep ``text``, forget ``spans``."""

    text: str
    spans: tuple[Span, ...]
    placeholders: tuple[str, ...] = ()  # of a ``Masker``: what stands in ``text`` in place of each span


class Masker:
    """Masks the texts of one conversation: the same thing gets the same placeholder, written or spoken.

    A name that was found once is found again wherever it returns in the same letters.

    Args:
        names: given names to look for besides the common ones.
        regions: two-letter countries whose phone numbers are known without a country code.
    """

    def __init__(self, names: Iterable[str] = (), regions: tuple[str, ...] = REGIONS) -> None:
        self._given, self._regions = frozenset(names), regions
        self._numbers: dict[tuple[str, str], int] = {}  # (kind, value) to the number of its placeholder
        self._used: Counter[str] = Counter()
        self._seen: set[str] = set()  # words of names

    def mask(self, text: str) -> Masked:
        """The text with placeholders; those that it has already stay as they are."""
        for kind, number in re.findall(r"\[([A-Z]+)_(\d{1,6})\]", text):
            self._used[kind] = max(self._used[kind], int(number))
        spans = self.find(text)
        placeholders = tuple(map(self._placeholder, spans))
        out, end = [], 0
        for span, placeholder in zip(spans, placeholders):
            out += [text[end : span.start], placeholder]
            end = span.end
        return Masked("".join(out) + text[end:], tuple(spans), placeholders)

    def find(self, text: str) -> list[Span]:
        """Where personal data is, in order; nothing is found in placeholders, nor in parts overwritten with NUL."""
        hidden = PLACEHOLDER.sub(lambda m: "\0" * len(m.group()), text)  # so that no rule reads a placeholder
        spans = list(self._find(hidden))
        self._seen |= {w for s in spans if s.kind == "NAME" for w in re.findall(r"[^\W\d_]{3,}", s.text)}
        spans += [
            Span(m.start(), m.end(), "NAME", m.group())
            for m in re.finditer(r"[^\W\d_]{3,}", hidden)
            if m.group() in self._seen
        ]
        return merged(text, (part for span in spans for part in _around_placeholders(span)))

    def _find(self, text: str) -> Iterator[Span]:
        """Window by window, each reaching into the next: a long text costs in proportion to its length."""
        for start in range(0, max(len(text) - _OVERLAP, 1), _WINDOW):
            part = text[start : start + _WINDOW + _OVERLAP]
            found = (mails(part), addresses(part), numbers(part, self._regions), names(part, self._given))
            for span in chain.from_iterable(found):
                yield Span(span.start + start, span.end + start, span.kind, span.text)

    def _placeholder(self, span: Span) -> str:
        key = (span.kind, digits(span.text))
        if key not in self._numbers:
            self._used[span.kind] += 1
            self._numbers[key] = self._used[span.kind]
        return f"[{span.kind}_{self._numbers[key]}]"


def _around_placeholders(span: Span) -> Iterator[Span]:
    for m in re.finditer(r"[^\0]*[^\W_\0][^\0]*", span.text):
        yield Span(span.start + m.start(), span.start + m.end(), span.kind, m.group())


def mask(text: str) -> Masked:
    """Mask one text by itself.

    >>> mask("My name is Ana Silva, card 4111 1111 1111 1111, mail ana@example.org").text
    'My name is [NAME_1], card [CARD_1], mail [EMAIL_1]'
    >>> mask("It was $25.50, charged twice at 10:30.").text
    'It was $25.50, charged twice at 10:30.'
    """
    return Masker().mask(text)


def masked(text: str) -> str:
    """Only the text of ``mask``: for ``core.record.Record(clean=masked)``."""
    return mask(text).text
