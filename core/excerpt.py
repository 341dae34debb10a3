"""What a model may read of a text: only some of its sections, without some words. Alike in training and in use.

Sections begin with known headings: at the start of a line, perhaps numbered, as an item or in Markdown, with a colon or
alone on the line, in any case; or within a line, with a colon and capitalised behind a stop, or in capitals. Headings
that are joined ("impression and plan") are the first one's. Which words are headings is the domain's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from core.config import PREAMBLE, ExcerptConfig
from core.errors import ConfigError

MASK = "[MASK]"  # stands where a word was hidden


class Piece(NamedTuple):
    """A section as it stands in a text: its heading begins at ``start``, what it says at ``body``."""

    section: str
    start: int
    body: int
    end: int


def excerpt(text: str, use: ExcerptConfig | None) -> str:
    """The part of a text that may be read, with the headings of its sections; "" if there is none.

    >>> excerpt("HISTORY: cough.", None)
    'HISTORY: cough.'
    >>> headings = {"history": ("history",), "findings": ("findings",)}
    >>> only = ExcerptConfig(("history",), headings, "findings", hidden=("nodule",))
    >>> excerpt("HISTORY: cough, known nodules. FINDINGS: A nodule.", only)
    'HISTORY: cough, known [MASK].'
    """
    if use is None:
        return text
    if use.sections:
        found = pieces(text, use.headings, use.untitled)
        kept = (p for p in found if p.section in use.sections and text[p.body : p.end].strip())
        text = "\n".join(text[p.start : p.end].strip() for p in kept)
    return hide(text, use.hidden) if use.hidden else text


def pieces(text: str, headings: Mapping[str, Sequence[str]], untitled: str) -> list[Piece]:
    """The sections of a text in their order, blank ones too; without any heading, all of it is ``untitled``.

    What stands before the first heading, such as a title, is ``PREAMBLE``. ``headings``: lower-case words by section.
    """
    names = {name: section for section, several in headings.items() for name in several}
    found = [m for m in _headings(tuple(names)).finditer(text) if m["line"] or _begins(m)]
    if not found:
        return [Piece(untitled, 0, 0, len(text))]
    ends = [m.start() for m in found[1:]] + [len(text)]
    said = [names[" ".join((m["line"] or m["inside"]).lower().split())] for m in found]
    told = [Piece(name, m.start(), m.end(), end) for name, m, end in zip(said, found, ends)]
    return [Piece(PREAMBLE, 0, 0, found[0].start()), *told]


def _begins(found: re.Match[str]) -> bool:
    """Whether a heading within a line is one: in capitals, as in a report put into one line, or behind a stop."""
    before = found.string[max(found.start() - 2, 0)]  # and then one blank
    stopped = before.isspace() or before.isdigit() or before in ".:;!?)"
    return found["inside"].isupper() or (stopped and found["inside"][0].isupper())


@lru_cache(maxsize=16)
def _headings(names: tuple[str, ...]) -> re.Pattern[str]:
    blank = r"[^\S\n]"  # also the \r of a line that ends as on Windows
    one = "|".join(re.escape(n).replace(r"\ ", f"{blank}+") for n in sorted(names, key=len, reverse=True))
    joined = rf"(?:{blank}*(?:[/&]|\band\b){blank}*(?:{one})\b)*"
    closed = rf"{joined}(?:{blank}*\([^()\n]*\)(?={blank}*[:：]))?(?:{blank}|[*_=\]])*"
    number = rf"(?:(?:\d{{1,2}}|[IVX]+|[A-Z])[.)](?:{blank}|[*_])*)?"
    return re.compile(
        rf"^(?:{blank}|[->*#_=•·\[])*{number}(?P<line>{one}){closed}"  # begins a line
        rf"(?:[:：][*_]*|[-–—]{blank}|$|(?<=\*\*|__|.\]))"
        rf"|(?<=\s)[*_]*(?P<inside>{one}){closed}[:：][*_]*",
        re.IGNORECASE | re.MULTILINE,
    )


def hide(text: str, words: Sequence[str], token: str = MASK) -> str:
    """Replace whole words and phrases, in any case and with simple inflections, by ``token``.

    Raises:
        ConfigError: if no word, or an empty one, is given.

    >>> hide("Two Nodules; nodular lesion, renodulation", ["nodule"])
    'Two [MASK]; [MASK] lesion, renodulation'
    """
    return pattern_of(words).sub(lambda _: token, text)


def pattern_of(words: Iterable[str]) -> re.Pattern[str]:
    """Whole words or phrases in any case, the last word inflected; a blank also matches a hyphen or underscore.

    Raises:
        ConfigError: if no word, or an empty one, is given.
    """
    return _pattern(tuple(sorted({w.strip() for w in words}, key=lambda w: (-len(w), w))))


@lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    phrases = []
    for phrase in words:
        *first, last = [p for p in re.split(r"[\s_-]+", phrase) if p] or [""]
        if not last:
            raise ConfigError("words: an empty word cannot be looked for; leave it out")
        ends = "|".join(re.escape(form) for form in sorted(inflections(last), key=len, reverse=True))
        phrases.append(r"[\s_-]+".join([*map(re.escape, first), f"(?:{ends})"]))
    if not phrases:
        raise ConfigError("words: at least one word is needed")
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)", re.IGNORECASE)


def inflections(word: str) -> set[str]:
    """A word with its simple plurals and singulars, and the adjective of -ule (nodule, nodular); lower case.

    >>> sorted(inflections("metastasis"))
    ['metastases', 'metastasis']
    """
    word = word.lower()
    bases = {word}
    for plural, singular in (("ies", "y"), ("ses", "sis"), ("ves", "f"), ("xes", "x"), ("ches", "ch"), ("s", "")):
        if word.endswith(plural) and not word.endswith(("ss", "is", "us")) and len(word) - len(plural) > 2:
            bases.add(word[: -len(plural)] + singular)
            break
    return bases | {form for base in bases for form in _plurals(base)}


def _plurals(word: str) -> set[str]:
    rules = (
        ("sis", ("ses",)),
        ("us", ("i", "uses")),
        ("um", ("a", "ums")),
        ("ule", ("ules", "ular")),
        ("ex", ("ices",)),
    )
    for ending, forms in rules:
        if word.endswith(ending):
            return {word[: -len(ending)] + form for form in forms}
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return {word[:-1] + "ies"}
    if word.endswith(("s", "x", "ch", "sh")):
        return {word + "es"} if not word.endswith("es") else set()
    return {word + "s", word + "e", word + "ta"} if word.endswith("a") else {word + "s"}
