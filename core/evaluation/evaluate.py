"""Measure a saved model on a table: metrics with intervals, calibration, confusion, by modality pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from core.bundle import Bundle
from core.errors import ConfigError, Fault, TableError, unknown
from core.evaluation.calibration import expected_calibration_error
from core.evaluation.conformal import prediction_set
from core.evaluation.intervals import interval
from core.evaluation.scope import figures as scope_figures
from core.manifest import Manifest
from core.metrics import DEFAULT, score, scores
from core.schema import TargetKind
from core.table_answers import table_answers, table_far


@dataclass(frozen=True)
class Figures:
    """What was measured on ``cases`` rows."""

    cases: int
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    calibration_error: float | None
    confusion: list[list[int]] | None  # rows are true classes
    classes: tuple[str, ...]
    by_pattern: dict[str, dict[str, float]]  # modalities present → cases and the default metric
    scope: dict[str, float] = field(default_factory=dict)  # cases outside of all classes, see core.evaluation.scope
    coverage: dict[str, float] = field(default_factory=dict)  # of sets or intervals: promised, found, mean size

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON."""
        return asdict(self)

    def text(self) -> str:
        """The figures for people."""
        lines = [f"{self.cases} cases"]
        for name, value in self.metrics.items():
            ends = self.intervals.get(name)
            lines.append(f"  {name:20} {value:.4f}" + (f"  ({ends[0]:.4f} to {ends[1]:.4f})" if ends else ""))
        if self.calibration_error is not None:
            lines.append(f"  {'calibration error':20} {self.calibration_error:.4f}")
        lines += [f"  {name:24} {value:.4f}" for name, value in self.scope.items()]
        if self.coverage:
            promised, held, size = (self.coverage[k] for k in ("promised", "found", "size"))
            lines.append(f"  {'coverage of the sets':24} {held:.4f}  (promised {promised:.2f}; mean size {size:.3g})")
        for pattern, found in self.by_pattern.items():
            lines.append(f"  with {pattern}: " + ", ".join(f"{k} {v:.4g}" for k, v in found.items()))
        return "\n".join(lines)


def evaluate(bundle: Bundle, manifest: Manifest, split: str | None = None) -> Figures:
    """Answer all rows (or those of one ``split``) and compare with their targets.

    Raises:
        ConfigError: for a split that the table does not have.
        TableError: for classes that the model does not know, with their rows.
    """
    rows = _rows(manifest, split)
    target, kind = bundle.ensemble.target, bundle.ensemble.target.kind
    _check_classes(bundle, manifest, rows)
    answers, scope = table_answers(bundle, manifest, rows), dict[str, float]()
    if bundle.scope is not None:
        truth, far = [manifest.targets[i] for i in rows], table_far(bundle, manifest, rows)
        scope = scope_figures(bundle.scope, target, truth, answers, far)
        known = [not _is_alien(manifest.targets[i], target.classes) for i in rows]  # others are outsiders to the model
        rows, answers = [i for i, k in zip(rows, known) if k], answers[known]
    y = target.decoded(target.encode([manifest.targets[i] for i in rows]))
    groups = [manifest.groups[i] for i in rows]
    wanted = [DEFAULT[kind], "accuracy"] if kind is not TargetKind.NUMBER else ["r2", "neg_rmse"]
    one_label = kind in (TargetKind.LABEL, TargetKind.GRADE)
    codes = list(range(len(target.classes)))
    return Figures(
        len(rows),
        scores(kind, y, answers),
        {name: interval(kind, name, y, answers, groups) for name in wanted},
        expected_calibration_error(y, answers) if one_label else None,
        confusion_matrix(y, answers.argmax(axis=1), labels=codes).tolist() if one_label else None,
        target.classes,
        _by_pattern(bundle, manifest.present[rows], y, answers),
        scope,
        _coverage(bundle, manifest.present[rows], y, answers),
    )


def _is_alien(raw: Any, classes: Sequence[str]) -> bool:
    return not set(raw if isinstance(raw, tuple) else (raw,)) <= set(classes)


def _check_classes(bundle: Bundle, manifest: Manifest, rows: Sequence[int]) -> None:
    """Refuse labels that the model cannot give, all at once; the outside label is known where a detector is."""
    target, column = bundle.ensemble.target, bundle.config.target.column
    if target.kind is TargetKind.NUMBER:
        return
    known = {*target.classes, *([bundle.scope.label] if bundle.scope else [])}
    faults = []
    for i in rows:
        raw = manifest.targets[i]
        for label in raw if isinstance(raw, tuple) else (raw,):
            if label not in known:
                close = get_close_matches(str(label), known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"it knows {', '.join(sorted(known)[:20])}"
                reason = f"the model does not know this class, it was not among its training rows; {hint}"
                faults.append(Fault(manifest.row_numbers(i)[0], column, str(label), reason))
    if faults:
        raise TableError(manifest.table.source, faults)


def _rows(manifest: Manifest, split: str | None) -> list[int]:
    if split is None:
        return list(range(len(manifest)))
    rows = [i for i, s in enumerate(manifest.splits) if s == split]
    if not rows:
        known = sorted({s for s in manifest.splits if s})
        if not known:
            raise ConfigError("evaluate: the table names no splits; leave --split out")
        raise unknown("split of the table", split, known)
    return rows


def _by_pattern(
    bundle: Bundle, present: np.ndarray, y: np.ndarray, answers: np.ndarray, least: int = 10
) -> dict[str, dict[str, float]]:
    names: Sequence[str] = bundle.ensemble.modalities
    labels = np.array([" + ".join(n for n, p in zip(names, row) if p) for row in present])
    kind = bundle.ensemble.target.kind
    found = {}
    for label in sorted(set(labels)):
        here = labels == label
        if here.sum() >= least:
            found[str(label)] = {"cases": float(here.sum()), DEFAULT[kind]: score(kind, None, y[here], answers[here])}
            if bounds := _coverage(bundle, present[here], y[here], answers[here]):
                found[str(label)]["coverage"] = bounds["found"]
    return found


def _coverage(bundle: Bundle, present: np.ndarray, y: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """How often the set or interval holds the truth, and how large it is; empty where nothing is promised."""
    held, size = [], []
    for row, true, answer in zip(present, y, answers):
        threshold = bundle.threshold_of(row)
        if threshold is None:
            return {}
        if bundle.ensemble.target.kind is TargetKind.NUMBER:
            assert isinstance(threshold, float)
            held.append(abs(true - answer[0]) <= threshold)
            size.append(2 * threshold)
        else:
            kept = prediction_set(answer[None], threshold)[0]
            held.append(bool(kept[int(true)]))
            size.append(float(kept.sum()))
    return {"promised": bundle.config.coverage, "found": float(np.mean(held)), "size": float(np.mean(size))}
