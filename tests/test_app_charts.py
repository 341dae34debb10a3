"""Charts that all apps draw: what is written on them can be read."""

from __future__ import annotations

import pandas as pd

from apps import ui
from apps.education.charts import mastery_bars


def luminance(colour: str) -> float:
    """As WCAG reckons it, of an opaque #rrggbb."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_numbers_of_a_confusion_matrix_stand_out_whatever_the_theme() -> None:
    drawn = ui.matrix([[3, 1], [0, 4]], ["a", "b"]).data[0]
    for _, colour in drawn.colorscale:
        pale, dark = luminance(colour), luminance(drawn.textfont.color)
        assert (pale + 0.05) / (dark + 0.05) > 4.5


def test_labels_that_look_like_numbers_stand_as_they_are() -> None:
    figure = ui.bars({"0": 0.7, "1": 0.1, "10": 0.2})
    assert list(figure.data[0].y) == ["1", "10", "0"]  # drawn upwards: the most probable one is on top
    confusion = ui.matrix([[3, 1], [0, 4]], ["0", "10"]).layout
    assert {axis.type for axis in (figure.layout.yaxis, confusion.xaxis, confusion.yaxis)} == {"category"}


def test_a_learners_concepts_that_look_like_numbers_stand_as_they_are() -> None:
    rows = pd.DataFrame({"concept": ["1", "10"], "probability": [0.2, 0.9], "evidence": [3, 1], "thin": [False, True]})
    figure = mastery_bars(rows, 0.6)
    assert list(figure.data[0].y) == ["10", "1"]
    assert figure.layout.yaxis.type == "category"


def test_notes_of_signed_bars_keep_off_their_numbers() -> None:
    figure = ui.signed_bars({"text": 4.11, "columns": -1.2}, {"text": "0.00 → 0.37", "columns": "0.20 → 0.37"})
    assert list(figure.layout.annotations) == []
    assert [y.partition("<br>")[0] for y in figure.data[0].y] == ["columns", "text"]
    assert "0.00 → 0.37" in figure.data[0].y[1]
    low, high = figure.layout.xaxis.range
    assert low < -1.2 - 1  # room for the numbers at both ends
    assert high > 4.11 + 1
