"""Damage to a text: slips of typing, and what a recogniser of speech makes of words. A text never becomes empty."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
VOWELS = "aeiouyhw"  # and letters that are hardly heard
LEFT_OUT = 0.3  # of the words that a recogniser gets wrong
_WORD = re.compile(r"\w+")
_ALIKE = {letter: group[0] for group in ("bp", "ckqgx", "dt", "fv", "mn", "szj", "lr") for letter in group}

Heard: TypeAlias = Mapping[str, Sequence[str]]  # words by how they sound


def mistype(text: str, share: float, rng: np.random.Generator, *, heard: Heard) -> str:
    """One slip in a share of the words: two letters swapped, one left out, one doubled, or the key beside it."""
    return _changed(text, share, rng, _slip)


def mishear(text: str, share: float, rng: np.random.Generator, *, heard: Heard) -> str:
    """A share of the words left out, or taken for another word of the table that sounds alike (``sounds_of``)."""
    return _changed(text, share, rng, lambda word, luck: _misheard(word, luck, heard))


def sounds_of(texts: Iterable[str]) -> dict[str, list[str]]:
    """The words of all texts by how they sound, each list in order."""
    found: dict[str, list[str]] = {}
    for word in sorted({word.lower() for text in texts for word in _WORD.findall(text)}):
        found.setdefault(sound_of(word), []).append(word)
    return found


def sound_of(word: str) -> str:
    """The consonants of a word, those that sound alike made one, and whether it begins with a vowel.

    >>> sound_of("batter") == sound_of("paddle"), sound_of("batter") == sound_of("summer")
    (True, False)
    """
    letters = [_ALIKE.get(c, c) for c in word.lower()]
    kept = [c for i, c in enumerate(letters) if c not in VOWELS and (i == 0 or c != letters[i - 1])]
    return ("a" if letters[0] in VOWELS else "") + "".join(kept)


def _changed(
    text: str, share: float, rng: np.random.Generator, change: Callable[[str, np.random.Generator], str]
) -> str:
    """The text with a share of its words changed; a larger share changes the same words, and more."""
    found = list(_WORD.finditer(text))
    luck, seeds = rng.random(len(found)), rng.integers(2**32, size=len(found))
    parts, end = list[str](), 0
    for word, drawn, seed in zip(found, luck, seeds):
        new = change(word[0], np.random.default_rng(seed)) if drawn < share else word[0]
        parts += [text[end : word.start()], new]
        end = word.end()
    return "".join([*parts, text[end:]]).strip() or text


def _slip(word: str, luck: np.random.Generator) -> str:
    at, kind = int(luck.integers(len(word))), int(luck.integers(4))
    if kind == 0 and at + 1 < len(word):
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1 and len(word) > 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + _beside(word[at], luck) + word[at + 1 :]


def _beside(letter: str, luck: np.random.Generator) -> str:
    """The key left or right of a letter; any letter for what stands on none of the three rows."""
    for row in KEYS:
        if (at := row.find(letter.lower())) >= 0:
            return row[at - 1] if at and (luck.random() < 0.5 or at + 1 == len(row)) else row[at + 1]
    return "abcdefghijklmnopqrstuvwxyz"[int(luck.integers(26))]


def _misheard(word: str, luck: np.random.Generator, heard: Heard) -> str:
    """Nothing, another word that sounds alike, or where the table has none: the word with another vowel."""
    if luck.random() < LEFT_OUT:
        return ""
    if others := [w for w in heard.get(sound_of(word), ()) if w != word.lower()]:
        return others[int(luck.integers(len(others)))]
    vowel = "aeiou"[int(luck.integers(5))]
    return re.sub(r"[aeiou]", vowel, word, flags=re.IGNORECASE) if re.search(r"[aeiou]", word, re.I) else ""
