"""The parts of one modality that an explanation speaks of, and the same sample without some of them.

Taken out means: words are left out, a column gets its usual value, a stretch of sound the background's level, a box of
an image or scan and a frame of a video its mean.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
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

_BACKGROUND = 0.25  # of the frames of a band, from below

Span: TypeAlias = tuple[tuple[float, float], ...]
Place: TypeAlias = tuple[str, Span]  # name and span of a part, as in ``Part``


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


def sharing(predictor: Predictor, row: Row, modality: str) -> tuple[str, ...]:
    """The modalities of a case whose parts are those of one: the text that is read alone and in a comparison."""
    known = {m.name: m for m in predictor.bundle.config.modalities}
    asked = known[modality]
    if asked.kind not in (Modality.TEXT, Modality.PAIR) or (asked.kind is Modality.TEXT and len(asked.columns) > 1):
        return (modality,)
    return tuple(
        name
        for name in row.values
        if known[name].columns[0] == asked.columns[0]
        and (known[name].kind is Modality.PAIR or known[name].columns == asked.columns[:1])
    )


def letters_read(predictor: Predictor, row: Row, modality: str) -> int:
    """Letters that are read again for each part taken out of a text, alone or in a comparison; 0 for other kinds."""
    if predictor.view(modality).modality.kind not in (Modality.TEXT, Modality.PAIR):
        return 0
    cells = [row.values[name] for name in sharing(predictor, row, modality)]
    return max(sum(map(len, c.values())) if isinstance(c, dict) else len(str(c)) for c in cells)


def places_of(view: View, cell: Any, ready: Any) -> list[Place]:
    """The parts of a cell in order; ``ready``: what the preprocessor of a view prepared of it."""
    match view.modality.kind:
        case Modality.TEXT:
            return list(_words(str(cell)))
        case Modality.PAIR:
            return list(_words(cell[view.modality.columns[0]]))
        case Modality.TABULAR:
            return [(c, ()) for c, value in cell.items() if value.strip()]
        case Modality.AUDIO:
            return list(_stretches(len(ready) / rate_of(view)))
        case Modality.VIDEO:
            return [("", ((t, t + 1),)) for t in range(len(ready))]
        case kind:
            return list(_boxes(GRIDS[kind]))


def without(view: View, cell: Any, ready: Any, places: Sequence[Place]) -> Tensor:
    """The view's plain sample of the cell without some of its parts."""
    reader = view.preprocessor
    match view.modality.kind:
        case Modality.TEXT:
            return reader.finish(reader.prepare(_cut(str(cell), places)))
        case Modality.PAIR:
            first = view.modality.columns[0]
            return reader.finish(reader.prepare({**cell, first: _cut(cell[first], places)}))
        case Modality.TABULAR:
            assert isinstance(reader, TabularPreprocessor)
            for column, _ in places:  # a blank would be a value of its own, which training may never have met
                ready = reader.usual(ready, column)
            return reader.finish(ready)
        case Modality.AUDIO:
            return reader.finish(_muted(ready, rate_of(view), places))
        case Modality.VIDEO:
            return _grey(reader.finish(ready), [(slice(int(s[0][0]), int(s[0][1])),) for _, s in places])
        case _:
            sample = reader.finish(ready)
            return _grey(sample, [_box(span, sample.shape) for _, span in places])


def emptied(view: View, cell: Any, ready: Any) -> Tensor:
    """The sample, as long as it was, with nothing in it: where the path of integrated gradients begins."""
    if view.modality.kind is Modality.TEXT:
        assert isinstance(view.preprocessor, TextPreprocessor)
        return view.preprocessor.finish(view.preprocessor.emptied(ready))
    if view.modality.kind is Modality.AUDIO and view.preprocessor.signature.shape:
        sample = view.preprocessor.finish(ready)  # (T, F): the background of each band, also where levels are relative
        return sample.quantile(_BACKGROUND, dim=0, keepdim=True).expand_as(sample).clone()
    return without(view, cell, ready, places_of(view, cell, ready))


def rate_of(view: View) -> float:
    """Samples a second of a view of sound."""
    assert isinstance(view.preprocessor, AudioPreprocessor)
    return float(view.preprocessor.rate)


def _words(text: str) -> Iterator[Place]:
    """Words, or runs of words of a long text."""
    found = [w for w in words(text) if any(c.isalnum() for c in w.text)]
    run = -(-len(found) // MOST_WORDS) or 1
    for start in range(0, len(found), run):
        a, b = found[start].start, found[min(start + run, len(found)) - 1].end
        yield text[a:b], ((a, b),)


def _cut(text: str, places: Sequence[Place]) -> str:
    for _, ((a, b),) in sorted(places, key=lambda p: p[1], reverse=True):
        text = f"{text[: int(a)]} {text[int(b) :]}"
    return text.strip() or " "


def _stretches(seconds: float) -> Iterator[Place]:
    count = min(SEGMENTS, max(2, int(seconds / 0.1)))  # of at least a tenth of a second
    for a, b in itertools.pairwise(np.linspace(0, seconds, count + 1).tolist()):
        yield "", ((a, b),)


def _muted(wave: Tensor, rate: float, places: Sequence[Place]) -> Tensor:
    """(samples,) with the background's level in some stretches: silence itself would be a sound never heard."""
    quiet, level = wave.clone(), _background(wave, rate)
    for _, ((start, end),) in places:
        place = slice(int(start * rate), int(end * rate))
        noise = torch.randn(len(quiet[place]), generator=torch.Generator().manual_seed(0))
        quiet[place] = noise * level
    return quiet


def _background(wave: Tensor, rate: float) -> Tensor:
    """The level of the quietest twentieth of 20 ms frames."""
    frames = wave[: len(wave) // int(rate / 50) * int(rate / 50)].view(-1, int(rate / 50))  # (n, samples)
    return frames.square().mean(dim=1).sqrt().quantile(0.05)


def _boxes(grid: tuple[int, ...]) -> Iterator[Place]:
    for place in itertools.product(*(range(n) for n in grid)):
        yield "", tuple((i / n, (i + 1) / n) for i, n in zip(place, grid))


def _box(span: Span, shape: Sequence[int]) -> tuple[slice, ...]:
    """A box of every item and channel of a sample (T, C, *space)."""
    sizes = shape[len(shape) - len(span) :]
    return (
        slice(None),
        slice(None),
        *(slice(int(a * n), max(int(b * n), int(a * n) + 1)) for (a, b), n in zip(span, sizes)),
    )


def _grey(sample: Tensor, boxes: Sequence[tuple[slice, ...]]) -> Tensor:
    """(T, C, *space) with its own mean, channel by channel, in some boxes."""
    found = sample.clone()
    mean = sample.mean(dim=[0, *range(2, sample.ndim)], keepdim=True).expand_as(sample)  # (T, C, …)
    for box in boxes:
        found[box] = mean[box]
    return found
