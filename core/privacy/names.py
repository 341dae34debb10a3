"""Names of people: after words that announce one, after titles, common given names anywhere, and letters spelled out.

A name that is none of these (a rare one in the middle of a sentence) is not found. A list of given names cannot be
fair to all languages: a service adds its own with ``Masker(names=…)``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from core.privacy.spans import Span

_WORD = r"[^\W\d_][\w'’]*(?:-[^\W\d_][\w'’]*)*"
_PART = rf"(?:\b[^\W\d_]\.|{_WORD})"  # an initial, or a word
_TITLED = r"(?-i:[A-Z]\.|[A-ZÀ-ÖØ-ÞА-Я][\w'’-]*[^\W\d_]\b)"
_ANNOUNCED = re.compile(
    r"\b(?:name(?:\s+on\s+(?:the|my)\s+\w+)?(?:\s+is|['’]s|:)|name\s*=|names?\s+is|called|i\s+go\s+by)\s+"
    rf"(?P<name>{_PART}(?:\s+{_PART}){{0,2}})",
    re.I,
)
_SPEAKING = re.compile(
    rf"\b(?:this\s+is|it['’]?s)\s+(?P<name>{_PART}(?:\s+{_PART}){{0,2}}?)\s+(?:speaking|calling|here|from)\b", re.I
)
_TITLE = re.compile(
    rf"\b(?:mr|mrs|ms|miss|mx|dr|doctor|prof|professor|herr|frau|señora?)\b\.?\s+(?P<name>{_PART}(?:\s+{_PART}){{0,2}})",
    re.I,
)
_AGENT = r"(?:(?<!^)(?<!\n)agent|agent(?!:)|(?-i:A)gent)"  # but not ``agent:`` before a line of a dialogue
_GREETED = re.compile(
    r"\b(?:hi|hello|hey|dear|thanks|thank\s+you|regards|sincerely|cheers|i['’]?m|i\s+am|this\s+is|it['’]s|"
    rf"speak(?:ing)?\s+(?:to|with)|ask\s+for|signed|{_AGENT}|on\s+behalf\s+of|contact|attn|spouse|wife|husband|son|"
    r"daughter)"
    rf"[,:\s]+(?P<name>{_TITLED}(?:\s+{_TITLED}){{0,2}})",
    re.I,
)
_SPELLED = re.compile(r"\b[^\W\d_](?:[\s.,-]+[^\W\d_]\b){2,}")
_MORE = re.compile(rf"(?:\s+{_TITLED}){{0,2}}")


def names(text: str, known: Iterable[str] = ()) -> Iterator[Span]:
    """Names of people; ``known`` are further given names, in any case of letters."""
    for pattern in (_ANNOUNCED, _SPEAKING, _TITLE, _GREETED):
        for match in pattern.finditer(text):
            yield from _leading(text, match.start("name"), match.group("name"))
    listed = _list("given") | {n.lower() for n in known}
    for match in re.finditer(_WORD, text):
        if match.group().lower().removesuffix("'s").removesuffix("’s") in listed:
            rest = _MORE.match(text, match.end())
            more = rest.group() if rest and match.group()[0].isupper() else ""
            yield from _leading(text, match.start(), match.group() + more)
    yield from (Span(m.start(), m.end(), "NAME", m.group()) for m in _SPELLED.finditer(text))


def _leading(text: str, start: int, words: str) -> Iterator[Span]:
    """The words before the first that is ordinary."""
    end = start
    for match in re.finditer(_PART, words):
        if is_ordinary(match.group()):
            break
        end = start + match.end()
    if end > start:
        yield Span(start, end, "NAME", text[start:end])


def is_ordinary(word: str) -> bool:
    """Whether a word is one of every text, which no rule takes for a name."""
    return word.lower() in _ordinary()


@lru_cache(maxsize=1)
def _ordinary() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return _list("ordinary") | ENGLISH_STOP_WORDS


@lru_cache(maxsize=2)
def _list(name: str) -> frozenset[str]:
    return frozenset(json.loads(Path(__file__).with_name("names.json").read_text(encoding="utf-8"))[name])
