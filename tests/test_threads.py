"""One thread for an answer, and as many as before when all callers are gone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch

from core.threads import one_thread


@pytest.fixture
def three() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three")
def test_callers_at_once_compute_on_one_thread_each_and_leave_as_many_as_before() -> None:
    together = Barrier(4)

    def session(_: int) -> tuple[int, int]:
        together.wait()
        with one_thread():
            together.wait()
            inside = torch.get_num_threads()
        return inside, torch.get_num_threads()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(session, range(4))) == [(1, 3)] * 4
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three")
def test_a_failed_answer_leaves_as_many_as_before() -> None:
    with pytest.raises(ZeroDivisionError), one_thread():
        _ = 1 / 0
    assert torch.get_num_threads() == 3


def test_the_command_tells_its_process_before_torch_is_loaded() -> None:
    script = """
import os, sys
import apps.cli_start
assert "torch" not in sys.modules
sys.argv = ["polyfuse", "info", "--help"]
try:
    apps.cli_start.main()
except SystemExit:
    print(os.environ["OMP_WAIT_POLICY"], "torch" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "passive True"
