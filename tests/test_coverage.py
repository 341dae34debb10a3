"""The promised coverage is held over random splits, for every pattern of modalities, by answers that are too sure."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from benchmarks import coverage
from benchmarks.coverage import Answered, over_splits
from core.schema import TargetKind


def answers(cases: int = 800, sharp: float = 3.0) -> Answered:
    """Answers of a model that is three times too sure; each modality alone knows less than all together."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, cases)
    told = np.eye(4)[y][None] * 1.2 + rng.normal(0, 1, (2, cases, 4))  # evidence of each modality
    patterns = [p for p in product((False, True), repeat=2) if any(p)]
    odds = np.stack([sharp * told[list(p)].sum(axis=0) for p in patterns])  # (P, N, 4)
    p = np.exp(odds - odds.max(axis=2, keepdims=True))
    return Answered(TargetKind.LABEL, ("ct", "report"), y, patterns, p / p.sum(axis=2, keepdims=True))


@pytest.mark.parametrize("by_class", [False, True])
def test_coverage_is_held_over_random_splits(monkeypatch: pytest.MonkeyPatch, by_class: bool) -> None:
    monkeypatch.setattr(coverage, "SPLITS", 40)
    found = over_splits(answers(), by_class)
    assert found["missed"] == []
    assert found["overall"]["held"]
    assert found["parts"] == (7 if by_class else 3)
    assert found["pattern ct + report"]["size"] < found["pattern ct"]["size"]


def test_sets_calibrated_on_another_pattern_miss_the_promise() -> None:
    """What the calibration by pattern is for: with one threshold for all, the weaker pattern is not covered."""
    a, rng = answers(4000), np.random.default_rng(1)
    order = rng.permutation(len(a.y))
    fit, test = order[:2000], order[2000:]
    both, alone = a.answers[a.patterns.index((True, True))], a.answers[a.patterns.index((True, False))]
    threshold = coverage.fit_threshold(a.kind, a.y[fit], both[fit], coverage.PROMISE)
    inside, _ = coverage.held(a.kind, a.y[test], alone[test], threshold)
    assert inside.mean() < coverage.PROMISE - coverage.WITHIN
