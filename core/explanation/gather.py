"""From attributions of the items of a sample to the parts that people are shown. P: parts; else as ``core.schema``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from core.explanation.parts import GRIDS, Span, rate_of
from core.preprocess.audio import AudioPreprocessor
from core.preprocess.tabular import TabularPreprocessor
from core.preprocess.text import TextPreprocessor
from core.preprocess.words import words
from core.schema import Modality
from core.view import View


def gathered(view: View, cell: Any, spans: Sequence[Span], values: Tensor, is_table: bool) -> Tensor:
    """(P,) sums of ``values`` (T, *shape) of a sample or, ``is_table``, of the vectors of its ids (T, …, E)."""
    match view.modality.kind:
        case Modality.TEXT:
            return _of_words(view, str(cell), spans, values.flatten(1).sum(1))
        case Modality.TABULAR:
            return _of_columns(view, cell, values[0].sum(-1) if is_table else values[0], is_table)
        case Modality.AUDIO:
            return _of_seconds(view, spans, values.flatten(1).sum(1) if values.ndim > 1 else values)
        case Modality.VIDEO:
            return values.flatten(1).sum(1)  # (T,)
        case kind:
            return _of_boxes(values.sum(dim=(0, 1)), GRIDS[kind])


def by_cell(view: View, maps: Tensor, count: int) -> Tensor:
    """(P,) means over the places of Grad-CAM's ``maps`` (N, *grid) of the N items, slices or the one recording."""
    kind = view.modality.kind
    if kind is Modality.VIDEO:
        return maps.flatten(1).mean(1)  # (T,)
    if kind is Modality.AUDIO:
        along = maps.flatten(2).mean(2) if maps.ndim > 2 else maps  # (1, T')
        return interpolate(along[:, None], count, mode="linear")[0, 0]
    grid = GRIDS[kind]
    if kind is Modality.VOLUME and maps.ndim == 3:  # slice by slice
        maps = maps[None]  # (1, Z, *grid)
    mode = "trilinear" if len(grid) == 3 else "bilinear"
    return interpolate(maps.mean(0)[None, None], grid, mode=mode).flatten()


def _of_words(view: View, text: str, spans: Sequence[Span], values: Tensor) -> Tensor:
    """A token's share goes to the parts that its letters stand in."""
    reader = view.preprocessor
    assert isinstance(reader, TextPreprocessor)
    part = _part_of_letters(text, reader.cleaned(text), spans)
    found = np.zeros(len(spans))
    for value, places in zip(values.tolist(), reader.places(text)):
        letters = np.concatenate([part[a:b] for a, b in places] or [part[:0]])
        count = np.bincount(letters[letters >= 0], minlength=len(spans))
        found += value * count / max(count.sum(), 1)
    return torch.from_numpy(found)


def _part_of_letters(text: str, cleaned: str, spans: Sequence[Span]) -> np.ndarray:
    """(letters of ``cleaned``,) the part that each belongs to, -1 for none; ``spans`` point into ``text``."""
    given, kept = words(text), words(cleaned)
    starts = np.array([s[0][0] for s in spans])
    ends = np.array([s[0][1] for s in spans])
    found = np.full(len(cleaned), -1)
    same = SequenceMatcher(None, [w.text for w in given], [w.text for w in kept], autojunk=False)
    for block in same.get_matching_blocks():
        for i in range(block.size):
            word, here = given[block.a + i], kept[block.b + i]
            place = int(np.searchsorted(starts, word.start, side="right")) - 1
            if place >= 0 and word.end <= ends[place]:
                found[here.start : here.end] = place
    return found


def _of_columns(view: View, cell: dict[str, str], values: Tensor, is_table: bool) -> Tensor:
    """``values``: (F,) of the sample, or (G,) of the category codes."""
    reader = view.preprocessor
    assert isinstance(reader, TabularPreprocessor)
    measured = (*reader.numbers, *reader.quantities)
    if is_table:
        by = dict(zip(reader.categories, values))
    else:
        by = {c: values[i] + values[i + len(measured)] for i, c in enumerate(measured)}  # the number and its flag
    nothing = values.new_zeros(())
    return torch.stack([by.get(c, nothing) for c, value in cell.items() if value.strip()])


def _of_seconds(view: View, spans: Sequence[Span], values: Tensor) -> Tensor:
    reader = view.preprocessor
    assert isinstance(reader, AudioPreprocessor)
    step = 1 if reader.features == "waveform" else reader.spectrum.hop
    middle = (torch.arange(len(values)) + (step == 1) * 0.5) * step / rate_of(view)  # frames are centred
    ends = torch.tensor([s[0][1] for s in spans[:-1]], dtype=middle.dtype)
    return values.new_zeros(len(spans)).index_add(0, torch.bucketize(middle, ends, right=True), values)


def _of_boxes(values: Tensor, grid: Sequence[int]) -> Tensor:
    """(*space) -> (P,), sums over the boxes of a grid."""
    for axis, count in enumerate(grid):
        edges = [int(i / count * values.shape[axis]) for i in range(count + 1)]
        pieces = [values.narrow(axis, a, b - a).sum(axis, keepdim=True) for a, b in itertools.pairwise(edges)]
        values = torch.cat(pieces, dim=axis)
    return values.flatten()
