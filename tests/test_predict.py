"""The Predictor: any subset of modalities, shares that add up, one answer whichever way a case comes in."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small import config, table

from core.cache import FeatureCache
from core.config import TargetConfig
from core.errors import ConfigError, FileError
from core.experiment import Experiment
from core.manifest import Manifest
from core.predict import Predictor, as_row
from core.recipes import Columns, build_config
from core.schema import Modality, Row
from core.table_answers import ask_table

NAMES = ("image", "text", "tabular")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Predictor, Manifest]:
    folder = tmp_path_factory.mktemp("predict")
    settings = config(*NAMES, training={"epochs": 3}, stack=True)
    manifest = Manifest.open(table(folder, *NAMES, cases=60, missing=0.2), settings)
    Experiment(manifest, settings, folder / "out", cache=FeatureCache(folder / "cache")).run()
    return Predictor.load(folder / "out" / "bundle"), manifest


def _full(manifest: Manifest) -> dict[str, Any]:
    """A case with every modality."""
    return next(v for i in range(len(manifest)) if len(v := manifest.row(i).values) == 3)


def _log_odds(p: float) -> float:
    return float(np.log(p / (1 - p)))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_subset_answers_and_its_shares_add_up(trained: tuple[Predictor, Manifest], count: int) -> None:
    predictor, manifest = trained
    case = _full(manifest)
    for subset in combinations(NAMES, count):
        found = predictor.predict({n: case[n] for n in subset})
        assert sum(found.probabilities.values()) == pytest.approx(1)
        assert found.label == max(found.probabilities, key=lambda c: found.probabilities[c])
        assert set(found.shares) == set(found.without) == set(subset)
        assert set(found.missing) == set(NAMES) - set(subset)
        target = predictor.ensemble.target
        nothing = target.prior[target.classes.index(found.label)]
        gain = _log_odds(found.probabilities[found.label]) - _log_odds(nothing)
        assert sum(found.shares.values()) == pytest.approx(gain, abs=1e-6)
        for name in subset:
            others = {n: case[n] for n in subset if n != name}
            alone = predictor.predict(others).probabilities[found.label] if others else nothing
            assert found.without[name] == pytest.approx(alone, abs=1e-6)


def test_a_case_by_column_names_is_the_case_by_modality(trained: tuple[Predictor, Manifest]) -> None:
    predictor, manifest = trained
    case = _full(manifest)
    cells = case["tabular"]
    by_column = {
        "text": f"  {case['text']}\n",
        "image": str(case["image"][0]),
        "number_1": float(cells["number_1"]),
        "number_0": cells["number_0"],
        "category": cells["category"],
    }
    assert predictor.predict(by_column) == predictor.predict(case)


def test_blank_values_are_missing(trained: tuple[Predictor, Manifest]) -> None:
    predictor, manifest = trained
    case = _full(manifest)
    blanks = {"image": None, "number_0": float("nan"), "number_1": "", "text": case["text"]}
    found = predictor.predict(blanks)
    assert dataclasses.replace(found, warnings=()) == predictor.predict({"text": case["text"]})
    assert found.missing == ("image", "tabular")
    assert predictor.predict({"image": [], "text": case["text"]}).missing == ("image", "tabular")


def test_numbers_are_written_as_a_table_writes_them(trained: tuple[Predictor, Manifest]) -> None:
    modalities = trained[0].bundle.config.modalities
    assert as_row({"category": 3.0, "number_0": 1.5}, modalities).values["tabular"] == {
        "number_0": "1.5",
        "number_1": "",
        "category": "3",
    }
    said = {"category": pd.Timestamp("2020-01-02"), "number_0": np.float32(3), "number_1": np.float32(0.1)}
    assert list(as_row(said, modalities).values["tabular"].values()) == ["3", "0.1", "2020-01-02"]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"imag": "x.png"}, "unknown modality or column 'imag'. Did you mean 'image'"),
        ({"tabular": {"number_2": 1}}, "unknown column of 'tabular' 'number_2'. Did you mean 'number_"),
        ({"tabular": 5}, "'tabular': expected a dict of number_0, number_1, category, found 5"),
        ({}, r"case 'case': no modality is present; give at least one of \('image', 'text', 'tabular'\)"),
        ({"text": "  "}, "no modality is present"),
    ],
)
def test_refuses(trained: tuple[Predictor, Manifest], case: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        trained[0].predict(case)


def test_unreadable_input_names_the_case(trained: tuple[Predictor, Manifest], tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"case 'p7', image: .*none\.png"):
        trained[0].predict({"image": tmp_path / "none.png"}, id="p7")
    with pytest.raises(FileError, match=r"(?s)case 'case', tabular: .*number_0.*'old'"):
        trained[0].predict({"number_0": "old"})


def test_a_table_streams_and_a_row_does_not_depend_on_the_others(
    trained: tuple[Predictor, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor, manifest = trained
    read: list[int] = []
    original = manifest.row

    def watched(i: int) -> Row:
        read.append(i)
        return original(i)

    monkeypatch.setattr(manifest, "row", watched)
    stream = predictor.predict_table(manifest, batch=7)
    first = next(stream)
    assert len(read) == 7
    answers = [first, *stream]
    assert [a.id for a in answers] == manifest.ids
    for i in (0, 13, 59):
        alone = predictor.predict_rows([original(i)], explain=False)[0]
        assert alone.label == answers[i].label
        assert list(alone.probabilities.values()) == pytest.approx(list(answers[i].probabilities.values()), abs=1e-5)
        assert dataclasses.replace(alone, probabilities={}) == dataclasses.replace(answers[i], probabilities={})


def test_conformal_sets_hold_the_label_or_say_nothing(trained: tuple[Predictor, Manifest]) -> None:
    predictor, manifest = trained
    unbounded = Predictor(dataclasses.replace(predictor.bundle, threshold=None))
    assert unbounded.predict(_full(manifest)).conformal_set == ()
    assert unbounded.predict(_full(manifest)).coverage is None
    bounded = Predictor(dataclasses.replace(predictor.bundle, threshold=1.0))
    found = bounded.predict(_full(manifest))
    assert set(found.conformal_set) == set(found.probabilities)
    assert found.coverage == 0.9


def test_a_kind_of_data_that_no_training_case_had_is_told_and_referred(tmp_path: Path) -> None:
    rows = pd.DataFrame({"note": [("good", "bad")[i % 2] for i in range(40)], "late": "", "y": ["a", "b"] * 20})
    named = {name: Columns(Modality.TEXT, (name,)) for name in ("note", "late")}
    settings = build_config(named, TargetConfig("y"), preset="fast")
    settings = dataclasses.replace(settings, training=dataclasses.replace(settings.training, epochs=1))
    Experiment(Manifest.open(rows, settings), settings, tmp_path).run()
    predictor = Predictor.load(tmp_path / "bundle")
    assert not predictor.predict({"note": "good"}).warnings
    found = predictor.predict({"note": "good", "late": "new"})
    assert found.warnings == ("late: unlike the training cases (none of them had it)",)
    assert "unlike the training cases: late" in found.refer
    later = Manifest.open(rows.assign(late="new"), settings)
    assert ask_table(predictor.bundle, later, range(3)).unlike.all()
