"""Targets: tensors there and answers back, against values computed by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.config import TargetConfig
from core.errors import ConfigError
from core.schema import TargetKind
from core.targets import Target


def _fit(kind: str, raw: list, **options: object) -> Target:
    return Target.fit(TargetConfig("y", TargetKind(kind), **options), raw)  # type: ignore[arg-type]


def test_label_classes_priors_and_codes() -> None:
    target = _fit("label", ["b", "a", "b", "10", "9"])
    assert target.classes == ("9", "10", "a", "b")  # numbers before words, in their order
    assert target.prior == pytest.approx((2 / 9, 2 / 9, 2 / 9, 3 / 9))
    assert target.encode(["b", "9"]).tolist() == [3, 0]
    assert target.outputs == 4
    np.testing.assert_allclose(target.answers(torch.tensor([[0.0, 0, 0, np.log(3)]])), [[1 / 6, 1 / 6, 1 / 6, 1 / 2]])


def test_classes_of_other_rows_count_but_not_in_the_prior() -> None:
    target = Target.fit(TargetConfig("y"), ["a", "b"], known=["a", "c", "c"])
    assert target.classes == ("a", "b", "c")
    assert target.prior == pytest.approx((0.4, 0.4, 0.2))


def test_a_label_called_nan_is_a_word_and_order_does_not_depend_on_chance() -> None:
    found = {_fit("label", order).classes for order in itertools.permutations(["nan", "10", "2", "1", "inf"])}
    assert found == {("1", "2", "10", "inf", "nan")}


def test_corn_probabilities_by_hand() -> None:
    """P(y > 0) = 1/2, P(y > 1 | y > 0) = 3/4: grades .5, .125, .375."""
    target = _fit("grade", ["1", "2", "3"])
    assert target.outputs == 2
    logits = torch.tensor([[0.0, np.log(3)]])
    np.testing.assert_allclose(target.answers(logits), [[0.5, 0.125, 0.375]], rtol=1e-6)


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=6))
def test_corn_is_a_distribution(logits: list[float]) -> None:
    target = Target(TargetKind.GRADE, tuple("abcdefg"[: len(logits) + 1]))
    p = target.answers(torch.tensor([logits]))
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1)


def test_several_labels() -> None:
    target = _fit("labels", [("a", "b"), (), ("b",), ("b",)])
    assert target.encode([("b", "a"), ()]).tolist() == [[1, 1], [0, 0]]
    assert target.prior == pytest.approx((2 / 6, 4 / 6))
    np.testing.assert_allclose(target.answers(torch.tensor([[0.0, np.log(3)]])), [[0.5, 0.75]], rtol=1e-6)


def test_a_number_and_its_logarithm() -> None:
    plain = _fit("number", [1.0, 3.0])
    assert plain.encode([1.0, 3.0, 2.0]).tolist() == [-1, 1, 0]
    assert plain.values(torch.tensor([[2.0]])).tolist() == [4]
    assert plain.nothing.tolist() == [2]
    log = _fit("number", [0.0, np.e**2 - 1], transform="log1p")
    assert (plain.interval_scale, log.interval_scale) == ("none", "log1p")
    np.testing.assert_allclose(log.encode([np.e - 1]).numpy(), [0], atol=1e-6)
    np.testing.assert_allclose(log.decoded(log.encode([0.0, 4.0])), [0, 4], atol=1e-5)
    assert _fit("number", [5.0, 5.0]).encode([5.0, 6.0]).tolist() == [0, 1]  # no spread: its own unit


@pytest.mark.parametrize(
    ("kind", "raw", "options", "message"),
    [
        ("label", ["a", "a"], {}, "needs at least two classes in training, found"),
        ("labels", [(), ()], {}, "needs at least one label"),
        ("number", [-1.0], {"transform": "log1p"}, "log1p needs numbers ≥ 0, found -1"),
        ("number", [1.0], {"transform": "log"}, "unknown target.transform 'log'. Did you mean 'log1p'"),
    ],
)
def test_refuses(kind: str, raw: list, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _fit(kind, raw, **options)


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown class 'c'; the model knows a, b"):
        _fit("label", ["a", "b"]).encode(["a", "c"])
