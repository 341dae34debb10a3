"""What customers and agents of the generated service say: the words are in ``sample_phrases.toml``, the draw is here.

Spoken text spells numbers and addresses of mail as people say them. Every name, number, street and mail is made up.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FIRST = "Anna Ben Carla David Ella Frank Grace Harry Irene Jack Karen Liam Maria Noah Olivia Peter Rosa Sam Tina Victor"
LAST = "Reed Palmer Hughes Fisher Morgan Doyle Carter Wells Barker Osborne Lowe Mason Nolan Price Quinn Rhodes"
STREETS = "Mill Lane, Station Road, Park Street, Church Row, Green Avenue, Harbour Street, Oak Drive, Castle Hill"
MONTHS = "January February March April May June July August September October November December"
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday"
DIGITS = "oh one two three four five six seven eight nine"
_ASKS = "why what where when how can could who which is do does at"
_SINCE = ("this morning", "yesterday", "Monday", "two days", "last night", "the weekend", "about an hour")
_ROOMS = ("bedroom", "kitchen", "office", "attic", "garden", "children's room")
_HELD_BACK = 6  # each sixth wording is kept for the test rows


@cache
def phrases() -> dict[str, Any]:
    """The content of ``sample_phrases.toml``."""
    return tomllib.loads(Path(__file__).with_name("sample_phrases.toml").read_text(encoding="utf-8"))


def intents() -> tuple[str, ...]:
    """All intents; the last one is ``out_of_scope``."""
    return tuple(phrases()["intents"])


@dataclass(frozen=True)
class Person:
    """Who speaks, with details that are made up and have to be masked."""

    name: str
    phone: str
    mail: str
    address: str

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Person:
        """A person of random details."""
        first, last = str(rng.choice(FIRST.split())), str(rng.choice(LAST.split()))
        phone = "07" + "".join(str(d) for d in rng.integers(0, 10, 9))
        street = str(rng.choice(STREETS.split(", ")))
        return cls(f"{first} {last}", phone, f"{first}.{last}@example.com".lower(), f"{rng.integers(1, 99)} {street}")


@dataclass(frozen=True)
class Speech:
    """How a turn is said: whole, vague (about several things) or following what was said before."""

    manner: str
    urgency: str
    spoken: bool
    test: bool  # whether wordings that are held back may occur


def say(intent: str, person: Person, how: Speech, rng: np.random.Generator) -> str:
    """One turn of a customer."""
    words = phrases()
    parts = [str(rng.choice(words["openers"]))] if how.manner != "follow" and rng.random() < 0.4 else []
    parts.append(_core(intent, how, rng))
    tone = {"high": "hurry", "low": "calm"}.get(how.urgency)
    if tone and rng.random() < 0.5:
        parts.append(str(rng.choice(words[tone])))
    if how.manner != "follow" and rng.random() < 0.3:
        parts.append(str(rng.choice(words["closers"])))
    text = _fill(" ".join(parts), person, how.spoken, rng)
    return text if how.spoken else _typed(text, rng)


def greeting(rng: np.random.Generator) -> str:
    """How an agent opens a conversation."""
    return str(rng.choice(phrases()["greeting"]))


def reply(intent: str, before: str, rng: np.random.Generator) -> str:
    """What an agent answered, and did not say ``before``."""
    every = phrases()["intents"][intent]["replies"]
    return str(rng.choice([r for r in every if r not in before] or every))


def _core(intent: str, how: Speech, rng: np.random.Generator) -> str:
    """The sentence that carries the matter; at times with another one that is over already."""
    words = phrases()["intents"]
    pool = words[intent]["follows" if how.manner == "follow" else "says"]
    if how.manner == "vague":
        pool = [s for group in phrases()["vague"] if intent in group["intents"] for s in group["says"]]
    if how.manner != "whole":
        return _sentence(str(rng.choice(pool)))
    said = str(rng.choice([s for i, s in enumerate(pool) if how.test or i % _HELD_BACK != _HELD_BACK - 1]))
    if rng.random() < 0.08:
        other = str(rng.choice([i for i in words if i not in (intent, "out_of_scope")]))
        before = str(rng.choice(words[other]["says"]))
        return f"Last time it was {before!r}, that is solved. Now {_sentence(said)}".replace("'", "")
    return _sentence(said)


def _sentence(text: str) -> str:
    asks = text.split()[0].lower() in _ASKS.split()
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else "?" if asks else ".")


def _fill(text: str, person: Person, spoken: bool, rng: np.random.Generator) -> str:
    order = "HB" + "".join(str(d) for d in rng.integers(0, 10, 6))
    digits = {"phone": person.phone, "order": order}
    names = DIGITS.split()
    said = {k: " ".join(names[int(c)] if c.isdigit() else c for c in v) for k, v in digits.items()}
    mail = person.mail.replace(".", " dot ").replace("@", " at ") if spoken else person.mail
    drawn = {
        "amount": rng.integers(4, 90), "month": rng.choice(MONTHS.split()), "day": rng.choice(DAYS.split()),
        "since": rng.choice(_SINCE), "room": rng.choice(_ROOMS),
    }  # fmt: skip
    return text.format(name=person.name, mail=mail, address=person.address, **drawn, **(said if spoken else digits))


def _typed(text: str, rng: np.random.Generator) -> str:
    """As people type: at times in small letters, without a full stop, with letters swapped."""
    if rng.random() < 0.35:
        text = text.lower()
    if rng.random() < 0.3:
        text = text.rstrip(".")
    letters = list(text)
    for i in np.flatnonzero(rng.random(max(len(letters) - 1, 0)) < 0.008):
        if letters[i].isalpha() and letters[i + 1].isalpha():
            letters[i], letters[i + 1] = letters[i + 1], letters[i]
    return "".join(letters)
