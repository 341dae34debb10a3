"""Show what within a modality an answer rests on: words in their text, columns, seconds of sound, frames, places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from apps import ui
from core.explanation.explain import Explanation
from core.explanation.parts import GRIDS, Part
from core.privacy.spans import Span
from core.schema import Modality

_LEAST, _OF_BEST = 0.05, 0.25  # in log-odds, and of the strongest part: below, a part is not marked
_FULL = 0.5  # log-odds, or the strongest part, that are shown in full colour: what hardly counts stays pale
_POINTS = 400  # of a drawn wave
_HOW = {
    "occlusion": "each part was taken out, and the question asked again",
    "integrated gradients": "by integrated gradients, on the way from an empty input to this one",
    "Grad-CAM": "by Grad-CAM, from the last maps of the network",
}


def marked(parts: Sequence[Part], least: float = _LEAST) -> list[Part]:
    """The parts worth showing, strongest first."""
    best = max((abs(p.share) for p in parts), default=0.0)
    kept = [p for p in parts if abs(p.share) >= max(least, _OF_BEST * best)]
    return sorted(kept, key=lambda p: -abs(p.share))


def highlighted(text: str, parts: Sequence[Part], hidden: Sequence[Span] = ()) -> str:
    """A text as Markdown: what speaks for the answer on green, what speaks against it on red.

    ``hidden``: personal data, of which only the kind is shown; parts that touch it are not marked.
    """
    pieces: list[tuple[int, int, str]] = [(s.start, s.end, f"\\[{s.kind}\\]") for s in hidden]
    for part in marked(parts):
        start, end = (int(edge) for edge in part.span[0])
        if all(end <= s.start or start >= s.end for s in hidden):
            colour = "green" if part.share > 0 else "red"
            pieces.append((start, end, f":{colour}-background[{ui.escape(text[start:end])}]"))
    told, last = [], 0
    for start, end, shown in sorted(pieces):
        told += [ui.escape(text[last:start]), shown]
        last = end
    return "".join([*told, ui.escape(text[last:])])


def listed(parts: Sequence[Part], most: int = 4) -> str:
    """The strongest columns or stretches of time in a sentence."""
    found = [f"{_name(p)} ({p.share:+.2f})".replace("-", "−") for p in marked(parts)[:most]]
    return ", ".join(found) or "no part of it alone"


def method(found: Explanation) -> str:
    """How the parts were weighed, in words, and why not otherwise."""
    if not found.method:
        return f"Nothing is marked: {found.note}."
    told = f"How it was found: {_HOW[found.method]}."
    return f"{told} Gradients do not reach here: {found.note}." if found.note else told


def columns(parts: Sequence[Part], cells: Mapping[str, str], most: int = 6) -> tuple[go.Figure, str]:
    """The strongest columns as bars for and against, with their values; and the same in words."""
    shown = marked(parts, least=0.0)[:most]
    names = {p.name: f"{p.name.replace('_', ' ')} {cells.get(p.name, '')}".strip() for p in shown}
    return ui.signed_bars({names[p.name]: p.share for p in shown}, {}), f"Columns, for and against: {listed(parts)}"


def sound(parts: Sequence[Part], wave: np.ndarray, rate: float) -> tuple[go.Figure, str]:
    """A wave (samples,) with its seconds on green where they speak for the answer, on red where against; in words."""
    size = max(1, len(wave) // _POINTS)
    peaks = np.abs(wave[: len(wave) // size * size].reshape(-1, size)).max(axis=1)  # (points,)
    time = np.arange(len(peaks)) * size / rate
    figure = go.Figure()
    for sign in (1, -1):
        figure.add_scatter(x=time, y=sign * peaks, mode="lines", line={"color": ui.GREY, "width": 1}, hoverinfo="skip")
    figure.data[1].fill = "tonexty"
    _shade(figure, parts)
    _bare(figure, "seconds", 110)
    return figure, f"Seconds, for and against: {listed(parts)}"


def frames(parts: Sequence[Part], times: Sequence[float]) -> tuple[go.Figure, str]:
    """The frames of a video on its timeline, as bars for and against; and the same in words."""
    colours = [ui.GREEN if p.share >= 0 else ui.RED for p in parts]
    figure = go.Figure(go.Bar(x=list(times), y=[p.share for p in parts], marker_color=colours, hoverinfo="skip"))
    _bare(figure, "seconds", 130)
    best = max(range(len(parts)), key=lambda i: abs(parts[i].share))
    return figure, f"The frame at {times[best]:.1f} s counts most ({parts[best].share:+.2f})."


def over_picture(parts: Sequence[Part], picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: a picture, warm where it speaks for the answer and cold where against it."""
    shares = np.array([p.share for p in parts]).reshape(GRIDS[Modality.IMAGE])
    height, width = picture.shape[:2]
    rows, across = (np.arange(n) * g // n for n, g in zip((height, width), shares.shape))
    spread = shares[np.ix_(rows, across)] / max(float(np.abs(shares).max()), _FULL)  # (H, W) in [-1, 1]
    found: np.ndarray = picture.astype(np.float32)
    for sign, colour in ((1, (255, 120, 0)), (-1, (40, 120, 255))):
        depth = (spread * sign).clip(0, 1)[..., None] * 0.5
        found = found * (1 - depth) + np.array(colour, np.float32) * depth
    return found.round().astype(np.uint8)


def _shade(figure: go.Figure, parts: Sequence[Part]) -> None:
    best = max([_FULL, *(abs(p.share) for p in parts)])
    for part in parts:
        ((start, end),) = part.span
        depth = round(0.6 * abs(part.share) / best, 2)
        colour = ui.GREEN if part.share > 0 else ui.RED
        figure.add_vrect(x0=start, x1=end, fillcolor=colour, opacity=depth, line_width=0, layer="below")


def _bare(figure: go.Figure, title: str, height: int) -> None:
    figure.update_layout(height=height, margin={"l": 0, "r": 0, "t": 4, "b": 0}, showlegend=False)
    figure.update_yaxes(visible=False, fixedrange=True)
    figure.update_xaxes(title=title, fixedrange=True, showgrid=False)


def _name(part: Part) -> str:
    if part.name or len(part.span) != 1:
        return part.name.replace("_", " ")
    ((start, end),) = part.span
    return f"{start:.1f} to {end:.1f} s"
