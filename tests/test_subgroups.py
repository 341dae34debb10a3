"""Groups measured apart, decision curves and the learning curve, against figures counted by hand."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small import change, config, experiment, table

from apps.cli import main
from core.bundle import Bundle
from core.cache import FeatureCache
from core.errors import ConfigError
from core.evaluation.decision import THRESHOLDS, decision_curves
from core.evaluation.evaluate import evaluate
from core.evaluation.subgroups import BLANK, By, Subgroup, parse_by, subgroups
from core.experiment import Experiment
from core.learning_curve import learning_curve
from core.manifest import Manifest
from core.schema import TargetKind
from core.targets import Target

COLUMNS = ("sex", "site", "age", "odd:name")


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    """100 cases: site b is 15, the age is the row number."""
    rows = {
        "id": [f"c{i}" for i in range(100)],
        "text": [f"words {i}" for i in range(100)],
        "sex": ["f" if i % 2 else "m" for i in range(100)],
        "site": ["b" if i < 15 else "" if i < 40 else "a" for i in range(100)],
        "age": [str(i) for i in range(100)],
        "label": ["yes" if i % 4 < 2 else "no" for i in range(100)],
    }
    return Manifest.open(pd.DataFrame(rows), config("text"))


@pytest.fixture(scope="module")
def y() -> np.ndarray:
    return np.array([1 if i % 4 < 2 else 0 for i in range(100)])


def measured(manifest: Manifest, y: np.ndarray, wrong: np.ndarray, *by: By) -> dict[str, Subgroup]:
    answers = np.eye(2)[np.where(wrong, 1 - y, y)] * 0.8 + 0.1
    found = subgroups(TargetKind.LABEL, y, answers, manifest, list(range(len(y))), by)
    return {g.group: g for g in found}


def test_of_a_gathered_case_any_row_says_its_group() -> None:
    rows = {
        "id": [f"c{i // 2}" for i in range(100)],
        "text": ["words"] * 100,
        "sex": ["" if i % 2 == 0 else "fm"[i // 2 % 2] for i in range(100)],  # blank in each case's first row
        "label": ["yes" if i // 2 % 4 < 2 else "no" for i in range(100)],
    }
    gathered = Manifest.open(pd.DataFrame(rows), config("text", table={"id": "id", "gather": True}))
    found = measured(gathered, np.arange(50) % 4 < 2, np.zeros(50, dtype=bool), By("sex"))
    assert {name: g.cases for name, g in found.items()} == {"f": 25, "m": 25}


def test_a_group_that_is_always_wrong_stands_out_with_its_gap(manifest: Manifest, y: np.ndarray) -> None:
    wrong = np.arange(100) % 2 == 1
    found = measured(manifest, y, wrong, By("sex"))
    assert list(found) == ["f", "m"]  # the worst first
    assert (found["f"].cases, found["m"].cases) == (50, 50)
    far = 1 - 0.025 ** (1 / 50)  # none of 50 right, all of the others: exact
    assert found["f"].figures["accuracy"] == pytest.approx((0.0, 0.0, far))
    assert found["m"].figures["accuracy"] == pytest.approx((1.0, 1 - far, 1.0))
    assert found["f"].gaps["accuracy"] == pytest.approx((-1.0, -1.0, -1 + far * 2**0.5))
    assert found["m"].gaps["f1"][0] == 1.0
    assert found["f"].figures["calibration_error"][0] == pytest.approx(0.9)
    assert found["m"].figures["calibration_error"][0] == pytest.approx(0.1)


def test_the_interval_of_a_gap_holds_zero_where_there_is_none(manifest: Manifest, y: np.ndarray) -> None:
    wrong = np.random.default_rng(0).random(100) < 0.3
    value, low, high = measured(manifest, y, wrong, By("sex"))["f"].gaps["accuracy"]
    assert low < 0 < high
    assert low <= value <= high


def test_where_all_are_right_a_gap_is_not_certain(manifest: Manifest, y: np.ndarray) -> None:
    value, low, high = measured(manifest, y, y < 0, By("sex"))["f"].gaps["accuracy"]
    assert (value, low, high) == pytest.approx((0, -(1 - 0.025 ** (1 / 50)), 1 - 0.025 ** (1 / 50)))
    one_wrong = measured(manifest, y, np.arange(100) == 2, By("sex"))["f"].gaps["accuracy"]
    assert one_wrong[1] < 0 < one_wrong[0] < one_wrong[2]


def test_too_few_cases_are_counted_and_not_measured(manifest: Manifest, y: np.ndarray) -> None:
    found = measured(manifest, y, y < 0, By("site"))
    assert {g: f.cases for g, f in found.items()} == {"b": 15, BLANK: 25, "a": 60}
    assert found["b"].figures == {}
    assert found[BLANK].figures["accuracy"][0] == 1.0


def test_numbers_are_cut_at_the_given_places_or_at_quartiles(manifest: Manifest, y: np.ndarray) -> None:
    cut = measured(manifest, y, y < 0, By("age", (20, 60)))
    assert {g: f.cases for g, f in cut.items()} == {"up to 20": 21, "over 20, up to 60": 40, "over 60": 39}
    quarters = measured(manifest, y, y < 0, By("age"))
    assert [f.cases for f in quarters.values()] == [25, 25, 25, 25]


def test_columns_are_named_with_their_bands() -> None:
    assert parse_by("sex, age:40:65,odd:name", COLUMNS) == [By("sex"), By("age", (40, 65)), By("odd:name")]
    assert parse_by("", COLUMNS) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sexx", "unknown column to look at cases by 'sexx'. Did you mean 'sex'"),
        ("age:old", "bands 'age:old': text where a number is due"),
        ("age:65:40", "bands 'age:65:40': the cuts must rise, such as age:40:65"),
    ],
)
def test_a_wrong_column_or_band_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_by(text, COLUMNS)


def test_net_benefit_is_what_vickers_and_elkin_count() -> None:
    target = Target(TargetKind.LABEL, ("no", "yes"))
    y = np.array([1] * 30 + [0] * 70)
    p = np.array([0.9] * 20 + [0.2] * 10 + [0.6] * 14 + [0.1] * 56)
    (curve,) = decision_curves(target, y, np.stack([1 - p, p], axis=1))
    assert (curve.label, curve.prevalence) == ("yes", 0.3)
    at = THRESHOLDS.index(0.5)
    assert curve.model[at] == pytest.approx(20 / 100 - 14 / 100 * 1.0)
    assert curve.everybody[at] == pytest.approx(0.3 - 0.7)
    low = THRESHOLDS.index(0.05)
    assert curve.model[low] == pytest.approx(curve.everybody[low])  # everybody lies above the threshold
    assert not curve.better[low]
    assert curve.better[THRESHOLDS.index(0.75)]
    assert "surely better than acting on everybody and on nobody at thresholds of " in curve.verdict()
    for value, (down, up) in zip(curve.model, curve.intervals):
        assert down <= value <= up


def test_a_model_that_knows_nothing_is_worth_no_more_than_acting_on_all_or_none() -> None:
    target = Target(TargetKind.LABEL, ("a", "b", "c"))
    rng = np.random.default_rng(1)
    curves = decision_curves(target, rng.integers(0, 3, 200), rng.dirichlet([1, 1, 1], 200))
    assert [c.label for c in curves] == ["a", "b", "c"]
    assert sum(sum(c.better) for c in curves) <= 2
    assert decision_curves(Target(TargetKind.NUMBER), np.zeros(3), np.zeros((3, 1))) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("subgroups")


@pytest.fixture(scope="module")
def run(folder: Path) -> Experiment:
    path = table(folder, "text", "tabular", cases=100, noise=0.1)
    return experiment(folder, change(config("text", "tabular"), epochs=3), path, folder / "run")


def test_groups_and_decisions_in_evaluation_command_and_card(
    run: Experiment, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = run.run()
    figures = evaluate(bundle, run.manifest, "all", by=[By("category")], decide=True)
    assert {g.group for g in figures.subgroups} == {"red", "blue"}
    assert "category red:" in figures.text()
    assert "  acting on odd: " in figures.text()
    place, source = str(folder / "run" / "bundle"), str(folder / "table-text-tabular" / "table.csv")
    assert main(["evaluate", place, source, "--split", "all", "--by", "category", "--decide", "--card", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["subgroups"]) == 2
    assert told["decisions"][0]["label"] == "odd"
    card = Bundle.load(Path(place)).card
    assert "| category | red |" in card
    assert "Acting on odd: " in card
    assert main(["evaluate", place, source, "--by", "colour"]) == 1
    assert "unknown column to look at cases by 'colour'" in capsys.readouterr().err


def test_the_learning_curve_grows_over_nested_parts(run: Experiment, folder: Path) -> None:
    seen: list[str] = []
    found = learning_curve(
        run.manifest,
        change(run.config, epochs=2),
        eighths=(2, 8),
        cache=FeatureCache(folder / "cache"),
        progress=lambda stage, *_: seen.append(stage),
    )
    assert {p.model for p in found.points} == {"fused", "text alone", "tabular alone"}
    sizes = [p.rows for p in found.of("fused")]
    assert sizes[1] == len(run.rows["train"])
    assert abs(sizes[0] - sizes[1] / 4) <= 2
    assert found.cases == len(run.rows["test"])
    assert f"from {sizes[0]} to {sizes[1]} training rows the fused model gained" in found.text()
    assert seen


def test_a_part_of_one_class_alone_is_passed_over_and_told(tmp_path: Path) -> None:
    labels = ["rare" if i % 20 == 0 else "often" for i in range(100)]
    settings = change(config("text", table={}), epochs=1)
    manifest = Manifest.open(pd.DataFrame({"text": [f"words {i}" for i in range(100)], "label": labels}), settings)
    found = learning_curve(manifest, settings, eighths=(1, 2, 8))
    assert [p.rows for p in found.points] == [18, 70]
    assert found.small == (9,)
    assert found.text().endswith("; parts of 9 rows were too small to be learned from")
    with pytest.raises(ConfigError, match="needs at least two classes in training, found often"):
        learning_curve(manifest, settings, eighths=(1,))  # nothing is left


def test_a_learning_curve_over_folds_asks_about_every_case_and_cuts_what_members_learn_from(
    run: Experiment, folder: Path
) -> None:
    settings, cache = change(run.config, epochs=1), FeatureCache(folder / "cache")
    cases = len(run.manifest)
    found = learning_curve(run.manifest, settings, eighths=(4, 8), outer_folds=2, cache=cache)
    assert found.cases == cases
    sizes = [p.rows for p in found.of("fused")]
    assert abs(sizes[1] - cases / 2 * 5 / 6) <= 3  # a sixth of each half validates
    members = learning_curve(
        run.manifest, dataclasses.replace(settings, folds=2), eighths=(4, 8), outer_folds=2, cache=cache
    )
    sizes = [p.rows for p in members.of("fused")]
    assert abs(sizes[1] - cases / 2) <= 3
    assert abs(sizes[0] - cases / 4) <= 3
