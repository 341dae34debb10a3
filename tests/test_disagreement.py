"""Modalities that contradict each other are told from those that agree; a report that denies what a scan shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import change, config, experiment, table

from core import answer
from core.evaluation.disagreement import CONTRADICTED, Disagreement, clash
from core.manifest import Manifest
from core.predict import Predictor
from core.schema import Prediction
from domains.medical.denial import denies


@given(st.lists(st.floats(0, 1), min_size=9, max_size=60))
def test_at_most_the_stated_share_of_the_cases_it_was_set_on_raises_the_flag(clashes: list[float]) -> None:
    rule = Disagreement.fit(clashes, rate=0.1)
    assert rule is not None
    flags = [rule.between({"a": ("x", 1.0), "b": ("y", c)}) for c in clashes]
    assert np.mean([bool(f) for f in flags]) <= 0.1


def test_too_few_cases_set_no_rule_and_doubtful_modalities_never_contradict() -> None:
    assert Disagreement.fit([0.9] * 8, rate=0.1) is None
    rule = Disagreement.fit([0.0] * 40, rate=0.1)
    assert rule is not None
    assert rule.between({"a": ("x", 0.9), "b": ("y", 0.45)}) == ()
    assert rule.between({"a": ("x", 0.9), "b": ("x", 0.95)}) == ()
    assert rule.between({"a": ("x", 0.7), "b": ("y", 0.9), "c": ("x", 0.3)}) == ("b", "a")


@pytest.mark.parametrize(
    ("alone", "expected"),
    [({}, 0.0), ({"a": ("x", 0.9)}, 0.0), ({"a": ("x", 0.9), "b": ("y", 0.6), "c": ("y", 0.7)}, 0.7)],
    ids=["nothing", "one", "three"],
)
def test_a_clash_is_as_strong_as_the_less_sure_of_two(alone: Mapping[str, tuple[str, float]], expected: float) -> None:
    assert clash(alone) == expected


def test_a_case_with_a_swapped_modality_is_flagged_and_the_flag_survives_saving(tmp_path: Path) -> None:
    path = table(tmp_path, "text", "tabular", cases=300, noise=0.0)
    settings = change(config("text", "tabular"), epochs=12)
    run = experiment(tmp_path, settings, path, tmp_path / "run")
    run.run()
    predictor = Predictor.load(tmp_path / "run" / "bundle")
    manifest = Manifest.open(path, settings)
    rows = [manifest.row(i) for i in run.rows["test"]]
    odd, even = (next(r for r in rows if r.target == label) for label in ("odd", "even"))
    swapped = {**odd.values["tabular"], "text": even.values["text"]}
    found = predictor.predict(swapped)
    assert set(found.disagreeing) == {"text", "tabular"}
    assert {found.alone["text"][0], found.alone["tabular"][0]} == {"odd", "even"}
    assert CONTRADICTED in found.refer
    assert "contradict each other" in answer.disagreement(found)
    same = predictor.predict({**odd.values["tabular"], "text": odd.values["text"]})
    assert same.disagreeing == ()
    assert answer.disagreement(same) == ""
    assert np.mean([bool(p.disagreeing) for p in predictor.predict_rows(rows)]) <= 0.2


@pytest.mark.parametrize(
    ("report", "label", "said"),
    [
        ("FINDINGS: No pleural effusion. Heart normal.", "effusion", "No pleural effusion."),
        ("FINDINGS: The pleural spaces are free of effusion.", "effusion", "The pleural spaces are free of effusion."),
        ("FINDINGS: No pericardial effusion. Lungs clear.", "effusion", None),
        ("FINDINGS: No pleural or pericardial fluid.", "effusion", "No pleural or pericardial fluid."),
        ("FINDINGS: Small left effusion. No pericardial effusion.", "effusion", None),
        ("FINDINGS: The former effusion has resolved.", "effusion", "The former effusion has resolved."),
        ("HISTORY: Rule out effusion. FINDINGS: Heart normal.", "effusion", None),
        ("FINDINGS: No infiltrate.", "ground_glass", "No infiltrate."),
        ("FINDINGS: Heart normal.\nIMPRESSION: No acute disease.", "nodule", "No acute disease."),
        ("FINDINGS: A 5 mm nodule.\nIMPRESSION: Normal examination.", "nodule", None),
        ("", "nodule", None),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_denial_is_found_within_its_scope(report: str, label: str, said: str | None) -> None:
    assert denies(report, label) == said


def test_a_scan_and_a_report_that_denies_it_make_a_sentence() -> None:
    from domains.medical.denial import contradictions

    class Bundle:
        config = config("image", "text")

    row = type("Row", (), {"values": {"text": "FINDINGS: No pleural effusion."}})
    alone = {"image": ("effusion", 0.93), "text": ("normal", 0.8)}
    found = Prediction("a", "effusion", {"effusion": 0.6, "normal": 0.4}, alone=alone)
    (told,) = contradictions(Bundle, row, found)  # type: ignore[arg-type]
    assert told == "image alone shows effusion (93%), but text denies it: “No pleural effusion.”"
    assert contradictions(Bundle, row, Prediction("a", "x", {}, alone={"image": ("normal", 0.9)})) == ()  # type: ignore[arg-type]


def test_what_was_asked_before_the_scan_denies_nothing() -> None:
    from domains.medical.denial import contradictions

    class Bundle:
        config = config("image", "text")

    image, text = Bundle.config.modalities
    asked = dataclasses.replace(text, columns=("history",))
    Bundle.config = dataclasses.replace(Bundle.config, modalities=(image, asked))
    row = type("Row", (), {"values": {"text": "Cough. Rule out effusion."}})
    found = Prediction("a", "effusion", {}, alone={"image": ("effusion", 0.93), "text": ("normal", 0.8)})
    assert contradictions(Bundle, row, found) == ()  # type: ignore[arg-type]
