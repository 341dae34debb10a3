"""Tables in which a modality, a group or a fold has hardly any row: trained, or refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apps.cli import main
from core.bundle import Bundle
from core.cache import FeatureCache
from core.compare import compare
from core.config import ExperimentConfig, TableConfig, TargetConfig
from core.errors import ConfigError
from core.experiment import Experiment, train
from core.manifest import Manifest
from core.predict import Predictor
from core.recipes import Columns, build_config
from core.schema import Modality
from tests.small import change

WORDS = ["red", "cat", "blue", "dog", "green", "bird", "tall", "tree", "old", "house", "small", "car", "fast", "boat"]
NUMBERS = Columns(Modality.TABULAR, ("n",), ("n",))
TEXT = Columns(Modality.TEXT, ("t",))


def rows(count: int, every: int, **more: list) -> pd.DataFrame:
    """A number, a label of chance, and a text in one of so many rows."""
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, 6)) if i % every == 0 else "" for i in range(count)]
    numbers, labels = rng.normal(size=count).round(3), rng.choice(["p", "q"], count)
    return pd.DataFrame({"n": numbers.astype(str), "t": texts, "y": labels} | more)


def settings(target: TargetConfig, table: TableConfig | None = None, preset: str = "default") -> ExperimentConfig:
    return change(build_config({"n": NUMBERS, "t": TEXT}, target, table, preset), epochs=1)


def test_a_text_that_hardly_any_row_has_is_learned_from(tmp_path: Path) -> None:
    table, config = rows(150, 30), settings(TargetConfig("y"), preset="fast")
    config = ExperimentConfig.from_json(config.to_json() | {"folds": 3, "stack": True})
    bundle = Experiment(Manifest.open(table, config), config, cache=FeatureCache(tmp_path)).combine()
    assert "late" in bundle.facts["expert_weights"]  # of whose inner folds some have no text at all


def test_a_modality_without_rows_to_judge_by_is_left_out_of_a_comparison_by_name(tmp_path: Path) -> None:
    split = ["train"] * 30 + ["val"] * 15 + ["test"] * 15
    table = rows(60, 10, split=split)
    table.loc[30:44, "t"] = ""
    config = settings(TargetConfig("y"), TableConfig(split="split"), "fast")
    config = ExperimentConfig.from_json(config.to_json() | {"floor": False})
    found = compare(Manifest.open(table, config), config, cache=FeatureCache(tmp_path))
    assert found.left_out == ("t alone",)
    assert "not measured, for want of rows to learn from or to judge by: t alone" in found.text()
    assert {r.name for r in found.results} == {"fused", "n alone"}


def test_the_epoch_is_chosen_by_the_loss_where_the_usual_metric_is_undefined(tmp_path: Path) -> None:
    table = rows(37, 1, g=["a"] * 20 + ["b"] * 12 + ["c"] + ["d"] * 4, split=["train"] * 33 + ["test"] * 4)
    table["y"] = table["n"]
    config = settings(TargetConfig("y", "number"), TableConfig(group="g", split="split"), "fast")
    config = ExperimentConfig.from_json(config.to_json() | {"folds": 3, "stack": True})
    bundle = Experiment(Manifest.open(table, config), config, cache=FeatureCache(tmp_path)).combine()  # R² of one row
    assert np.isfinite(bundle.facts["held_out"]["r2"])


def test_two_groups_of_which_one_has_a_single_row(tmp_path: Path) -> None:
    table = rows(34, 1, g=["a"] * 20 + ["b"] + ["c"] * 13, split=["train"] * 21 + ["test"] * 13)
    config = settings(TargetConfig("y"), TableConfig(group="g", split="split"), "fast")
    config = ExperimentConfig.from_json(config.to_json() | {"folds": 3, "stack": True})
    experiment = Experiment(Manifest.open(table, config), config, cache=FeatureCache(tmp_path))
    with pytest.raises(ConfigError, match="a member finds 1 of the 1 rows to learn from with n or t, and needs 2; add"):
        experiment.run()


def test_no_val_rows_are_needed_where_members_are_cross_validated(tmp_path: Path) -> None:
    config = settings(TargetConfig("y"), TableConfig(fractions=(0.8, 0.0, 0.2)), "fast")
    config = ExperimentConfig.from_json(config.to_json() | {"folds": 2})
    experiment = Experiment(Manifest.open(rows(60, 1), config), config, cache=FeatureCache(tmp_path))
    assert (len(experiment.held), experiment.rows["val"]) == (len(experiment.rows["train"]), [])
    assert "2 members a seed, each without its part of the 48" in experiment.combine().card


def test_neighbours_are_kept_though_the_network_has_no_weight(tmp_path: Path) -> None:
    table = rows(60, 1)
    table["y"] = (3 * table["n"].astype(float)).astype(str)  # the linear floor is right, the network is not
    config = settings(TargetConfig("y", "number"), preset="fast")
    config = ExperimentConfig.from_json(config.to_json() | {"stack": True, "keep_cases": "ids"})
    manifest = Manifest.open(table, config)
    bundle = Experiment(manifest, config, cache=FeatureCache(tmp_path)).combine()
    assert bundle.facts["expert_weights"]["network"] == 0
    assert len(Predictor(bundle).neighbours(manifest.row(0))) == 3
    assert "to show the nearest ones: ids." in bundle.card


def test_a_floor_of_an_overwritten_model_goes(tmp_path: Path) -> None:
    config = settings(TargetConfig("y"), preset="fast")
    manifest, cache = Manifest.open(rows(60, 1), config), FeatureCache(tmp_path / "cache")
    train(manifest, config, tmp_path / "run", cache=cache)
    Bundle.load(tmp_path / "run" / "floor")
    alone = ExperimentConfig.from_json(config.to_json() | {"floor": False})
    train(manifest, alone, tmp_path / "run", cache=cache, overwrite=True)
    assert not (tmp_path / "run" / "floor").exists()


def test_faulty_cases_of_a_gathered_table_are_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = rows(40, 1, id=[str(i // 2) for i in range(40)])
    table["y"] = ["p", "p", "q", "q"] * 10
    table["n"] = [str(i // 2) for i in range(40)]
    config = settings(TargetConfig("y"), TableConfig(id="id", gather=True), "fast")
    Experiment(Manifest.open(table, config), config).combine().save(tmp_path / "bundle")
    table.loc[:1, "n"] = "many"
    table.to_csv(tmp_path / "t.csv", index=False)
    arguments = ["predict", str(tmp_path / "bundle"), str(tmp_path / "t.csv"), "--out", str(tmp_path / "p.jsonl")]
    assert main(arguments) == 1
    assert main([*arguments, "--rejected", str(tmp_path / "r.csv")]) == 0
    assert f"1 faulty case set aside in {tmp_path / 'r.csv'}" in capsys.readouterr().err
    assert len((tmp_path / "p.jsonl").read_text().splitlines()) == 19
    assert pd.read_csv(tmp_path / "r.csv")["row"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("command", "more", "said"),
    [
        ("compare", ["--curve", "--fusions", "deep"], "leave --fusions and --out out"),
        ("advise", ["--epsilon", "3"], "ask it without --epsilon"),
        ("train", ["--delta", "0.001", "--out", "run"], "--delta belongs to training with privacy; give --epsilon"),
    ],
)
def test_options_without_effect_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, more: list[str], said: str
) -> None:
    rows(60, 1).to_csv(tmp_path / "t.csv", index=False)
    assert main([command, str(tmp_path / "t.csv"), "--target", "y", "--number", "n", *more]) != 0
    assert said in capsys.readouterr().err
