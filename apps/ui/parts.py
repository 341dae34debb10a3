"""Show what within a modality an answer rests on: words in their text, columns and seconds by name."""

from __future__ import annotations

from collections.abc import Sequence

from apps import ui
from core.explanation.parts import Part

_LEAST, _OF_BEST = 0.05, 0.25  # in log-odds, and of the strongest part: below, a part is not marked


def marked(parts: Sequence[Part]) -> list[Part]:
    """The parts worth showing, strongest first."""
    best = max((abs(p.share) for p in parts), default=0.0)
    kept = [p for p in parts if abs(p.share) >= max(_LEAST, _OF_BEST * best)]
    return sorted(kept, key=lambda p: -abs(p.share))


def highlighted(text: str, parts: Sequence[Part]) -> str:
    """A text as Markdown: what speaks for the answer on green, what speaks against it on red."""
    told, last = [], 0
    for part in sorted(marked(parts), key=lambda p: p.span):
        start, end = (int(edge) for edge in part.span[0])
        colour = "green" if part.share > 0 else "red"
        told += [ui.escape(text[last:start]), f":{colour}-background[{ui.escape(text[start:end])}]"]
        last = end
    return "".join([*told, ui.escape(text[last:])])


def listed(parts: Sequence[Part], most: int = 4) -> str:
    """The strongest columns or stretches of time in a sentence."""
    found = [f"{_name(p)} ({p.share:+.2f})".replace("-", "−") for p in marked(parts)[:most]]
    return ", ".join(found) or "no part of it alone"


def _name(part: Part) -> str:
    if part.name or len(part.span) != 1:
        return part.name.replace("_", " ")
    ((start, end),) = part.span
    return f"{start:.1f} to {end:.1f} s"
