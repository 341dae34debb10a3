"""The late floor: evidence of views adds up by hand, absent views add nothing, weak ones drown none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit, logit
from small import config, experiment, table

from core.bundle import Bundle
from core.config import TargetConfig
from core.floor.features import Block
from core.floor.late import MOST_ROWS, Late, Part
from core.floor.linear import Linear
from core.floor.smooth import Smooth
from core.schema import Signature, TargetKind
from core.targets import Target

TWO = Target.fit(TargetConfig("y"), ["no", "yes"] * 10)
BLOCKS = [Block("a", 0, Signature((1,))), Block("b", 1, Signature((1,)))]


def linear(block: Block, weight: float) -> Part:
    """A model that reads one number x as the log-odds ``weight`` · x."""
    return Part(Linear(TWO, [block], np.ones(2), np.array([[-weight / 2, weight / 2], [0.0, 0.0]]), np.zeros(2)))


def odds(model: Late, *row: float) -> float:
    return float(logit(model.scores(sp.csr_matrix([row], dtype=np.float32))[0, 1]))


def test_evidence_adds_up_by_hand() -> None:
    """Columns are x of a, whether a is there, x of b, whether b is there."""
    even = Late(TWO, [linear(BLOCKS[0], 1.0), linear(BLOCKS[1], 2.0)], np.array([1.0, 0.5]), np.log([0.5, 0.5]))
    assert odds(even, 0.7, 1, 0.2, 1) == pytest.approx(0.7 + 0.5 * 0.4, abs=1e-5)
    assert odds(even, 0.7, 1, 0.0, 0) == pytest.approx(0.7, abs=1e-5)
    assert odds(even, 0.0, 0, 0.0, 0) == pytest.approx(0.0, abs=1e-5)
    rare = Late(TWO, even.parts, np.ones(2), np.log([0.9, 0.1]))  # the prior is counted once, not for each view
    prior = logit(0.1)
    assert odds(rare, 0.7, 1, 0.2, 1) == pytest.approx(prior + (0.7 - prior) + (0.4 - prior), abs=1e-5)
    assert expit(odds(rare, 0.0, 0, 0.0, 0)) == pytest.approx(0.1, abs=1e-5)


def test_a_weak_view_of_many_columns_does_not_drown_a_strong_one() -> None:
    draw = np.random.default_rng(0)
    y = draw.integers(0, 2, 900)
    strong = (2 * y[:, None] - 1) * 0.5 + draw.normal(size=(900, 8))
    noise, here = draw.normal(size=(900, 1500)), np.ones((900, 1))
    rows = sp.csr_matrix(np.hstack([strong, here, noise, here]).astype(np.float32))
    blocks = [Block("strong", 0, Signature((8,))), Block("weak", 1, Signature((1500,)))]
    target = Target.fit(TargetConfig("y"), [str(v) for v in y])
    both, alone = (
        Late.fit(target, blocks, rows[:100], y[:100]),
        Linear.fit(target, blocks[:1], rows[:100, :9], y[:100]),
    )
    right = [(p.argmax(1) == y[100:]).mean() for p in (both.scores(rows[100:]), alone.scores(rows[100:, :9]))]
    assert right[0] > right[1] - 0.01
    assert right[1] > 0.85


def test_a_smooth_model_of_a_table_learns_what_is_not_linear_from_rows_that_have_it() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(500, 2))
    y = (np.hypot(*x.T) > 1.2).astype(int)
    here = (draw.random(500) < 0.8)[:, None].astype(float)
    rows, block = sp.csr_matrix(np.hstack([x * here, here])), Block("t", 0, Signature((2,)), is_table=True)
    known, prior = here[:300, 0] > 0, np.log([0.5, 0.5])
    model, unseen = Smooth.fit(rows[:300], y[:300], prior)
    new = here[300:, 0] > 0
    assert (model.scores(rows[300:])[new].argmax(1) == y[300:][new]).mean() > 0.9
    assert (unseen[known].argmax(1) == y[:300][known]).mean() > 0.9
    np.testing.assert_allclose(unseen[~known], 0.5)
    assert (
        Linear.fit(TWO, [block], rows[:300], y[:300]).scores(rows[300:])[new].argmax(1) == y[300:][new]
    ).mean() < 0.7


def test_a_smooth_model_is_for_tables_that_enough_rows_have() -> None:
    table, rows, y = Block("t", 0, Signature((1,)), is_table=True), sp.csr_matrix(np.ones((40, 2))), np.arange(40) % 2
    assert Smooth.suits(table, rows, y)
    assert not Smooth.suits(BLOCKS[0], rows, y)  # features of a file or text
    assert not Smooth.suits(table, rows[:10], y[:10])
    assert not Smooth.suits(table, rows, np.zeros(40, dtype=int))


def test_it_is_for_labels_in_few_rows_of_several_views() -> None:
    assert Late.suits(TWO, BLOCKS, 100)
    assert not Late.suits(TWO, BLOCKS[:1], 100)
    assert not Late.suits(TWO, BLOCKS, MOST_ROWS + 1)
    assert not Late.suits(Target.fit(TargetConfig("y", TargetKind.NUMBER), [1.0, 2.0, 3.0]), BLOCKS, 100)


def test_it_joins_the_stack_and_comes_back_from_a_bundle(tmp_path: Path) -> None:
    settings = dataclasses.replace(config("text", "tabular"), stack=True)
    made = experiment(tmp_path, settings, table(tmp_path, "text", "tabular"))
    groups = made.train_groups()
    assert [g.name for g in groups] == ["network", "linear", "trees", "forest", "late"]
    bundle = made.combine(groups[-1:], groups)
    bundle.save(tmp_path / "bundle")
    again = Bundle.load(tmp_path / "bundle")
    assert [e.kind for e in again.ensemble.experts] == ["late"]
    (late,) = again.ensemble.experts
    assert {p.linear.blocks[0].view: p.smooth is not None for p in late.parts} == {"text": False, "tabular": True}  # type: ignore[attr-defined]
    rows = made.rows["test"]
    np.testing.assert_allclose(made.answers(again, rows), made.answers(bundle, rows), atol=1e-6)
