"""Configs: JSON there and back, and every wrong key, type and number named with its place."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import config

from core.config import ExperimentConfig, TargetConfig, TrainingConfig, read_config
from core.errors import ConfigError
from core.schema import TargetKind

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="./\0"), min_size=1, max_size=8)
TRAINING = st.builds(
    TrainingConfig,
    epochs=st.integers(1, 500),
    batch_size=st.integers(1, 512),
    learning_rate=st.floats(1e-6, 1),
    optimizer=st.sampled_from(["sgd", "adam", "adamw"]),
    metric=st.none() | st.just("accuracy"),
    modality_dropout=st.floats(0, 1),
    augment=st.booleans(),
)
VIEW = st.fixed_dictionaries(
    {"encoder": NAMES},
    optional={
        "options": st.dictionaries(NAMES, st.integers() | st.booleans() | st.lists(st.floats(-1, 1), max_size=2)),
        "backbone": st.none() | NAMES,
    },
)


@given(
    st.lists(NAMES, min_size=1, max_size=3, unique=True), VIEW, TRAINING, st.sampled_from(TargetKind), st.integers(0, 9)
)
@settings(max_examples=60)
def test_json_reads_back_to_an_equal_config(
    names: list[str], view: dict[str, Any], training: TrainingConfig, kind: TargetKind, seed: int
) -> None:
    modalities = [{"name": n, "kind": "text", "columns": ["\nown"], "views": [view, view]} for n in names]
    one = ExperimentConfig.from_json({"modalities": modalities, "target": {"column": "y\n", "kind": kind}})
    one = dataclasses.replace(one, training=training, seed=seed)
    again = ExperimentConfig.from_json(json.loads(json.dumps(one.to_json())))
    assert again == one
    assert [v for m in again.modalities for v in m.view_names()] == [v for n in names for v in (n, f"{n}.1")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fusoin": "gated"}, "unknown key in ExperimentConfig 'fusoin'. Did you mean 'fusion'"),
        ({"training": {"epoch": 3}}, "unknown key in training 'epoch'. Did you mean 'epochs'"),
        ({"training": {"epochs": "3"}}, "training.epochs: expected int, found '3'"),
        ({"training": {"epochs": True}}, "training.epochs: expected int, found True"),
        ({"training": {"augment": 1}}, "training.augment: expected bool, found 1"),
        ({"training": {"epochs": 0}}, "training.epochs: expected a number from 1"),
        ({"training": {"batch_size": 0}}, "training.batch_size: expected a number from 1"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate: expected a number from 0 to"),
        (
            {"training": {"modality_dropout": 1.5}},
            "training.modality_dropout: expected a number from 0 to 1, found 1.5",
        ),
        ({"seed": -1}, "seed: expected a number from 0"),
        ({"coverage": 90}, "coverage: expected a number from 0 to 1, found 90"),
        ({"target": {"column": "y", "kind": "lable"}}, "unknown target.kind 'lable'. Did you mean 'label'"),
        ({"target": {}}, "target: missing column"),
        ({"target": {"column": "text"}}, "modality 'text': holds the target column 'text'; take it out"),
        ({"target": "y"}, "target: expected a JSON object, found 'y'"),
        (
            {"target": {"column": "y", "kind": "number", "transform": "ln"}},
            "unknown target.transform 'ln'. Choices: log1p",
        ),
        ({"target": {"column": "y", "transform": "log1p"}}, "log1p is for a number, the target 'y' is a label"),
        ({"target": {"column": "y", "classes": ["a", "a"]}}, "target.classes: expected distinct names, found"),
        ({"target": {"column": "y", "classes": []}}, "target.classes: expected distinct names, found"),
        ({"target": {"column": "y", "kind": "number", "classes": ["1"]}}, "target.classes: a number has none"),
        ({"table": {"fractions": 0.7}}, "table.fractions: expected a list, found 0.7"),
        ({"modalities": []}, "modalities: at least one is needed"),
        ({"modalities": None}, "modalities"),
    ],
)
def test_refuses(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        ExperimentConfig.from_json(config("text").to_json() | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "txt"}, r"unknown modalities\[0\].kind 'txt'. Did you mean 'text'"),
        ({"name": "a.b"}, "without '.' and '/' and at most"),
        ({"views": []}, "needs at least one column and one view"),
        ({"kind": "image", "columns": ["a", "b"]}, "image takes one column"),
    ],
)
def test_refuses_a_modality(change: dict[str, Any], message: str) -> None:
    data = config("text").to_json()
    data["modalities"][0] |= change
    with pytest.raises(ConfigError, match=message):
        ExperimentConfig.from_json(data)


def test_two_modalities_of_one_name() -> None:
    data = config("text").to_json()
    data["modalities"] *= 2
    with pytest.raises(ConfigError, match="names must be distinct"):
        ExperimentConfig.from_json(data)


@pytest.mark.parametrize("name", ["a/b", "w" * 201, "ü" * 101])
def test_a_modality_s_name_can_be_that_of_a_file(name: str) -> None:
    data = config("text").to_json()
    data["modalities"][0]["name"] = name
    with pytest.raises(ConfigError, match=r"without '.' and '/' and at most 200 bytes, as files are called by them"):
        ExperimentConfig.from_json(data)


def test_only_keeps_the_order_and_the_rest() -> None:
    one = config("image", "text", "tabular", seed=4)
    assert [m.name for m in one.only("tabular", "image").modalities] == ["image", "tabular"]
    assert one.only("text").seed == 4


def test_a_file_that_is_no_config_is_named(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    for content in (b"{", b"\xff\xfe", b""):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=r"c\.json: not a readable JSON config"):
            read_config(file)
    with pytest.raises(ConfigError, match="not a readable JSON config"):
        read_config(tmp_path / "none.json")
    file.write_text(json.dumps(config("text").to_json()))
    assert read_config(file) == config("text")
    assert read_config(file).target == TargetConfig("label")
