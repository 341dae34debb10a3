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
_BETWEEN = r"[\s_\-\u2010-\u2015]"  # of the words of a phrase: blanks, hyphens, dashes
_FORMS = (  # singular and plural endings; of a word's singular the first one that fits tells its plurals
    ("sis", ("ses",)),
    ("us", ("i", "uses")),
    ("um", ("a", "ums")),
    ("ule", ("ules", "ular")),
    ("ex", ("ices", "exes")),
    ("ix", ("ices", "ixes")),
    ("rax", ("races", "raxes")),
    ("nx", ("nges", "nxes")),
    ("a", ("as", "ae", "ata")),
    *((sound, (f"{sound}es",)) for sound in ("s", "x", "ch", "sh")),
)


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
    """Whole words or phrases in any case and either spelling, British or American, the last word inflected.

    A blank also means a hyphen, underscore or nothing. An underscore is no letter of a word, as it is Markdown's for
    _emphasis_.

    Raises:
        ConfigError: if no word, or an empty one, is given.
    """
    return _pattern(tuple(sorted({w.strip() for w in words}, key=lambda w: (-len(w), w))))


@lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    phrases = []
    for phrase in words:
        *first, last = [p for p in re.split(rf"{_BETWEEN}+", phrase) if p] or [""]
        if not last:
            raise ConfigError("words: an empty word cannot be looked for; leave it out")
        ends = "|".join(_spelt(form) for form in sorted(inflections(last), key=len, reverse=True))
        phrases.append(f"{_BETWEEN}*".join([*map(_spelt, first), f"(?:{ends})"]))
    if not phrases:
        raise ConfigError("words: at least one word is needed")
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(phrases)})(?![^\W_])", re.IGNORECASE)


def _spelt(word: str) -> str:
    """The pattern of a word in British and American spelling: oedema and edema, tumour and tumor."""
    either = re.escape(re.sub("[ao]e", "e", word.lower())).replace("e", "[ao]?e")
    return re.sub("ou?r", "ou?r", either)


def inflections(word: str) -> set[str]:
    """A word with its simple plurals and singulars, and the adjective of -ule (nodule, nodular); lower case.

    >>> sorted(inflections("metastasis"))
    ['metastases', 'metastasis']
    >>> {"varix", "varices"} <= inflections("varices"), "mass" in inflections("masses")
    (True, True)
    """
    word = word.lower()
    singulars = {word, *_singulars(word)}
    return singulars | {form for one in singulars for form in _plurals(one)}


def _singulars(word: str) -> set[str]:
    """What a word may be the plural of; some are no words, which does no harm."""
    plain = () if word.endswith(("ss", "is", "us")) else (("", ("s",)),)
    endings = (*_FORMS, ("y", ("ies",)), ("f", ("ves",)), ("fe", ("ves",)), *plain)
    fits = ((one, several) for one, forms in endings for several in forms if word.endswith(several))
    return {word[: -len(several)] + one for one, several in fits if len(word) - len(several) > 2}


def _plurals(word: str) -> set[str]:
    for ending, forms in _FORMS:
        if word.endswith(ending):
            return {word[: -len(ending)] + form for form in forms} if not word.endswith("es") else set()
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return {word[:-1] + "ies"}
    return {word + "s"}
