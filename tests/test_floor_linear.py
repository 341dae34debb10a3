"""The linear floor: its inner folds keep groups whole, and few rows are solved as many are."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from core.config import TargetConfig
from core.floor import linear
from core.floor.features import Block
from core.floor.linear import Linear, inner_folds
from core.schema import Signature, TargetKind
from core.targets import Target


def test_groups_stay_whole_and_every_row_is_held_out_once() -> None:
    groups = np.repeat(np.arange(7), 4)
    parts = inner_folds(len(groups), groups=groups)
    assert len(parts) == 5
    assert sorted(np.concatenate([b for _, b in parts]).tolist()) == list(range(28))
    for a, b in parts:
        assert not set(groups[a]) & set(groups[b])


def test_without_groups_or_with_one_the_rows_are_dealt_singly() -> None:
    plain = inner_folds(11)
    for a, b in zip(plain, inner_folds(11, groups=np.zeros(11))):
        assert a[0].tolist() == b[0].tolist()
        assert a[1].tolist() == b[1].tolist()


def test_what_only_names_the_group_asks_for_a_weaker_model() -> None:
    """Numbers that differ by group alone tell all about known groups and nothing about new ones."""
    draw = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    y = draw.integers(0, 2, 40)[groups]
    rows = sp.csr_matrix(draw.normal(size=(40, 60)).astype(np.float32)[groups])
    target = Target.fit(TargetConfig("y"), [str(v) for v in y])
    rows = sp.hstack([rows, sp.csr_matrix(np.ones((400, 1), dtype=np.float32))]).tocsr()
    blocks = [Block("table", 0, Signature((60,)))]
    known, new = (Linear.fit(target, blocks, rows, y, groups=g) for g in (None, groups))
    assert new.strength < known.strength


@pytest.mark.parametrize(("classes", "tried"), [(3, [0.3, 2.0, 12.0, 60.0]), (24, [2.0, 12.0])])
def test_of_many_classes_no_strength_is_tried_beyond_a_worse_one(
    classes: int, tried: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, solve, asked = np.random.default_rng(0), linear._solve, list[float]()
    rows = sp.csr_matrix(draw.normal(size=(480, 12)))
    told = [f"c{v:02}" for v in draw.integers(0, classes, 480)]  # of chance: the more a model trusts it, the worse
    target = Target.fit(TargetConfig("y"), told)

    def seen(target: Target, rows: sp.csr_matrix, y: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
        asked.append(strength)
        return solve(target, rows, y, strength)

    monkeypatch.setattr(linear, "_solve", seen)
    model = Linear.fit(target, [Block("x", 0, Signature((11,)))], rows, target.encode(told).numpy())
    assert list(dict.fromkeys(asked)) == tried
    assert asked[-1] == model.strength == tried[0]


@pytest.mark.parametrize("kind", list(TargetKind))
def test_few_rows_with_many_columns_give_what_the_whole_problem_gives(kind: TargetKind) -> None:
    """The same rows eight times over, each an eighth as strong, have the same minimum and are solved the long way."""
    draw = np.random.default_rng(1)
    rows = sp.csr_matrix(draw.normal(size=(30, 200)) / 14)
    told = {
        TargetKind.LABEL: [("a", "b", "c")[v] for v in draw.integers(0, 3, 30)],
        TargetKind.LABELS: [("a", "b") if v else ("b",) for v in draw.integers(0, 2, 30)],
        TargetKind.GRADE: [str(v) for v in draw.integers(0, 3, 30)],
        TargetKind.NUMBER: [float(v) for v in draw.normal(size=30)],
    }[kind]
    target = Target.fit(TargetConfig("y", kind), told)
    model = Linear.fit(target, [Block("x", 0, Signature((199,)))], rows, target.encode(told).numpy(), strength=2.0)
    wide = sp.vstack([rows] * 8).tocsr()
    y = np.concatenate([target.encode(told).numpy()] * 8)
    whole = Linear.fit(target, model.blocks, wide, y, strength=2.0 / 8)
    np.testing.assert_allclose(model.scores(rows), whole.scores(rows), atol=2e-3)
