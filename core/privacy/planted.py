"""Sentences with made-up personal data, to measure how much of it a masker leaves: nobody real is in them."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from random import Random

from core.privacy.numbers import DIGITS, is_card

_GIVEN = (
    "Ana", "Xiomara", "Thandiwe", "Bjorn", "Oluwaseun", "Siobhan", "Michael", "Priya", "Anneliese", "Tomasz",
    "Kenji", "Zebedee", "Maria", "Dmitri",
)  # fmt: skip
_FAMILY = (
    "Silva", "Okonkwo", "O'Neill", "Szczepanski", "Nakamura", "Fitzwilliam", "Al-Sayed", "Lindqvist", "Baker",
    "Petrov", "Macleod", "Nguyen",
)  # fmt: skip
_STREETS = (
    "Baker", "Maple", "Kingsway", "Rosewood", "Station", "Elm", "Corporation", "Hollow", "Thornbury", "Quarry",
)  # fmt: skip
_KINDS_OF_STREET = (
    "Street", "Road", "Avenue", "Lane", "Boulevard", "Crescent", "Terrace", "St", "Rd", "Ave",
)  # fmt: skip
_TOWNS = (
    "Springfield", "Leeds", "Dunmore", "Riverton", "Halifax",
)  # fmt: skip
_HOSTS = (
    "example.org", "mail.example.com", "post.example.co.uk",
)  # fmt: skip
_ONE_BY_ONE = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
)  # fmt: skip
_CARRIERS = {
    "CARD": ("my card {} was declined", "Please block {} right now!", "it is {}, expiring soon", "{}"),
    "ACCOUNT": ("transfer it to {} please", "IBAN: {}", "my account is {} and nothing came"),
    "PHONE": ("call me on {}", "my number is {}, after six", "Tel: {}", "you can text {} as well"),
    "NUMBER": ("order {} never came", "the reference is {}", "account number {}.", "I typed {} and it failed", "{}?"),
    "SPOKEN": ("my account number is {}", "um it's {} i think", "the last digits are {}, yes", "{}"),
    "EMAIL": ("write to {}", "my email is {} thanks", "Email: {}", "I changed it to {}, is that right?"),
    "NAME": (
        "My name is {}", "Hi, this is {} speaking", "the account is under the name: {}", "my name's {}, I need help",
        "Dear Mr. {}, thank you", "Mrs {} asked me to call", "I spoke to Dr {} last week",
    ),
    "ADDRESS": ("send it to {}", "I live at {}.", "My address is {}", "we moved from {} last week", "Deliver to: {}"),
    "DATE": ("born on {}", "my date of birth is {}", "DOB {}"),
}  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """A sentence, the kind of what was planted in it, and the planted words."""

    text: str
    kind: str
    secret: str

    def survives(self, masked: str) -> bool:
        """Whether a telling word of the secret is still in the masked sentence."""
        left = set(re.findall(r"[^\W_]+", re.sub(r"\[[A-Z]+_\d+\]", " ", masked).lower()))
        carrier = set(re.findall(r"[^\W_]+", self.text.replace(self.secret, " ").lower()))
        telling = {w for w in re.findall(r"[^\W_]+", self.secret.lower()) if len(w) > 1 or w.isdigit()}
        return bool(telling & left - carrier)


def plant(n: int, seed: int = 0) -> list[Planted]:
    """``n`` sentences, all kinds and ways of writing alike often; every third as a recogniser writes: lower case."""
    rng, kinds, found = Random(seed), list(_CARRIERS), list[Planted]()
    for i in range(n):
        kind = kinds[i % len(kinds)]
        secret, text = _secret(kind, rng), rng.choice(_CARRIERS[kind])
        one = Planted(text.format(secret), kind, secret)
        if i % 3 == 0 and kind != "ACCOUNT":
            one = Planted(one.text.lower(), kind, secret.lower())
        found.append(one)
    return found


def _secret(kind: str, rng: Random) -> str:
    make = {
        "CARD": _card, "ACCOUNT": _account, "PHONE": _phone, "NUMBER": _number, "SPOKEN": _spoken, "EMAIL": _email,
        "NAME": _name, "ADDRESS": _address, "DATE": _date,
    }  # fmt: skip
    return make[kind](rng)


def _some_digits(rng: Random, n: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(n))


def _card(rng: Random) -> str:
    body = "4" + _some_digits(rng, 14)
    number = next(body + d for d in "0123456789" if is_card(body + d))
    between = rng.choice(("", " ", "-"))
    return between.join(number[i : i + 4] for i in range(0, 16, 4))


def _account(rng: Random) -> str:
    number = rng.choice(("DE", "GB", "FR")) + _some_digits(rng, 20)
    return number if rng.random() < 0.5 else " ".join(number[i : i + 4] for i in range(0, 22, 4))


def _phone(rng: Random) -> str:
    a, b, c = (_some_digits(rng, n) for n in (3, 3, 4))
    return rng.choice(
        (f"({a}) {b}-{c}", f"{a}-{b}-{c}", f"{a}.{b}.{c}", f"+44 20 7{a} {c}", f"+1{a}{b}{c}", f"07{a} {b}{c}")
    )


def _number(rng: Random) -> str:
    digits = _some_digits(rng, rng.randint(4, 12))
    letters = "".join(rng.choice("ABCDEFGHKLMNPRSTXYZ") for _ in range(2))
    half = len(digits) // 2
    return rng.choice(
        (digits, f"{letters}-{digits}", f"#{digits}", f"{digits[:half]} {digits[half:]}", f"{letters}{digits}")
    )


def _spoken(rng: Random) -> str:
    digits = [rng.choice(_ONE_BY_ONE) for _ in range(rng.randint(4, 12))]
    if rng.random() < 0.3:
        digits[1:3] = ["double", digits[1]]
    if rng.random() < 0.3:
        digits = ["oh" if d == "zero" else d for d in digits]
    if rng.random() < 0.2:
        digits = [rng.choice([w for w in DIGITS if len(DIGITS[w]) == 2 and w != "hundred"]) for _ in range(4)]
    return rng.choice((" ", " ", ", ", "-")).join(digits)


def _email(rng: Random) -> str:
    first, last, host = rng.choice(_GIVEN).lower(), rng.choice(_FAMILY).lower().replace("'", ""), rng.choice(_HOSTS)
    if rng.random() < 0.3:
        return f"{first} dot {last} at {host.replace('.', ' dot ')}"
    return rng.choice((f"{first}.{last}@{host}", f"{first}_{last}{rng.randint(1, 99)}@{host}", f"{first}+x@{host}"))


def _name(rng: Random) -> str:
    first, last = rng.choice(_GIVEN), rng.choice(_FAMILY)
    return rng.choice((f"{first} {last}", first, f"{first} {rng.choice('ABCDEFG')}. {last}"))


def _address(rng: Random) -> str:
    street = f"{rng.randint(1, 1999)}{rng.choice(('', '', 'b'))} {rng.choice(_STREETS)} {rng.choice(_KINDS_OF_STREET)}"
    return rng.choice((street, f"{street}, {rng.choice(_TOWNS)}", f"{street}, Apt {rng.randint(1, 40)}"))


def _date(rng: Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1940, 2009)
    name = calendar.month_name[month]
    return rng.choice(
        (f"{day:02}/{month:02}/{year}", f"{year}-{month:02}-{day:02}", f"{day} {name} {year}", f"{name} {day}, {year}")
    )
