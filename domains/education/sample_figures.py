"""The drawings on the sample slides, and the moving one; each fills the box to the right of the bullets.

Not here: anything measured. The values behind dots and bars are drawn by a fixed generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import ImageDraw, ImageFont

BOX = (540, 150, 380, 310)  # left, top, width, height on a slide of 960 x 540
INK, BLUE, ORANGE, PALE = (40, 44, 52), (47, 125, 225), (224, 129, 47), (205, 214, 226)
Draw = ImageDraw.ImageDraw


def draw(name: str, d: Draw, moment: float = 1.0) -> None:
    """Draw the figure of a name; ``moment`` from 0 to 1 is how far the moving one has come."""
    if name == "clip":
        _pile(d, moment)
    else:
        _FIGURES[name](d)


def _at(x: float, y: float) -> tuple[float, float]:
    """A point of the unit square, y upwards, on the slide."""
    return BOX[0] + x * BOX[2], BOX[1] + (1 - y) * BOX[3]


def _dot(d: Draw, x: float, y: float, colour: tuple[int, int, int] = BLUE, size: float = 7) -> None:
    px, py = _at(x, y)
    d.ellipse((px - size, py - size, px + size, py + size), colour)


def _path(d: Draw, points: Sequence[tuple[float, float]], colour: tuple[int, int, int] = INK, width: int = 4) -> None:
    d.line([_at(x, y) for x, y in points], colour, width, joint="curve")


def _bar(d: Draw, left: float, right: float, top: float, colour: tuple[int, int, int] = BLUE) -> None:
    d.rectangle((*_at(left, top), *_at(right, 0.1)), colour)


def _word(d: Draw, x: float, y: float, text: str, colour: tuple[int, int, int] = INK, size: int = 22) -> None:
    d.text(_at(x, y), text, colour, ImageFont.load_default(size), anchor="mm")


def _axis(d: Draw, y: float = 0.1) -> None:
    _path(d, [(0, y), (1, y)])


def _bell(d: Draw, centre: float, spread: float, height: float, colour: tuple[int, int, int]) -> None:
    x = np.linspace(0, 1, 80)
    y = 0.1 + height * np.exp(-0.5 * ((x - centre) / spread) ** 2)
    _path(d, list(zip(x.tolist(), y.tolist())), colour)


def _balance(d: Draw) -> None:
    _path(d, [(0, 0.4), (1, 0.4)])
    for x in (0.1, 0.16, 0.22, 0.28, 0.9):
        _dot(d, x, 0.46)
    d.polygon([_at(0.33, 0.38), _at(0.27, 0.24), _at(0.39, 0.24)], ORANGE)
    _word(d, 0.33, 0.17, "mean")


def _middle(d: Draw) -> None:
    for i, x in enumerate((0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.98)):
        _dot(d, x, 0.5, ORANGE if i == 3 else BLUE, 11)
    _word(d, 0.5, 0.35, "median")


def _skewed(d: Draw) -> None:
    for i, height in enumerate((0.55, 0.8, 0.6, 0.42, 0.28, 0.19, 0.12, 0.08, 0.05)):
        _bar(d, i / 9 + 0.01, (i + 1) / 9 - 0.01, 0.1 + height)
    _axis(d)
    _path(d, [(0.24, 0.1), (0.24, 0.95)], INK)
    _path(d, [(0.36, 0.1), (0.36, 0.95)], ORANGE)
    _word(d, 0.12, 0.98, "median")
    _word(d, 0.46, 0.98, "mean", ORANGE)


def _deviations(d: Draw) -> None:
    _path(d, [(0, 0.5), (1, 0.5)], ORANGE)
    for i, y in enumerate((0.62, 0.2, 0.85, 0.44, 0.3, 0.75)):
        x = 0.1 + 0.16 * i
        _path(d, [(x, 0.5), (x, y)], PALE, 6)
        _dot(d, x, y)
    _word(d, 0.88, 0.56, "mean", ORANGE)


def _one_bell(d: Draw) -> None:
    for x in np.linspace(0.32, 0.68, 50):
        top = 0.1 + 0.75 * float(np.exp(-0.5 * ((x - 0.5) / 0.18) ** 2))
        _path(d, [(float(x), 0.1), (float(x), top)], PALE, 6)
    _bell(d, 0.5, 0.18, 0.75, BLUE)
    _axis(d)
    _word(d, 0.5, 0.4, "68 %")


def _crowd(d: Draw, chosen: Callable[[int, int], bool]) -> None:
    for row in range(8):
        for column in range(10):
            _dot(d, 0.05 + column / 10, 0.1 + row / 9, ORANGE if chosen(row, column) else PALE, 10)


def _population(d: Draw) -> None:
    _crowd(d, lambda row, column: (row * 37 + column * 23) % 11 < 2)


def _volunteers(d: Draw) -> None:
    _crowd(d, lambda row, column: row > 4 and column > 5)


def _pile(d: Draw, moment: float) -> None:
    """Means of samples fall one by one onto a pile that becomes a bell: the moving clip."""
    means = np.clip(np.random.default_rng(4).normal(0.5, 0.14, 90), 0.03, 0.97)
    fallen = moment * len(means)
    heights = np.zeros(20, int)
    for i, mean in enumerate(means):
        column = int(mean * 20)
        if i >= fallen:
            break
        rest = 0.13 + 0.05 * heights[column]
        height = max(rest, 1.0 - 0.25 * (fallen - i))
        _dot(d, (column + 0.5) / 20, height, BLUE if height == rest else ORANGE, 7)
        heights[column] += 1
    _axis(d)
    _word(d, 0.5, 0.03, f"{int(min(fallen, 90))} sample means", size=20)


def _two_bells(d: Draw) -> None:
    _bell(d, 0.5, 0.22, 0.3, BLUE)
    _bell(d, 0.5, 0.07, 0.8, ORANGE)
    _axis(d)
    _word(d, 0.12, 0.42, "values", BLUE)
    _word(d, 0.75, 0.8, "means", ORANGE)


def _intervals(d: Draw) -> None:
    for i, shift in enumerate(np.random.default_rng(2).normal(0, 0.085, 14)):
        x, y = 0.5 + float(shift), 0.06 + i / 15
        missed = abs(shift) > 0.17
        _path(d, [(x - 0.17, y), (x + 0.17, y)], ORANGE if missed else BLUE, 5)
    _path(d, [(0.5, 0), (0.5, 1)], INK, 3)


def _narrow(d: Draw) -> None:
    for y, half, words in ((0.75, 0.4, "10 values"), (0.45, 0.2, "40 values"), (0.15, 0.1, "160 values")):
        _path(d, [(0.5 - half, y), (0.5 + half, y)], BLUE, 8)
        _dot(d, 0.5, y, ORANGE)
        _word(d, 0.5, y + 0.1, words)


def _coins(d: Draw) -> None:
    for i, side in enumerate("HTHHTHHHTH"):
        x, y = 0.12 + 0.19 * (i % 5), 0.65 - 0.35 * (i // 5)
        _dot(d, x, y, ORANGE if side == "H" else PALE, 28)
        _word(d, x, y, side)


def _tail(d: Draw) -> None:
    for x in np.linspace(0.78, 1, 30):
        top = 0.1 + 0.8 * float(np.exp(-0.5 * ((x - 0.45) / 0.18) ** 2))
        _path(d, [(float(x), 0.1), (float(x), top)], ORANGE, 5)
    _bell(d, 0.45, 0.18, 0.8, BLUE)
    _axis(d)
    _word(d, 0.88, 0.42, "p", ORANGE, 30)


def _hundred(d: Draw) -> None:
    for i in range(100):
        _dot(d, 0.05 + (i % 10) / 10, 0.95 - (i // 10) / 11, ORANGE if i == 0 else BLUE if i < 10 else PALE, 9)
    _word(d, 0.5, -0.02, "1 ill · 9 false alarms · 90 negative", size=20)


def _formula(d: Draw) -> None:
    _word(d, 0.5, 0.75, "P(A|B) =", size=34)
    _word(d, 0.5, 0.55, "P(B|A) · P(A)", BLUE, 34)
    _path(d, [(0.15, 0.46), (0.85, 0.46)])
    _word(d, 0.5, 0.36, "P(B)", ORANGE, 34)


def _scatter(d: Draw) -> None:
    rng = np.random.default_rng(3)
    for x in np.linspace(0.06, 0.94, 26):
        _dot(d, float(x), float(np.clip(0.15 + 0.65 * x + rng.normal(0, 0.09), 0.12, 0.97)))
    _path(d, [(0, 1), (0, 0.05), (1, 0.05)])


def _third(d: Draw) -> None:
    for x, y in ((0.2, 0.25), (0.8, 0.25)):
        _path(d, [(0.5, 0.8), (x, y)], ORANGE, 5)
    for x, y, words in ((0.5, 0.82, "hot day"), (0.2, 0.2, "ice cream"), (0.8, 0.2, "drowning")):
        d.rounded_rectangle((*_at(x - 0.19, y + 0.1), *_at(x + 0.19, y - 0.1)), 14, PALE)
        _word(d, x, y, words)


_FIGURES: dict[str, Callable[[Draw], None]] = {
    "balance": _balance, "middle": _middle, "skewed": _skewed, "deviations": _deviations, "bell": _one_bell,
    "population": _population, "volunteers": _volunteers, "two_bells": _two_bells, "intervals": _intervals,
    "narrow": _narrow, "coins": _coins, "tail": _tail, "hundred": _hundred, "formula": _formula, "scatter": _scatter,
    "third": _third,
}  # fmt: skip
