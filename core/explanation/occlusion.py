"""What within a modality an answer rests on: parts are taken out one by one, and the answer is asked for again.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014. It needs no gradient, so it explains
the whole ensemble as it answers: frozen backbones, words, trees and all. A part is judged in its place: what two parts
say together, or both alike, shows in neither of them alone.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor

from core.dataset import Sample, prepare_row
from core.explanation.parts import Part, Place, check, places_of, sharing, without
from core.predict import Predictor
from core.progress import Progress, silent
from core.schema import Row, TargetKind
from core.view import View

_BATCH = 32


def explain_parts(
    predictor: Predictor, row: Row, modality: str, *, label: str | None = None, progress: Progress = silent
) -> list[Part]:
    """What each part of one modality gives to the answer ``label`` (None: the most probable one), in order of place.

    Raises:
        ConfigError: for a modality that the case does not have, or a label that the model does not know.
    """
    check(predictor, row, modality, label)
    view, cell = predictor.view(modality), row.values[modality]
    places = places_of(view, cell, view.preprocessor.prepare(cell))
    lost = losses(predictor, row, modality, [[p] for p in places], label=label, progress=progress)
    return [Part(name, span, share) for (name, span), share in zip(places, lost)]


def losses(
    predictor: Predictor,
    row: Row,
    modality: str,
    sets: Sequence[Sequence[Place]],
    *,
    label: str | None = None,
    progress: Progress = silent,
) -> list[float]:
    """What the answer ``label`` (None: the most probable one) loses without each set of parts, all of it at once."""
    target, views = predictor.ensemble.target, predictor.bundle.views
    told = sharing(predictor, row, modality)
    own = [(n, v, row.values[v.modality.name]) for n, v in views.items() if v.modality.name in told]
    whole = {n: predictor.view(n).finish(p) for n, p in prepare_row(row, views).items()}
    ready = {n: v.preprocessor.prepare(cell) for n, v, cell in own}
    changed = ({**whole, **{n: _through(v, without(v, cell, ready[n], s)) for n, v, cell in own}} for s in sets)
    answers = _answers(predictor, itertools.chain([whole], changed), progress, 1 + len(sets))
    top = int(answers[0].argmax()) if label is None else target.classes.index(label)
    scale = float if target.kind is TargetKind.NUMBER else _log_odds
    full, *others = (scale(float(a[top])) for a in answers)
    return [full - other for other in others]


def _answers(predictor: Predictor, samples: Iterator[dict[str, Tensor]], progress: Progress, total: int) -> np.ndarray:
    """(N, classes) or (N, 1) of cases given by their samples."""
    raw = dataclasses.replace(predictor.ensemble, temperature=1.0, temperatures={})  # a sharp one would saturate
    found, done = [], 0
    while part := list(itertools.islice(samples, _BATCH)):
        batch = predictor.collate([Sample("part", i, views, None) for i, views in enumerate(part)])
        found.append(raw.answers(batch)[0])
        done += len(part)
        progress("parts taken out", done, total)
    return np.concatenate(found)


def _log_odds(p: float) -> float:
    p = min(max(p, 1e-15), 1 - 1e-15)
    return float(np.log(p) - np.log1p(-p))


def _through(view: View, sample: Tensor) -> Tensor:
    """A sample as the encoder gets it; nothing of it is kept in the cache."""
    return sample if view.backbone is None else view.embed([sample])[0]
