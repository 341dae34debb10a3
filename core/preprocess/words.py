"""Clean text, and words with their places."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?-->", re.DOTALL)
_WORD = re.compile(r"\d+(?:[.,]\d+)*|\w+(?:['’]\w+)*|[^\w\s]")
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")


class Word(NamedTuple):
    """A word, number or mark, and where it stands in its text."""

    text: str
    start: int
    end: int


def clean(text: str, drop: Sequence[str] = ()) -> str:
    """Entities resolved, tags cut, letters in one form (NFKC), no control characters, single blanks, no empty lines.

    ``drop``: literal strings that are cut out.

    >>> clean("Fish &amp; <b>chips</b>,\\t[MASK] 5 ﬁsh", drop=("[MASK]",))
    'Fish & chips , 5 fish'
    """
    text = unicodedata.normalize("NFKC", _TAG.sub(" ", html.unescape(text)))
    text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf"))
    for part in drop:
        text = text.replace(part, " ")
    return _LINES.sub("\n", _BLANKS.sub(" ", text)).strip()


def words(text: str) -> list[Word]:
    """Words, numbers and punctuation marks in order.

    >>> [w.text for w in words("It's 3.5 cm, stable.")]
    ["It's", '3.5', 'cm', ',', 'stable', '.']
    """
    return [Word(m.group(), m.start(), m.end()) for m in _WORD.finditer(text)]
