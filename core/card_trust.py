"""What a model may be relied on for, for its card: calibration, coverage by pattern, referral, and intended use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.evaluation.trust import broken_promise, plain

if TYPE_CHECKING:
    from core.bundle import Bundle

_PATTERN = ("f1", "r2", "ece", "brier", "slope", "intercept", "coverage", "size", "referred")
_WORDS = {"ece": "calibration error", "f1": "macro F1", "r2": "R²", "size": "set size"}


def trusted(bundle: Bundle) -> str:
    """The card's sections; what was not measured says so."""
    test = bundle.facts["test"]
    parts = [_calibration(test), broken_promise(test.get("coverage", {})), _abstention(test), _use(bundle)]
    return "\n\n".join(part for part in parts if part)


def _calibration(test: Mapping[str, Any]) -> str:
    head = "## Calibration on test rows"
    found = test.get("calibration")
    if not found:
        return f"{head}\nNot measured: a number is predicted, or there are no test rows."
    told = "; ".join(f"{_word(k)} {v}" for k, v in plain(found, ("ece", "brier", "slope", "intercept")).items())
    bins = "; ".join(f"{b[0]:.2f} → {b[1]:.2f} ({b[2]:.0f})" for b in found["bins"])
    lines = [head, f"{told}. Honest: error 0, slope 1, intercept 0; ranges are 95 % intervals over groups.",
             f"How sure → how often right (cases): {bins}."]  # fmt: skip
    return "\n".join([*lines, *_patterns(test.get("patterns", {}))])


def _patterns(patterns: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table: each pattern of present modalities, all else switched off."""
    told = {name: plain(found, _PATTERN) for name, found in patterns.items()}
    names = [k for k in _PATTERN if any(k in one for one in told.values())]
    if not names:
        return []
    head = f"| with these alone | cases | {' | '.join(map(_word, names))} |"
    rows = [
        f"| {name} | {patterns[name]['cases']} | {' | '.join(one.get(k, '') for k in names)} |"
        for name, one in told.items()
    ]
    return ["", head, "|---" * (len(names) + 2) + "|", *rows]


def _abstention(test: Mapping[str, Any]) -> str:
    head = "## Refer to a person"
    found = test.get("abstention")
    if not found:
        return (
            f"{head}\nNo case is referred by itself: sets are not promised for this target, or there are no test rows."
        )
    told = plain(found, ("answered", "error", "error_of_all", "area"))
    errors = f"{told['error']} of these are wrong" if "error" in told else "none is left"
    return (
        f"{head}\nA case is referred where its set holds more than one answer or none, or where it is unlike the "
        f"training cases. Answered: {told['answered']} of the test rows; {errors}, against "
        f"{told['error_of_all']} of all. Mean error along the curve from the surest case to all: {told['area']}."
    )


def _use(bundle: Bundle) -> str:
    config = bundle.config
    kinds = ", ".join(m.name for m in config.modalities)
    return (
        f"## Intended use\nTo propose {config.target.column} from {kinds}, each of which may be missing, for cases "
        "drawn as those of the table were. A person decides. Not meant: decisions without a person, cases of "
        "another origin (measure first, on rows of theirs), columns whose meaning has changed."
    )


def _word(name: str) -> str:
    return _WORDS.get(name, name)
