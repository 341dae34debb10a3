"""Curves over damage, absent modalities and shifted classes where the answer is known; the command and the card."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from small import change, config, experiment, table

from apps.cli import main
from core.bundle import Bundle
from core.compare import compare
from core.damage import damages_of
from core.errors import ConfigError
from core.evaluation.curves import FUSED, Curve, Ruler, Stress
from core.evaluation.robustness import stress
from core.experiment import Experiment
from core.schema import Modality, TargetKind

NAMES = ("text", "tabular")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("robustness")


@pytest.fixture(scope="module")
def run(folder: Path) -> Experiment:
    """Text and row show the label, nearly always; a tenth of the cells is blank."""
    path = table(folder, *NAMES, cases=160, noise=0.02, missing=0.1)
    settings = change(config(*NAMES), epochs=12)
    return experiment(folder, settings, path, folder / "run")


@pytest.fixture(scope="module")
def bundle(run: Experiment) -> Bundle:
    return run.run("polyfuse train")


@pytest.fixture(scope="module")
def found(run: Experiment, bundle: Bundle) -> Stress:
    return stress(bundle, run.manifest, most=60)


def one(found: Stress, damage: str, model: str = FUSED) -> Curve:
    return next(c for c in found.curves if (c.damage, c.model) == (damage, model))


def test_of_the_trained_table_only_its_test_rows_are_measured(run: Experiment, found: Stress) -> None:
    assert found.cases == len(run.rows["test"]) == 24


def test_every_damage_of_every_kind_has_a_curve_for_each_model(found: Stress) -> None:
    told = {(c.modality, c.damage, c.model) for c in found.curves}
    for name in NAMES:
        for damage in damages_of(Modality(name)):
            assert {(name, damage.name, m) for m in (FUSED, "text alone", "tabular alone")} <= told
    for c in found.curves:
        assert len(c.steps) == len(c.values) == len(c.intervals) >= 4
        assert all(low <= v + 0.1 and v <= high + 0.1 for v, (low, high) in zip(c.values, c.intervals))


def test_step_0_is_the_bundle_s_figure_and_damage_elsewhere_changes_nothing(bundle: Bundle, found: Stress) -> None:
    for c in found.curves:
        if c.model == FUSED and c.modality != "all":
            assert c.values[0] == pytest.approx(bundle.facts["test"]["f1"])
        if c.modality == "text" and c.model == "tabular alone":
            assert len(set(c.values)) == 1
            assert c.area == 1.0


def test_wrong_numbers_hurt_the_row_alone_more_than_it_hurts_the_text(found: Stress) -> None:
    row, text = one(found, "wrong numbers", "tabular alone"), one(found, "wrong numbers", "text alone")
    assert row.values[-1] < row.values[0] - 0.1
    assert row.area < 0.97 < text.area
    assert row.area_interval[0] < row.area < row.area_interval[1]


def test_the_area_is_the_trapezoid_mean_over_the_first_height() -> None:
    y = np.array([0, 1] * 10)
    right, wrong = np.eye(2)[y], np.eye(2)[1 - y]
    half = right.copy()
    half[:10] = wrong[:10]
    ruler = Ruler(TargetKind.LABEL, "accuracy", y, [np.arange(20)] * 3)
    made = ruler.curve("m", "d", "u", (0, 1, 2), FUSED, [right, half, wrong])
    assert made.values == (1.0, 0.5, 0.0)
    assert made.area == pytest.approx(0.5)
    assert made.area_interval == pytest.approx((0.5, 0.5))
    assert np.isnan(ruler.curve("m", "d", "u", (0, 1), FUSED, [wrong, right]).area)


def test_a_model_that_knows_one_class_only_suffers_when_the_other_gets_commoner() -> None:
    y = np.array([0, 1] * 20)
    lazy = np.tile([0.9, 0.1], (40, 1))
    ruler = Ruler(TargetKind.LABEL, "accuracy", y, [np.arange(40)] * 40)
    made = ruler.shifted("lazy", lazy, 0)
    assert made.values[0] == 0.5
    low, high = made.intervals[-1]
    assert low < 0.2  # class 1 is 16 times commoner
    assert high > 0.8  # class 0 is
    perfect = ruler.shifted("perfect", np.eye(2)[y], 0)
    assert perfect.values == (1.0,) * 5


def test_every_combination_of_modalities_is_there(run: Experiment, found: Stress) -> None:
    cases = {m.present: m.cases for m in found.missing}
    assert set(cases) == {("text", "tabular"), ("text",), ("tabular",)}
    here = run.present(run.rows["test"])
    assert cases["text",] == here[:, 0].sum()
    assert cases["text", "tabular"] == here.all(axis=1).sum()


def test_the_same_seed_gives_the_same_curves_and_another_other_damage(run: Experiment, bundle: Bundle) -> None:
    first, again, other = (
        stress(bundle, run.manifest, damages=["missing cells"], seed=s, most=24).to_json() for s in (1, 1, 2)
    )
    assert first == again
    assert first["curves"] != other["curves"]


def test_models_trained_alone_take_the_place_of_the_masked_ones(
    run: Experiment, bundle: Bundle, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(run.manifest, change(run.config, epochs=1), folder=folder / "kept")
    single = Bundle.load(folder / "kept" / "alone" / "tabular")
    assert [m.name for m in single.config.modalities] == ["tabular"]
    told = stress(bundle, run.manifest, alone={"tabular": single}, damages=["wrong numbers"])
    assert told.trained_alone == ("tabular",)
    own = one(told, "wrong numbers", "tabular alone").values
    assert own[0] == pytest.approx(single.facts["test"]["f1"])
    masked = stress(bundle, run.manifest, damages=["wrong numbers"])
    assert one(masked, "wrong numbers").values == one(told, "wrong numbers").values


def test_a_model_alone_that_learned_from_the_measured_rows_is_refused(run: Experiment, bundle: Bundle) -> None:
    otherwise = dataclasses.replace(change(run.config.only("tabular"), epochs=1), seed=1)  # splits the table otherwise
    single = Experiment(run.manifest, otherwise).combine()
    learned = {*run.rows["test"]} - {*Experiment(run.manifest, otherwise).rows["test"]}
    with pytest.raises(ConfigError, match=f"'tabular' alone was trained or chosen on {len(learned)} of the 24 rows"):
        stress(bundle, run.manifest, alone={"tabular": single})
    known = sorted({*range(len(run.manifest))} - {*run.rows["test"]})  # to the fused model, too
    told = stress(bundle, run.manifest.select(known), alone={"tabular": single}, damages=["wrong numbers"], most=16)
    assert told.trained_alone == ("tabular",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"damages": ["nose"]}, "unknown damage 'nose'"),
        ({"metric": "f2"}, "unknown metric for a label target 'f2'"),
        ({"most": 0}, "ask for at least 1 case and a seed from 0 on, found 0 and 0"),
        ({"most": -1}, "at least 1 case"),
        ({"seed": -1}, "a seed from 0 on, found 200 and -1"),
        ({"split": "later"}, "the table names no splits; leave --split out"),
    ],
)
def test_it_refuses_before_it_works(run: Experiment, bundle: Bundle, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        stress(bundle, run.manifest, **options)


def test_folds_keep_no_models(run: Experiment, folder: Path) -> None:
    with pytest.raises(ConfigError, match="leave --folds or --out out"):
        compare(run.manifest, run.config, outer_folds=3, folder=folder / "no")


def test_the_command_writes_json_and_csv_and_a_line_of_the_card(
    bundle: Bundle, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, source = folder / "run" / "bundle", str(folder / "table-text-tabular" / "table.csv")
    assert main(["stress", str(place), source, "--damage", "typing errors,wrong numbers", "--card", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    kept = json.loads((folder / "run" / "stress" / "stress.json").read_text())
    assert kept == told
    assert kept["model"]["fingerprint"] == bundle.facts["fingerprint"]
    with (folder / "run" / "stress" / "stress.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 2 * 3 * 5 + 3
    again = Bundle.load(place)
    areas = again.facts["measured"]["robustness"]["areas"]
    assert f"typing errors {areas['text: typing errors']:.2f}" in again.card
    assert again.facts["test"]["f1"] == bundle.facts["test"]["f1"]
    assert main(["stress", str(place), source, "--damage", "nothing"]) == 1
    assert "unknown damage 'nothing'" in capsys.readouterr().err
