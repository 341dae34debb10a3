"""A model measured on a table that was kept apart: labels, parts and columns that its own table did not have."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apps.cli import main
from core.cache import FeatureCache
from core.config import TableConfig, TargetConfig
from core.evaluation.evaluate import evaluate
from core.experiment import train
from core.manifest import Manifest
from core.recipes import Columns, build_config
from core.schema import Modality
from domains.customer_service import recipe

WORDS = {"lost_card": "card lost stolen block", "top_up": "top up money add", "change_pin": "pin code change new"}


def turns(seed: int, each: int, outside: int = 0, called: str = "none") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [(" ".join(rng.choice(w.split(), 3)), intent) for intent, w in WORDS.items() for _ in range(each)]
    rows += [(" ".join(rng.choice(["rain", "song", "cake", "joke"], 3)), called) for _ in range(outside)]
    return pd.DataFrame(rows, columns=["text", "intent"])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept_apart")
    table = turns(0, 40)
    config = recipe.build(list(table.columns), preset="fast")
    training = dataclasses.replace(config.training, epochs=4, learning_rate=0.02, batch_size=16)
    config = dataclasses.replace(config, training=training, floor=False)
    train(Manifest.open(table, config), config, folder / "run", cache=FeatureCache(folder / "cache"))
    return folder / "run" / "bundle"


def _said(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == code
    found = capsys.readouterr()
    assert "Traceback" not in found.err
    return found.out + found.err


def test_labels_that_the_model_does_not_know_are_set_aside_with_the_other_faulty_rows(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = turns(1, 5, outside=4, called="order_tea")
    table.loc[0, "intent"] = ""
    table.to_csv(tmp_path / "test.csv", index=False)
    refused = _said(capsys, "evaluate", bundle, tmp_path / "test.csv", code=1)
    assert "5 faults" in refused  # the blank one too, all at once
    assert "does not know this class" in refused
    assert "say --outside" in refused
    kept = _said(capsys, "evaluate", bundle, tmp_path / "test.csv", "--rejected", tmp_path / "rejected.csv")
    assert "5 faulty cases set aside" in kept
    assert "14 cases" in kept
    with (tmp_path / "rejected.csv").open() as file:
        assert [row["intent"] for row in csv.DictReader(file)] == ["", *["order_tea"] * 4]


def test_labels_that_lie_outside_are_measured_as_such(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turns(1, 10, outside=12, called="nothing of it").to_csv(tmp_path / "test.csv", index=False)
    found = json.loads(_said(capsys, "evaluate", bundle, tmp_path / "test.csv", "--outside", "nothing of it", "--json"))
    assert found["cases"] == 30
    assert found["scope"]["outside_recall"] > 0.7
    assert found["scope"]["outside_auroc"] > 0.9
    learned = _said(capsys, "evaluate", bundle, tmp_path / "test.csv", "--outside", "top_up", code=1)
    assert "'top_up' is one of the classes that the model learned; train it anew with --set outside=top_up" in learned


def test_parts_of_a_test_table_may_have_names_of_their_own(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = turns(1, 6).assign(split=["unseen questions", "", "test"] * 6)
    table.to_csv(tmp_path / "test.csv", index=False)
    config = recipe.build(["text", "intent", "split"], preset="fast")
    assert "a split is one of train, val, test" in str(Manifest.open(table, config).faults[0])  # to train on
    found = Manifest.open(table, config, for_training=False)
    assert not found.faults
    assert found.splits[:3] == ["unseen questions", None, "test"]
    assert "18 cases" in _said(capsys, "evaluate", bundle, tmp_path / "test.csv")


def test_a_class_that_seems_to_mean_none_of_these_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turns(0, 10, outside=10, called="oos").to_csv(tmp_path / "turns.csv", index=False)
    plain = ("--domain", "customer_service", "--preset", "fast")
    warning = "name it as what lies outside (--set outside=oos"
    assert warning in _said(capsys, "check", tmp_path / "turns.csv", *plain)
    assert warning not in _said(capsys, "check", tmp_path / "turns.csv", *plain, "--set", "outside=oos")
    few = ("--set", "epochs=1", "--set", "floor=false", "--out", tmp_path / "run")
    assert warning in _said(capsys, "train", tmp_path / "turns.csv", *plain, *few)


def test_the_target_is_no_other_name_of_a_missing_column(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame({"intents": ["top_up"], "intent": ["top_up"]})
    told = Manifest.open(table, recipe.build(["text", "intent"]), for_training=False).faults
    assert "did you mean 'intent'" not in str(told[0])


def test_groups_that_are_few_and_errors_are_told_plainly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"n": rng.normal(size=90).round(2), "g": [f"group {i % 15}" for i in range(90)]})
    table["y"] = table["n"] * 2 + rng.normal(size=90).round(2)
    named = {"n": Columns(Modality.TABULAR, ("n",), ("n",))}
    config = build_config(named, TargetConfig("y", "number"), TableConfig(group="g"), "fast")
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=3), floor=False)
    table = table.astype(str)
    found = train(Manifest.open(table, config), config, tmp_path / "run", cache=FeatureCache(tmp_path / "cache"))
    few = evaluate(found, Manifest.open(table[table["g"].isin(["group 1", "group 2"])].reset_index(drop=True), config))
    assert "they come from 2 groups alone: intervals over so few say little" in few.text()
    many = evaluate(found, Manifest.open(table, config), "all")
    assert "groups alone" not in many.text()
    low, high = many.intervals["neg_rmse"]
    assert f"rmse                 {-many.metrics['neg_rmse']:.4f}  ({-high:.4f} to {-low:.4f})" in many.text()
    assert set(many.intervals) == {"r2", "pearson", "neg_rmse"}


def test_special_columns_of_a_domain_may_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = turns(0, 10).assign(case=[f"case {i // 2}" for i in range(30)])
    table.to_csv(tmp_path / "turns.csv", index=False)
    told = _said(
        capsys, "check", tmp_path / "turns.csv", "--domain", "customer_service", "--id", "case", "--gather", "--json"
    )
    assert json.loads(told)["cases"] == 15
