"""An answer about a medical case, for people and for files; words shared by all domains are in ``core.answer``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core import answer
from core.answer import headline, how_sure, is_referred, is_unsure, label, without
from core.bundle import Bundle
from core.config import ExcerptConfig
from core.schema import Prediction
from domains.medical.diagnosis import DISCLAIMER

__all__ = [
    "headline", "how_sure", "is_referred", "is_unsure", "label", "most_telling", "name", "read_of", "to_csv", "to_json",
    "why", "without",
]  # fmt: skip
NAMES = {
    "ct": "CT",
    "clinical": "clinical values",
    "crp": "CRP",
    "d_dimer": "D-dimer",
    "pO2_saturation": "pO2 saturation",
}


def name(modality: str) -> str:
    """A modality or a column as people call it."""
    return NAMES.get(modality, label(modality))


def read_of(excerpt: ExcerptConfig) -> str:
    """What of a text the model may read."""
    sections = f"This model reads only: {', '.join(excerpt.sections)}. " if excerpt.sections else ""
    return sections + (f"Hidden from it: {', '.join(excerpt.hidden)}." if excerpt.hidden else "")


def why(found: Prediction) -> str:
    """Which modalities speak for the answer and which against, strongest first."""
    return answer.why(found, name)


def most_telling(found: Prediction) -> str:
    """What the bars mean, told for the modality whose absence would change the answer most."""
    return answer.most_telling(found, name)


def to_json(found: Prediction, bundle: Bundle, scan: Mapping[str, Any] | None = None, off: Sequence[str] = ()) -> str:
    """The whole result, with what was done about the scan."""
    return answer.to_json(found, bundle, DISCLAIMER, off, {"scan": dict(scan or {})})


def to_csv(found: Prediction, bundle: Bundle, scan: Mapping[str, Any] | None = None, off: Sequence[str] = ()) -> str:
    """The same as two columns."""
    return answer.to_csv(to_json(found, bundle, scan, off))
