"""What the record keeps of a case: that it was answered, and what a person decided. No text unless it is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import ConfigError, unknown
from core.numbers import parse_number
from core.predict import as_row
from core.record import LOCAL, Record, input_hash
from core.record_asked import keep_asked, told
from core.schema import Prediction, Row, TargetKind
from core.targets import Target
from domains.medical.diagnosis import Diagnosis

KIND, CASE = "diagnosis", "case_id"
DECISIONS = {"agree": "Agree", "other": "Another answer", "refer": "Refer to a person"}


def keep_prediction(
    record: Record, diagnosis: Diagnosis, found: Prediction, given: Mapping[str, Any], case: str, who: str = LOCAL
) -> int:
    """Keep that somebody asked about a case; ``given`` as ``Diagnosis.diagnose`` takes it. The entry's number."""
    return keep_asked(record, diagnosis.bundle, [({CASE: case}, _row(diagnosis, given), found)], who)


def keep_decision(
    record: Record,
    diagnosis: Diagnosis,
    found: Prediction,
    given: Mapping[str, Any],
    case: str,
    decision: str,
    *,
    label: str = "",
    note: str = "",
    who: str = LOCAL,
    cells: Mapping[str, str] | None = None,
) -> int:
    """Keep what a person decided about a case, and return the entry's number.

    Args:
        record: the file.
        diagnosis: the model that answered.
        found: its answer.
        given: what it was asked, as ``Diagnosis.diagnose`` takes it; only its hash is kept.
        case: the case's name.
        decision: of ``DECISIONS``.
        label: the other answer.
        note: free text.
        who: the person.
        cells: texts and values by column, where the person allows that they are kept to train on.

    Raises:
        ConfigError: for an unknown decision, or another answer that is not named, or no number where one is due.
    """
    if decision not in DECISIONS:
        raise unknown("decision", decision, DECISIONS)
    if decision == "other":
        _check_other(label, diagnosis.bundle.ensemble.target)
    decided = {"agree": _said(found), "other": label, "refer": ""}[decision]
    target = diagnosis.bundle.config.target.column
    said = {target: decided, "decided": decision} | ({"note": note} if note else {})
    kept = {k: v for k, v in (cells or {}).items() if k not in said and v.strip()}
    hashed = input_hash(_row(diagnosis, given).values)
    return record.append(KIND, {CASE: case} | kept, told(vars(found)), said, diagnosis.bundle.fingerprint, who, hashed)


def _check_other(label: str, target: Target) -> None:
    """Refuse another answer that a table could not hold as its target."""
    if target.kind is TargetKind.NUMBER:
        try:
            parse_number(label)
        except ValueError as error:
            raise ConfigError(f"another answer has to be a number, found {label!r}: {error}") from error
    elif not label:
        raise ConfigError(f"another answer has to be named: {', '.join(target.classes)}, or a new one")


def _said(found: Prediction) -> str:
    """The answer as a table's cell holds it."""
    if found.value is not None:
        return f"{found.value:.6g}"
    return found.label if found.label is not None else "|".join(found.labels) or "|"  # "|": none of the labels


def _row(diagnosis: Diagnosis, given: Mapping[str, Any]) -> Row:
    return as_row(given, diagnosis.bundle.config.modalities)
