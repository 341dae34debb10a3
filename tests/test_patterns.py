"""Calibration and promised coverage for each pattern of present modalities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small import change, config, experiment, table

from core.bundle import Bundle
from core.evaluation.conformal import fit_threshold, prediction_set
from core.evaluation.evaluate import evaluate
from core.evaluation.patterns import fit_patterns, patterns_of
from core.manifest import Manifest
from core.predict import Predictor
from core.schema import TargetKind

LABEL = TargetKind.LABEL


def test_patterns_are_all_subsets_of_few_and_those_met_of_many() -> None:
    every = patterns_of(np.ones((5, 3), bool))
    assert len(every) == 6  # all but nothing and everything
    assert (True, True, True) in patterns_of(np.array([[1, 1, 1], [1, 0, 1]], bool))
    assert patterns_of(np.ones((5, 1), bool)) == []
    six = np.ones((3, 6), bool)
    six[0, 2] = False
    assert len(patterns_of(six)) == 6 + 1 + 1  # each alone, the one met, everything


def test_a_class_has_its_own_threshold_and_one_without_rows_is_never_ruled_out() -> None:
    p = np.array([[0.9, 0.05, 0.05]] * 20 + [[0.5, 0.45, 0.05]] * 20)
    y = np.repeat([0, 1], 20)
    threshold = fit_threshold(LABEL, y, p, 0.9, by_class=True)
    assert threshold == pytest.approx((0.1, 0.55, 1.0))
    assert isinstance(threshold, tuple)
    assert prediction_set(p[[0, 39]], threshold).tolist() == [[True, False, True], [False, True, True]]


def test_coverage_is_kept_for_each_pattern_and_class_over_random_splits() -> None:
    """Two noisy modalities; without the second one, answers are less sure, and one temperature does not fit both."""
    rng = np.random.default_rng(0)
    found: dict[tuple[bool, bool], list[float]] = {}
    by_class: list[list[float]] = []
    for _ in range(100):
        y = rng.integers(0, 3, 1200)
        evidence = np.eye(3)[y][None] * np.array([1.0, 2.5])[:, None, None] + rng.normal(0, 1, (2, 1200, 3))
        both = evidence[0] + evidence[1]
        answers = {(True, True): both, (True, False): 3 * evidence[0]}  # overconfident without the second
        soft = {k: np.exp(v) / np.exp(v).sum(1, keepdims=True) for k, v in answers.items()}
        held, test = slice(0, 600), slice(600, 1200)
        present = np.ones((600, 2), bool)
        for pattern, p in soft.items():
            fitted = fit_patterns(LABEL, y[held], p[held][None], present, [pattern], 0.9, False)[0]
            cut = p[test] ** (1 / fitted.temperature)
            cut /= cut.sum(1, keepdims=True)
            assert isinstance(fitted.threshold, float)
            kept = prediction_set(cut, fitted.threshold)[np.arange(600), y[test]]
            found.setdefault(pattern, []).append(float(kept.mean()))
        own = fit_threshold(LABEL, y[held], soft[True, True][held], 0.9, by_class=True)
        assert isinstance(own, tuple)
        kept = prediction_set(soft[True, True][test], own)[np.arange(600), y[test]]
        by_class.append([float(kept[y[test] == k].mean()) for k in range(3)])
    for coverage in found.values():
        assert np.mean(coverage) == pytest.approx(0.9, abs=0.02)
    assert np.mean(by_class, axis=0) == pytest.approx([0.9, 0.9, 0.9], abs=0.02)


@pytest.mark.parametrize("folds", [1, 3])
def test_a_bundle_answers_each_pattern_as_calibrated_and_keeps_that_when_saved(tmp_path: Path, folds: int) -> None:
    path = table(tmp_path, "text", "tabular", cases=300, missing=0.3, noise=0.2)
    settings = change(config("text", "tabular", table={"id": "id", "fractions": [0.4, 0.4, 0.2]}), epochs=3)
    settings = type(settings).from_json(settings.to_json() | {"folds": folds, "stack": True, "floor": True})
    run = experiment(tmp_path, settings, path)
    bundle = run.combine()
    assert [p.pattern for p in bundle.patterns] == [(False, True), (True, False), (True, True)]
    bundle.save(tmp_path / "bundle")
    loaded = Bundle.load(tmp_path / "bundle")
    assert loaded.patterns == bundle.patterns
    assert loaded.ensemble.temperatures == {p.pattern: p.temperature for p in bundle.patterns}
    manifest = Manifest.open(path, settings)
    figures = evaluate(loaded, manifest.select(run.rows["test"]))
    assert figures.coverage["promised"] == 0.9
    assert 0.75 < figures.coverage["found"] <= 1.0
    assert "coverage of the sets" in figures.text()
    predictor = Predictor(loaded)
    row = next(manifest.row(i) for i in range(300) if manifest.present[i].all())
    with_both, alone = (
        predictor.predict({"text": row.values["text"], **more}) for more in ({"tabular": row.values["tabular"]}, {})
    )
    assert with_both.label is not None
    assert with_both.without["tabular"] == pytest.approx(alone.probabilities[with_both.label])
