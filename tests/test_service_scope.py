"""Out of scope: a threshold for a stated false-alarm rate, with and without labelled outsiders, saved in the bundle."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core import answer, recipes
from core.bundle import Bundle
from core.cache import FeatureCache
from core.config import ConfigError, TargetConfig
from core.errors import TableError
from core.evaluation.evaluate import evaluate
from core.evaluation.nearest import Nearest
from core.evaluation.scope import LEAST, Scope, figures, inside_answers
from core.evaluation.trust import coverage_figures
from core.experiment import Experiment
from core.manifest import Manifest
from core.predict import Predictor
from core.schema import TargetKind
from core.targets import Target
from core.view import build_views
from domains.customer_service import recipe

WORDS = {"lost_card": "card lost stolen block", "top_up": "top up money add", "change_pin": "pin code change new"}
OTHER = ["weather", "rain", "song", "football", "cake", "recipe", "joke", "holiday"]


def turns(outsiders: int, seed: int = 0, each: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        (" ".join(["please", *rng.choice(words.split(), 3), "thanks"]), intent)
        for intent, words in WORDS.items()
        for _ in range(each)
    ]
    rows += [(" ".join(rng.choice(OTHER, 4)), recipe.OUT_OF_SCOPE) for _ in range(outsiders)]
    return pd.DataFrame(rows, columns=["text", "intent"])


def trained(table: pd.DataFrame, false_alarm: float = 0.05):
    config = recipe.build(list(table.columns), preset="fast", false_alarm=false_alarm)
    training = dataclasses.replace(config.training, epochs=6, learning_rate=0.02, batch_size=16, patience=0)
    config = dataclasses.replace(config, training=training, floor=False, folds=3)
    return Experiment(Manifest.open(table, config), config).run()


@pytest.fixture(scope="module", params=[0, 60], ids=["unlabelled", "labelled"])
def bundle(request) -> Bundle:
    return trained(turns(request.param))


def test_outsiders_are_marked_and_others_are_not(bundle: Bundle) -> None:
    predictor = Predictor(bundle)
    outside = predictor.predict({"text": "football song about rain"})
    inside = predictor.predict({"text": "please block stolen card thanks"})
    assert outside.is_outside
    assert outside.label == recipe.OUT_OF_SCOPE
    assert answer.headline(outside).startswith("out of scope · stranger than ")
    assert answer.how_sure(outside).startswith("Refer to a person")
    assert (inside.is_outside, inside.label) == (False, "lost_card")
    assert 0 <= inside.outside < outside.outside <= 1


def test_the_stated_rate_holds_on_fresh_rows(bundle: Bundle) -> None:
    fresh = turns(50, seed=1, each=100)
    found = evaluate(bundle, Manifest.open(fresh, bundle.config)).scope
    assert found["false_alarms"] <= 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5
    assert found["outside_recall"] > 0.9
    assert found["outside_auroc"] > 0.95
    assert found["inside_accuracy"] <= found["inside_accuracy_unmarked"]


def test_outsiders_do_not_count_against_the_promise_of_sets(bundle: Bundle) -> None:
    classes = bundle.ensemble.target.classes
    if recipe.OUT_OF_SCOPE not in classes:
        return  # such rows are no part of these figures at all
    outside, inside = (
        classes.index(recipe.OUT_OF_SCOPE),
        next(i for i, c in enumerate(classes) if c != recipe.OUT_OF_SCOPE),
    )
    y, present = np.array([inside] * 10 + [outside] * 10), np.ones((20, 1), dtype=bool)
    answers = np.tile(np.eye(len(classes))[inside], (20, 1))  # every set holds the inside class alone
    assert coverage_figures(bundle, present, y, answers, [None] * 20)["found"] == 1.0


def test_a_table_of_outsiders_alone_is_refused_or_measured(bundle: Bundle) -> None:
    """Where training met none they are no class: there is nothing to measure answers on."""
    table = Manifest.open(turns(20, seed=2).query("intent == @recipe.OUT_OF_SCOPE"), bundle.config)
    if recipe.OUT_OF_SCOPE in bundle.ensemble.target.classes:
        assert evaluate(bundle, table).scope.keys() == {"outside_recall"}
        return
    with pytest.raises(ConfigError, match="every row lies outside of the model's classes"):
        evaluate(bundle, table)


def test_it_is_saved_with_the_bundle(bundle: Bundle, tmp_path) -> None:
    bundle.save(tmp_path / "bundle")
    again = Bundle.load(tmp_path / "bundle")
    assert again.scope == bundle.scope
    case = {"text": "a cake for the holiday"}
    assert Predictor(again).predict(case).outside == pytest.approx(Predictor(bundle).predict(case).outside)


def test_an_unknown_intent_in_the_test_table_is_told_with_its_row(bundle: Bundle) -> None:
    fresh = turns(0, seed=2, each=3).replace({"intent": {"top_up": "topup"}})
    with pytest.raises(
        TableError, match=r"row 4, column 'intent': the model does not know this class.*'top_up'"
    ) as told:
        evaluate(bundle, Manifest.open(fresh, bundle.config))
    assert len(told.value.faults) == 3


def test_the_target_says_whether_something_can_lie_outside() -> None:
    assert recipe.build(["text", "intent"]).target.outside == "out_of_scope"
    assert recipe.build(["text", "urgency"]).target.outside is None
    with pytest.raises(ConfigError, match="a number cannot"):
        TargetConfig("price", TargetKind.NUMBER, outside="none")


def answers_of(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    logits = rng.normal(size=(rows, 4))
    y = np.arange(rows) % 4
    logits[np.arange(rows), y] += 3
    p = np.exp(logits)
    return y, p / p.sum(axis=1, keepdims=True)


TARGET = Target(TargetKind.LABEL, ("a", "b", "c", "out"), (0.25,) * 4)


@given(rate=st.floats(0.01, 0.5), labelled=st.booleans(), seed=st.integers(0, 5))
def test_no_more_than_the_stated_share_of_the_fitting_rows_is_marked(rate, labelled, seed) -> None:
    y, p = answers_of(np.random.default_rng(seed), 400 if labelled else 4 * (LEAST - 1))
    scope = Scope.fit(TARGET, y, p, "out", rate)
    assert bool(scope.labelled) == labelled
    assert (scope.scores(TARGET, p[y != 3]) > scope.threshold).mean() <= rate
    assert Scope.from_json(json.loads(json.dumps(scope.to_json()))) == scope
    with pytest.raises(ValueError, match="expected 4 weights, found 1"):
        Scope.from_json(scope.to_json() | {"weights": [1.0]})
    rarity = scope.rarity(scope.scores(TARGET, p))
    assert ((rarity >= 0) & (rarity <= 1)).all()


def test_cases_stranger_than_all_known_ones_still_have_an_order() -> None:
    scope = Scope("none", 0.25, 2.5, (1.0, 1.0, 2.0, 3.0))
    told = scope.rarity(np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 50.0]))
    assert told[:5] == pytest.approx([0, 0, 0.25, 0.5, 0.75])  # the share of known ones below
    assert 0.75 < told[5] < told[6] <= 1


def test_the_outside_label_is_never_the_best_inside_answer() -> None:
    p = np.array([[0.1, 0.2, 0.0, 0.7]])
    assert inside_answers(TARGET, p, "out").argmax() == 1


def test_figures_count_a_false_alarm_as_wrong() -> None:
    p = np.array([[0.9, 0.05, 0.05, 0.0], [0.4, 0.3, 0.3, 0.0], [0.3, 0.3, 0.3, 0.1]])
    scope = Scope("out", 0.1, threshold=0.5, usual=(0.1,))
    found = figures(scope, TARGET, ["a", "a", "out"], p)
    assert found == {
        "false_alarms": 0.5,
        "inside_accuracy": 0.5,
        "inside_accuracy_unmarked": 1.0,
        "outside_recall": 1.0,
        "outside_auroc": 1.0,
    }


def test_the_nearest_training_case_counts_and_no_row_is_its_own() -> None:
    rng = np.random.default_rng(0)
    vectors = torch.tensor(rng.normal(size=(5, 8)), dtype=torch.float32)
    unit = torch.nn.functional.normalize(vectors, dim=1)
    nearest = Nearest("text.1", unit.half(), rows=(3, 4, 5, 6, 7))
    far = nearest.of_samples([vectors[2:3], None, -vectors[2:3]])
    assert far[0] == pytest.approx(0, abs=1e-3)
    assert np.isnan(far[1])
    assert far[2] > 0.5
    others = nearest._distances(list(unit), [3, 4, 5, 6, 99])
    assert (others[:4] > 0.05).all()
    assert others[4] == pytest.approx(0, abs=1e-3)


@pytest.mark.skipif(recipes.speech_model() is None, reason="no speech backbone is installed; add the extra speech")
def test_how_far_a_sound_is_says_nothing_of_what_was_said() -> None:
    config = recipe.build(["turn_id", "audio", "intent"], modalities=("speech",))
    views = {n: v for n, v in build_views(config.modalities, FeatureCache()).items() if v.config.backbone}
    for view in views.values():
        view.fit([])
    assert any(view.backbone is not None for view in views.values())
    table = pd.DataFrame({"turn_id": list("abc"), "audio": "", "intent": "x"})
    manifest = Manifest.open(table, config, Path(), allow_outside=True)
    assert Nearest.fit(views, manifest, [0, 1]) is None


def test_a_far_case_is_outside_even_if_a_class_is_sure() -> None:
    y, p = answers_of(np.random.default_rng(0), 200)
    inside = y != 3
    scope = Scope.fit(TARGET, y[inside], p[inside], "out", 0.05, np.full(inside.sum(), 0.1))
    sure = np.array([[0.97, 0.01, 0.01, 0.01]])
    near, far, unknown = (scope.scores(TARGET, sure, np.array([d]))[0] for d in (0.1, 0.9, np.nan))
    assert near == unknown < scope.threshold < far
