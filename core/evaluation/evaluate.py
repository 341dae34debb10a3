"""Measure a saved model on a table: metrics with intervals, calibration, confusion, by modality pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from core.bundle import Bundle
from core.errors import ConfigError, unknown
from core.evaluation.calibration import expected_calibration_error
from core.evaluation.intervals import interval
from core.experiment import table_answers
from core.manifest import Manifest
from core.metrics import DEFAULT, score, scores
from core.schema import TargetKind


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
        for pattern, found in self.by_pattern.items():
            lines.append(f"  with {pattern}: " + ", ".join(f"{k} {v:.4g}" for k, v in found.items()))
        return "\n".join(lines)


def evaluate(bundle: Bundle, manifest: Manifest, split: str | None = None) -> Figures:
    """Answer all rows (or those of one ``split``) and compare with their targets.

    Raises:
        ConfigError: for a split that the table does not have, or a class that the model does not know.
    """
    rows = _rows(manifest, split)
    target, kind = bundle.ensemble.target, bundle.ensemble.target.kind
    answers = table_answers(bundle, manifest, rows)
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
    )


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
    return found
