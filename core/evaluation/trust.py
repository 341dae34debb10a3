"""What an answer may be relied on for: calibration, coverage and referral on rows that chose nothing, by pattern too.

A pattern's figures are of all rows that have at least its modalities, asked with every other one switched off: what a
user gets who has the report alone, whatever else these rows have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.bundle import Bundle
from core.ensemble import Pattern
from core.evaluation.abstention import abstention_figures
from core.evaluation.conformal import number_interval, prediction_set, residuals
from core.evaluation.intervals import Resamples, ends_of
from core.evaluation.patterns import MOST
from core.evaluation.reliability import calibration_figures
from core.evaluation.scope import inside_answers
from core.manifest import Manifest
from core.metrics import DEFAULT, score
from core.schema import TargetKind
from core.table_answers import Asked, ask_table

_TIMES = 300  # bootstrap samples
_SLACK = 0.02  # that a threshold set on few held-out rows may be off by
LEAST = 10  # rows that the figures of a pattern or a class need


def ask(bundle: Bundle, manifest: Manifest, rows: Sequence[int], seed: int = 0) -> tuple[Asked, np.ndarray]:
    """Answers on rows, and the places among them (at most ``patterns.MOST``) that were asked by pattern as well."""
    some = np.sort(np.random.default_rng(seed).permutation(len(rows))[:MOST])
    one = ask_table(bundle, manifest, [rows[i] for i in some], judged(bundle))
    if len(some) == len(rows):
        return one, some
    rest = np.setdiff1d(np.arange(len(rows)), some)
    other = ask_table(bundle, manifest, [rows[i] for i in rest])
    order = np.argsort(np.concatenate([some, rest]))
    answers = np.concatenate([one.answers, other.answers])[order]
    return Asked(answers, one.by_pattern, np.concatenate([one.unlike, other.unlike])[order]), some


def judged(bundle: Bundle) -> list[Pattern]:
    """The patterns that figures are told for: those with a calibration of their own, and everything."""
    count = len(bundle.ensemble.modalities)
    own = [p.pattern for p in bundle.patterns if not all(p.pattern)]
    return [*own, (True,) * count] if own else []


def trust_figures(
    bundle: Bundle,
    y: np.ndarray,
    asked: Asked,
    some: np.ndarray,
    present: np.ndarray,
    groups: Sequence[str | None],
    far: np.ndarray | None = None,
) -> dict[str, Any]:
    """``calibration``, ``coverage``, ``abstention`` and ``patterns``, as JSON; see the functions of those names.

    Args:
        bundle: the model.
        y: decoded targets of the rows.
        asked: its answers on them, see ``ask``.
        some: places of the rows that were asked by pattern.
        present: (N, M) which modalities each row has.
        groups: of the rows.
        far: how far each is from the training cases, where the model marks outsiders by that.
    """
    kind, answers = bundle.ensemble.target.kind, asked.answers
    found: dict[str, Any] = {"calibration": calibration_figures(kind, y, answers, groups)}
    found["coverage"] = coverage_figures(bundle, present, y, answers, groups)
    found["patterns"] = _patterns(bundle, y[some], asked.by_pattern, present[some], [groups[i] for i in some])
    if kind in (TargetKind.LABEL, TargetKind.GRADE) and bundle.threshold is not None:
        marked = np.zeros(len(y), dtype=bool)
        if (scope := bundle.scope) is not None:
            marked = scope.scores(bundle.ensemble.target, answers, far) > scope.threshold
            answers = inside_answers(bundle.ensemble.target, answers, scope.label)
        referred = marked | asked.unlike | (sizes(bundle, present, asked.answers) != 1)
        found["abstention"] = abstention_figures(y, answers, referred, groups)
        found["abstention"]["unlike"] = float(asked.unlike.mean()) if len(y) else 0.0
    return found


def _patterns(
    bundle: Bundle, y: np.ndarray, answers: np.ndarray, present: np.ndarray, groups: Sequence[str | None]
) -> dict[str, dict[str, Any]]:
    """Cases, the default metric, calibration and coverage of each pattern; ``answers`` (P, N, classes)."""
    kind, found = bundle.ensemble.target.kind, {}
    for pattern, cut in zip(judged(bundle), answers):
        here = np.flatnonzero((present | ~np.array(pattern)).all(axis=1))
        if len(here) < LEAST:
            continue
        one = calibration_figures(kind, y[here], cut[here], [groups[i] for i in here.tolist()])
        one |= {"cases": len(here), DEFAULT[kind]: score(kind, None, y[here], cut[here])}
        one.pop("bins", None)
        alike = np.tile(pattern, (len(here), 1))
        if held := coverage_figures(bundle, alike, y[here], cut[here]):
            one |= {"coverage": held["found"], "size": held["size"]}
            if kind is not TargetKind.NUMBER:
                one["referred"] = float((sizes(bundle, alike, cut[here]) != 1).mean())
        found[" + ".join(m for m, p in zip(bundle.ensemble.modalities, pattern) if p)] = one
    return found


def sizes(bundle: Bundle, present: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """(N,) how many classes each case's conformal set holds; 1 where no set is promised."""
    found = np.ones(len(answers), dtype=int)
    for here, threshold in _by_threshold(bundle, present):
        if threshold is not None:
            found[here] = prediction_set(answers[here], threshold).sum(axis=1)
    return found


def coverage_figures(
    bundle: Bundle,
    present: np.ndarray,
    y: np.ndarray,
    answers: np.ndarray,
    groups: Sequence[str | None] | None = None,
) -> dict[str, float]:
    """How often the set or interval holds the truth, and how large it is; empty where nothing is promised.

    With ``groups`` also ``low`` and ``high``, the 95 % interval of that share over groups. Cases outside of all classes
    are left out where the model marks such cases: that is promised apart.
    """
    if bundle.scope is not None and bundle.scope.label in bundle.ensemble.target.classes:
        inside = np.flatnonzero(y != bundle.ensemble.target.classes.index(bundle.scope.label))
        y, present, answers = y[inside], present[inside], answers[inside]
        groups = None if groups is None else [groups[int(i)] for i in inside]
    target, held, size = bundle.ensemble.target, np.zeros(len(y), dtype=bool), np.zeros(len(y))
    for here, threshold in _by_threshold(bundle, present):
        if threshold is None:
            return {}
        if target.kind is TargetKind.NUMBER:
            held[here] = residuals(y[here], answers[here, 0], target.interval_scale) <= threshold
            low, high = number_interval(answers[here, 0], threshold, target.interval_scale)
            size[here] = high - low
        else:
            kept = prediction_set(answers[here], threshold)
            held[here], size[here] = kept[np.arange(len(here)), y[here].astype(int)], kept.sum(axis=1)
    if not len(y):
        return {}
    found = {"promised": bundle.config.coverage, "found": float(held.mean()), "size": float(size.mean())}
    if groups is not None:
        found["low"], found["high"] = ends_of([float(held[rows].mean()) for rows in Resamples(len(y), groups, _TIMES)])
    return found


def broken_promise(coverage: Mapping[str, float]) -> str:
    """What a reader must know where the coverage stays below what was promised by more than chance; else empty."""
    if not coverage or coverage["high"] >= coverage["promised"] - _SLACK:
        return ""
    found, low, high = (f"{coverage[k]:.0%}" for k in ("found", "low", "high"))
    return (
        f"The promise of {coverage['promised']:.0%} holds in {found} ({low} to {high}) of these cases only: they are "
        "unlike the held-out rows that set it. Train again with rows like these, or let a person look at every answer."
    )


def coverage_by_class(bundle: Bundle, present: np.ndarray, y: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """The share of each class's cases whose set holds it, of classes with ``LEAST`` cases; empty without sets."""
    if bundle.ensemble.target.kind not in (TargetKind.LABEL, TargetKind.GRADE):
        return {}
    rows = {name: np.flatnonzero(y == k) for k, name in enumerate(bundle.ensemble.target.classes)}
    found = {
        name: coverage_figures(bundle, present[here], y[here], answers[here])
        for name, here in rows.items()
        if len(here) >= LEAST
    }
    return {name: held["found"] for name, held in found.items() if held}


def _by_threshold(bundle: Bundle, present: np.ndarray) -> list[tuple[np.ndarray, Any]]:
    """Rows of each pattern of present modalities, and the threshold of such cases."""
    if not len(present):
        return []
    seen, place = np.unique(present, axis=0, return_inverse=True)
    place = place.reshape(-1)
    return [(np.flatnonzero(place == i), bundle.threshold_of(row)) for i, row in enumerate(seen)]


def plain(figures: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Figures of those names in words, with their 95 % interval where there is one; absent ones are left out."""
    found = {}
    for name in names:
        if isinstance(value := figures.get(name), float):
            ends = figures.get("interval", {}).get(name)
            found[name] = f"{value:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")
    return found
