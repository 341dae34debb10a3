"""Write a report about a phantom: usually right, sometimes vague, sometimes wrong, sometimes none at all.

What the report says of sizes, sides and zones comes from what was planted. What brought the patient goes with the
finding only loosely, so that a history alone tells little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domains.medical import report_words as words
from domains.medical.lesions import Lesion
from domains.medical.phantom import DIAGNOSES


@dataclass(frozen=True)
class Report:
    """A report. ``agrees``: yes, vague, no (it misses or miscalls the finding), or missing (no text)."""

    text: str
    history: str
    agrees: str


@dataclass(frozen=True)
class Habits:
    """How often reports fail to tell the finding; shares of all cases."""

    vague: float = 0.15
    wrong: float = 0.08
    missing: float = 0.06
    own_complaint: float = 0.45  # chance that a complaint is one of the finding's own


def write(
    finding: str,
    lesions: Sequence[Lesion],
    rng: np.random.Generator,
    *,
    age: int,
    male: bool,
    spacing: float = 5.0,
    habits: Habits = Habits(),
) -> Report:
    """A report on a scan with ``finding``; ``lesions`` are what was planted, ``spacing`` mm between its slices."""
    history = _history(finding, rng, age, male, habits)
    kind = str(rng.choice(["no", "vague", "missing", "yes"], p=_shares(habits)))
    if kind == "missing":
        return Report("", history, kind)
    seen, told = finding, list(lesions)
    if kind == "no":
        seen, told = _mistake(finding, lesions, rng)
    findings, impression = _body(seen, told, rng, vague=kind == "vague")
    technique = _one(words.TECHNIQUE, rng).format(spacing=spacing)
    parts = (history, technique, _one(words.COMPARISON, rng), findings, impression)
    return Report(_layout(parts, rng), history, kind)


def _shares(habits: Habits) -> list[float]:
    parts = [habits.wrong, habits.vague, habits.missing]
    return [*parts, 1 - sum(parts)]


def _one(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def _history(finding: str, rng: np.random.Generator, age: int, male: bool, habits: Habits) -> str:
    own = [_one(words.COMPLAINTS[finding], rng) if rng.random() < habits.own_complaint else _anything(rng)]
    own.append(_anything(rng))
    first, second = (own[i] for i in rng.permutation(2))
    person = _one(("man", "male", "gentleman") if male else ("woman", "female", "lady"), rng)
    text = _one(words.HISTORY, rng).format(age=age, person=person, a=first, b=second)
    return text[0].upper() + text[1:]


def _anything(rng: np.random.Generator) -> str:
    """A complaint of anybody, now and then one that goes with some finding."""
    if rng.random() < 0.25:
        return _one(words.COMPLAINTS[_one(DIAGNOSES, rng)], rng)
    return _one(words.ANYBODY, rng)


def _mistake(finding: str, lesions: Sequence[Lesion], rng: np.random.Generator) -> tuple[str, list[Lesion]]:
    """What a wrong report sees: nothing, mostly; or another finding, made up."""
    others = [f for f in DIAGNOSES if f != finding]
    seen = "normal" if finding != "normal" and rng.random() < 0.6 else _one(others, rng)
    kept = [x for x in lesions if x.kind != finding]
    if seen == "normal":
        return seen, kept
    zone, side = _one(("upper", "middle", "lower"), rng), _one(("right", "left"), rng)
    made_up = Lesion(seen, side, "lower" if seen == "effusion" else zone, float(rng.uniform(5, 20)), 0.1)
    return seen, [made_up, *kept]


def facts(lesion: Lesion) -> Mapping[str, str]:
    """The words and figures of a planted lesion, as reports use them."""
    amount = "small" if lesion.size < 22 else "moderate" if lesion.size < 45 else "large"
    return {
        "size": f"{lesion.size:.0f}",
        "cm": f"{lesion.size / 10:.1f}",
        "amount": amount,
        "side": "bilateral" if lesion.side == "both" else lesion.side,
        "zone": lesion.zone,
        "lobe": words.LOBES.get((lesion.side, lesion.zone), f"{lesion.zone} lobes"),
        "percent": f"{max(100 * lesion.extent, 1):.0f}",
    }


def _body(seen: str, lesions: Sequence[Lesion], rng: np.random.Generator, vague: bool) -> tuple[str, str]:
    """The findings in any order, and the impression."""
    main = facts(lesions[0]) if seen != "normal" else {}
    if vague:
        lines = [_one(words.VAGUE, rng).format(part=_one(words.PARTS, rng))]
        impression = _one(words.VAGUE_CONCLUDED, rng)
    else:
        lines = [_one(words.SAID[seen], rng).format_map(main)]
        impression = _one(words.CONCLUDED[seen], rng).format_map(main)
        lines += [_one(denials, rng) for f, denials in words.DENIED.items() if f != seen and rng.random() < 0.55]
    for lesion in lesions:
        if lesion.kind in words.LOOKALIKE and rng.random() < 0.7:
            lines.append(_one(words.LOOKALIKE[lesion.kind], rng).format_map(facts(lesion)))
    absent = [text for f, text in words.FORMERLY.items() if f != seen]
    if rng.random() < 0.15:
        lines.append(_one(absent, rng))
    count = int(rng.integers(2, 6))
    lines += [words.OTHERWISE[i] for i in rng.choice(len(words.OTHERWISE), count, replace=False)]
    ordered = [_sentence(lines[i]) for i in rng.permutation(len(lines))]
    return " ".join(ordered), _sentence(impression)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _layout(parts: Sequence[str], rng: np.random.Generator) -> str:
    """Sections under headings of one style; the comparison is often left out, the impression sometimes."""
    headings = words.HEADINGS[int(rng.integers(len(words.HEADINGS)))]
    gap = "\n" if rng.random() < 0.4 else " "
    left_out = {2} if rng.random() < 0.6 else set()
    left_out |= {4} if rng.random() < 0.1 else set()
    return "\n".join(f"{h}:{gap}{p}" for i, (h, p) in enumerate(zip(headings, parts, strict=True)) if i not in left_out)
