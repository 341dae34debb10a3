"""A run that is killed, wherever that happens, ends as one that was left alone."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from small import config, experiment, table

from core.atomic import recover, replace_folder
from core.config import ExperimentConfig
from core.errors import BundleError, ConfigError
from core.experiment import Experiment
from core.training import checkpoint

SETTINGS = config(
    "text",
    "tabular",
    training={"epochs": 8, "balance": "ogm_ge", "unimodal_loss": 0.2, "accumulate": 2, "modality_dropout": 0.4},
)


def train(folder: Path, name: str) -> None:
    """Train to a bundle; run in a process of its own, to be killed."""
    _run(folder, name).run()


def _run(folder: Path, name: str, settings: ExperimentConfig = SETTINGS) -> Experiment:
    return experiment(folder, settings, folder / "table-text-tabular" / "table.csv", folder / name)


def _end(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    bundle = folder / name / "bundle"
    facts = json.loads((bundle / "bundle.json").read_text())["facts"]
    return {k: facts[k] for k in ("held_out", "test")}, load_file(bundle / "experts" / "0" / "weights.safetensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, and the run that was left alone."""
    folder = tmp_path_factory.mktemp("resume")
    table(folder, "text", "tabular", cases=90, missing=0.2)
    train(folder, "alone")
    return folder


def _same_end(folder: Path, name: str) -> None:
    (figures, weights), (other, others) = _end(folder, "alone"), _end(folder, name)
    assert figures == other
    for key, value in weights.items():
        torch.testing.assert_close(value, others[key], rtol=0, atol=0)


class _KilledError(BaseException):
    pass


@pytest.mark.parametrize("epochs", [[1, 4], [8]])
def test_killed_between_epochs(folder: Path, epochs: list[int]) -> None:
    name = f"killed-{'-'.join(map(str, epochs))}"
    for last in epochs:
        run = _run(folder, name)

        def stop(stage: str, done: int, total: int, figures: Any = None, last: int = last) -> None:
            if figures and done == last:
                raise _KilledError

        run.progress = stop
        with pytest.raises(_KilledError):
            run.run()
        torch.manual_seed(last)  # a new process has other random numbers
    _run(folder, name).run()
    _same_end(folder, name)
    assert not (folder / name / "checkpoints").exists()


def test_killed_by_the_system_at_any_moment(folder: Path) -> None:
    """Three kills of a real process, the first as soon as there is a checkpoint."""
    checkpoints, killed = folder / "system" / "checkpoints", 0
    for wait in (0.0, 0.02, 0.05):
        process = multiprocessing.get_context("spawn").Process(target=train, args=(folder, "system"))
        before = _stamp(checkpoints)
        process.start()
        while process.is_alive() and _stamp(checkpoints) == before:
            time.sleep(0.002)
        time.sleep(wait)
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
    assert killed >= 1
    if not (folder / "system" / "bundle").exists():
        train(folder, "system")
    _same_end(folder, "system")


def _stamp(folder: Path) -> int:
    try:
        return max((f.stat().st_mtime_ns for f in folder.rglob("state.json")), default=0)
    except FileNotFoundError:
        return -1


class _Net(torch.nn.Linear):
    pass


def _saved(place: Path, value: float) -> torch.optim.Optimizer:
    model = _Net(1, 1)
    torch.nn.init.constant_(model.weight, value)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    checkpoint.save(place, model, {}, optimizer, {"identity": "me", "value": value})
    return optimizer


def _read(place: Path) -> float | None:
    recover(place)
    model = _Net(1, 1)
    found = checkpoint.load(place, model, torch.optim.AdamW(model.parameters()), "me")
    return None if found is None else found[0]["value"]


def test_a_kill_between_the_two_renames_keeps_the_newer(tmp_path: Path) -> None:
    place, new, old = (tmp_path / n for n in ("c", "c.new", "c.old"))
    _saved(place, 1.0)
    _saved(tmp_path / "other", 2.0)
    place.rename(old)
    (tmp_path / "other").rename(new)
    assert _read(place) == 2.0
    _saved(place, 3.0)  # what is left of the old one is no obstacle
    assert _read(place) == 3.0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c"]


def test_a_kill_while_writing_keeps_the_older(tmp_path: Path) -> None:
    place, new = tmp_path / "c", tmp_path / "c.new"
    new.mkdir()
    (new / "tensors.safetensors").write_bytes(b"half")
    (new / "state.json").write_text('{"ident')
    assert _read(place) is None  # the very first was never finished: start again
    _saved(place, 1.0)
    new.mkdir()
    (new / "state.json").write_text('{"ident')
    assert _read(place) == 1.0


def test_a_failure_inside_leaves_the_old_folder(tmp_path: Path) -> None:
    place = tmp_path / "f"
    with replace_folder(place) as new:
        (new / "a").write_text("1")
    with pytest.raises(TypeError), replace_folder(place) as new:
        (new / "a").write_text(2)  # type: ignore[arg-type]
    with (
        pytest.raises(BundleError, match=r"No space left on device.. What was there before is unchanged. Free space"),
        replace_folder(place),
    ):
        raise OSError(28, "No space left on device")
    assert (place / "a").read_text() == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_checkpoint_of_another_run_is_refused_before_it_is_loaded(folder: Path, tmp_path: Path) -> None:
    run = _run(folder, "other")

    def stop(stage: str, done: int, total: int, figures: Any = None) -> None:
        if figures and done == 2:
            raise _KilledError

    run.progress = stop
    with pytest.raises(_KilledError):
        run.run()
    wider = config("text", "tabular", width=24)
    with pytest.raises(ConfigError, match="holds a run of another config or table; choose another folder or delete it"):
        _run(folder, "other", wider).run()


def test_a_damaged_checkpoint_is_named(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "c"
    _saved(place, 1.0)
    (place / "tensors.safetensors").write_bytes(b"junk")
    with pytest.raises(BundleError, match=r"the checkpoint cannot be read .*; delete the folder to start again"):
        _read(place)
