"""Whether a case is unlike the training cases: one score a modality, and the most to be expected, from training cases.

Each modality has its own measure (``core.evaluation.unlike``): distance for what is seen and heard, unknown words for
texts, numbers out of range and unseen categories for tables. The limit comes from training cases that the measure had
not seen (five folds, groups whole): the 99 % quantile of their scores and a quarter more, or half as much again where
they are few. An unseen category has no score: it warns unless new values are usual in its column. All this warns of
inputs that have nothing to do with the training cases; that it is silent does not say that a case is like them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file

from core.evaluation.unlike import Distance, Measure, Ranges, Words, frames_of, pooled
from core.manifest import Manifest
from core.preprocess.audio import AudioPreprocessor
from core.preprocess.tabular import TabularPreprocessor
from core.progress import Progress, silent
from core.schema import Modality
from core.splits import some_of
from core.view import View

FOLDS, QUANTILE, MARGIN, FEW = 5, 0.99, 1.25, 5.0
USUAL = 0.05  # share of cases with a new value in a column, from which on one is nothing out of the ordinary
LEAST, MOST = 10, 1000  # cases that a measure is fitted on; of more, so many are drawn
_MEASURES: dict[str, type[Distance] | type[Words] | type[Ranges]] = {m.kind: m for m in (Distance, Words, Ranges)}


@dataclass(frozen=True)
class Novelty:
    """The fitted measure of one modality and its limit."""

    measure: Measure
    limit: float

    def warning(self, found: Any) -> str | None:
        """What to say about the ``evidence`` of a case, or None where it is not out of the ordinary."""
        score = self.measure.score(found)
        told = self.measure.unseen(found) if isinstance(self.measure, Ranges) else []
        if score > self.limit:
            why = self.measure.why(found)
            told = [f"score {score:.3g} against at most {self.limit:.3g} there", *([why] if why else []), *told]
        return f"unlike the training cases ({'; '.join(told)})" if told else None

    def save(self, folder: Path, name: str) -> None:
        """Write ``name``.json and, where there are arrays, ``name``.safetensors into an existing folder."""
        state = {"kind": self.measure.kind, "limit": self.limit, "state": self.measure.state()}
        (folder / f"{name}.json").write_text(json.dumps(state), encoding="utf-8")
        if arrays := self.measure.arrays():
            save_file(arrays, folder / f"{name}.safetensors")

    @classmethod
    def load(cls, folder: Path, name: str) -> Novelty:
        """Take over what ``save`` wrote."""
        content = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        arrays = folder / f"{name}.safetensors"
        measure = _MEASURES[content["kind"]]()
        measure.restore(content["state"], load_file(arrays) if arrays.is_file() else {})
        return cls(measure, content["limit"])


def evidence(view: View, cell: Any, prepared: Any) -> Any:
    """What a measure looks at: the text, the row's values by column, or vectors (n, F), from the first view."""
    kind, reader = view.modality.kind, view.preprocessor
    if kind is Modality.TEXT:
        return str(cell)
    if isinstance(reader, TabularPreprocessor):
        columns = (*reader.numbers, *reader.quantities)
        scaled, missing = np.asarray(prepared)[0, : 2 * len(columns)].reshape(2, -1)  # (F,), (F,)
        numbers = {c: (float(v), cell.get(c, "")) for c, v, gone in zip(columns, scaled, missing) if not gone}
        return numbers | {c: value for c in reader.categories if (value := cell.get(c, "").strip())}
    if isinstance(reader, AudioPreprocessor) and view.backbone is None:
        return frames_of(reader.spectrum.log_mel(prepared))  # before the mean of each recording is taken off
    sample = view.finish(prepared)  # (T, *shape)
    if sample.ndim > 2:
        return pooled(sample)
    return frames_of(sample) if kind in (Modality.AUDIO, Modality.VIDEO) else sample


def fit_novelty(found: Sequence[Any], groups: Sequence[str | None]) -> Novelty | None:
    """The novelty of one modality from the evidence of training cases; None where there are fewer than ``LEAST``."""
    if len(found) < LEAST:
        return None
    measure = Words if isinstance(found[0], str) else Ranges if isinstance(found[0], dict) else Distance
    fold = _folds(groups)
    scores = np.zeros(len(found))
    for f in range(FOLDS):
        fitted = measure()
        fitted.fit([one for one, here in zip(found, fold) if here != f])
        scores[fold == f] = [fitted.score(one) for one, here in zip(found, fold) if here == f]
    final = measure()
    final.fit(found)
    margin = MARGIN + FEW / len(found)  # the highest of few scores says little of the next
    return Novelty(final, max(float(np.quantile(scores, QUANTILE)) * margin, measure.least))


def _folds(groups: Sequence[str | None]) -> np.ndarray:
    """(N,) the fold of each case; those of one group share it."""
    names = [f"case {i}" if g is None else f"group {g}" for i, g in enumerate(groups)]
    _, place = np.unique(names, return_inverse=True)
    return np.random.default_rng(0).permutation(place.max() + 1)[place] % FOLDS


def fit_all(
    manifest: Manifest,
    views: Mapping[str, View],
    rows: Sequence[int],
    fresh: Sequence[int],
    progress: Progress = silent,
) -> tuple[dict[str, Novelty], dict[str, Any]]:
    """The novelty of every modality of a table, from training ``rows``.

    Returns:
        them by modality, and for each its limit and the share of ``fresh`` rows (not trained on) that it warns of.
    """
    fitted, facts = dict[str, Novelty](), dict[str, Any]()
    for name, view in views.items():
        used = _drawn(manifest, name, rows)
        seen = []
        for i in used:
            seen.append(_evidence(manifest, view, i))
            progress(f"range of {name}", len(seen), len(used))
        novelty = fit_novelty(seen, [manifest.groups[i] for i in used])
        if novelty is not None:
            if isinstance(novelty.measure, Ranges) and isinstance(view.preprocessor, TabularPreprocessor):
                novelty.measure.values = _closed(view.preprocessor.counts)
            fitted[name] = novelty
            told = [novelty.warning(_evidence(manifest, view, i)) for i in _drawn(manifest, name, fresh)]
            alarms = sum(t is not None for t in told)
            facts[name] = {"cases": len(used), "limit": novelty.limit, "fresh": len(told), "fresh_warned": alarms}
    return fitted, facts


def _closed(counts: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, None]]:
    """The values of each column, the most frequent first, without the columns in which new values are usual.

    The next value is a new one about as often as those that came once (Good, "The population frequencies of species and
    the estimation of population parameters", 1953).
    """
    kept = {}
    for column, found in counts.items():
        known = {value: n for value, n in found.items() if value}
        if sum(n == 1 for n in known.values()) <= USUAL * sum(known.values()):
            kept[column] = dict.fromkeys(sorted(known, key=lambda v: (-known[v], v)))
    return kept


def _evidence(manifest: Manifest, view: View, row: int) -> Any:
    cell = manifest.cell(row, view.modality.name)
    return evidence(view, cell, view.prepare(cell))


def _drawn(manifest: Manifest, name: str, rows: Sequence[int]) -> list[int]:
    """At most ``MOST`` of the rows that have a modality."""
    place = [m.name for m in manifest.config.modalities].index(name)
    return some_of([int(i) for i in rows if manifest.present[i, place]], MOST)
