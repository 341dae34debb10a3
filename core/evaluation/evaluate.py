"""Measure a saved model on a table: metrics with intervals, calibration, confusion, by modality pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from core.bundle import Bundle
from core.errors import ConfigError, Fault, TableError
from core.evaluation.calibration import expected_calibration_error
from core.evaluation.decision import DecisionCurve, decision_curves
from core.evaluation.intervals import moved_intervals
from core.evaluation.scope import figures as scope_figures
from core.evaluation.subgroups import By, Subgroup, subgroups
from core.evaluation.subgroups import lines as subgroup_lines
from core.evaluation.trust import LEAST, ask, broken_promise, coverage_by_class, coverage_figures, plain, trust_figures
from core.manifest import Manifest
from core.metrics import DEFAULT, score, scores
from core.schema import TargetKind
from core.splits import rows_to_measure
from core.table_answers import table_far

_CALIBRATION = {
    "ece": "calibration error",
    "brier": "Brier score",
    "slope": "calibration slope",
    "intercept": "calibration intercept",
}
_WITH_INTERVAL = {
    TargetKind.LABEL: ["f1", "weighted_f1", "accuracy"],
    TargetKind.LABELS: ["f1", "accuracy"],
    TargetKind.GRADE: ["f1", "weighted_f1", "accuracy"],
    TargetKind.NUMBER: ["r2", "pearson", "neg_rmse"],
}
_FEW_GROUPS = 10
_ABSTENTION = {"answered": "answered, not referred", "error": "errors of the answered", "error_of_all": "errors of all"}


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
    coverage: dict[str, float] = field(default_factory=dict)  # of sets or intervals, see core.evaluation.trust
    class_coverage: dict[str, float] = field(default_factory=dict)  # found, by true class
    calibration: dict[str, Any] = field(default_factory=dict)  # see core.evaluation.reliability
    abstention: dict[str, Any] = field(default_factory=dict)  # see core.evaluation.abstention
    patterns: dict[str, dict[str, Any]] = field(default_factory=dict)  # others switched off, see core.evaluation.trust
    subgroups: list[Subgroup] = field(default_factory=list)  # of the columns asked for
    decisions: list[DecisionCurve] = field(default_factory=list)  # where asked for
    seen: int = 0  # rows, as far as is known, that the model was trained or chosen on
    groups: int = 0  # that the rows come from; 0: no groups are named

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON."""
        return asdict(self)

    def text(self) -> str:
        """The figures for people."""
        lines = [f"{self.cases} cases"]
        if self.seen:
            lines.append(f"  the model was trained or chosen on {self.seen} of these rows: no figures of new cases")
        if 0 < self.groups < _FEW_GROUPS:
            lines.append(f"  they come from {self.groups} groups alone: intervals over so few say little of others")
        for name, value, ends in map(self._told, self.metrics):
            lines.append(f"  {name:20} {value:.4f}" + (f"  ({ends[0]:.4f} to {ends[1]:.4f})" if ends else ""))
        told = plain(self.calibration, ("ece", "brier", "slope", "intercept"))
        lines += [f"  {_CALIBRATION[name]:24} {words}" for name, words in told.items()]
        lines += [f"  {name:24} {value:.4f}" for name, value in self.scope.items()]
        if self.coverage:
            promised, held, size = (self.coverage[k] for k in ("promised", "found", "size"))
            lines.append(f"  {'coverage of the sets':24} {held:.4f}  (promised {promised:.2f}; mean size {size:.3g})")
            lines += [f"  {told}" for told in (broken_promise(self.coverage),) if told]
        told = plain(self.abstention, ("answered", "error", "error_of_all"))
        lines += [f"  {_ABSTENTION[name]:24} {words}" for name, words in told.items()]
        for pattern, figures in self.patterns.items():
            told = plain(figures, ("f1", "r2", "ece", "slope", "coverage", "referred"))
            lines.append(
                f"  {pattern} alone: {figures['cases']} cases, " + ", ".join(f"{k} {v}" for k, v in told.items())
            )
        for pattern, found in self.by_pattern.items():
            lines.append(f"  with {pattern}: " + ", ".join(f"{k} {v:.4g}" for k, v in found.items()))
        lines += [*subgroup_lines(self.subgroups), *(f"  acting on {d.verdict()}" for d in self.decisions)]
        return "\n".join(lines)

    def _told(self, name: str) -> tuple[str, float, tuple[float, float] | None]:
        """A metric and its interval for people, to whom an error is not negative."""
        value, ends = self.metrics[name], self.intervals.get(name)
        if not name.startswith("neg_"):
            return name, value, ends
        return name.removeprefix("neg_"), -value, ends and (-ends[1], -ends[0])


def evaluate(
    bundle: Bundle,
    manifest: Manifest,
    split: str | None = None,
    *,
    by: Sequence[By] = (),
    decide: bool = False,
    outside: Sequence[str] = (),
) -> Figures:
    """Answer rows of a table and compare with their targets; of the table it was trained on, its own test rows.

    ``split``: only these, "all" for every row, see ``core.splits.rows_to_measure``.
    ``by``: columns whose groups are measured apart; ``decide``: with decision curves.
    ``outside``: labels by which the table calls cases that lie outside of all classes of the model.

    Raises:
        ConfigError: for a split that the table does not have, where no row is of the model's classes, or for an
            ``outside`` label that the model cannot tell.
        TableError: for classes that the model does not know, with their rows.
    """
    rows, seen = rows_to_measure(manifest, split, bundle.config, bundle.facts.get("fingerprint"), bundle.learned)
    target, kind = bundle.ensemble.target, bundle.ensemble.target.kind
    _check_outside(bundle, outside)
    if faults := unknown_classes(bundle, manifest, rows, outside):
        raise TableError(manifest.table.source, faults)
    asked, some = ask(bundle, manifest, rows)
    far, scope = table_far(bundle, manifest, rows), dict[str, float]()
    if bundle.scope is not None:
        truth = [_one_name(manifest.targets[i], outside, bundle.scope.label) for i in rows]
        scope = scope_figures(bundle.scope, target, truth, asked.answers, far)
        known = np.array([not _is_alien(t, target.classes) for t in truth])  # others are outsiders to the model
        asked, some, far = asked.of(known, some), _kept_places(known, some), None if far is None else far[known]
        rows = [i for i, k in zip(rows, known) if k]
        if not rows:
            raise ConfigError("evaluate: every row lies outside of the model's classes; add rows of its classes")
    answers = asked.answers
    y = target.decoded(target.encode([manifest.targets[i] for i in rows]))
    groups = [manifest.groups[i] for i in rows]
    one_label = kind in (TargetKind.LABEL, TargetKind.GRADE)
    codes = list(range(len(target.classes)))
    wanted = [
        *_WITH_INTERVAL[kind],
        *(["auroc"] if one_label and len(codes) == 2 else []),
    ]  # of many classes it is slow
    return Figures(
        len(rows),
        scores(kind, y, answers),
        moved_intervals(kind, wanted, y, answers, groups),
        expected_calibration_error(y, answers) if one_label else None,
        confusion_matrix(y, answers.argmax(axis=1), labels=codes).tolist() if one_label else None,
        target.classes,
        _by_pattern(bundle, manifest.present[rows], y, answers),
        scope,
        class_coverage=coverage_by_class(bundle, manifest.present[rows], y, answers),
        **trust_figures(bundle, y, asked, some, manifest.present[rows], groups, far),
        subgroups=subgroups(kind, y, answers, manifest, rows, by),
        decisions=decision_curves(target, y, answers, groups) if decide else [],
        seen=seen,
        groups=len({g for g in groups if g is not None}),
    )


def _kept_places(known: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Where the places ``some`` among all rows stand among the known ones; the others are gone."""
    return (np.cumsum(known) - 1)[some[known[some]]]


def _is_alien(raw: Any, classes: Sequence[str]) -> bool:
    return not set(raw if isinstance(raw, tuple) else (raw,)) <= set(classes)


def _one_name(raw: Any, outside: Sequence[str], label: str) -> Any:
    """A target in which every label of ``outside`` is called ``label``, as the model calls it."""
    if isinstance(raw, tuple):
        return tuple(label if r in outside else r for r in raw)
    return label if raw in outside else raw


def _check_outside(bundle: Bundle, outside: Sequence[str]) -> None:
    if outside and bundle.scope is None:
        raise ConfigError("outside: this model does not tell cases that lie outside; train with --set outside=LABEL")
    if learned := sorted(set(outside) & (set(bundle.ensemble.target.classes) - {bundle.scope and bundle.scope.label})):
        raise ConfigError(
            f"outside: {learned[0]!r} is one of the classes that the model learned; train it anew with "
            f"--set outside={learned[0]}"
        )


def unknown_classes(
    bundle: Bundle, manifest: Manifest, rows: Sequence[int], outside: Sequence[str] = ()
) -> list[Fault]:
    """A fault for each label of these rows that the model cannot give; those that lie ``outside`` are known."""
    target, column = bundle.ensemble.target, bundle.config.target.column
    if target.kind is TargetKind.NUMBER:
        return []
    known = {*target.classes, *outside, *([bundle.scope.label] if bundle.scope else [])}
    beyond = "; where it means that a case lies outside of all, say --outside" if bundle.scope else ""
    faults = []
    for i in rows:
        raw = manifest.targets[i]
        for label in raw if isinstance(raw, tuple) else (raw,):
            if label is not None and label not in known:
                close = get_close_matches(str(label), known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"it knows {', '.join(sorted(known)[:20])}"
                reason = f"the model does not know this class, it was not among its training rows; {hint}{beyond}"
                faults.append(Fault(manifest.row_numbers(i)[0], column, str(label), reason))
    return faults


def _by_pattern(
    bundle: Bundle, present: np.ndarray, y: np.ndarray, answers: np.ndarray, least: int = LEAST
) -> dict[str, dict[str, float]]:
    names: Sequence[str] = bundle.ensemble.modalities
    labels = np.array([" + ".join(n for n, p in zip(names, row) if p) for row in present])
    kind = bundle.ensemble.target.kind
    found = {}
    for label in sorted(set(labels)):
        here = labels == label
        if here.sum() >= least:
            found[str(label)] = {"cases": float(here.sum()), DEFAULT[kind]: score(kind, None, y[here], answers[here])}
            if bounds := coverage_figures(bundle, present[here], y[here], answers[here]):
                found[str(label)]["coverage"] = bounds["found"]
    return found
