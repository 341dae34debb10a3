"""Comparison, advice and evaluation on tables whose answer is known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
from small import change, config, table

from core.advise import advise
from core.cache import FeatureCache
from core.compare import compare, parts_of
from core.errors import ConfigError
from core.evaluation.evaluate import evaluate
from core.experiment import Experiment
from core.learning_curve import learning_curve
from core.manifest import Manifest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Manifest:
    """The text shows the label in all cases, the row in most; a fifth of the cells is blank."""
    path = table(folder, "text", "tabular", cases=100, missing=0.2, noise=0.1)
    return Manifest.open(path, config("text", "tabular"))


def test_compare_lists_fused_alone_floor_and_further_fusions(folder: Path, manifest: Manifest) -> None:
    settings = config("text", "tabular", floor=True, training={"epochs": 3})
    found = compare(manifest, settings, fusions=["decision"], cache=FeatureCache(folder / "cache"))
    names = {r.name for r in found.results}
    assert {"fused", "text alone", "tabular alone", "linear", "trees", "fusion decision"} <= names
    assert found.cases == 15
    best = max((r for r in found.results if r.name.endswith(" alone")), key=lambda r: r.metrics["f1"])
    assert best.lead is None
    for result in found.results:
        if result.name != best.name:
            assert result.lead is not None
            assert result.lead[0] == pytest.approx(result.metrics["f1"] - best.metrics["f1"])
            assert result.lead[1] <= result.lead[0] + 1e-9
    fused = next(r for r in found.results if r.name == "fused")
    assert fused.lead is not None
    assert found.verdict().startswith("gain: fusion" if fused.lead[1] > 0 else "no gain: fusion")
    assert found.verdict() in found.text()
    assert json.loads(json.dumps(found.to_json()))["verdict"] == found.verdict()
    assert {len(a) for a in found.answers.values()} == {15}


def test_compare_in_folds_measures_every_case_once(folder: Path, manifest: Manifest) -> None:
    settings = config("text", "tabular", training={"epochs": 1})
    found = compare(manifest, settings, outer_folds=2, metric="accuracy", cache=FeatureCache(folder / "cache"))
    assert found.cases == 100
    assert sorted(found.truth.tolist()).count(1) == sum(t == "odd" for t in manifest.targets)


def sites(folder: Path, count: int) -> Manifest:
    """The small table with a column of so many sites, whose rows stay together."""
    frame = pd.read_csv(table(folder / str(count), "text", "tabular"), dtype=str, keep_default_na=False)
    frame["site"] = [f"site {i % count}" for i in range(len(frame))]
    return Manifest.open(frame, config("text", "tabular", table={"id": "id", "group": "site"}))


@pytest.mark.parametrize("outer", [5, 3, 2])
def test_few_sites_are_left_out_one_by_one(tmp_path: Path, outer: int) -> None:
    manifest = sites(tmp_path, 5)
    parts = parts_of(manifest, manifest.config, outer)
    assert sorted(i for part in parts for i in part["test"]) == list(range(60))
    for part in parts:
        assert all(part.values())
        apart = [{manifest.groups[i] for i in rows} for rows in part.values()]
        assert sum(map(len, apart)) == len(set().union(*apart)) == 5


def test_cross_validated_members_a_curve_and_advice_work_on_five_sites(tmp_path: Path) -> None:
    manifest, cache = sites(tmp_path, 5), FeatureCache(tmp_path / "cache")
    text = change(manifest.config, epochs=1).only("text")
    assert compare(manifest, dataclasses.replace(text, folds=5), outer_folds=5, cache=cache).cases == 60
    assert set(advise(manifest, text, cache=cache).alone) == {"text"}
    curve = learning_curve(manifest, text, eighths=(1, 2, 8), outer_folds=5, cache=cache)
    assert [p.rows for p in curve.of("fused")] == [12, 36]  # three sites to learn from: an eighth and a quarter are one


@pytest.mark.parametrize(
    ("count", "outer", "message"),
    [
        (5, 6, r"--folds 6 of 5 groups \(column 'site'\): .* ask for at most --folds 5"),
        (2, 2, "--folds 2 of 2 groups .*: one to test, one to choose on and one to learn from are needed"),
        (3, 2, "--folds 2 of 3 groups .*: a fold would learn from one alone.* ask for --folds 3"),
    ],
)
def test_too_few_groups_are_told_in_the_words_of_the_command(
    tmp_path: Path, count: int, outer: int, message: str
) -> None:
    manifest = sites(tmp_path, count)
    with pytest.raises(ConfigError, match=message):
        compare(manifest, manifest.config, outer_folds=outer)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "f2"}, "unknown metric for a label target 'f2'"),
        ({"fusions": ["gatd"]}, "unknown fusion 'gatd'. Did you mean 'gated'"),
    ],
)
def test_compare_refuses_before_it_trains(manifest: Manifest, options: dict, message: str) -> None:
    def never(*_: object) -> None:
        raise AssertionError("trained")

    with pytest.raises(ConfigError, match=message):
        compare(manifest, config("text", "tabular"), progress=never, **options)


def test_compare_needs_test_rows(manifest: Manifest) -> None:
    settings = config("text", "tabular", table={"id": "id", "fractions": [0.8, 0.2, 0.0]})
    with pytest.raises(ConfigError, match="the table has no test rows"):
        compare(manifest, settings)


def test_training_needs_validation_rows(manifest: Manifest) -> None:
    settings = config("text", "tabular", table={"id": "id", "fractions": [0.8, 0.0, 0.2]})
    with pytest.raises(ConfigError, match=r"no val rows among 100 cases .* give val a larger share"):
        Experiment(manifest, settings)


def test_a_modality_alone_answers_the_prior_where_it_is_missing(folder: Path, manifest: Manifest) -> None:
    settings = config("text", "tabular", training={"epochs": 1}).only("text")
    run = Experiment(manifest, settings, cache=FeatureCache(folder / "cache"))
    answers = run.answers(run.combine(), range(100))
    for i in range(100):
        if not manifest.present[i, 0]:
            assert answers[i].tolist() == pytest.approx(run.target.prior)


def test_advice_tells_which_modality_carries_the_label(folder: Path, manifest: Manifest) -> None:
    advice = advise(manifest, config("text", "tabular"), cache=FeatureCache(folder / "cache"))
    assert set(advice.alone) == {"text", "tabular"}
    for value in advice.alone.values():
        assert value > advice.chance + 0.2
    assert advice.together_linear > advice.chance + 0.2
    assert any("modality cells are empty" in a for a in advice.advice)
    assert "text alone" in advice.text()
    assert json.loads(json.dumps(advice.to_json()))


def test_advice_says_what_it_cannot_judge(folder: Path) -> None:
    path = table(folder, "image", "text", cases=40)
    advice = advise(Manifest.open(path, config("image", "text")), config("image", "text"))
    assert any("not judged here" in a and "image" in a for a in advice.advice)


def test_evaluate_a_saved_model(folder: Path, manifest: Manifest) -> None:
    settings = change(config("text", "tabular"), epochs=3)
    run = Experiment(manifest, settings, cache=FeatureCache(folder / "cache"))
    bundle = run.run()
    figures = evaluate(bundle, manifest, "all")
    assert (figures.cases, figures.seen) == (100, 100 - len(run.rows["test"]))
    assert figures.confusion is not None
    assert sum(map(sum, figures.confusion)) == 100
    hits = figures.confusion[0][0] + figures.confusion[1][1]
    assert figures.metrics["accuracy"] == pytest.approx(hits / 100)
    low, high = figures.intervals["accuracy"]
    assert low <= figures.metrics["accuracy"] <= high
    assert sum(p["cases"] for p in figures.by_pattern.values()) == 100
    assert "text + tabular" in figures.by_pattern
    assert "100 cases" in figures.text()
    for part in (evaluate(bundle, manifest.select(run.rows["test"])), evaluate(bundle, manifest)):  # its own test rows
        assert part.seen == 0
        for name in ("accuracy", "f1", "auroc"):
            assert part.metrics[name] == pytest.approx(bundle.facts["test"][name])
    with pytest.raises(ConfigError, match="the table names no splits; leave --split out"):
        evaluate(bundle, manifest.select(range(50)), split="test")
