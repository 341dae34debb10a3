"""The parts of one modality that an explanation speaks of, and the same sample without one of them.

Taken out means: words are left out, a column gets its usual value, a stretch of sound the background's level, a box of
an image or scan and a frame of a video its mean.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from core.errors import unknown
from core.predict import Predictor
from core.preprocess.audio import AudioPreprocessor
from core.preprocess.tabular import TabularPreprocessor
from core.preprocess.text import TextPreprocessor
from core.preprocess.words import words
from core.schema import Modality, Row
from core.view import View

GRIDS = {Modality.IMAGE: (7, 7), Modality.VOLUME: (6, 5, 5)}  # parts along each axis
SEGMENTS, MOST_WORDS = 10, 80  # of a sound; of a text, a longer one is cut into runs of words

Span: TypeAlias = tuple[tuple[float, float], ...]
Blank: TypeAlias = Callable[[View, Any], Tensor]  # a view and what it prepared of the whole cell -> without one part


@dataclass(frozen=True)
class Part:
    """A part of a modality and what it gives to the answer: log-odds before calibration, or the target's unit.

    ``span``: for words the characters [start, end) of the text; for sound seconds, for video frames [start, end);
    for images and volumes [start, end) as shares of height and width, or of depth, height and width.
    """

    name: str  # the words, the column, or "" for what has no name
    span: Span
    share: float


def check(predictor: Predictor, row: Row, modality: str, label: str | None) -> None:
    """Refuse to explain what is not there.

    Raises:
        ConfigError: for a modality that the case does not have, or a label that the model does not know.
    """
    if modality not in row.values:
        raise unknown("modality of this case", modality, row.values)
    target = predictor.ensemble.target
    if label is not None and label not in target.classes:
        raise unknown("label", label, target.classes)


def parts_of(view: View, cell: Any, ready: Any) -> list[tuple[str, Span, Blank]]:
    """Name, place and absence of each part of a cell, in order; ``ready``: what the preprocessor prepared of it."""
    match view.modality.kind:
        case Modality.TEXT:
            return [(n, s, _reread(text)) for n, s, text in _without_words(str(cell))]
        case Modality.PAIR:
            first = view.modality.columns[0]
            return [(n, s, _reread({**cell, first: text})) for n, s, text in _without_words(cell[first])]
        case Modality.TABULAR:
            return [(c, (), _usual(c)) for c, value in cell.items() if value.strip()]
        case Modality.AUDIO:
            return list(_silences(len(ready), rate_of(view)))
        case Modality.VIDEO:
            return [("", ((t, t + 1),), _grey((slice(t, t + 1),))) for t in range(len(ready))]
        case kind:
            return list(_boxes(GRIDS[kind]))


def emptied(view: View, cell: Any, ready: Any) -> Tensor:
    """The sample, as long as it was, with nothing in it: where the path of integrated gradients begins."""
    match view.modality.kind:
        case Modality.TEXT:
            assert isinstance(view.preprocessor, TextPreprocessor)
            return view.preprocessor.finish(view.preprocessor.emptied(ready))
        case Modality.TABULAR:
            assert isinstance(view.preprocessor, TabularPreprocessor)
            for column in cell:
                ready = view.preprocessor.usual(ready, column)
            return view.preprocessor.finish(ready)
        case Modality.AUDIO:
            return _muted(0, len(ready) / rate_of(view))(view, ready)
        case _:
            return _grey((slice(None), slice(None)))(view, ready)


def _without_words(text: str) -> Iterator[tuple[str, Span, str]]:
    """A word or a run of words, its place, and the text without it."""
    places = [w for w in words(text) if any(c.isalnum() for c in w.text)]
    run = -(-len(places) // MOST_WORDS) or 1
    for start in range(0, len(places), run):
        a, b = places[start].start, places[min(start + run, len(places)) - 1].end
        yield text[a:b], ((a, b),), f"{text[:a]} {text[b:]}".strip() or " "


def _silences(samples: int, rate: float) -> Iterator[tuple[str, Span, Blank]]:
    count = min(SEGMENTS, max(2, int(samples / rate / 0.1)))  # of at least a tenth of a second
    for a, b in itertools.pairwise(np.linspace(0, samples / rate, count + 1).tolist()):
        yield "", ((a, b),), _muted(a, b)


def _muted(start: float, end: float) -> Blank:
    def blank(view: View, wave: Tensor) -> Tensor:
        quiet, rate = wave.clone(), rate_of(view)  # (samples,)
        place = slice(int(start * rate), int(end * rate))
        noise = torch.randn(len(quiet[place]), generator=torch.Generator().manual_seed(0))
        quiet[place] = noise * _background(wave, rate)  # silence itself would be a sound that is never heard
        return view.preprocessor.finish(quiet)

    return blank


def _background(wave: Tensor, rate: float) -> Tensor:
    """The level of the quietest twentieth of 20 ms frames."""
    frames = wave[: len(wave) // int(rate / 50) * int(rate / 50)].view(-1, int(rate / 50))  # (n, samples)
    return frames.square().mean(dim=1).sqrt().quantile(0.05)


def rate_of(view: View) -> float:
    """Samples a second of a view of sound."""
    assert isinstance(view.preprocessor, AudioPreprocessor)
    return float(view.preprocessor.rate)


def _boxes(grid: tuple[int, ...]) -> Iterator[tuple[str, Span, Blank]]:
    for place in itertools.product(*(range(n) for n in grid)):
        span = tuple((i / n, (i + 1) / n) for i, n in zip(place, grid))
        yield "", span, _grey((slice(None), slice(None)), span)


def _grey(at: tuple[slice, ...], span: Span = ()) -> Blank:
    """The sample with its own mean, channel by channel, in a box; the last axes by ``span`` as shares."""

    def blank(view: View, ready: Any) -> Tensor:
        sample = view.preprocessor.finish(ready).clone()  # (T, C, …)
        sizes = sample.shape[sample.ndim - len(span) :]
        box = tuple(slice(int(a * n), max(int(b * n), int(a * n) + 1)) for (a, b), n in zip(span, sizes))
        mean = sample.mean(dim=[0, *range(2, sample.ndim)], keepdim=True)  # (1, C, 1, …)
        sample[(*at, *box)] = mean.expand_as(sample)[(*at, *box)]
        return sample

    return blank


def _usual(column: str) -> Blank:
    """A blank would be a value of its own, and one that training may never have met."""

    def blank(view: View, row: Any) -> Tensor:
        assert isinstance(view.preprocessor, TabularPreprocessor)
        return view.preprocessor.finish(view.preprocessor.usual(row, column))

    return blank


def _reread(cell: Any) -> Blank:
    return lambda view, ready: view.preprocessor.finish(view.preprocessor.prepare(cell))
