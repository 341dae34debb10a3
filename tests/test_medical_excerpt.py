"""Which parts of a report a model may read: chosen once, kept in the model, and alike in training and in use."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.cli import main
from core.config import ExperimentConfig
from core.errors import ConfigError
from core.excerpt import excerpt
from core.manifest import Manifest
from core.predict import as_row
from core.schema import TargetKind
from domains.medical import Diagnosis, recipe
from domains.medical.naming import mentions
from domains.medical.reports import sections

COLUMNS = ["case_id", "report", "history", "diagnosis", "split"]
SAID = {"nodule": "A nodule of 9 mm.", "effusion": "Fluid on the left: effusion.", "normal": "Clear lungs."}
CAME = {"nodule": "weight loss", "effusion": "swollen legs", "normal": "check before surgery"}


def report(finding: str, came: str = "") -> str:
    return f"HISTORY: Known for {came or CAME[finding]}.\nFINDINGS: {SAID[finding]}\nIMPRESSION: {finding}."


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reports") / "cases.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i in range(48):
            finding = list(SAID)[i % 3]
            part = ("train", "train", "train", "val")[i // 3 % 4]
            writer.writerow([i, report(finding), "rule out nodule", finding, part])
    return path


@pytest.fixture(scope="module")
def model(table: Path) -> Diagnosis:
    """Trained on the history section of reports alone."""
    config = recipe.build(COLUMNS, preset="fast", texts=["report", "history"], sections=["history"], hide=["known"])
    training = dataclasses.replace(config.training, epochs=12)
    found = Diagnosis(config=dataclasses.replace(config, training=training, floor=False)).fit(table)
    found.save(table.parent / "bundle")
    return Diagnosis.load(table.parent / "bundle")


def test_what_a_report_finds_does_not_reach_a_model_of_its_history(model: Diagnosis) -> None:
    said = [model.diagnose(report=report(f, "swollen legs"), explain=False).probabilities for f in SAID]
    assert said[0] == said[1] == said[2]
    assert model.diagnose(report=report("effusion", "weight loss"), explain=False).probabilities != said[0]
    assert model.diagnose(report="HISTORY: swollen legs.", explain=False).label == "effusion"


def test_a_report_without_the_section_is_missing_and_told_so(model: Diagnosis) -> None:
    found = model.diagnose(report="FINDINGS: A nodule.", history="rule out nodule")
    assert found.missing == ("report",)
    assert found.warnings[0] == (
        "report: given, but without any section that this model reads (history); treated as missing"
    )
    with pytest.raises(ConfigError, match="no modality is present"):
        model.diagnose(report="FINDINGS: A nodule.")


def test_a_row_of_a_table_and_a_case_are_read_alike(table: Path, model: Diagnosis) -> None:
    config = model.bundle.config
    row = Manifest.open(table, config).row(0)
    case = {"report": report("nodule"), "history": "rule out nodule"}
    assert row.values == as_row(case, config.modalities).values
    assert row.values == {"report": "HISTORY: [MASK] for weight loss.", "history": "rule out nodule"}


def test_the_choice_is_kept_as_json_and_told_on_the_card(model: Diagnosis) -> None:
    config = model.bundle.config
    assert ExperimentConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert "| report; only history; without the words known |" in model.bundle.card


def test_sections_are_taken_from_reports_and_words_from_every_text() -> None:
    config = recipe.build(COLUMNS, sections=["history", "technique"], hide=["nodule"])
    by = {m.name: m.excerpt for m in config.modalities}
    assert by["report"] is not None
    assert by["history"] is not None
    assert (by["report"].sections, by["history"].sections) == (("history", "technique"), ())
    assert excerpt("rule out nodules", by["history"]) == "rule out [MASK]"
    assert all(m.excerpt is None for m in recipe.build(COLUMNS).modalities)


@pytest.mark.parametrize(
    ("there", "read"),
    [
        ("text findings", "text findings"),
        ("findings history", "findings history"),
        ("report text findings history", "report history"),
        ("text text_masked history_masked", "text_masked"),
        ("text history_masked", "history_masked"),  # what was masked there may stand in the plain text
    ],
)
def test_other_names_of_a_report_are_read_where_there_is_none(there: str, read: str) -> None:
    config = recipe.build([*there.split(), "diagnosis"])
    assert [m.columns[0] for m in config.modalities] == read.split()


def test_check_names_the_texts_that_are_not_read(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_csv(table)
    frame["findings"] = frame["report"]
    frame.to_csv(tmp_path / "cases.csv", index=False)
    command = ["check", str(tmp_path / "cases.csv"), "--domain", "medical"]
    assert main(command) == 0
    told = "texts that are not read: findings; to read them too: --set texts=report,history,findings"
    assert told in capsys.readouterr().out
    assert main([*command, "--set", "texts=report,history,findings"]) == 0
    assert "not read" not in capsys.readouterr().out


def test_one_name_may_be_a_plain_string() -> None:
    config = recipe.build(COLUMNS, texts="report", sections="history", hide="effusion")
    assert config == recipe.build(COLUMNS, texts=["report"], sections=["history"], hide=["effusion"])
    assert excerpt("HISTORY: known effusions.", config.modalities[0].excerpt) == "HISTORY: known [MASK]."
    several = [*COLUMNS, "troponin", "ward"]
    found = next(m for m in recipe.build(several, numbers="troponin", categories="ward").modalities if m.columns[1:])
    assert found.views[0].preprocess == {"numbers": ["troponin"], "categories": ["ward"]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"numbers": "tropnin"}, "unknown clinical column 'tropnin'. Did you mean 'troponin'"),
        ({"categories": ["troponin", "wards"]}, "unknown clinical column 'wards'"),
        ({"numbers": ["diagnosis"]}, "unknown clinical column 'diagnosis'"),
        ({"numbers": "troponin", "categories": "troponin"}, "'troponin' is named as a number and as a category"),
        ({"texts": "reprt"}, "unknown text column 'reprt'. Did you mean 'report'"),
        ({"target": "diagnosis:lable"}, "unknown target kind 'lable'. Did you mean 'label'"),
        ({"target": "diagnoses"}, "unknown target column 'diagnoses'. Did you mean 'diagnosis'"),
    ],
)
def test_a_named_column_that_is_no_input_is_refused_with_the_choices(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Diagnosis(**options).fit(pd.DataFrame([[""] * 6], columns=[*COLUMNS, "troponin"]), root=Path())


def test_a_column_with_a_colon_in_its_name_can_be_predicted() -> None:
    columns = [*COLUMNS, "fate:icu"]
    assert recipe.build(columns, target="fate:icu").target.column == "fate:icu"
    target = recipe.build(columns, target="fate:icu:number").target
    assert (target.column, target.kind) == ("fate:icu", TargetKind.NUMBER)


def test_what_is_named_a_category_is_none_of_the_documented_numbers() -> None:
    (clinical,) = recipe.build(["age", "sex", "diagnosis"], categories="age").modalities
    assert clinical.views[0].preprocess == {"categories": ["age", "sex"]}


def test_unknown_sections_and_sections_of_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown section 'findigns'.*Did you mean 'findings'"):
        recipe.build(COLUMNS, sections=["findigns"])
    with pytest.raises(ConfigError, match="no report is among the inputs"):
        recipe.build(COLUMNS, texts=["history"], sections=["findings"])
    with pytest.raises(ConfigError, match=r"unknown on_defect 'repair'.*Choices: accept, refuse, resample"):
        recipe.build(["ct", "diagnosis"], on_defect="repair")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="FINDGSfindgs: \n.HISTORYhistory-", max_size=80) | st.text(max_size=80))
def test_what_is_left_of_a_report_is_what_its_section_says(text: str) -> None:
    use = next(m for m in recipe.build(COLUMNS, sections=["history"]).modalities if m.name == "report").excerpt
    assert sections(excerpt(text, use)).get("history", "") == sections(text).get("history", "")


def test_check_measures_how_often_texts_name_the_answer(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["check", str(table), "--domain", "medical"]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "report: whole text: 100% of 48 name their own label" in told
    assert "report: findings: 67% of 48 name their own label" in told
    assert "report: impression: 100% of 48 name their own label" in told
    assert 'to hide these words from the model: --set "hide=effusion,nodule,normal"' in told
    assert "history: findings" not in told  # a text without headings is one whole
    assert main([*command, "--json", "--set", "hide=effusion,nodule,normal"]) == 0
    assert json.loads(capsys.readouterr().out)["mentions"]["report"]["whole"]["own"] == 0
    assert main([*command, "--json", "--set", "sections=history"]) == 0
    assert json.loads(capsys.readouterr().out)["mentions"]["report"]["whole"]["own"] == 0


def test_a_number_is_not_looked_for_in_texts(table: Path) -> None:
    config = recipe.build(COLUMNS, target="case_id:number")
    assert mentions(Manifest.open(table, config)) == {}
