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
from core.explanation.parts import Part, check, parts_of
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
    target, views = predictor.ensemble.target, predictor.bundle.views
    own = [name for name, view in views.items() if view.modality.name == modality]
    whole = {n: predictor.view(n).finish(p) for n, p in prepare_row(row, views).items()}
    ready = {n: views[n].preprocessor.prepare(row.values[modality]) for n in own}
    names, spans, blanks = zip(*parts_of(views[own[0]], row.values[modality], ready[own[0]]))
    answers = _answers(predictor, [whole], silent)
    top = int(answers[0].argmax()) if label is None else target.classes.index(label)
    changed = ({**whole, **{n: _through(views[n], blank(views[n], ready[n])) for n in own}} for blank in blanks)
    others = _answers(predictor, changed, progress, len(blanks))
    scale = float if target.kind is TargetKind.NUMBER else _log_odds
    full = scale(float(answers[0, top]))
    return [Part(n, s, full - scale(float(a[top]))) for n, s, a in zip(names, spans, others)]


def _answers(
    predictor: Predictor, samples: Sequence[dict[str, Tensor]] | Iterator[dict[str, Tensor]], progress: Progress,
    total: int = 1,
) -> np.ndarray:  # fmt: skip
    """(N, classes) or (N, 1) of cases given by their samples."""
    raw = dataclasses.replace(predictor.ensemble, temperature=1.0, temperatures={})  # a sharp one would saturate
    found, done, rest = [], 0, iter(samples)
    while part := list(itertools.islice(rest, _BATCH)):
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
