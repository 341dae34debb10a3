"""Redundant, unique and synergistic information, against tables whose parts are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advise import advise
from core.config import TableConfig, TargetConfig
from core.information import decompose, gains, outcomes
from core.manifest import Manifest
from core.recipes import Columns, build_config
from core.samples import make_table
from core.schema import Modality, TargetKind

Y = np.array([0, 0, 1, 1])
ONE, NONE = np.ones(4), np.zeros(4)


def test_two_copies_are_redundant_one_source_is_unique_and_xor_is_synergy() -> None:
    copies = decompose(Y, {"a": ONE, "b": ONE}, ONE, ONE)
    assert (copies.redundant, copies.unique, copies.synergy) == (1.0, {"a": 0.0, "b": 0.0}, 0.0)
    only = decompose(Y, {"a": ONE, "b": NONE}, ONE, ONE)
    assert (only.redundant, only.unique, only.synergy) == (0.0, {"a": 1.0, "b": 0.0}, 0.0)
    xor = decompose(Y, {"a": NONE, "b": NONE}, ONE, NONE)
    assert (xor.redundant, xor.synergy, xor.interaction, xor.total) == (0.0, 1.0, 1.0, 1.0)


def test_sources_that_know_different_outcomes_are_both_unique() -> None:
    first, second = np.array([1.0, 1, 0, 0]), np.array([0.0, 0, 1, 1])
    found = decompose(Y, {"a": first, "b": second}, ONE, ONE)
    assert found.unique == {"a": 0.5, "b": 0.5}
    assert found.redundant == found.synergy == 0.0


bits = st.lists(st.floats(-3, 3), min_size=6, max_size=6)


@given(bits, bits, bits, bits)
def test_the_parts_are_not_negative_and_add_up(a: list[float], b: list[float], c: list[float], j: list[float]) -> None:
    alone = {n: np.array(v) for n, v in (("a", a), ("b", b), ("c", c))}
    found = decompose(np.array([0, 0, 1, 1, 2, 2]), alone, np.array(j), np.zeros(6))
    assert min(found.redundant, found.synergy, found.interaction, *found.unique.values()) >= 0
    assert found.redundant + sum(found.unique.values()) + found.synergy == pytest.approx(found.total)
    assert found.interaction <= found.synergy


def test_gains_by_hand() -> None:
    answers, prior = np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0.5, 0.5])
    assert gains(TargetKind.LABEL, np.array([0, 1]), answers, prior) == pytest.approx([0.0, np.log2(1.5)])
    both = gains(TargetKind.LABELS, np.array([[1, 0], [1, 1]]), answers, prior)
    assert both == pytest.approx([0.0, np.log2(0.5) + np.log2(1.5)])
    y = np.array([0.0, 1.0, 2.0, 3.0])
    assert gains(TargetKind.NUMBER, y, np.full((4, 1), 1.5), np.array([1.5])) == pytest.approx(np.zeros(4))
    assert gains(TargetKind.NUMBER, y, y[:, None] + [[0.1], [-0.1], [0.1], [-0.1]], np.array([1.5])).mean() > 3
    assert set(outcomes(TargetKind.NUMBER, np.arange(100.0)).tolist()) == set(range(10))


@pytest.mark.parametrize(
    ("effect", "words"), [("both", "interactions matter"), ("each", "no interactions to speak of")]
)
def test_advice_knows_whether_the_fusion_must_express_interactions(effect: str, words: str, tmp_path: Path) -> None:
    path = make_table(tmp_path / effect, 600, ("tabular", "text"), effect=effect)
    named = {
        "row": Columns(Modality.TABULAR, ("number_0", "number_1"), ("number_0", "number_1")),
        "text": Columns(Modality.TEXT, ("text",)),
    }
    config = build_config(named, TargetConfig("label"), TableConfig("id"), "fast")
    found = advise(Manifest.open(path, config), config)
    assert found.information is not None
    assert any(words in a for a in found.advice)
    if effect == "both":
        assert found.information.synergy > 0.9 * found.information.total
    else:
        assert found.information.redundant > 0.4 * found.information.total
