"""Answer one case or a table with a saved model: bundle + row → ``Prediction``, everywhere."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from core.bundle import Bundle
from core.cache import FeatureCache
from core.cells import holds, joined
from core.config import ModalityConfig
from core.dataset import Collate, Sample, prepare_row
from core.ensemble import Ensemble
from core.errors import ConfigError, PolyfuseError, unknown
from core.evaluation.abstention import reasons
from core.evaluation.conformal import number_interval, prediction_set
from core.evaluation.disagreement import answers_alone, contradicted
from core.evaluation.scope import inside_answers
from core.explanation.shapley import shares, subsets
from core.manifest import Manifest
from core.preprocess.grid import Volume
from core.schema import Modality, Prediction, Row, TargetKind
from core.similar import Neighbour, vectors
from core.table_sources import text_of
from core.threads import one_thread
from core.view import View

Review: TypeAlias = Callable[[Bundle, Row, Prediction], tuple[str, ...]]


class Predictor:
    """A bundle, ready to answer. ``review``: a domain's own look at an explained answer, for contradictions in it."""

    def __init__(self, bundle: Bundle, review: Review | None = None) -> None:
        self.bundle, self.review = bundle, review
        self.ensemble: Ensemble = bundle.ensemble
        self.collate = Collate(bundle.views, bundle.ensemble.target)

    @classmethod
    def load(cls, folder: Path | str, cache: FeatureCache | None = None, review: Review | None = None) -> Predictor:
        """Open the bundle in a folder.

        Raises:
            BundleError: if it cannot be opened; see ``Bundle.load``.
        """
        return cls(Bundle.load(Path(folder), cache), review)

    def predict(self, case: Mapping[str, Any], *, explain: bool = True, id: str = "case") -> Prediction:
        """Answer one case, given by modality name or by column name; what is left out or None is missing.

        Files are a path or a list of paths, a text is a string, a table modality a dict of its columns; a volume may
        also be a ``Volume`` that was read before.

        Raises:
            ConfigError: for an unknown name, or when no modality is present.
            FileError: if a file cannot be read.
        """
        row = as_row(case, self.bundle.config.modalities, id)
        with one_thread():
            found = self.predict_rows([row], explain=explain)[0]
        return dataclasses.replace(found, warnings=(*self._emptied(case, row), *found.warnings))

    def _emptied(self, case: Mapping[str, Any], row: Row) -> Iterator[str]:
        """What a case gives as text and is missing nevertheless, and why."""
        for m in self.bundle.config.modalities:
            given = [t for k in (m.name, *m.columns) if isinstance(t := case.get(k), str)]
            if not given or m.name in row.values:
                continue
            sections = ", ".join(m.excerpt.sections) if m.excerpt else ""
            why = f"without any section that this model reads ({sections})" if any(map(str.strip, given)) else "empty"
            yield f"{m.name}: given, but {why}; treated as missing"

    def predict_table(self, manifest: Manifest, *, explain: bool = False, batch: int = 64) -> Iterator[Prediction]:
        """Answer all cases of a table in order, in constant memory; see ``core.batch`` for long tables."""
        rows = (manifest.row(i) for i in range(len(manifest)))
        while part := list(islice(rows, batch)):
            yield from self.predict_rows(part, explain=explain)

    def predict_rows(self, rows: Sequence[Row], *, explain: bool = True) -> list[Prediction]:
        """Answer rows as one batch; a row's answer does not depend on the others."""
        samples, told, unlike = self._samples(rows)
        batch = self.collate(samples)
        names = self.ensemble.modalities
        asked = {s for row in rows for s in subsets(_present(row, names))} if explain else set()
        parts = sorted(asked - {frozenset()}, key=sorted)
        keeps = [torch.tensor([[m in s for m in names]] * len(rows)) for s in [frozenset(names), *parts]]
        answers, *others = self.ensemble.answers(batch, keeps)  # (B, classes) or (B, 1) each; encoded once
        judged, best = self._judge(samples, answers)
        explained = self._explain(rows, best, dict(zip(parts, others))) if explain else [{}] * len(rows)
        found = [
            dataclasses.replace(
                self._prediction(row, answers[i], best[i], bool(judged[i].get("is_outside"))),
                missing=_missing(row, names),
                warnings=told[i],
                **judged[i],
                **explained[i],
            )
            for i, row in enumerate(rows)
        ]
        found = [self._reviewed(row, one) for row, one in zip(rows, found)] if explain else found
        return [
            dataclasses.replace(one, refer=(*reasons(one, strange), *contradicted(one)))
            for one, strange in zip(found, unlike)
        ]

    def _reviewed(self, row: Row, found: Prediction) -> Prediction:
        """The answer with where its modalities disagree, and what the domain finds contradictory."""
        if self.bundle.disagreement is not None:
            found = dataclasses.replace(found, disagreeing=self.bundle.disagreement.between(found.alone))
        if self.review is not None:
            found = dataclasses.replace(found, contradictions=self.review(self.bundle, row, found))
        return found

    def _samples(self, rows: Sequence[Row]) -> tuple[list[Sample], list[tuple[str, ...]], list[tuple[str, ...]]]:
        """Every row as tensors, what the reader of its answer should know, and which modalities are unlike training."""
        self.warm(rows)
        samples, told, unlike = [], [], []
        for i, row in enumerate(rows):
            if not row.values:
                raise ConfigError(
                    f"case {row.id!r}: no modality is present; give at least one of {self.ensemble.modalities}"
                )
            prepared = prepare_row(row, self.bundle.views)
            found = {n: self.view(n).finish(p) for n, p in prepared.items()}
            samples.append(Sample(row.id, i, found, None))
            notes = [f"{m}: {note}" for m, cell in row.values.items() for note in self.view(m).notes(cell)]
            strange = {m: said for m, cell in row.values.items() if (said := self.bundle.unlike(m, cell, prepared))}
            told.append((*notes, *(f"{m}: {said}" for m, said in strange.items())))
            unlike.append(tuple(strange))
        return samples, told, unlike

    def treat_defects(self, choice: str) -> None:
        """Refuse, resample or accept faults of a scan's geometry from now on, whatever the model was trained with.

        Raises:
            ConfigError: for an unknown choice, or a model that reads no scans.
        """
        scans = [v for v in self.bundle.views.values() if v.modality.kind is Modality.VOLUME]
        if not scans:
            raise ConfigError("on_defect is about faults of scans, which this model does not read; leave it out")
        for view in scans:
            view.redo(on_defect=choice)

    def neighbours(self, row: Row, k: int = 3) -> list[Neighbour]:
        """The training cases most alike to one; none where the bundle keeps none."""
        if (kept := self.bundle.similar) is None:
            return []
        samples, _, _ = self._samples([row])
        return kept.nearest(vectors(self.ensemble, self.collate(samples))[0], k)

    def warm(self, rows: Sequence[Row]) -> None:
        """Put the frozen features of many rows into the cache at once, which is faster than one by one."""
        for view in self.bundle.views.values():
            cells = [cell for row in rows if (cell := row.values.get(view.modality.name)) is not None]
            if view.backbone is not None and len(cells) > 1:
                with contextlib.suppress(PolyfuseError):  # what cannot be read is told with its row, in ``prepare_row``
                    view.warm(cells, lambda count: None)

    def view(self, name: str) -> View:
        """One view of the bundle by name."""
        return self.bundle.views[name]

    def _explain(
        self, rows: Sequence[Row], answers: np.ndarray, table: Mapping[frozenset[str], np.ndarray]
    ) -> list[dict[str, Any]]:
        """Shapley shares, and the answer without each modality, of every case from the ``table`` of all subsets."""
        names = self.ensemble.modalities
        found = []
        for i, row in enumerate(rows):
            present, top = _present(row, names), int(answers[i].argmax())
            nothing: dict[frozenset[str], float] = {frozenset(): float(self.ensemble.target.nothing[top])}
            worth = nothing | {s: float(a[i, top]) for s, a in table.items()}
            scale = _log_odds if self.ensemble.target.kind is not TargetKind.NUMBER else float
            share = shares(present, {s: scale(worth[s]) for s in subsets(present)})
            without = {m: worth[frozenset(present) - {m}] for m in present}
            alone = {m: table[frozenset({m})][i] for m in present} if self.ensemble.target.classes else {}
            said = answers_alone(self.ensemble.target.classes, alone)
            found.append({"shares": share, "without": without, "alone": said})
        return found

    def _prediction(self, row: Row, answer: np.ndarray, best: np.ndarray, is_outside: bool) -> Prediction:
        """``best``: the answer in which the outside label cannot win."""
        target, coverage = self.ensemble.target, self.bundle.config.coverage
        threshold = self.bundle.threshold_of([m in row.values for m in self.ensemble.modalities])
        promised = coverage if threshold is not None else None
        if target.kind is TargetKind.NUMBER:
            interval = None
            if isinstance(threshold, float):
                low, high = number_interval(answer[0], threshold, target.interval_scale)
                interval = float(low), float(high)
            return Prediction(row.id, None, {}, float(answer[0]), interval, coverage=promised)
        probabilities = {c: float(p) for c, p in zip(target.classes, answer)}
        outside = self.bundle.scope.label if self.bundle.scope and is_outside else None
        if target.kind is TargetKind.LABELS:
            labels = (outside,) if outside else tuple(c for c, p in zip(target.classes, best) if p >= 0.5)
            return Prediction(row.id, None, probabilities, labels=labels)
        possible = prediction_set(answer[None], threshold)[0] if threshold is not None else np.zeros(len(answer), bool)
        kept = tuple(c for c, is_in in zip(target.classes, possible) if is_in)
        label = outside or target.classes[int(best.argmax())]
        return Prediction(row.id, label, probabilities, conformal_set=kept, coverage=promised)

    def _judge(self, samples: Sequence[Sample], answers: np.ndarray) -> tuple[list[dict[str, Any]], np.ndarray]:
        """Whether each case lies outside, and the answers without the outside label where that was judged."""
        scope, target, nearest = self.bundle.scope, self.ensemble.target, self.bundle.nearest
        if scope is None:
            return [{}] * len(samples), answers
        far = None if nearest is None else nearest.of_samples([s.views.get(nearest.view) for s in samples])
        scores = scope.scores(target, answers, far)  # (B,)
        told = zip(scope.rarity(scores).tolist(), (scores > scope.threshold).tolist())
        judged = [{"outside": share, "is_outside": marked} for share, marked in told]
        return judged, inside_answers(target, answers, scope.label)


def as_row(case: Mapping[str, Any], modalities: Sequence[ModalityConfig], id: str = "case") -> Row:
    """A case given by modality or column names, as a row.

    Raises:
        ConfigError: for a name that is neither; the message lists both.
    """
    known = {*(m.name for m in modalities), *(c for m in modalities for c in m.columns)}
    if alien := [name for name in case if name not in known]:
        raise unknown("modality or column", alien[0], known)
    values = {m.name: _value(m, case) for m in modalities}
    return Row(id, 0, {name: value for name, value in values.items() if value is not None})


def _value(modality: ModalityConfig, case: Mapping[str, Any]) -> Any:
    """What one modality of a case holds, as a table's row would give it; None if nothing."""
    whole = case.get(modality.name)
    named = {c: case[c] for c in modality.columns if c in case}  # in the order of the columns
    if modality.kind in (Modality.TABULAR, Modality.PAIR):
        if whole is not None and not isinstance(whole, Mapping) and modality.name not in named:
            raise ConfigError(f"{modality.name!r}: expected a dict of {', '.join(modality.columns)}, found {whole!r}")
        cells = named | (dict(whole) if isinstance(whole, Mapping) else {})
        if alien := sorted(set(cells) - set(modality.columns)):
            raise unknown(f"column of {modality.name!r}", alien[0], modality.columns)
        row = {c: _text(cells.get(c)) for c in modality.columns}
        return row if holds(modality, row) else None
    given = [*named.values(), *([] if modality.name in named else [whole])]
    if modality.kind is Modality.TEXT:
        return joined(modality, [t for t in map(_text, given) if t])
    parts = [p for cell in given for p in (cell if isinstance(cell, list | tuple) else [cell])]
    paths = [p for p in parts if isinstance(p, Volume) or _text(p)]
    return tuple(p if isinstance(p, Volume) else Path(p).absolute() for p in paths) or None


def _text(value: Any) -> str:
    """A value as a table's cell would hold it."""
    return text_of(value).strip()


def _missing(row: Row, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(m for m in names if m not in row.values)


def _present(row: Row, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(m for m in names if m in row.values)


def _log_odds(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return float(np.log(p / (1 - p)))
