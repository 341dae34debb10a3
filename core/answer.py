"""An answer for people and for files: in words, as JSON and as CSV, with everything needed to trace it back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeAlias

from core.bundle import Bundle
from core.evaluation.abstention import UNLIKE
from core.schema import Prediction

Name: TypeAlias = Callable[[str], str]  # a modality as people of a field call it


def label(text: str) -> str:
    """A label or a column as people write it.

    >>> label("ground_glass")
    'ground glass'
    """
    return text.replace("_", " ")


def is_unsure(found: Prediction) -> bool:
    """Whether the conformal set leaves more than one answer, or none."""
    return found.coverage is not None and found.label is not None and len(found.conformal_set) != 1


def is_referred(found: Prediction) -> bool:
    """Whether a person should decide: unsure, outside of all classes, or unlike the training cases."""
    return is_unsure(found) or bool(found.refer)


def headline(found: Prediction) -> str:
    """What the system thinks, in a few words."""
    if found.value is not None:
        return f"{found.value:.3g}"
    if found.label is None:
        return ", ".join(map(label, found.labels)) or "none of the labels"
    if found.is_outside:
        return f"{label(found.label)} · stranger than {found.outside:.0%} of known cases"
    return f"{label(found.label)} · {found.probabilities[found.label]:.0%}"


def how_sure(found: Prediction) -> str:
    """What cannot be ruled out, and whether a person has to decide."""
    if found.interval is not None:
        low, high = found.interval
        return f"Between {low:.3g} and {high:.3g} in {found.coverage:.0%} of cases like the held-out ones."
    if found.coverage is None or found.label is None:
        return ""
    if found.is_outside:
        return "Refer to a person: the case seems to belong to none of the known classes."
    promise = f"at {found.coverage:.0%}"
    if not found.conformal_set:
        return f"Unsure: refer to a person. No answer fits {promise}: the case is unlike the training cases."
    listed = ", ".join(map(label, found.conformal_set))
    if len(found.conformal_set) > 1:
        return f"Unsure: refer to a person. Cannot be ruled out {promise}: {listed}."
    told = f"{promise[0].upper()}{promise[1:]}, every answer but {listed} is ruled out."
    strange = next((reason for reason in found.refer if reason.startswith(UNLIKE)), "")
    return f"Refer to a person: {strange}, for which nothing is promised. {told}" if strange else told


def why(found: Prediction, name: Name = label) -> str:
    """Which modalities speak for the answer and which against, strongest first."""
    by_weight = sorted(found.shares.items(), key=lambda item: -abs(item[1]))
    pro = [f"{name(m)} ({_signed(share)})" for m, share in by_weight if share > 0.05]
    con = [f"{name(m)} ({_signed(share)})" for m, share in by_weight if share < -0.05]
    if not pro and not con:
        return "No kind of data moves the answer much."
    told = f"For it: {', '.join(pro)}." if pro else "Nothing speaks for it."
    return told + (f" Against it: {', '.join(con)}." if con else "")


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def disagreement(found: Prediction, name: Name = label) -> str:
    """Which modalities contradict each other in this case, in sentences; "" where none do."""
    told = []
    if found.disagreeing:
        said = ", ".join(
            f"{name(m)} alone says {label(found.alone[m][0])} ({found.alone[m][1]:.0%})" for m in found.disagreeing
        )
        told.append(f"The kinds of data contradict each other: {said}.")
    return " ".join([*told, *(f"{c[0].upper()}{c[1:]}." for c in found.contradictions)])


def without(found: Prediction) -> dict[str, tuple[float, float]]:
    """For each modality the answer's probability (or the value) without it and with it."""
    top = found.value if found.value is not None else _explained(found)
    return {m: (value, top) for m, value in found.without.items()}


def _explained(found: Prediction) -> float:
    """The probability of the class that shares are about: the answer, or the best class of a case outside of all."""
    if found.label is not None and not found.is_outside:
        return found.probabilities[found.label]
    return max((p for c, p in found.probabilities.items() if c != found.label), default=0.0)


def most_telling(found: Prediction, name: Name = label) -> str:
    """What the bars mean, told for the modality whose absence would change the answer most."""
    both = without(found)
    if not both:
        return ""
    m = max(both, key=lambda k: abs(both[k][0] - both[k][1]))
    what = "the predicted value" if found.value is not None else "the probability of this answer"
    scale = "the target's unit" if found.value is not None else "log-odds"
    return (
        f"Bars: share of each kind of data, in {scale}. Below each name: {what} without it → with it. "
        f"Without the {name(m)}: {both[m][0]:.2f}; with it: {both[m][1]:.2f}."
    )


def to_json(
    found: Prediction, bundle: Bundle, disclaimer: str, off: Sequence[str] = (), more: Mapping[str, Any] | None = None
) -> str:
    """The whole result: the answer, the model that gave it, ``more`` that a domain has to tell, and the disclaimer.

    ``off``: modalities that the user switched off.
    """
    facts = bundle.facts
    content = asdict(found) | {
        "target": bundle.config.target.column,
        "switched_off": list(off),
        **(more or {}),
        "model": {k: facts.get(k) for k in ("created", "fingerprint", "versions")},
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "disclaimer": disclaimer,
    }
    return json.dumps(content, indent=1, ensure_ascii=False)


def to_csv(result: str) -> str:
    """The JSON of ``to_json`` as two columns, field and value; nested names are joined by a dot."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["field", "value"])
    writer.writerows(_flat("", json.loads(result)))
    return out.getvalue()


def _flat(prefix: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [pair for k, v in value.items() for pair in _flat(f"{prefix}.{k}".lstrip("."), v)]
    if isinstance(value, list):
        return [(prefix, " | ".join(safe_cell(str(v)) for v in value))]
    return [(prefix, "" if value is None else safe_cell(str(value)))]


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "@", "\t", "\r")) else text
