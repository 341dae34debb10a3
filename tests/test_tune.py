"""Hyperparameter search: it goes on where it stopped, gives up early, and refuses what is not its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from small import change, config, experiment, table

from core.config import ExperimentConfig, TableConfig, TargetConfig
from core.errors import ConfigError
from core.experiment import Experiment
from core.schema import TargetKind
from core.tune import tune

SETTINGS = config("tabular", training={"epochs": 2})
SPACE = ("learning_rate", "width", "fusion")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    table(folder, "tabular", cases=40)
    return folder


def _run(folder: Path, settings: ExperimentConfig = SETTINGS) -> Experiment:
    return experiment(folder, settings, folder / "table-tabular" / "table.csv")


def test_a_search_that_was_stopped_goes_on_to_the_same_trials(folder: Path) -> None:
    whole = tune(_run(folder), 4, folder / "whole", space=SPACE)
    first = tune(_run(folder), 2, folder / "parts", space=SPACE)
    assert len(first.trials) == 2
    seen: list[int] = []
    second = tune(_run(folder), 4, folder / "parts", space=SPACE, progress=lambda s, done, *a: seen.append(done))
    assert seen == [3, 4]
    assert second.trials == whole.trials
    assert len({t["learning_rate"] for t in second.trials}) == 4
    assert second.score == max(t["score"] for t in second.trials)
    best = max(second.trials, key=lambda t: t["score"])
    assert second.config.training.learning_rate == best["learning_rate"]
    assert (second.config.width, second.config.fusion) == (best["width"], best["fusion"])
    assert tune(_run(folder), 4, folder / "parts", space=SPACE).config == second.config


def test_another_table_config_or_space_is_refused(folder: Path) -> None:
    tune(_run(folder), 1, folder / "own", space=("learning_rate",))
    for settings, space in ((change(SETTINGS, epochs=3), ("learning_rate",)), (SETTINGS, ("weight_decay",))):
        with pytest.raises(ConfigError, match="holds a search of another table, config or space; choose another"):
            tune(_run(folder, settings), 1, folder / "own", space=space)


def test_an_unknown_hyperparameter(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown hyperparameter 'learning_rat'. Did you mean 'learning_rate'"):
        tune(_run(folder), 1, folder / "unknown", space=("learning_rat",))


def test_settings_that_diverge_do_not_end_the_search(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wild(trial: Any) -> float:
        return trial.suggest_float("learning_rate", *([1e9, 1e9] if trial.number == 0 else [0.01, 0.01]))

    monkeypatch.setattr("core.tune.SPACE", {"learning_rate": wild})
    settings = change(SETTINGS, optimizer="sgd", clip_norm=0.0)
    found = tune(_run(folder, settings), 2, folder / "wild", space=("learning_rate",))
    assert [t["learning_rate"] for t in found.trials] == [0.01]


def test_a_search_without_trials_is_refused_and_leaves_nothing(folder: Path) -> None:
    with pytest.raises(ConfigError, match="at least 1 setting, found 0"):
        tune(_run(folder), 0, folder / "none")
    assert not (folder / "none").exists()


def test_hopeless_trials_are_given_up_early(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.tune.SPACE", {"learning_rate": lambda t: t.suggest_float("learning_rate", 0.01, 0.01)})
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda self: self.number == 1)
    found = tune(_run(folder), 3, folder / "pruned", space=("learning_rate",))
    assert len(found.trials) == 2


def test_one_database_serves_several_searches(folder: Path) -> None:
    url = f"sqlite:///{folder / 'shared.sqlite'}"
    one = tune(_run(folder), 1, folder / "a", space=("learning_rate",), storage=url)
    other = tune(_run(folder, change(SETTINGS, epochs=3)), 1, folder / "b", space=("learning_rate",), storage=url)
    both = tune(_run(folder), 2, folder / "c", space=("learning_rate",), storage=url)
    assert len(other.trials) == 1
    assert both.trials[:1] == one.trials
    assert len(both.trials) == 2


NUMBERS = dataclasses.replace(
    SETTINGS, target=TargetConfig("sum", TargetKind.NUMBER), table=TableConfig(id="id", split="split")
)


def _split(folder: Path, name: str, split: list[str]) -> Path:
    """The first rows of the table, their parts said in words."""
    rows = pd.read_csv(folder / "table-tabular" / "table.csv").head(len(split))
    rows.assign(split=split, sum=rows["number_0"] + rows["number_1"]).to_csv(
        path := folder / "table-tabular" / name, index=False
    )
    return path


def test_a_metric_that_held_out_rows_do_not_define_is_told(folder: Path) -> None:
    path = _split(folder, "one.csv", ["val", *["train"] * 20])
    with pytest.raises(ConfigError, match="'r2' is not defined on the 1 held-out rows"):
        tune(experiment(folder, NUMBERS, path), 1, folder / "one", space=("learning_rate",))


def test_folds_of_one_row_are_searched_by_their_loss(folder: Path) -> None:
    path = _split(folder, "few.csv", ["train"] * 6)
    settings = change(dataclasses.replace(NUMBERS, folds=6), epochs=7, patience=7)
    found = tune(experiment(folder, settings, path), 7, folder / "few", space=("learning_rate",))
    assert len(found.trials) > 5  # the first five are never given up; without a figure all later ones would be
