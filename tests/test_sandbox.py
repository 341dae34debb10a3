"""A reader that loops, aborts, eats memory or fails ends a worker and nothing else."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ct_phantom import Phantom

from apps.cli import main
from core.errors import ConfigError, FileError
from core.preprocess.decode import check_scan
from core.samples import make_table
from core.sandbox import Sandbox, SandboxError
from domains.medical.ct_files import write_nifti


def loop_for_ever(path: Path) -> None:
    while True:
        time.sleep(0.01)


def abort(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGABRT)


def eat(path: Path, size: int) -> int:
    return len(bytearray(size))


def fail(path: Path) -> None:
    raise ValueError("the patient's name")


def refuse(path: Path) -> None:
    raise ConfigError(f"{path}: no such option")


def count(path: Path) -> Iterator[int]:
    for i in range(3):
        path.write_text(str(i))
        yield i


def scratch(path: Path) -> str:
    return tempfile.mkdtemp()


def process(path: Path) -> int:
    return os.getpid()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with pytest.MonkeyPatch.context() as patch, Sandbox(seconds=20, memory=1 << 30) as found:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # the worker imports this module
        yield found


@pytest.mark.parametrize(
    ("reader", "options", "said"),
    [
        (loop_for_ever, {"limit": 0.2}, "scan.dcm: reading it takes longer than 0.2 s"),
        (abort, {}, r"scan.dcm: its reader was ended by the system \(signal 6\)"),
        (eat, {"size": 2 << 30}, "scan.dcm: reading it takes more than 1 GiB of memory"),
        (fail, {}, r"scan.dcm: its reader fails \(ValueError in test_sandbox.py:\d+\); it is not opened"),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_what_does_not_survive_is_told_in_words(sandbox: Sandbox, reader, options, said: str) -> None:
    with pytest.raises(SandboxError, match=said) as told:
        sandbox.try_reading(reader, Path("scan.dcm"), **options)
    assert "patient" not in str(told.value)
    assert sandbox.call(eat, Path("scan.dcm"), size=7) == 7  # the next call is served


def test_what_a_reader_says_against_a_file_is_passed_on_or_left_to_it(sandbox: Sandbox) -> None:
    with pytest.raises(FileError, match=r"^a\.csv: no such option$"):
        sandbox.call(refuse, Path("a.csv"))
    sandbox.try_reading(refuse, Path("a.csv"))


def test_an_iterator_is_read_to_its_end(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.call(count, tmp_path / "last")
    assert (tmp_path / "last").read_text() == "2"


def test_a_worker_is_kept_and_its_temporary_files_go_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    with Sandbox() as own:
        place = Path(own.call(scratch, Path()))
        assert place.is_dir()
        assert own.call(process, Path()) == own.call(process, Path()) != os.getpid()
    assert not place.exists()
    assert not place.parent.exists()


def test_a_worker_that_ended_while_it_waited_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    with Sandbox() as own:
        first = own.call(process, Path())
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)  # all of its threads are gone, and it is still to be asked
        assert own.call(process, Path()) != first


def test_check_opens_every_file_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = make_table(tmp_path / "table", 3, ["image"])
    first = next(iter(sorted(table.parent.glob("*.png"))))
    first.write_bytes(first.read_bytes()[:60])
    options = ["check", str(table), "--target", "label", "--image", "image"]
    main(options)
    assert first.name not in capsys.readouterr().out
    assert main([*options, "--open-files"]) == 1
    assert f"row 1, column 'image': {first}: " in capsys.readouterr().out


def test_check_tells_a_scan_whose_geometry_the_experiment_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Phantom(np.zeros((8, 6, 6)))
    whole.write(tmp_path / "whole")
    whole.write(tmp_path / "gap", [0, 1, 2, 4, 5, 6, 7])
    for name in "ab":
        write_nifti(tmp_path / f"{name}.nii.gz", np.zeros((4, 4, 4)), (2.0, 1.0, 1.0))
    rows = ["ct,age,diagnosis", "whole,40,x", "gap,50,y", "a.nii.gz|b.nii.gz,60,x", "gap,70,y"]
    (tmp_path / "cases.csv").write_text("\n".join(rows), encoding="utf-8")
    assert main(["check", str(tmp_path / "cases.csv"), "--domain", "medical", "--open-files"]) == 1
    told = capsys.readouterr().out
    assert told.count("1 fault of geometry") == 2
    assert "row 2, column 'ct'" in told
    assert "row 3" not in told
    check_scan(tmp_path / "gap", on_defect="resample", allow_modality=["CT"])
