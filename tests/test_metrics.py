"""Metrics, intervals, calibration and conformal sets against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from core.errors import ConfigError
from core.evaluation.calibration import expected_calibration_error, fit_temperature, temper
from core.evaluation.conformal import fit_threshold, number_interval, prediction_set, residuals
from core.evaluation.intervals import Resamples, interval, moved_intervals
from core.metrics import score, scores
from core.schema import TargetKind

LABEL, LABELS, GRADE, NUMBER = TargetKind.LABEL, TargetKind.LABELS, TargetKind.GRADE, TargetKind.NUMBER
Y = np.array([0, 0, 0, 1])
P = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])  # one of three zeros is called a one


def test_label_metrics_by_hand() -> None:
    """Class 0: precision 1, recall 2/3, F1 .8; class 1: precision 1/2, recall 1, F1 2/3."""
    found = scores(LABEL, Y, P)
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == pytest.approx(5 / 6)
    assert found["precision"] == 0.75
    assert found["recall"] == pytest.approx(5 / 6)
    assert found["f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert found["weighted_f1"] == pytest.approx((3 * 0.8 + 2 / 3) / 4)
    assert found["positive_f1"] == pytest.approx(2 / 3)
    assert found["auroc"] == 1
    assert found["average_precision"] == 1
    assert found["neg_log_loss"] == pytest.approx(np.log([0.9, 0.6, 0.3, 0.8]).mean())


def test_number_metrics_by_hand() -> None:
    found = scores(NUMBER, np.array([1.0, 2.0, 3.0]), np.array([[1.0], [2.0], [5.0]]))
    assert found["r2"] == pytest.approx(1 - 4 / 2)
    assert found["neg_mae"] == pytest.approx(-2 / 3)
    assert found["neg_rmse"] == pytest.approx(-np.sqrt(4 / 3))


def test_several_labels_and_grades_by_hand() -> None:
    y, p = np.array([[1, 0], [1, 1]]), np.array([[0.9, 0.2], [0.8, 0.3]])
    found = scores(LABELS, y, p)
    assert found["accuracy"] == 0.75
    assert found["exact_match"] == 0.5
    assert found["f1"] == 0.5  # 1 and 0
    assert scores(GRADE, np.array([0, 1, 2]), np.eye(3))["kappa"] == 1


def test_a_label_that_nobody_has_and_nobody_names_is_not_counted() -> None:
    y = np.array([[1, 0, 0, 1], [0, 1, 0, 0]])
    found = scores(LABELS, y, y.astype(float))
    assert (found["precision"], found["recall"], found["f1"]) == (1, 1, 1)
    named = scores(LABELS, y, y + np.array([0, 0, 1, 0.0]))  # named wrongly in both rows
    assert (named["precision"], named["recall"], named["f1"]) == (0.75, 0.75, 0.75)
    assert score(LABELS, "f1", np.zeros((2, 3)), np.zeros((2, 3))) == 1
    low, high = interval(LABELS, "f1", y, y.astype(float))
    assert (low, high) == (1, 1)


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.tuples(st.booleans(), st.booleans())] * 3), min_size=1, max_size=8))
def test_metrics_of_several_labels_are_those_of_scikit_learn(rows: list[tuple[tuple[bool, bool], ...]]) -> None:
    y, told = np.moveaxis(np.array(rows, dtype=int), -1, 0)
    occur = np.flatnonzero((y + told).any(axis=0))
    for name, expected in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        value = expected(y, told, labels=occur, average="macro", zero_division=0) if len(occur) else 1
        assert score(LABELS, name, y, told.astype(float)) == pytest.approx(value)


@settings(deadline=None)
@given(st.integers(2, 6).flatmap(lambda k: st.lists(st.tuples(*[st.integers(0, k - 1)] * 2), min_size=1, max_size=20)))
def test_f1_is_the_one_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    y, told = np.array(pairs).T
    for name, average in (("f1", "macro"), ("weighted_f1", "weighted")):
        expected = f1_score(y, told, average=average, zero_division=0)
        assert score(LABEL, name, y, np.eye(6)[told]) == pytest.approx(expected)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), *[st.integers(0, 4)] * 3), min_size=2, max_size=20))
def test_auroc_is_the_one_of_scikit_learn_with_ties_and_absent_classes(rows: list[tuple[int, ...]]) -> None:
    y, p = np.array(rows)[:, 0], np.array(rows)[:, 1:] / 4
    truth = y[:, None] == np.arange(3)
    areas = [roc_auc_score(truth[:, k], p[:, k]) for k in range(3) if len(set(truth[:, k])) == 2]
    expected = pytest.approx(np.mean(areas) if areas else np.nan, nan_ok=True)
    assert score(LABEL, "auroc", y, p) == expected
    assert score(LABELS, "auroc", truth.astype(float), p) == expected


def test_undefined_metrics_are_left_out() -> None:
    found = scores(LABEL, np.zeros(4, int), P)
    assert "auroc" not in found
    assert "accuracy" in found


def test_an_unknown_metric_lists_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"unknown metric for a label target 'acuracy'. Did you mean 'accuracy'"):
        score(LABEL, "acuracy", Y, P)
    with pytest.raises(ConfigError, match="unknown metric for a number target 'f1'"):
        score(NUMBER, "f1", Y, P)


def test_calibration_error_by_hand() -> None:
    """Confidence .9 .6 .7 .8, right 1 1 0 1, each in a bin of its own: gaps .1 .4 .7 .2."""
    assert expected_calibration_error(Y, P, bins=10) == pytest.approx((0.1 + 0.4 + 0.7 + 0.2) / 4)


def test_temperature_undoes_a_known_one() -> None:
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.ones(3), 4000)
    y = np.array([rng.choice(3, p=p) for p in true])
    assert fit_temperature(LABEL, y, temper(LABEL, true, 0.5)) == pytest.approx(2, rel=0.1)
    np.testing.assert_allclose(temper(LABEL, temper(LABEL, true, 0.5), 2.0), true, atol=1e-6)
    two = np.stack([true[:, 0], true[:, 1]], axis=1)
    np.testing.assert_allclose(temper(LABELS, temper(LABELS, two, 3.0), 1 / 3), two, atol=1e-6)
    np.testing.assert_allclose(temper(LABEL, np.array([[0.8, 0.2]]), 0.5), [[16 / 17, 1 / 17]])
    assert fit_temperature(NUMBER, y, true) == 1


def test_conformal_threshold_by_hand() -> None:
    """Nine scores .1 … .9 and coverage .8: the ⌈10 · .8⌉ = eighth."""
    p = np.stack([1 - np.arange(1, 10) / 10, np.arange(1, 10) / 10], axis=1)
    assert fit_threshold(LABEL, np.zeros(9, int), p, 0.8) == pytest.approx(0.8)
    assert fit_threshold(LABEL, np.zeros(9, int), p, 0.95) is None  # too few rows to promise it
    assert fit_threshold(NUMBER, np.zeros(4), np.array([[1.0], [-2.0], [3.0], [0.5]]), 0.8) == 3
    assert fit_threshold(LABELS, p, p, 0.8) is None
    assert prediction_set(np.array([[0.7, 0.3], [0.75, 0.25]]), 0.7).tolist() == [[True, True], [True, False]]


def test_intervals_of_a_number_are_as_wide_as_it_is_large_where_it_is_learned_by_its_logarithm() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(3, 2, 4000).clip(0)
    y, answers = np.expm1(truth), np.expm1(truth + rng.normal(0, 0.3, 4000))[:, None]
    held, test = slice(0, 2000), slice(2000, None)
    threshold = fit_threshold(NUMBER, y[held], answers[held], 0.9, scale="log1p")
    assert isinstance(threshold, float)
    assert threshold == pytest.approx(0.3 * 1.645, rel=0.1)
    low, high = number_interval(answers[test, 0], threshold, "log1p")
    inside = (low <= y[test]) & (y[test] <= high)
    assert inside.mean() == pytest.approx(0.9, abs=0.02)
    for few in (answers[test, 0] < 5, answers[test, 0] > 50):  # small and large numbers alike
        assert inside[few].mean() == pytest.approx(0.9, abs=0.03)
    assert low.min() > -1
    assert (residuals(y[test], answers[test, 0], "log1p") <= threshold).tolist() == inside.tolist()
    assert number_interval(np.array([4.0]), 1.5, "none") == (2.5, 5.5)
    assert np.isfinite(number_interval(np.array([-1.0]), 1.0, "log1p")).all()


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_conformal_sets_cover_as_promised(coverage: float) -> None:
    rng = np.random.default_rng(1)
    true = rng.dirichlet(np.full(4, 0.5), 6000)
    y = np.array([rng.choice(4, p=p) for p in true])
    held, test = slice(0, 2000), slice(2000, None)
    wrong = temper(LABEL, true, 0.4)  # an overconfident model is covered all the same
    threshold = fit_threshold(LABEL, y[held], wrong[held], coverage)
    assert threshold is not None
    inside = prediction_set(wrong[test], threshold)[np.arange(4000), y[test]]
    assert inside.mean() == pytest.approx(coverage, abs=0.02)


@given(st.integers(1, 30), st.integers(1, 5))
def test_groups_are_drawn_whole(cases: int, groups: int) -> None:
    names = [f"g{i % groups}" if i % 3 else None for i in range(cases)]
    for rows in Resamples(cases, names, 5):
        for name in {n for n in names if n}:
            members = [i for i, n in enumerate(names) if n == name]
            counts = {int((rows == i).sum()) for i in members}
            assert len(counts) == 1


def test_intervals_hold_the_figure_and_a_paired_difference_is_narrow() -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 300)
    good = np.where(rng.random(300) < 0.8, y, 1 - y)
    answers = np.stack([1 - good, good], axis=1).astype(float)
    low, high = interval(LABEL, "accuracy", y, answers)
    assert low < score(LABEL, "accuracy", y, answers) < high
    assert 0.05 < high - low < 0.15
    assert interval(LABEL, "accuracy", y, answers, against=answers) == (0, 0)


def test_all_right_is_no_certainty() -> None:
    """24 of 24: the exact interval starts at .025 to the power of 1/24; rows of a group count as one."""
    y = np.arange(24) % 2
    right = np.eye(2)[y]
    assert interval(LABEL, "accuracy", y, right) == pytest.approx((0.025 ** (1 / 24), 1))
    groups = [f"g{i // 4}" for i in range(20)] + [None] * 4
    assert interval(LABEL, "accuracy", y, right, groups) == pytest.approx((0.025 ** (1 / 9), 1))
    assert interval(LABEL, "accuracy", y, 1 - right) == pytest.approx((0, 1 - 0.025 ** (1 / 24)))
    assert interval(LABELS, "exact_match", right, right) == pytest.approx((0.025 ** (1 / 24), 1))
    assert set(moved_intervals(LABEL, ["f1", "accuracy"], y, right)) == {"accuracy"}
    assert set(moved_intervals(LABEL, ["f1", "accuracy"], y, np.eye(2)[(np.arange(24) < 20) * y])) == {"f1", "accuracy"}


def test_resamples_are_drawn_alike_each_time_and_the_whole_comes_first() -> None:
    for groups in (None, ["a", "b", "b", None, "c"]):
        drawn = Resamples(5, groups, 4, seed=3, whole=True)
        first, again = list(drawn), list(drawn)
        assert len(first) == len(drawn) == 5
        assert all((a == b).all() for a, b in zip(first, again))
        assert first[0].tolist() == [0, 1, 2, 3, 4]
        assert not all((a == first[1]).all() for a in first[2:] if len(a) == len(first[1]))
