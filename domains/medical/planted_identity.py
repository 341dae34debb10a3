"""Made-up patients, what is written of them in a table, and each secret with its place. Nobody real is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

TUNED_ON = (  # given and family names that the rules were tried on; figures are made with others
    ("Anneliese", "Xiomara", "Thandiwe", "Bjorn", "Siobhan", "Priya", "Tomasz", "Kenji", "Zebedee", "Dmitri"),
    ("Silva", "Okonkwo", "O'Neill", "Szczepanski", "Nakamura", "Fitzwilliam", "Lindqvist", "Petrov", "Macleod"),
)


@dataclass(frozen=True)
class Secret:
    """What was planted: ``kind`` and words of it; ``place``: a column, "header", "pixels", "sound" or "file name".

    For pixels, ``mask`` says which of the plane's (H, W); for sound, ``span`` the seconds.
    """

    case: int
    kind: str
    place: str
    text: str
    mask: np.ndarray | None = None
    span: tuple[float, float] | None = None


@dataclass(frozen=True)
class Identity:
    """A patient, and the doctor who wrote the report."""

    given: str
    family: str
    number: str
    born: date
    seen: date
    phone: str
    street: str
    doctor: str

    @classmethod
    def draw(cls, rng: np.random.Generator, visit: np.random.Generator, names: Sequence[Sequence[str]]) -> Identity:
        """``rng`` is the patient's, the same at every visit; ``visit`` the case's."""
        given, family = (str(rng.choice(some)) for some in names)
        doctor = f"{visit.choice(names[0])} {visit.choice(names[1])}"
        number = f"MRN{rng.integers(10**6, 10**7)}"
        phone = f"({rng.integers(201, 989)}) 555-0{rng.integers(100, 999)}"
        street = f"{rng.integers(2, 999)} {rng.choice(('Quarry', 'Thornbury', 'Rosewood', 'Hollow'))} Lane"
        born = date(1936, 1, 1) + timedelta(days=int(rng.integers(0, 20000)))
        seen = date(2019, 1, 1) + timedelta(days=int(visit.integers(0, 1800)))
        return cls(given, family, number, born, seen, phone, street, doctor)


SECRET_COLUMNS = {
    "patient_name": "NAME", "mrn": "ID", "birth_date": "DATE", "exam_date": "DATE", "phone": "PHONE",
    "address": "ADDRESS",
}  # fmt: skip


def columns(who: Identity) -> dict[str, str]:
    """The cells that name a patient."""
    return {
        "patient_name": f"{who.given} {who.family}", "mrn": who.number, "birth_date": who.born.isoformat(),
        "exam_date": f"{who.seen:%d/%m/%Y}", "phone": who.phone, "address": who.street,
    }  # fmt: skip


def texts(who: Identity, row: dict[str, str]) -> dict[str, str]:
    """Report and history with the patient in them."""
    head = f"Patient: {who.given} {who.family}, born {who.born:%d/%m/%Y}, {who.number}."
    foot = f"{who.family} was told on {who.seen:%B} {who.seen.day}, {who.seen.year}. Dictated by Dr. {who.doctor}."
    before = f"Seen {who.seen.day} {who.seen:%B %Y}; lives at {who.street}; phone {who.phone}."
    return {
        "report": f"{head}\n{row['report']}\n{foot}" if row["report"] else "",
        "history": f"{before} {row['history']}",
    }


def in_text(case: int, who: Identity, column: str, text: str) -> list[Secret]:
    """The secrets that stand in a text."""
    days = f"{who.seen:%B} {who.seen.day}, {who.seen.year}", f"{who.seen.day} {who.seen:%B %Y}"
    told = {
        "NAME": [who.given, who.family, who.doctor.split()[-1]], "ID": [who.number], "PHONE": [who.phone],
        "ADDRESS": [who.street],
        "DATE": [f"{who.born:%d/%m/%Y}", *days],
    }  # fmt: skip
    return [Secret(case, kind, column, t) for kind, some in told.items() for t in some if t in text]
