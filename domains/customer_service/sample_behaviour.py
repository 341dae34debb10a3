"""What customers of the generated service do, pages seen, waiting, earlier contacts: a hint at the matter, no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from domains.customer_service.sample_words import phrases

PLANS = ("basic", "plus", "max")
NUMBERS = ("waiting_seconds", "response_seconds", "earlier_contacts", "account_age_days", "pages_seen", "turn_number")
CATEGORIES = ("product", "plan", "channel", "last_page")
_AGAIN = ("refund_request", "internet_down", "slow_internet", "technician_visit")  # who has called before
_NOTHING_KNOWN = 0.08  # share of turns of callers whom the service could not find


@dataclass(frozen=True)
class Account:
    """What the service knows of a customer."""

    plan: str
    age_days: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Account:
        """A random account."""
        return cls(str(rng.choice(PLANS)), int(rng.gamma(1.6, 420)) + 2)


def behaviour(
    intent: str, urgency: str, channel: str, turn: int, account: Account, rng: np.random.Generator
) -> dict[str, str]:
    """The behaviour cells of a turn, ``NUMBERS`` and ``CATEGORIES``; any may be blank."""
    if rng.random() < _NOTHING_KNOWN:
        return dict.fromkeys((*NUMBERS, *CATEGORIES), "") | {"channel": channel, "turn_number": str(turn)}
    seen = rng.random() < (0.6 if channel == "phone" else 0.9)  # whether they looked at the web site before
    age = account.age_days
    if intent == "delivery_status" and rng.random() < 0.6:
        age = int(rng.integers(2, 25))
    if intent == "cancel_contract":
        age = max(age, 300) + int(rng.integers(0, 60))
    contacts = rng.poisson(1.8 if intent in _AGAIN else 0.6) + (urgency == "high")
    cells: dict[str, Any] = {
        "waiting_seconds": int(rng.gamma(2, 60 if channel == "phone" else 15)),
        "response_seconds": "" if turn == 1 else int(rng.gamma(2, 5 if urgency == "high" else 10)) + 1,
        "earlier_contacts": int(contacts), "account_age_days": age, "turn_number": turn, "channel": channel,
        "pages_seen": 1 + int(rng.poisson(3)) if seen else 0, "plan": account.plan,
        "product": _draw("products", intent, rng), "last_page": _draw("pages", intent, rng) if seen else "",
    }  # fmt: skip
    return {k: str(v) for k, v in cells.items()}


def _draw(kind: str, intent: str, rng: np.random.Generator) -> str:
    """A product or page: mostly one of the intent's, by weight; now and then any."""
    every = phrases()["intents"]
    if rng.random() < 0.2:
        return str(rng.choice(sorted({name for of in every.values() for name in of[kind]})))
    share = np.array(list(every[intent][kind].values()), float)
    return str(rng.choice(list(every[intent][kind]), p=share / share.sum()))
