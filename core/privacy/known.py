"""What is known to identify a person, out of columns and headers: names, numbers, addresses; found again in text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property, lru_cache

from core.privacy.names import is_clinical, is_ordinary
from core.privacy.spans import Span

_TITLES = {
    "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "md", "phd", "jr", "sr", "von", "van", "de", "del", "la", "der",
}  # fmt: skip
_SHORTEST_PART = 3  # letters of a part of "Garcia-Lopez" that is looked for by itself
_SHORTEST = 4  # letters and digits of a number that is looked for: a "7" would be found everywhere

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_UNDIVIDED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")  # scripts that put no space around a name
_JOINTS = str.maketrans("’ʼ‘‐‑–", "'" * 3 + "---")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_PLAIN = dict(zip("ØøŁłĐđðıßÆæŒœ", ["O", "o", "L", "l", "D", "d", "d", "i", "ss", "AE", "ae", "OE", "oe"], strict=True))


class Known:
    """Identifiers of one person and of those around them; all that are the person's ``own`` lead to one pseudonym."""

    def __init__(self) -> None:
        self._names: dict[str, bool] = {}  # folded word of a name to whether it is the person's own
        self._values: dict[tuple[str, ...], str] = {}  # parts of a number or an address to its kind

    def add_name(self, name: str, own: bool) -> None:
        """A name in any writing: ``Silva^Ana``, ``Dr. Ana de Silva``. Ordinary words in it are not looked for."""
        words = []
        for group in unicodedata.normalize("NFC", name).translate(_JOINTS).split("="):  # DICOM: other scripts follow
            words += (found := _WORD.findall(group))
            if all(map(_UNDIVIDED.fullmatch, found)):
                words.append("".join(found))
        for word in sorted({writing for one in words for writing in _writings(one.casefold())}):
            if len(word) > 1 and word not in _TITLES and (own or not is_ordinary(word)):
                self._names[word] = own or self._names.get(word, False)
        self._forget()

    def add_value(self, value: str, kind: str) -> None:
        """A number, a code or an address; left out where it is too short to tell anybody from a word or a count."""
        parts = _parts(value)
        solid = "".join(parts)
        if len(solid) >= _SHORTEST and (len(parts) > 1 or any(c.isdigit() for c in solid)):
            self._values[parts] = "PERSON" if kind == "PERSON" else self._values.get(parts, kind)
            self._forget()

    def is_own(self, text: str) -> bool:
        """Whether a word of a text is one of the person's names, or the text their number."""
        own = self._own_pattern.search(_plain(text)[0])
        return own is not None or self._kinds.get(_solid(text)) == "PERSON"

    def values(self, text: str) -> Iterator[Span]:
        """Every place of a value, however it is divided."""
        for match in self._value_pattern.finditer(text):
            yield Span(match.start(), match.end(), self._kinds[_solid(match.group())], match.group())

    def names(self, text: str) -> Iterator[Span]:
        """Every place of a name, as a word, in any case and with other accents; names side by side are one place."""
        plain, places = _plain(text)
        for match in self._name_pattern.finditer(plain):
            start, end = places[match.start()], places[match.end()]
            yield Span(start, end, "NAME", text[start:end])

    def solid(self) -> list[tuple[str, str]]:
        """What is long enough to be looked for among bytes that are no text, with its kind."""
        names = [(n, "NAME") for n in self._names if len(n) > 4]
        values = [("".join(parts), kind) for parts, kind in self._values.items() if sum(map(len, parts)) > 5]
        return names + values

    @cached_property
    def _kinds(self) -> dict[str, str]:
        return {"".join(parts): kind for parts, kind in self._values.items()}

    @cached_property
    def _value_pattern(self) -> re.Pattern[str]:
        return _any_of([r"[\W_]*".join(map(re.escape, parts)) for parts in self._values])

    @cached_property
    def _name_pattern(self) -> re.Pattern[str]:
        one = _any_name(self._names)
        return re.compile(rf"(?:{one})(?:[\s,.^-]{{1,3}}(?:{one}))*", re.I)

    @cached_property
    def _own_pattern(self) -> re.Pattern[str]:
        return re.compile(_any_name([n for n, own in self._names.items() if own]), re.I)

    def _forget(self) -> None:
        for name in ("_kinds", "_value_pattern", "_name_pattern", "_own_pattern"):
            self.__dict__.pop(name, None)


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """Any of these as whole words, the longest first; nothing where there are none."""
    every = "|".join(sorted(patterns, key=len, reverse=True)) or r"(?!)"
    return re.compile(rf"(?<![^\W_])(?:{every})(?![^\W_])", re.I)


def _any_name(names: Collection[str]) -> str:
    """A pattern of any of these; names of two letters must be written with a capital."""
    undivided = sorted(filter(_UNDIVIDED.fullmatch, names), key=len, reverse=True)
    divided = [n for n in names if n not in undivided]
    long = [re.sub(r"'|\\-", r"[\\s'-]{0,2}", re.escape(n)) for n in divided if len(n) > 2]
    short = [f"(?-i:{re.escape(n.capitalize())}|{re.escape(n.upper())})" for n in divided if len(n) == 2]
    return "|".join([_any_of(long + short).pattern, *undivided])


def _writings(name: str) -> set[str]:
    """A name as others write it: without accents, umlauts as two letters or one, undivided; and its parts alone."""
    plain = _plain(name)[0]
    parts = [p for p in re.split(r"['-]", name) if p != name]
    found = {name, plain, _plain(name.translate(_UMLAUTS))[0], "".join(parts)}
    if len(plain) > _SHORTEST:  # "Sue" is no "Sü"
        found.add(re.sub(r"([aou])e", r"\1", plain))
    for part in parts:
        if len(part) >= _SHORTEST_PART and not is_ordinary(part) and not is_clinical(part):
            found |= _writings(part)
    return found


def _plain(text: str) -> tuple[str, Sequence[int]]:
    """A text without accents, and where in the text each letter stands; behind the last one, its length."""
    if text.isascii():
        return text, range(len(text) + 1)
    letters = [_plain_letter(c) for c in text]
    places = [i for i, some in enumerate(letters) for _ in some]
    return "".join(letters), [*places, len(text)]


@lru_cache(maxsize=4096)
def _plain_letter(letter: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFD", letter) if not unicodedata.combining(c))
    return _PLAIN.get(letter, unicodedata.normalize("NFC", bare)).translate(_JOINTS)


def _parts(value: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", value.casefold()))


def _solid(value: str) -> str:
    return "".join(_parts(value))
