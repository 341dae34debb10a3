"""What was measured on a bundle after training, for its card: groups, decisions, robustness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.evaluation.decision import DecisionCurve


def measured(facts: Mapping[str, Any]) -> str:
    """The sections of the card that ``core.evaluation.remember`` filled; where nothing was measured, how to."""
    found = facts.get("measured", {})
    parts = [
        _subgroups(found.get("subgroups", ())),
        _decisions(found.get("decisions", ())),
        _robustness(found.get("robustness")),
    ]
    return "\n".join(part for part in parts if part)


def _open(section: str, command: str) -> str:
    return f"\n## {section}\nNot measured yet: `polyfuse {command} --card` writes it here."


def _subgroups(groups: Sequence[Mapping[str, Any]]) -> str:
    measured_ones = [g for g in groups if g["figures"]]
    if not groups:
        return _open("Groups", "evaluate BUNDLE TABLE --by COLUMNS")
    names = list(measured_ones[0]["figures"]) if measured_ones else []
    head = [*(n.replace("_", " ") for n in names), *([f"{names[0]}, gap to the rest"] if names else [])]
    lines = ["", "## Groups", f"| column | group | cases | {' | '.join(head)} |", "|---" * (3 + len(head)) + "|"]
    for g in groups:
        cells = [_ranged(g["figures"].get(n)) for n in names]
        cells += [_ranged(g["gaps"].get(names[0]), "+")] if names else []
        lines.append(f"| {g['column']} | {g['group']} | {g['cases']} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", "Ranges are 95 % intervals; without figures: too few cases."])


def _ranged(figure: Sequence[float | None] | None, sign: str = "") -> str:
    if figure is None or None in figure:
        return ""
    value, low, high = figure
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _decisions(curves: Sequence[Mapping[str, Any]]) -> str:
    told = [f"Acting on {DecisionCurve(**c).verdict()}." for c in curves]
    return "\n".join(["", "## Decisions", *told]) if told else ""


def _robustness(found: Mapping[str, Any] | None) -> str:
    """The mean height of the fused curve over each damage, as a share of the undamaged figure."""
    if not found:
        return _open("Robustness", "stress BUNDLE TABLE")
    by: dict[str, list[str]] = {}
    for name, area in found["areas"].items():
        modality, _, damage = name.partition(": ")
        by.setdefault(modality, []).append(f"{damage} {'–' if area is None else f'{area:.2f}'}")
    told = "; ".join(f"{modality}: {', '.join(damages)}" for modality, damages in by.items())
    head = f"Share of {found['metric'].replace('_', ' ')} kept on average over rising damage to one kind of data"
    return f"\n## Robustness\n{head} ({found['cases']} cases): {told}."
