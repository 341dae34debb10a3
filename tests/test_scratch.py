"""Prepared cases on disk: what was put comes back, room is kept to, a full disk or another process does no harm."""

from __future__ import annotations

import os
import pickle
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from core.scratch import Scratch

_ARRAYS = npst.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]),
    npst.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4),
)


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), _ARRAYS), min_size=1, max_size=5))
def test_what_was_put_comes_back(cases: list[dict[str, np.ndarray]]) -> None:
    kept = Scratch(len(cases))
    for number, case in enumerate(cases):
        kept.put(number, {n: a if n != "c" else torch.from_numpy(a) for n, a in case.items()})
    for number, case in reversed(list(enumerate(cases))):
        found = kept.get(number)
        assert found is not None
        assert found.keys() == case.keys()
        for name, array in case.items():
            assert isinstance(found[name], torch.Tensor) == (name == "c")
            assert np.asarray(found[name]).dtype == array.dtype
            np.testing.assert_array_equal(np.asarray(found[name]), array)


def test_a_value_is_the_callers_own() -> None:
    kept = Scratch(1)
    kept.put(0, {"a": np.zeros(3), "t": torch.zeros(3)})
    for _ in range(2):
        found = kept.get(0)
        assert found is not None
        assert found["a"].sum() == 0
        assert found["t"].sum() == 0
        found["a"] += 1
        found["t"] += 1


def test_room_is_kept_to() -> None:
    kept = Scratch(9, room=5_000)
    for number in range(9):
        kept.put(number, {"a": np.zeros(250, np.float32)})  # 1,000 bytes and a head
    there = [kept.get(number) is not None for number in range(9)]
    assert there == [True] * 4 + [False] * 5
    assert Scratch(1, room=0).get(0) is None


def test_a_full_disk_ends_the_keeping_alone() -> None:
    kept = Scratch(3)
    kept.put(0, {"a": np.ones(3)})

    class Full:
        def __getattr__(self, name: str) -> Any:
            raise OSError(28, "No space left on device")

    file, kept._file = kept._file, Full()
    kept.put(1, {"a": np.ones(3)})
    kept._file = file
    kept.put(2, {"a": np.ones(3)})
    assert [kept.get(number) is not None for number in range(3)] == [True, False, False]


def test_another_process_reads_and_does_not_write() -> None:
    kept = Scratch(2)
    kept.put(0, {"a": np.arange(3)})
    child = os.fork()
    if child == 0:
        kept.put(1, {"a": np.zeros(100)})
        found = kept.get(0)
        os._exit(int(found is None or found["a"].tolist() != [0, 1, 2] or kept.get(1) is not None))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    kept.put(1, {"a": np.full(3, 7)})
    found = kept.get(1)
    assert found is not None
    assert found["a"].tolist() == [7, 7, 7]
    assert pickle.loads(pickle.dumps(kept)).get(0) is None
