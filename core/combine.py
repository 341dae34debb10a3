"""From trained expert groups to one bundle: weighted, calibrated, bounded, measured on the test rows, described."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from core.bundle import Bundle, versions
from core.card import write_card
from core.dataset import CaseDataset
from core.ensemble import Ensemble, Pattern, learn_weights
from core.evaluation.calibration import expected_calibration_error, fit_temperature, temper
from core.evaluation.conformal import fit_threshold
from core.evaluation.disagreement import Disagreement, answers_alone, clash
from core.evaluation.intervals import moved_intervals
from core.evaluation.nearest import Nearest
from core.evaluation.patterns import (
    MOST,
    Calibration,
    apply_temperatures,
    cut_down,
    each_alone,
    fit_patterns,
    patterns_of,
)
from core.evaluation.scope import Scope, figures
from core.evaluation.trust import ask, trust_figures
from core.metrics import DEFAULT, score, scores
from core.schema import TargetKind
from core.similar import Similar
from core.table_answers import table_far

if TYPE_CHECKING:
    from core.experiment import Experiment, Held

MOST_JUDGED = 5000  # held-out rows that the detector of outsiders is fitted on


def combine(experiment: Experiment, used: Sequence[Held], measured: Sequence[Held], command: str) -> Bundle:
    """One calibrated ensemble of the ``used`` groups; ``measured`` ones stand beside it in its facts."""
    kind = experiment.target.kind
    groups = [experiment.manifest.groups[i] for i in experiment.held]
    shares = learn_weights(kind, experiment.held_y, [g.answers for g in used], groups)
    weights = tuple(float(s) / len(g.experts) for s, g in zip(shares, used) for _ in g.experts)
    joint = np.tensordot(shares, np.stack([g.answers for g in used]), axes=1)
    temperature = fit_temperature(kind, experiment.held_y, joint)
    held = temper(kind, joint, temperature)
    config = experiment.config
    names = tuple(m.name for m in config.modalities)
    ensemble = Ensemble(experiment.target, names, [e for g in used for e in g.experts], weights, temperature)
    some, asked, answers = _cut_down(experiment, used, shares)
    patterns = _patterns(experiment, some, asked, answers)
    apply_temperatures(ensemble, patterns)
    bundle = Bundle(config, experiment.used_views(used), ensemble, patterns=patterns)
    bundle.disagreement = _disagreement(experiment, ensemble, held, some, dict(zip(asked, answers)))
    bundle.novelty = experiment.novelty[0]
    bundle.threshold = fit_threshold(
        kind, experiment.held_y, held, config.coverage, config.coverage_by_class, experiment.target.interval_scale
    )
    far = _fit_scope(experiment, bundle, held)
    learned = experiment.fitted_on
    bundle.similar = Similar.fit(ensemble, bundle.views, experiment.manifest, learned, config.keep_cases, config.seed)
    bundle.learned = experiment.learned
    bundle.facts = _facts(experiment, used, shares, command) | {
        "held_out": _figures(experiment, bundle, experiment.held, held, far),
        "held_out_by_expert": {g.name: score(kind, None, experiment.held_y, g.answers) for g in measured},
        "test": _tested(experiment, bundle, experiment.rows["test"]),
        "novelty": experiment.novelty[1],
    }
    bundle.card = write_card(bundle)
    return bundle


def _fit_scope(experiment: Experiment, bundle: Bundle, held: np.ndarray) -> np.ndarray | None:
    """The detector of cases outside of all classes, where the target names a label for them; see ``table_far``.

    Returns:
        How far each held-out row is from the training cases, where the detector goes by that too.
    """
    if (outside := experiment.config.target.outside) is None:
        return None
    inside = [i for i in experiment.fitted_on if outside not in _labels(experiment.manifest.targets[i])]
    bundle.nearest = Nearest.fit(bundle.views, experiment.manifest, inside, experiment.config.seed)
    some = np.sort(np.random.default_rng(experiment.config.seed).permutation(len(experiment.held))[:MOST_JUDGED])
    far = table_far(bundle, experiment.manifest, experiment.held, own=True)
    rate, judged = experiment.config.target.false_alarm, None if far is None else far[some]
    bundle.scope = Scope.fit(experiment.target, experiment.held_y[some], held[some], outside, rate, judged)
    return far


def _cut_down(
    experiment: Experiment, used: Sequence[Held], shares: np.ndarray
) -> tuple[np.ndarray, list[Pattern], np.ndarray]:
    """Places of at most so many held-out rows, patterns, and (P, N, classes) the answers with these alone."""
    some = np.random.default_rng(experiment.config.seed).permutation(len(experiment.held))[:MOST]
    patterns = patterns_of(experiment.present(experiment.held))
    if not patterns:
        return some, [], np.zeros((0, len(some), len(experiment.target.nothing)))
    place = np.full(len(experiment.held), -1)
    place[some] = np.arange(len(some))
    by = [(e, place[at], w * s) for g, s in zip(used, shares) if s > 0 for e, at, w in g.by]
    rows = [experiment.held[i] for i in some]
    every = CaseDataset(experiment.manifest, experiment.used_views(used), room=0)
    found = cut_down([(e, at[at >= 0], w) for e, at, w in by], every, rows, patterns, len(experiment.target.nothing))
    return some, patterns, found


def _patterns(
    experiment: Experiment, some: np.ndarray, patterns: Sequence[Pattern], answers: np.ndarray
) -> list[Calibration]:
    """Calibrations of the answers with modalities switched off."""
    target, config = experiment.target, experiment.config
    present = experiment.present([experiment.held[i] for i in some])
    return fit_patterns(
        target.kind, experiment.held_y[some], answers, present, patterns, config.coverage, config.coverage_by_class,
        target.interval_scale,
    )  # fmt: skip


def _disagreement(
    experiment: Experiment,
    ensemble: Ensemble,
    held: np.ndarray,
    some: np.ndarray,
    by_pattern: Mapping[Pattern, np.ndarray],
) -> Disagreement | None:
    """When modalities contradict each other, from the held-out rows that are answered rightly."""
    kind, names = experiment.target.kind, ensemble.modalities
    if kind not in (TargetKind.LABEL, TargetKind.GRADE) or len(names) < 2:
        return None
    alone = {}
    for m, pattern in zip(names, each_alone(len(names))):
        alone[m] = temper(kind, by_pattern[pattern], ensemble.temperatures.get(pattern, ensemble.temperature))
    right = held[some].argmax(axis=1) == experiment.held_y[some]
    present = experiment.present([experiment.held[i] for i in some])
    said = (
        answers_alone(experiment.target.classes, {m: alone[m][i] for j, m in enumerate(names) if present[i, j]})
        for i in np.flatnonzero(right)
    )
    return Disagreement.fit([clash(s) for s in said])


def _tested(experiment: Experiment, bundle: Bundle, rows: Sequence[int]) -> dict[str, Any]:
    """The figures of the test rows, and what their answers may be relied on for."""
    asked, some = ask(bundle, experiment.manifest, rows, experiment.config.seed)
    far = table_far(bundle, experiment.manifest, rows, own=True)
    found = _figures(experiment, bundle, rows, asked.answers, far)
    if not len(rows):
        return found
    y = experiment.target.decoded(experiment.target.encode([experiment.manifest.targets[i] for i in rows]))
    group = [experiment.manifest.groups[i] for i in rows]
    return found | trust_figures(bundle, y, asked, some, experiment.present(rows), group, far)


def _figures(
    experiment: Experiment, bundle: Bundle, rows: Sequence[int], answers: np.ndarray, far: np.ndarray | None
) -> dict[str, Any]:
    if not len(rows):
        return {"cases": 0}
    kind, truth = experiment.target.kind, [experiment.manifest.targets[i] for i in rows]
    y = experiment.target.decoded(experiment.target.encode(truth))
    group = [experiment.manifest.groups[i] for i in rows]
    found: dict[str, Any] = {"cases": len(rows)} | scores(kind, y, answers)
    found["interval"] = moved_intervals(kind, [DEFAULT[kind]], y, answers, group)
    if kind in (TargetKind.LABEL, TargetKind.GRADE):
        found["expected_calibration_error"] = expected_calibration_error(y, answers)
    if (scope := bundle.scope) is not None:
        found |= figures(scope, experiment.target, truth, answers, far)
    return found


def _facts(experiment: Experiment, used: Sequence[Held], shares: np.ndarray, command: str) -> dict[str, Any]:
    met: np.ndarray = np.any(experiment.present(experiment.fitted_on), axis=0)  # (M,)
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "versions": versions(),
        "fingerprint": experiment.manifest.fingerprint,
        "rows": {part: len(rows) for part, rows in experiment.rows.items()},
        "split": {p: hashlib.sha256(json.dumps(sorted(r)).encode()).hexdigest() for p, r in experiment.rows.items()},
        "expert_weights": {g.name: float(s) for g, s in zip(used, shares)},
        "seeds": _spread([s for g in used for s in g.by_seed]),
        "privacy": experiment.privacy,
        "unlearned": [m.name for m, one in zip(experiment.config.modalities, met) if not one],
    }


def _labels(raw: Any) -> tuple[str, ...]:
    return raw if isinstance(raw, tuple) else (raw,)


def _spread(scores: list[float]) -> dict[str, Any]:
    """Held-out scores of each seed, their mean and standard deviation."""
    if not scores:
        return {}
    return {"scores": scores, "mean": float(np.mean(scores)), "deviation": float(np.std(scores))}
