"""What a record keeps of answers that somebody asked for: who, which model, a hash of the input; no text of a case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from core.bundle import Bundle
from core.record import LOCAL, PREDICTION, Given, Record, input_hash
from core.schema import Prediction, Row

Asked: TypeAlias = tuple[
    Mapping[str, str], Row, Prediction
]  # what names the case, what the model was given, its answer


def keep_asked(record: Record, bundle: Bundle, asked: Iterable[Asked], who: str = LOCAL) -> int:
    """Keep, all or none, that these cases were answered by a model; the last entry's number, 0 without any.

    Raises:
        FileError: if the record, or a file that the model was given, cannot be read.
    """
    entries: Iterable[Given] = ((case, told(vars(found)), {}, input_hash(row.values)) for case, row, found in asked)
    return record.extend(PREDICTION, entries, bundle.fingerprint, who)


def told(found: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as a record keeps it: what was said, how sure, what else was possible and why a person should look.

    ``found``: the fields of a ``Prediction``.
    """
    answer: dict[str, Any] = {
        "label": found["label"], "value": found["value"],
        "probabilities": {k: round(v, 4) for k, v in found["probabilities"].items()},
        "possible": list(found["conformal_set"]), "refer": list(found["refer"]), "missing": list(found["missing"]),
    }  # fmt: skip
    return answer | ({"labels": list(found["labels"])} if found["labels"] else {})
