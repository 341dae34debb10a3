"""The counted macro F1 is scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from core.metrics import score
from core.schema import TargetKind


@given(st.integers(2, 6).flatmap(lambda k: st.lists(st.tuples(*[st.integers(0, k - 1)] * 2), min_size=1, max_size=20)))
def test_macro_f1_is_the_one_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    y, told = np.array(pairs).T
    answers = np.eye(6)[told]
    expected = f1_score(y, told, average="macro", zero_division=0)
    assert score(TargetKind.LABEL, "f1", y, answers) == pytest.approx(expected)
