"""How honest probabilities are, when a person is asked, and that both stand in the figures of a model, by pattern."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from small import config, experiment, table
from streamlit.testing.v1 import AppTest

from apps.ui import trusted
from core import card_trust
from core.answer import how_sure, is_referred
from core.bundle import Bundle, _digest
from core.cache import FeatureCache, MemoryCache
from core.config import TargetConfig
from core.dataset import cells_of
from core.evaluation.abstention import NONE, OUTSIDE, SEVERAL, abstention_figures, reasons
from core.evaluation.calibration import expected_calibration_error
from core.evaluation.evaluate import evaluate
from core.evaluation.novelty import Novelty, evidence, fit_all
from core.evaluation.reliability import calibration_figures
from core.evaluation.trust import broken_promise, coverage_by_class, coverage_figures, judged, sizes
from core.experiment import Experiment
from core.manifest import Manifest
from core.predict import Predictor
from core.recipes import Columns, build_config
from core.schema import Modality, Prediction, TargetKind
from core.view import View

LABEL = TargetKind.LABEL


def two_classes(cases: int, steep: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes drawn from known log-odds, and probabilities that are honest where ``steep`` is 1."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, cases)
    y = (rng.random(cases) < 1 / (1 + np.exp(-odds))).astype(int)
    p = 1 / (1 + np.exp(-steep * odds))
    return y, np.stack([1 - p, p], axis=1)


# --- calibration


def test_figures_are_those_of_the_libraries() -> None:
    y, p = two_classes(400, steep=1.7)
    found = calibration_figures(LABEL, y, p)
    odds = np.log(p[:, 1] / p[:, 0])[:, None]
    model = LogisticRegression(C=np.inf, tol=1e-9).fit(odds, y)
    assert found["slope"] == pytest.approx(model.coef_[0, 0], abs=1e-4)
    assert found["brier"] == pytest.approx(brier_score_loss(y, p[:, 1]))
    assert found["ece"] == pytest.approx(expected_calibration_error(y, p))
    assert sum(b[2] for b in found["bins"]) == 400


def test_honest_probabilities_have_slope_one_and_sharp_ones_less() -> None:
    for steep, slope in ((1.0, 1.0), (2.0, 0.5)):
        found = calibration_figures(LABEL, *two_classes(2000, steep))
        low, high = found["interval"]["slope"]
        assert low < slope < high
        assert high - low < 0.3
    assert found["interval"]["ece"][0] > 0.03  # of the sharp ones


def test_an_answer_that_is_always_too_high_has_an_intercept_below_zero() -> None:
    y, p = two_classes(1000)
    odds = np.log(p[:, 1] / p[:, 0]) + 1
    high = 1 / (1 + np.exp(-odds))
    found = calibration_figures(LABEL, y, np.stack([1 - high, high], axis=1))
    low, high_end = found["interval"]["intercept"]
    assert low < -1 < high_end < 0


def test_rows_of_one_group_widen_the_interval() -> None:
    y, p = two_classes(100)
    y, p, groups = np.repeat(y, 8), np.repeat(p, 8, axis=0), [str(i // 8) for i in range(800)]
    alone, together = (calibration_figures(LABEL, y, p, g)["interval"]["brier"] for g in (None, groups))
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_what_is_not_defined_is_left_out() -> None:
    y, p = np.zeros(12, dtype=int), np.tile([0.9, 0.1], (12, 1))
    found = calibration_figures(LABEL, y, p)
    assert {"ece", "brier"} <= set(found)
    assert found["bins"] == [pytest.approx([0.9, 1, 12, 0.025 ** (1 / 12), 1])]  # twelve of twelve right: exact
    assert not {"slope", "intercept"} & set(found)
    json.dumps(found, allow_nan=False)
    told_apart = np.array([[0.9, 0.1]] * 6 + [[0.2, 0.8]] * 6)
    assert not {"slope", "intercept"} & set(calibration_figures(LABEL, np.repeat([0, 1], 6), told_apart))
    alike = calibration_figures(LABEL, np.repeat([0, 1], 6), np.tile([0.3, 0.7], (12, 1)))
    assert "slope" not in alike  # one probability for all has none, but it is too high on the whole
    assert alike["intercept"] == pytest.approx(-np.log(0.7 / 0.3))
    grouped = calibration_figures(LABEL, y, p, [str(i // 4) for i in range(12)])
    assert grouped["bins"] == [pytest.approx([0.9, 1, 12, 0.025 ** (1 / 3), 1])]
    assert calibration_figures(TargetKind.NUMBER, y, p[:, :1]) == {}
    assert calibration_figures(LABEL, y[:0], p[:0]) == {}


def test_several_labels_are_judged_label_by_label() -> None:
    rng = np.random.default_rng(0)
    p = rng.random((500, 3))
    y = (rng.random((500, 3)) < p).astype(int)
    found = calibration_figures(TargetKind.LABELS, y, p)
    assert found["brier"] == pytest.approx(((y - p) ** 2).mean())
    assert sum(b[2] for b in found["bins"]) == 1500
    assert found["interval"]["slope"][0] < 1 < found["interval"]["slope"][1]


# --- abstention


def prediction(**changes: object) -> Prediction:
    base = {"label": "x", "probabilities": {"x": 0.6, "y": 0.4}, "coverage": 0.9, "conformal_set": ("x",)}
    return Prediction("a", **(base | changes))  # type: ignore[arg-type]


def test_why_a_person_is_asked() -> None:
    assert reasons(prediction()) == ()
    assert reasons(prediction(coverage=None, conformal_set=())) == ()  # nothing was promised
    assert reasons(prediction(conformal_set=("x", "y"))) == (SEVERAL,)
    assert reasons(prediction(conformal_set=())) == (NONE,)
    assert reasons(prediction(is_outside=True, conformal_set=("x", "y"))) == (OUTSIDE,)
    assert reasons(prediction(), ["ct", "report"]) == ("unlike the training cases: ct, report",)


def test_a_case_unlike_the_training_cases_is_referred_in_words() -> None:
    sure, strange = prediction(), prediction(refer=("unlike the training cases: ct",))
    assert not is_referred(sure)
    assert is_referred(strange)
    assert how_sure(sure) == "At 90%, every answer but x is ruled out."
    assert how_sure(strange).startswith(
        "Refer to a person: unlike the training cases: ct, for which nothing is promised."
    )


def test_a_new_category_is_told_where_new_ones_are_unusual(tmp_path: Path) -> None:
    """One that came once is known; of a column full of names that come once nothing is said."""
    sites, names = ["north", "south"] * 20 + ["east"], [f"name {i}" for i in range(41)]
    settings = build_config(
        {"table": Columns(Modality.TABULAR, ("site", "name"), categories=("site", "name"))},
        TargetConfig("y"),
        None,
        "fast",
    )
    manifest = Manifest.open(pd.DataFrame({"site": sites, "name": names}), settings, need_target=False)
    view = View("table", settings.modalities[0], settings.modalities[0].views[0], MemoryCache())
    view.fit(cells_of(manifest, "table", range(41))())
    fitted, _ = fit_all(manifest, {"table": view}, range(41), [])
    fitted["table"].save(tmp_path, "table")
    kept = Novelty.load(tmp_path, "table")

    def told(site: str, name: str) -> str | None:
        cell = {"site": site, "name": name}
        return kept.warning(evidence(view, cell, view.prepare(cell)))

    assert told("east", "name 3") is None
    assert told("", "somebody") is None
    assert told("ZZZ", "name 3") == "unlike the training cases (site 'ZZZ' where north, south, east was seen)"


def test_the_curve_answers_the_surest_first() -> None:
    y = np.zeros(20, dtype=int)
    sure = np.linspace(0.99, 0.51, 20)
    right = np.arange(20) < 15  # the last quarter is wrong
    answers = np.where(right[:, None], np.stack([sure, 1 - sure], axis=1), np.stack([1 - sure, sure], axis=1))
    found = abstention_figures(y, answers, ~right)
    errors = [point[1] for point in found["curve"]]
    assert errors == pytest.approx([0.0] * 15 + [k / (15 + k) for k in range(1, 6)])
    assert (found["answered"], found["error"], found["error_of_all"]) == (0.75, 0.0, 0.25)
    assert found["area"] == pytest.approx(np.mean(errors))
    assert found["interval"]["error"] == pytest.approx([0, 1 - 0.025 ** (1 / 15)])  # none of 15 wrong: exact
    of_five = abstention_figures(y, answers, ~right, [str(i // 3) for i in range(20)])  # the 15 are of five groups
    assert of_five["interval"]["error"] == pytest.approx([0, 1 - 0.025 ** (1 / 5)])
    everyone = abstention_figures(y, answers, np.ones(20, dtype=bool))
    assert everyone["answered"] == 0
    assert "error" not in everyone


def test_equally_sure_cases_have_no_order() -> None:
    y = np.array([0, 1] * 10)
    answers = np.tile([0.7, 0.3], (20, 1))
    errors = [point[1] for point in abstention_figures(y, answers, np.zeros(20, dtype=bool))["curve"]]
    assert errors == pytest.approx([0.5] * 20)


# --- a trained model


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Manifest]:
    folder = tmp_path_factory.mktemp("trust")
    settings = config("text", "tabular", table={"id": "id", "fractions": [0.3, 0.35, 0.35]})
    path = table(folder, "text", "tabular", cases=240, missing=0.2)
    return experiment(folder, settings, path).run(), Manifest.open(path, settings)


def test_a_model_tells_calibration_referral_and_coverage_for_each_pattern(trained: tuple[Bundle, Manifest]) -> None:
    bundle, _ = trained
    tested = json.loads(json.dumps(bundle.facts["test"], allow_nan=False))
    assert tested["calibration"]["cases"] == tested["cases"]
    assert set(tested["patterns"]) == {"text", "tabular", "text + tabular"}
    for found in tested["patterns"].values():
        assert {"cases", "f1", "ece", "brier", "coverage", "size", "referred", "interval"} <= set(found)
        assert found["cases"] <= tested["cases"]
    assert len(tested["abstention"]["curve"]) == 20
    assert tested["patterns"]["text + tabular"]["cases"] < tested["patterns"]["text"]["cases"]


def test_evaluation_counts_what_the_predictor_refers(trained: tuple[Bundle, Manifest]) -> None:
    bundle, manifest = trained
    found = evaluate(bundle, manifest, "all")
    answers = list(Predictor(bundle).predict_table(manifest))
    assert found.abstention["answered"] == pytest.approx(np.mean([not a.refer for a in answers]))
    kept = [a.label != t for a, t in zip(answers, manifest.targets) if not a.refer]
    assert found.abstention["error"] == pytest.approx(np.mean(kept))
    assert found.calibration["ece"] == pytest.approx(found.calibration_error)
    held = [t in a.conformal_set for a, t in zip(answers, manifest.targets)]
    assert found.coverage["found"] == pytest.approx(np.mean(held))
    assert set(found.class_coverage) == set(found.classes)
    for line in ("calibration slope", "answered, not referred", "text alone:"):
        assert line in found.text()
    assert json.loads(json.dumps(found.to_json()))["patterns"] == json.loads(json.dumps(found.patterns))


def test_a_broken_promise_is_told_wherever_figures_are(trained: tuple[Bundle, Manifest]) -> None:
    bundle, manifest = trained
    assert broken_promise(bundle.facts["test"]["coverage"]) == ""
    rows = manifest.table.frame()
    names = sorted(set(rows["label"]))
    turned = rows.assign(label=[names[(names.index(label) + 1) % len(names)] for label in rows["label"]])
    found = evaluate(bundle, Manifest.open(turned, bundle.config), "all")
    told = broken_promise(found.coverage)
    assert found.coverage["low"] <= found.coverage["found"] <= found.coverage["high"] < 0.88
    assert told.startswith(f"The promise of 90% holds in {found.coverage['found']:.0%} (")
    assert told in found.text()
    facts = bundle.facts | {"test": bundle.facts["test"] | {"coverage": found.coverage}}
    assert told in card_trust.trusted(dataclasses.replace(bundle, facts=facts))
    drawn = AppTest.from_string(
        "import streamlit as st\nfrom apps.ui import trusted\ntrusted.promise(st.session_state['figures'])",
        default_timeout=60,
    )
    drawn.session_state["figures"] = found
    assert drawn.run().warning[0].value == told


def test_the_model_page_draws_these_figures(trained: tuple[Bundle, Manifest]) -> None:
    found = evaluate(*trained, "all")
    drawn = AppTest.from_string(
        "import streamlit as st\nfrom apps.ui import trusted\nfigures = st.session_state['figures']\n"
        "trusted.calibration(figures); trusted.patterns(figures, str); trusted.referral(figures)",
        default_timeout=60,
    )
    drawn.session_state["figures"] = found
    drawn.run()
    assert not drawn.exception
    assert drawn.dataframe[0].value["kinds of data"].tolist() == list(found.patterns)
    assert f"slope {found.calibration['slope']:.3f} (" in drawn.caption[0].value
    assert f"answers {found.abstention['answered']:.3f} (" in drawn.caption[1].value
    errors = trusted.curve(found.abstention).data[1]
    assert list(errors.y) == [point[1] for point in found.abstention["curve"]]
    bins = trusted.reliability(found.calibration["bins"]).data[1]
    assert [int(n) for n in bins.text] == [b[2] for b in found.calibration["bins"]]


def test_a_pattern_is_asked_with_all_else_switched_off(trained: tuple[Bundle, Manifest]) -> None:
    bundle, manifest = trained
    assert judged(bundle)[-1] == (True, True)
    rows = [i for i in range(len(manifest)) if manifest.present[i].all()]
    without = [manifest.row(i) for i in rows]
    alone = [type(r)(r.id, r.index, {"text": r.values["text"]}, r.target) for r in without]
    answers = Predictor(bundle).predict_rows(alone, explain=False)
    y = bundle.ensemble.target.decoded(bundle.ensemble.target.encode([r.target for r in without]))
    p = np.array([list(a.probabilities.values()) for a in answers])
    present = np.tile([True, False], (len(rows), 1))
    assert sizes(bundle, present, p).tolist() == [len(a.conformal_set) for a in answers]
    held = coverage_figures(bundle, present, y, p)
    assert held["found"] == pytest.approx(np.mean([r.target in a.conformal_set for r, a in zip(without, answers)]))
    by_class = coverage_by_class(bundle, present, y, p)
    counts = {name: np.mean(y == k) for k, name in enumerate(bundle.ensemble.target.classes)}
    assert sum(by_class[c] * counts[c] for c in by_class) == pytest.approx(held["found"])


def test_a_number_learned_by_its_logarithm_has_intervals_on_that_scale_and_an_older_model_in_its_unit(
    tmp_path: Path,
) -> None:
    target = {"column": "label", "kind": "number", "transform": "log1p"}
    settings = config("text", "tabular", target=target, table={"id": "id", "fractions": [0.3, 0.5, 0.2]})
    rows = pd.read_csv(table(tmp_path, "text", "tabular", cases=240, missing=0.2), dtype=str, keep_default_na=False)
    size = np.where(rows["label"] == "odd", 5.0, 1.0) * np.random.default_rng(0).lognormal(0, 1, 240)
    manifest = Manifest.open(rows.assign(label=size.round(3).astype(str)), settings)
    Experiment(manifest, settings, tmp_path / "out", cache=FeatureCache(tmp_path / "cache")).run()
    folder = tmp_path / "out" / "bundle"
    bundle = Bundle.load(folder)
    assert len(bundle.patterns) > 1
    answers = list(Predictor(bundle).predict_table(manifest))
    for found, present in zip(answers, manifest.present):
        assert found.value is not None
        assert found.interval is not None
        width = [
            np.log1p(found.value) - np.log1p(found.interval[0]),
            np.log1p(found.interval[1]) - np.log1p(found.value),
        ]
        assert width == pytest.approx([bundle.threshold_of(present)] * 2)
    ends = [found.interval or (0, 0) for found in answers]
    told = evaluate(bundle, manifest, "all").coverage
    held = np.mean([low <= y <= high for (low, high), y in zip(ends, manifest.targets)])
    assert told["found"] == pytest.approx(held, abs=0.01)  # a row that set a threshold lies on its very end
    assert told["size"] == pytest.approx(np.mean([high - low for low, high in ends]))
    content = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    del content["target"]["interval_scale"]  # as bundles were before it was there
    (folder / "bundle.json").write_text(json.dumps(content | {"digest": _digest(content)}), encoding="utf-8")
    older = next(Predictor.load(folder).predict_table(manifest))
    assert older.interval is not None
    assert sum(older.interval) / 2 == pytest.approx(older.value)
