"""What each column of a table is, for taking identity out of it: by its part in an experiment, or by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.config import ExperimentConfig
from core.errors import unknown
from core.schema import Modality, TargetKind
from core.table_faults import number_columns


class Role(StrEnum):
    """What happens to the cells of a column."""

    PERSON = "person"  # says whose row it is: one pseudonym, one date shift
    FILE = "file"  # paths; see ``Roles.files`` for their kinds
    TEXT = "text"  # read for names, dates, numbers…; so is a column that nothing is known of
    NUMBER = "number"  # kept, but for an age above 89
    KEPT = "kept"  # target and split: kept to the letter
    NAME = "name"  # of the person
    OTHER_NAME = "other name"  # of a doctor, a teacher, an agent
    ID = "id"
    DATE = "date"
    ADDRESS = "address"
    PHONE = "phone"
    EMAIL = "email"


def listed(words: str) -> frozenset[str]:
    """Words with blanks between them."""
    return frozenset(words.split())


_WORDS = {
    Role.EMAIL: listed("email mail"),
    Role.PHONE: listed("phone telephone mobile fax tel"),
    Role.ADDRESS: listed("address street city town zip zipcode postcode postal county"),
    Role.DATE: listed("date birth dob born birthday birthdate admitted discharged datetime timestamp time"),
    Role.ID: listed(
        "id mrn ssn nhs insurance passport licence license iban accession identifier uid serial plate ip username"
    ),
}  # one such word says it; the first role wins
_NAMES = listed("surname forename firstname lastname fullname maiden")
_WHOSE = listed(
    "name of patient person subject client customer member student learner pupil user participant first last full "
    "middle given family birth legal preferred nick"
)  # a name by nothing but these is the person's own
_PEOPLE = listed(
    "doctor physician surgeon consultant radiologist referrer operator nurse teacher tutor agent author speaker kin"
)
_PLACES = listed("hospital institution employer")
_OTHERS = listed(
    "mother father parent spouse wife husband partner guardian carer contact employee staff manager holder owner "
    "referring attending performing requesting reporting"
)  # beside "name" alone: the mother's age is no name
_AGENTS = listed("agent name first last full call service support sales")  # no contrast agent
_PERSONS = (
    "patientid", "personid", "customerid", "studentid", "learnerid", "userid", "subjectid", "idstudent", "mrn",
)  # fmt: skip
_ALSO_PERSONS = ("subject",)  # where an experiment does not read it as something else
_UNITS = {"seconds", "minutes", "hours", "days", "weeks", "years", "ms", "count", "rate"}  # time_seconds is no date


@dataclass(frozen=True)
class Roles:
    """Columns by what they are. ``person`` names the column that tells persons apart; None: every row is a person."""

    roles: Mapping[str, Role]
    files: Mapping[str, Modality]
    person: str | None = None


def roles_of(columns: Sequence[str], config: ExperimentConfig | None = None, person: str | None = None) -> Roles:
    """The roles of a table's columns.

    Args:
        columns: of the table.
        config: an experiment over them; None: all are known by their names alone, and no files are read.
        person: the column that tells persons apart; None: patient_id, customer_id, student_id, mrn, subject…, in any
            writing, else the group, else the id of a case.

    Raises:
        ConfigError: if ``person`` is no column.
    """
    if person is not None and person not in columns:
        raise unknown("column of persons", person, columns)
    roles = {c: _by_name(c) for c in columns}
    files: dict[str, Modality] = {}
    if config is not None:
        files = {c: m.kind for m in config.modalities if m.kind.is_file for c in m.columns if c in columns}
        roles |= dict.fromkeys(files, Role.FILE) | _of_experiment(config, columns)
        for column in (config.table.id, config.table.group):
            if column in roles and roles[column] not in (Role.NAME, Role.EMAIL, Role.PHONE):
                roles[column] = Role.ID
    chosen = person or _person(columns, config)
    if chosen is not None:
        roles[chosen] = Role.PERSON
    return Roles(roles, files, chosen)


def _person(columns: Sequence[str], config: ExperimentConfig | None) -> str | None:
    """The first column that tells persons apart by its name, else by its part in the experiment."""
    written = {"".join(words_of(c)): c for c in reversed(columns)}
    read = _of_experiment(config, columns) if config is not None else {}
    also = [written[n] for n in _ALSO_PERSONS if n in written and written[n] not in read]
    named = [*(written[n] for n in _PERSONS if n in written), *also]
    parts = [config.table.group, config.table.id] if config is not None else []
    return next((c for c in [*named, *parts] if c is not None and c in columns), None)


def _of_experiment(config: ExperimentConfig, columns: Sequence[str]) -> dict[str, Role]:
    """Inputs keep their meaning: texts and categories are read for identity, numbers stay numbers."""
    roles: dict[str, Role] = {}
    for modality in config.modalities:
        if modality.kind is Modality.TABULAR:
            numbers = set(number_columns(config))
            roles |= {c: Role.NUMBER if c in numbers else Role.TEXT for c in modality.columns}
        elif not modality.kind.is_file:
            roles |= dict.fromkeys(modality.columns, Role.TEXT)
    roles |= {c: Role.KEPT for c in (config.target.column, config.table.split) if c is not None}
    if config.target.kind is TargetKind.NUMBER:
        roles[config.target.column] = Role.NUMBER
    return {c: role for c, role in roles.items() if c in columns}


def words_of(column: str) -> list[str]:
    """The words of a column's name: ``PatientName``, ``patient_name`` and ``Patient's name (1)`` are alike."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower()
    return re.findall(r"[^\W\d_]+", re.sub(r"['’]s\b", "", parted))


def _by_name(column: str) -> Role:
    words = words_of(column)
    if set(words) & _UNITS:
        return Role.TEXT
    known = (role for role, some in _WORDS.items() if set(words) & some)
    place = Role.ADDRESS if _PLACES.intersection([w for w in words if w != "name"][-1:]) else None
    return _of_people(words) or place or next(known, Role.TEXT)


def _of_people(words: Sequence[str]) -> Role | None:
    """Whether a column holds names, and whose. The last word tells: ``doctor_notes`` and ``family_history`` do not."""
    said = set(words)
    alone = len(words) == 1 and words[0] in ("given", "family", "patient")
    if said & _NAMES or alone or ("name" in said and said <= _WHOSE):
        return Role.NAME
    if "agent" in said and not said <= _AGENTS:
        return None
    singular = {word.removesuffix("s") for word in said}
    named = "name" in said and singular <= _WHOSE | _PEOPLE | _OTHERS
    last = bool(_PEOPLE.intersection(words[-1:])) or words[-2:] == ["emergency", "contact"]
    return Role.OTHER_NAME if named or last else None
