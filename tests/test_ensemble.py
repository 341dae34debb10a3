"""Weights of a stack: near equal where rows are few, the better expert's where they are many."""

from __future__ import annotations

import numpy as np
import pytest

from core.ensemble import learn_weights
from core.schema import TargetKind


def labels(rows: int, sure: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels of two classes and answers that give the right one the probability ``sure``."""
    y = np.arange(rows) % 2
    return y, np.where(np.eye(2)[y] > 0, sure, 1 - sure)


@pytest.mark.parametrize("kind", [TargetKind.LABEL, TargetKind.LABELS, TargetKind.NUMBER])
def test_alike_experts_weigh_alike(kind: TargetKind) -> None:
    y, p = labels(40, 0.7)
    truth = {TargetKind.LABEL: y, TargetKind.LABELS: np.eye(2)[y], TargetKind.NUMBER: y.astype(float)}[kind]
    answers = p[:, 1:] if kind is TargetKind.NUMBER else p
    np.testing.assert_allclose(learn_weights(kind, truth, [answers] * 4), 0.25, atol=1e-4)
    assert learn_weights(kind, truth, [answers]).tolist() == [1.0]


def test_few_rows_do_not_silence_an_expert_and_many_do() -> None:
    """One expert is right with .9, the other one knows nothing; rows of one group say little more than one."""
    for rows, groups, least, most in ((4, None, 0.5, 0.8), (4000, None, 0.99, 1.0), (4000, ["one"] * 4000, 0.8, 0.99)):
        (y, good), (_, idle) = labels(rows, 0.9), labels(rows, 0.5)
        assert least < learn_weights(TargetKind.LABEL, y, [good, idle], groups)[0] <= most
    np.testing.assert_array_equal(
        learn_weights(TargetKind.LABEL, y, [good, idle], [None] * 4000),  # each a group of its own
        learn_weights(TargetKind.LABEL, y, [good, idle]),
    )


def test_numbers_weigh_alike_in_any_unit() -> None:
    draw = np.random.default_rng(0)
    y = draw.normal(size=300)
    answers = [y[:, None] + draw.normal(0, s, (300, 1)) for s in (0.1, 0.3)]
    in_grams = learn_weights(TargetKind.NUMBER, y * 1000, [a * 1000 for a in answers])
    np.testing.assert_allclose(in_grams, learn_weights(TargetKind.NUMBER, y, answers), atol=1e-3)
    assert in_grams[0] > 0.7
