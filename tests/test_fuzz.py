"""A short run of ``benchmarks.fuzz``: no damaged file may do anything but be read or be refused in words."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.fuzz import watch
from benchmarks.fuzzing.run import PLAN
from benchmarks.fuzzing.seeds import make_seeds
from core.sandbox import Sandbox

INPUTS = 12


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    make_seeds(folder := tmp_path_factory.mktemp("fuzz") / "seeds")
    return folder


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with pytest.MonkeyPatch.context() as patch, Sandbox(60, 2 << 30, workers=1) as found:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        yield found


@pytest.mark.parametrize("name", PLAN)
def test_damaged_files_are_read_or_refused(sandbox: Sandbox, seeds: Path, name: str) -> None:
    found = watch(sandbox, seeds, name, 1_000_000, INPUTS)  # none of those that the benchmark reads
    assert found["faults"] == {}
    assert set(found["ends"]) <= {"read", "refused"}
    assert sum(found["ends"].values()) == INPUTS
