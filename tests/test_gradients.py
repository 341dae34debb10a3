"""Gradients find what was planted, add up, stand where they say, and give way to occlusion where they do not reach."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import change, config, table

from core.config import ExperimentConfig
from core.errors import ConfigError
from core.experiment import Experiment
from core.explanation.explain import DEFAULTS, METHODS, explain
from core.explanation.occlusion import losses
from core.explanation.parts import places_of
from core.explanation.planted import COLUMNS, is_planted, make_planted
from core.manifest import Manifest
from core.predict import Predictor
from core.schema import Modality, Row

VIEWS: dict[str, dict[str, Any]] = {
    "text": {"encoder": "lexical", "preprocess": {"tokens": "tfidf", "characters": True}},
    "words": {"encoder": "cnn", "options": {"channels": [16], "embedding": 16}},
    "tabular": {"encoder": "tabular", "options": {"hidden": 16, "blocks": 1},
                "preprocess": {"numbers": list(COLUMNS[:4]), "categories": list(COLUMNS[4:])}},
}  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Predictor, list[tuple[Row, Any]]]]:
    """By name a small network on planted cases, with rightly answered test cases and their places; trained once."""
    return cache(lambda name: _trained(tmp_path_factory.mktemp("planted"), name))


def _trained(folder: Path, name: str) -> tuple[Predictor, list[tuple[Row, Any]]]:
    kind = Modality("text" if name == "words" else name)
    path, places = make_planted(folder / name, kind, 200)
    columns = list(COLUMNS) if kind is Modality.TABULAR else [str(kind)]
    settings = ExperimentConfig.from_json({
        "modalities": [{"name": str(kind), "kind": kind, "columns": columns, "views": [VIEWS[name]]}],
        "target": {"column": "label"}, "width": 16, "floor": False,
        "training": {"epochs": 10, "batch_size": 16, "learning_rate": 0.01, "augment": False},
    })  # fmt: skip
    manifest = Manifest.open(path, settings)
    run = Experiment(manifest, settings)
    predictor = Predictor(run.combine())
    rows = [manifest.row(i) for i in run.rows["test"]]
    answers = predictor.predict_rows(rows, explain=False)
    return predictor, [(r, places[r.index]) for r, a in zip(rows, answers) if a.label == r.target][:12]


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("text", ("integrated gradients", "occlusion")),
        ("words", ("integrated gradients", "occlusion")),
        ("tabular", ("integrated gradients", "occlusion")),
    ],
)
def test_the_planted_part_is_found_and_counts_more_than_others(
    planted: Callable[[str], tuple[Predictor, list[tuple[Row, Any]]]], name: str, methods: tuple[str, ...]
) -> None:
    predictor, cases = planted(name)
    assert len(cases) >= 10
    modality = next(iter(cases[0][0].values))
    for method in methods:
        hits = []
        for row, place in cases:
            found = explain(predictor, row, modality, method=method)
            assert (found.method, found.note) == (method, "")
            top = max(found.parts, key=lambda p: p.share)
            hits.append(is_planted(top, place))
        assert np.mean(hits) >= 0.9, (name, method)
    row = cases[0][0]
    best, worst = (
        f(explain(predictor, row, modality, method=methods[0]).parts, key=lambda p: p.share) for f in (max, min)
    )
    lost = losses(predictor, row, modality, [[(best.name, best.span)], [(worst.name, worst.span)]])
    assert lost[0] > lost[1]


def test_shares_of_integrated_gradients_add_up_over_all_columns(planted: Callable[[str], Any]) -> None:
    predictor, cases = planted("tabular")
    row = cases[0][0]
    parts = explain(predictor, row, "tabular", method="integrated gradients").parts
    view = predictor.view("tabular")
    everything = places_of(view, row.values["tabular"], view.preprocessor.prepare(row.values["tabular"]))
    assert sum(p.share for p in parts) == pytest.approx(
        losses(predictor, row, "tabular", [everything])[0], rel=0.1, abs=0.05
    )


def test_words_are_marked_in_the_text_as_it_was_written(planted: Callable[[str], Any]) -> None:
    predictor, cases = planted("text")
    text = "<b>We</b> saw a   HORSE &amp; a tulip"
    row = dataclasses.replace(cases[0][0], values={"text": text})
    parts = explain(predictor, row, "text", method="integrated gradients", label="first").parts
    assert [text[int(a) : int(b)] for ((a, b),) in (p.span for p in parts)] == [p.name for p in parts]
    share = {p.name: p.share for p in parts}
    assert share["HORSE"] > 0 > share["tulip"]


def test_where_gradients_do_not_reach_parts_are_taken_out_and_the_reason_is_told(tmp_path: Path) -> None:
    path = table(tmp_path, "text", "tabular", cases=80, noise=0.0)
    settings = change(config("text", "tabular", floor=True, stack=True), epochs=4)
    manifest = Manifest.open(path, settings)
    predictor = Predictor(Experiment(manifest, settings).combine())
    network = next(i for i, e in enumerate(predictor.ensemble.experts) if e.kind == "network")
    weights = [0.5 if i == network else 0.5 / (len(predictor.ensemble.experts) - 1) for i in range(4)]
    predictor.ensemble.weights = tuple(weights[: len(predictor.ensemble.experts)])
    found = explain(predictor, manifest.row(0), "text", method="integrated gradients")
    assert found.method == "occlusion"
    assert "which gradients do not pass" in found.note
    cam = explain(predictor, manifest.row(0), "tabular", method="Grad-CAM")
    assert cam.method == "occlusion"
    with pytest.raises(ConfigError, match="unknown method of explanation 'saliency'"):
        explain(predictor, manifest.row(0), "text", method="saliency")


def test_every_kind_of_data_has_a_method_that_exists() -> None:
    assert set(DEFAULTS) == set(Modality)
    assert set(DEFAULTS.values()) <= set(METHODS)
