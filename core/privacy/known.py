"""What is known to identify a person, out of columns and headers: names, numbers, addresses; found again in text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from core.privacy.names import is_ordinary
from core.privacy.spans import Span, found

_TITLES = {
    "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "md", "phd", "jr", "sr", "von", "van", "de", "del", "la", "der",
}  # fmt: skip
_SHORTEST = 4  # letters and digits of a number that is looked for: a "7" would be found everywhere


class Known:
    """Identifiers of one person and of those around them; all that are the person's ``own`` lead to one pseudonym."""

    def __init__(self) -> None:
        self._names: dict[str, bool] = {}  # folded word of a name to whether it is the person's own
        self._values: dict[tuple[str, ...], str] = {}  # parts of a number or an address to its kind

    def add_name(self, name: str, own: bool) -> None:
        """A name in any writing: ``Silva^Ana``, ``Dr. Ana de Silva``. Ordinary words in it are not looked for."""
        for word in re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", name):
            folded = word.casefold().replace("’", "'")
            if len(folded) > 1 and folded not in _TITLES and (own or not is_ordinary(folded)):
                self._names[folded] = own or self._names.get(folded, False)
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
        folded = text.casefold().replace("’", "'")
        words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", folded)
        return any(self._names.get(w) for w in words) or self._kinds.get(_solid(text)) == "PERSON"

    def values(self, text: str) -> Iterator[Span]:
        """Every place of a value, however it is divided."""
        for match in self._value_pattern.finditer(text):
            yield Span(match.start(), match.end(), self._kinds[_solid(match.group())], match.group())

    def names(self, text: str) -> Iterator[Span]:
        """Every place of a name, as a word, in any case; names side by side are one place."""
        yield from found(self._name_pattern, text, "NAME")

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
        long = [re.escape(n).replace("'", "['’]?") for n in self._names if len(n) > 2]
        short = [f"(?-i:{re.escape(n.capitalize())}|{re.escape(n.upper())})" for n in self._names if len(n) == 2]
        one = _any_of(long + short).pattern
        return re.compile(rf"{one}(?:[\s,.^]{{1,3}}{one})*", re.I)

    def _forget(self) -> None:
        for name in ("_kinds", "_value_pattern", "_name_pattern"):
            self.__dict__.pop(name, None)


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """Any of these as whole words, the longest first; nothing where there are none."""
    every = "|".join(sorted(patterns, key=len, reverse=True)) or r"(?!)"
    return re.compile(rf"(?<![^\W_])(?:{every})(?![^\W_])", re.I)


def _parts(value: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", value.casefold()))


def _solid(value: str) -> str:
    return "".join(_parts(value))
