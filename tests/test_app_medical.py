"""The medical app's pages without a browser, what it draws, and what it writes."""

from __future__ import annotations

import dataclasses
import gc
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from medical_samples import FINDINGS, prepare
from prepared import prepared
from streamlit.testing.v1 import AppTest

from apps import ui
from apps.cli import main
from apps.medical import case_documents, case_record, page_record, session
from apps.medical.session import Case, Pending
from core import recipes
from core.compare import Comparison, Result
from core.errors import ConfigError, FileError
from core.manifest import Manifest
from core.preprocess.volume_io import Volume
from core.record import Entry, Record
from core.record_rows import training_rows
from core.schema import Prediction, TargetKind
from core.table import StringTable
from domains.medical import Diagnosis, answer, decisions, recipe, starter, viewer
from domains.medical.ct_files import write_dicom

APP = Path(__file__).parents[1] / "apps" / "medical" / "streamlit_app.py"


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with prepared(prepare, tmp_path_factory) as found:
        yield found


def app() -> AppTest:
    return AppTest.from_file(str(APP), default_timeout=60)


def page(name: str) -> AppTest:
    return AppTest.from_string(
        f"from apps.medical import page_{name}, pages\nwith pages.boundary():\n    page_{name}.show()",
        default_timeout=240,
    )


def case(row: int) -> AppTest:
    return AppTest.from_string(
        "import streamlit as st\nfrom apps.medical import page_case, session\nfrom core.table import StringTable\n"
        "from domains.medical import starter\ntable = starter.sample_table()\n"
        f"if 'case' not in st.session_state:\n"
        f"    session.open_row(table, {row}, StringTable.open(table).row({row}), session.model())\n"
        "page_case.show()",
        default_timeout=60,
    )


# --- pages


def test_the_first_page_lists_the_sample_cases_and_opens_one() -> None:
    at = app().run()
    assert not at.exception
    assert at.title[0].value == "Open a case"
    assert "Not a medical device" in at.caption[0].value
    assert len(at.dataframe[0].value) == 30
    at.selectbox(key="row_sample_[]").select(1)
    at.button(key="open_sample").click().run()
    assert not at.exception
    assert not at.error
    assert at.session_state["case"].name == "case-01"


def test_a_case_without_any_file_is_typed_in() -> None:
    at = app().run()
    at.button(key="open_bare").click().run()
    assert "Nothing is known of this case yet" in at.info[-1].value
    number = at.session_state["case"].number
    at.toggle(key=f"edit_{number}_report").set_value(True).run()
    at.text_area(key=f"area_{number}_report").set_value("FINDINGS: The lungs are clear.").run()
    assert not at.exception
    assert not at.error
    (found,) = at.session_state["answers"].values()
    assert set(found.missing) == {"ct", "history", "clinical"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", r"has no column that this model reads \\\(ct, report, history, age"),
        ("case_id,report\n", r"cells.csv\\: 1 fault, listed below"),
        ("", "cells.csv"),
    ],
    ids=["other columns", "no rows", "nothing"],
)
def test_a_table_without_cases_for_the_model_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "cells.csv").write_text(text, encoding="utf-8")
    at = app().run()
    at.text_input(key="table_path").set_value(str(tmp_path / "cells.csv")).run()
    assert not at.exception
    assert re.search(told, at.error[0].value)


def test_without_a_model_the_first_page_trains_it_and_opens_a_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYFUSE_HOME", str(tmp_path))
    monkeypatch.setenv("POLYFUSE_SAMPLE_EPOCHS", "1")
    assert starter.ready() is None
    at = app().run()
    assert not at.exception
    assert not at.error
    assert starter.ready() is not None
    assert at.session_state["case"].scan is not None
    assert at.session_state["case"].truth not in (None, "normal")


def test_a_case_shows_the_answer_that_the_api_gives() -> None:
    at = case(0).run()
    assert not at.exception
    table = starter.sample_table()
    diagnosis = Diagnosis.load(starter.ensure())
    cells = {"report": "TECHNIQUE: CT of the chest.\nFINDINGS: The lungs are clear.\nIMPRESSION: As above."}
    found = diagnosis.diagnose(
        ct=table.parent / "0.nii.gz", **cells, history="Cough for a week.", age="40", sex="F", crp="5"
    )
    assert at.subheader[0].value == f"Diagnosis: {ui.escape(answer.headline(found))}"
    at.toggle(key=f"why_{at.session_state['case'].number}").set_value(False).run()  # the report by its sections
    badges = [m.value for m in at.markdown if "badge" in m.value]
    assert len(badges) == 3
    assert "The lungs are clear" in badges[1]


def test_switching_a_modality_off_changes_the_answer_and_all_off_is_told() -> None:
    at = case(1).run()
    diagnosis = Diagnosis.load(starter.ensure())
    number = at.session_state["case"].number
    names = [m.name for m in diagnosis.bundle.config.modalities]
    at.toggle(key=f"on_{number}_report").set_value(False).run()
    kept = at.session_state["answers"]
    whole, without = (next(v for (_, off), v in kept.items() if off == frozenset(o)) for o in ((), ("report",)))
    assert without.missing == ("report",)
    top = whole.label
    assert whole.without["report"] == pytest.approx(without.probabilities[top], abs=1e-5)
    for name in names:
        at.toggle(key=f"on_{number}_{name}").set_value(False)
    at.run()
    assert "Everything is switched off" in at.info[0].value
    assert not at.exception


def test_what_the_answer_rests_on_is_marked_in_the_words_and_the_values() -> None:
    at = case(1).run()
    number = at.session_state["case"].number
    assert not at.exception
    assert not at.error
    assert any("Green or warm" in c.value for c in at.caption)  # below the scan
    report = next(m.value for m in at.markdown if "blue-badge" in m.value)
    assert [f"blue-badge[{s}]" in report for s in ("Technique", "Findings", "Impression")] == [True] * 3
    assert "TECHNIQUE" not in report
    assert sum("How it was found" in c.value for c in at.caption) == 4  # scan, report, history, clinical values
    at.toggle(key=f"why_{number}").set_value(False).run()
    assert not any("How it was found" in c.value for c in at.caption)


def test_a_report_too_long_to_weigh_its_words_is_shown_and_told() -> None:
    at = app().run()
    at.button(key="open_bare").click().run()
    number = at.session_state["case"].number
    at.toggle(key=f"edit_{number}_report").set_value(True).run()
    at.text_area(key=f"area_{number}_report").set_value("The lungs are clear. " * 2000).run()
    assert not at.exception
    assert not at.error
    told = [c.value for c in at.caption if "Nothing is marked" in c.value]
    assert told == ["Nothing is marked: the text has 41,999 characters, words are weighed up to 30,000."]


def test_words_are_marked_within_their_sections() -> None:
    at = AppTest.from_string(
        "from apps.medical import case_why\nfrom core.explanation.explain import Explanation\n"
        "from core.explanation.parts import Part\ntext = 'HISTORY: cough.\\nFINDINGS: a nodule here.'\n"
        "words = [Part('cough', ((9, 14),), -0.9), Part('', ((16, 24),), 0.9), Part('nodule', ((28, 34),), 0.8)]\n"
        "case_why._marked(text, Explanation(words, 'occlusion'))"
    ).run()
    assert not at.exception
    assert at.markdown[0].value == (
        ":blue-badge[History]  \n:red-background[cough].\n\n:blue-badge[Findings]  \na :green-background[nodule] here."
    )


def test_an_edited_value_changes_the_answer() -> None:
    at = case(1).run()
    number = at.session_state["case"].number
    at.text_input(key=f"cell_{number}_crp").set_value("3").run()
    assert len(at.session_state["answers"]) == 2
    at.text_input(key=f"cell_{number}_crp").set_value("high").run()
    assert not at.exception
    assert at.error[0].value.startswith("column 'crp'\\: text where a number is due")
    assert "write a number" in at.error[0].value


def test_all_rows_of_a_case_are_opened_where_the_model_gathers_them(tmp_path: Path) -> None:
    rows = pd.read_csv(starter.sample_table(), dtype=str, keep_default_na=False).drop(columns="ct")
    rows = pd.concat([rows.assign(age=""), rows.assign(report="", history="Weight loss.", crp="")])
    table = tmp_path / "rows.csv"
    rows.to_csv(table, index=False)
    built = recipe.build(list(rows), target="diagnosis", preset="fast")
    config = dataclasses.replace(
        built, table=dataclasses.replace(built.table, gather=True), floor=False,
        training=dataclasses.replace(built.training, epochs=1),
    )  # fmt: skip
    diagnosis = Diagnosis(config=config).fit(table, out=tmp_path / "run")
    (expected,) = diagnosis.predictor.predict_rows([Manifest.open(table, config).row(1)])
    at = AppTest.from_string(
        "from pathlib import Path\nimport streamlit as st\nfrom apps.medical import session\n"
        f"session.use_model(Path({str(tmp_path / 'run' / 'bundle')!r}))\ntable = Path({str(table)!r})\n"
        "from core.table import StringTable\n"
        "session.open_row(table, 1, StringTable.open(table).row(1), session.model())\ncase = session.case()\n"
        "st.session_state['found'] = session.answer(session.model(), case, case.cells).probabilities",
        default_timeout=60,
    ).run()
    assert not at.exception
    assert at.session_state["case"].cells["history"] == "Cough for a week.\nWeight loss."
    assert at.session_state["found"] == pytest.approx(expected.probabilities)
    together = StringTable.open(rows.sort_values("case_id", kind="stable"))
    assert [session.neighbour(together, row, step, diagnosis) for row, step in ((0, 1), (1, 1), (3, -1))] == [2, 2, 1]
    assert [session.neighbour(together, row, s, diagnosis) for row, s in ((1, -1), (len(rows) - 2, 1))] == [None, None]


@pytest.mark.parametrize("reads", [("CT",), ("CT", "MR")])
def test_the_app_opens_the_modalities_that_its_model_reads(
    tmp_path: Path, reads: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnosis = Diagnosis.load(starter.ensure())
    monkeypatch.setattr(diagnosis.predictor.view("ct").preprocessor, "allow_modality", reads)
    monkeypatch.setattr(session, "model", lambda: diagnosis)
    scan = write_dicom(tmp_path / "mr", np.zeros((4, 8, 8)), (5.0, 20.0, 20.0), tags={"Modality": "MR"})
    at = AppTest.from_string(
        "from pathlib import Path\nfrom apps.medical import pages, session\nwith pages.boundary():\n"
        f"    session.open_upload('mr', (Path({str(scan)!r}),), session.model())"
    ).run()
    assert not at.exception
    assert [("Modality says MR" in e.value) for e in at.error] == ([] if "MR" in reads else [True])
    assert ("case" in at.session_state) == ("MR" in reads)


def test_a_value_of_one_blank_is_none() -> None:
    at = app().run()
    at.button(key="open_bare").click().run()
    at.text_input(key=f"cell_{at.session_state['case'].number}_age").set_value(" ").run()
    assert not at.error
    assert "Nothing is known of this case yet" in at.info[-1].value


def test_a_case_without_a_scan_or_report_says_what_is_missing() -> None:
    for row, lacking in ((4, "CT"), (3, "report")):
        at = case(row).run()
        assert not at.exception
        assert any(f"Missing in this case: **{lacking}**" in m.value for m in at.markdown)


def test_the_model_page_shows_figures_and_card() -> None:
    at = page("model").run()
    assert not at.exception
    assert not at.error
    assert {m.label for m in at.metric} >= {"Cases", "Accuracy", "Macro F1"}
    assert any("Model card" in m.value for m in at.markdown)
    shown = " ".join(c.value for c in at.caption)
    assert "Honest: slope 1, intercept 0" in shown
    assert "No case is referred by itself" in shown  # eight held-out rows promise nothing
    assert [b.proto.label for b in at.get("download_button")][-2:] == ["TRIPOD AI", "CLAIM 2024"]


def test_the_model_page_refuses_a_folder_without_a_bundle(tmp_path: Path) -> None:
    at = page("model").run()
    at.text_input(key="bundle_path").set_value(str(tmp_path)).run()
    at.button(key="open_model").click().run()
    assert "no bundle here" in at.error[0].value
    assert not at.exception


def test_the_train_page_lists_all_faults_and_goes_on_without_the_rows(tmp_path: Path) -> None:
    sample = starter.sample_table()
    lines = sample.read_text(encoding="utf-8").replace(",45,M,", ",old,M,").replace("7.nii.gz", "gone.nii.gz")
    table = sample.with_name("faulty.csv")
    table.write_text(lines, encoding="utf-8")
    at = page("train").run()
    at.segmented_control(key="source").set_value("Path on this machine").run()
    at.text_input(key="train_path").set_value(str(table)).run()
    assert not at.exception
    faults = at.dataframe[0].value
    assert set(faults["column"]) == {"age", "ct"}
    assert at.button(key="train").disabled
    (sample.parent / "9.nii.gz").rename(sample.parent / "whole")
    (sample.parent / "9.nii.gz").write_text("no scan", encoding="utf-8")
    at.button(key="open_files").click().run()
    (sample.parent / "whole").replace(sample.parent / "9.nii.gz")
    assert any("not a readable NIfTI" in f for f in at.dataframe[0].value["reason"])
    at.checkbox(key="go_without").check().run()
    assert not at.button(key="train").disabled


def test_the_train_page_asks_for_the_order_of_grades() -> None:
    at = page("train").run()
    at.selectbox(key="target_kind").select("grade").run()
    assert not at.exception
    assert "grades in words have no order of their own" in at.dataframe[0].value["reason"][0]
    assert at.button(key="train").disabled
    at.text_input(key="grade_order").set_value("normal, effusion, consolidation").run()
    assert not at.exception
    assert not at.button(key="train").disabled


def test_the_train_page_trains_and_the_model_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = recipes._training
    monkeypatch.setattr(recipes, "_training", lambda *of: dataclasses.replace(usual(*of), epochs=6))  # of 40
    at = page("train").run()
    at.multiselect(key="texts").set_value(["report"]).run()
    at.multiselect(key="sections").set_value(["findings"]).run()
    at.selectbox(key="train_on_defect").select("resample").run()
    at.checkbox(key="mask").check().run()
    at.text_input(key="model_name_cases-diagnosis").set_value("my model/../x").run()
    at.button(key="train").click().run()
    assert not at.exception
    assert [s.value for s in at.success][-1] == "Trained and saved: my-model-..-x"
    bundle = starter.home() / "my-model-..-x" / "bundle"
    ct, report, clinical = Diagnosis.load(bundle).bundle.config.modalities
    assert (ct.name, report.name, clinical.name) == ("ct", "report", "clinical")
    assert ct.views[0].preprocess["on_defect"] == "resample"
    assert report.excerpt is not None
    assert report.excerpt.sections == ("findings",)
    assert report.excerpt.hidden == tuple(sorted(FINDINGS))


def test_the_train_page_begins_anew_with_another_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pd.read_csv(starter.sample_table(), dtype=str, keep_default_na=False).drop(columns="ct")
    other = first.assign(diagnosis=first["diagnosis"].replace({"effusion": "empyema", "normal": "healthy"}))
    (tmp_path / "b").mkdir()
    for table, path in ((first, tmp_path / "a.csv"), (other.assign(icu=first["sex"]), tmp_path / "b" / "b.csv")):
        table.to_csv(path, index=False)
    found = Comparison("f1", 7, [Result("fused", {"f1": 0.5}, (0.4, 0.6))])
    monkeypatch.setattr(Diagnosis, "compare", lambda *given, **options: found)
    at = page("train").run()
    at.segmented_control(key="source").set_value("Path on this machine").run()
    at.text_input(key="train_path").set_value(str(tmp_path / "a.csv")).run()
    at.checkbox(key="mask").check().run()
    at.button(key="compare").click().run()
    assert any(m.value == "**f1 on 7 test cases**" for m in at.markdown)
    at.text_input(key="train_path").set_value(str(tmp_path / "b" / "b.csv")).run()
    assert not at.exception
    assert next(t for t in at.text_input if "Words to hide" in t.label).value == "consolidation, empyema, healthy"
    assert next(t for t in at.text_input if t.label == "Name of the model").value == "b-diagnosis"
    assert not any("7 test cases" in m.value for m in at.markdown)
    assert any("A comparison made with another table" in c.value for c in at.caption)
    at.selectbox(key="target").select("icu").run()
    assert next(t for t in at.text_input if t.label == "Name of the model").value == "b-icu"


def test_a_scan_that_waits_for_a_choice_goes_with_the_model_it_was_opened_for() -> None:
    at = AppTest.from_string(
        "import streamlit as st\nfrom apps.medical import session\nfrom domains.medical import starter\n"
        "session.model()\nst.session_state['pending'] = st.session_state['case'] = 'of the model before'\n"
        "session.use_model(starter.ensure())",
        default_timeout=60,
    ).run()
    assert not at.exception
    assert "case" not in at.session_state
    assert "pending" not in at.session_state


def test_words_of_a_header_are_no_markdown_where_a_series_is_chosen() -> None:
    at = app().run()
    words = "<b>x</b> [link](http://evil)"
    at.session_state["pending"] = Pending(Case("*a*", 1), Path("a.zip"), (("1", words), ("2", "lung")))
    at.run()
    assert not at.exception
    assert at.radio(key="series").options == [ui.escape(words), "lung"]
    assert at.warning[0].value == r"\*a\*: 2 series stand together. Choose one."


# --- what a person decides, and documents


def test_a_decision_is_kept_and_comes_back_as_a_training_row() -> None:
    at = case(1).run()
    number = at.session_state["case"].number
    at.radio(key=f"decision_{number}").set_value("other")
    at.selectbox(key=f"other_{number}").set_value("effusion")
    at.text_input(key="decided_by").set_value("Dr A")
    at.text_input(key=f"note_{number}").set_value("posterior fluid")
    next(b for b in at.button if b.label == "Keep the decision").click().run()
    assert not at.exception
    assert at.success[-1].value.startswith("Kept as entry")
    kept = case_record.record()
    entry = kept.rows(decisions.KIND)[-1]
    assert (entry.case, entry.who) == ({"case_id": "case-01"}, "Dr A")
    assert entry.decision == {"diagnosis": "effusion", "decided": "other", "note": "posterior fluid"}
    asked = kept.rows("prediction")[-1]
    assert (asked.case, asked.input, asked.bundle) == (entry.case, entry.input, entry.bundle)
    assert "airspace opacity" not in kept.path.read_bytes().decode("latin-1")
    table = pd.read_csv(starter.sample_table(), dtype=str, keep_default_na=False)
    rows, left = training_rows(kept.rows(decisions.KIND), "diagnosis", "case_id", table)
    assert left == 0
    assert rows.loc[rows["case_id"] == "case-01", "diagnosis"].tolist() == ["effusion"]
    at = page("record").run()
    assert not at.exception
    assert "as they were written" in at.success[0].value
    assert {"Dr A", "case-01", "posterior fluid"} <= {str(v) for v in at.dataframe[0].value.iloc[0]}
    assert at.get("download_button")[-1].proto.label == "Rows to train on (1)"


@pytest.mark.parametrize("name", ["semicolons.csv", "cells.parquet"])
def test_decided_rows_are_found_in_any_table_that_a_case_is_opened_from(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.read_csv(starter.sample_table(), dtype=str, keep_default_na=False)
    table, found = tmp_path / name, list[str]()
    frame.to_parquet(table) if name.endswith("parquet") else frame.to_csv(table, sep=";", index=False)
    monkeypatch.setattr(page_record.session, "model", lambda: Diagnosis.load(starter.ensure()))
    monkeypatch.setattr(page_record.session, "case", lambda: Case("case-01", 1, table=table))
    monkeypatch.setattr(page_record.record, "download", lambda words, text, file: found.append(text))
    decided = Entry(1, "", decisions.KIND, {decisions.CASE: "case-01"}, {}, {"diagnosis": "effusion"})
    page_record._training([decided])
    (row,) = pd.read_csv(io.StringIO(found[0])).to_dict("records")
    assert (row["case_id"], row["diagnosis"], row["history"]) == ("case-01", "effusion", "Cough for a week.")


def test_data_files_of_a_result_carry_the_name_of_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, str] = {}
    monkeypatch.setattr(case_documents, "_button", lambda words, data, name, *rest: files.update({name: data}))
    diagnosis = Diagnosis.load(starter.ensure())
    found = diagnosis.diagnose(report="FINDINGS: The lungs are clear.", age="40")
    case_documents.show(diagnosis, found, Case("case-9", 1), frozenset())
    assert json.loads(files["case-9.json"])["id"] == "case-9"
    assert "id,case-9" in files["case-9.csv"]


def test_another_answer_has_to_be_named() -> None:
    at = case(2).run()
    number = at.session_state["case"].number
    at.radio(key=f"decision_{number}").set_value("other")
    before = len(case_record.record().rows(decisions.KIND))
    next(b for b in at.button if b.label == "Keep the decision").click().run()
    assert "another answer has to be named" in at.error[0].value
    assert len(case_record.record().rows(decisions.KIND)) == before


@pytest.mark.parametrize("label", ["", "about 12", "12 days"])
def test_another_answer_of_a_number_is_one(tmp_path: Path, label: str) -> None:
    target = SimpleNamespace(kind=TargetKind.NUMBER, classes=())
    days: Any = SimpleNamespace(bundle=SimpleNamespace(ensemble=SimpleNamespace(target=target)))
    with pytest.raises(ConfigError, match=f"another answer has to be a number, found {label!r}"):
        decisions.keep_decision(
            Record(tmp_path / "record.sqlite"), days, prediction(), {}, "case-01", "other", label=label
        )


def test_the_api_writes_the_documents_of_a_case(tmp_path: Path) -> None:
    diagnosis = Diagnosis.load(starter.ensure())
    found = diagnosis.diagnose(report="FINDINGS: The lungs are clear.", age="40")
    assert diagnosis.document(found).startswith(b"%PDF")
    fhir = json.loads(diagnosis.document(found, "fhir", name="case-9"))
    assert fhir["subject"]["display"] == "case-9"
    assert {c["code"]["text"] for o in fhir["contained"] if o["id"] == "shares" for c in o["component"]} == {
        "ct", "report", "history", "clinical",
    }  # fmt: skip
    assert b"DICM" in diagnosis.document(found, "sr")[:140]


def test_the_command_writes_a_document_of_each_case(tmp_path: Path) -> None:
    table = pd.read_csv(starter.sample_table(), dtype=str, keep_default_na=False).head(3)
    few = starter.sample_table().with_name("few.csv")
    table.to_csv(few, index=False)
    assert main(["document", str(starter.ensure()), str(few), "--out", str(tmp_path), "--kind", "fhir,sr"]) == 0
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == [f"case-0{i}{s}" for i in range(3) for s in (".fhir.json", ".sr.dcm")]


# --- the error boundary and the session's folder


def test_a_fault_of_the_program_is_told_without_a_traceback_and_logged_without_its_message(tmp_path: Path) -> None:
    at = AppTest.from_string(
        f"from pathlib import Path\nfrom apps import ui\nwith ui.errors(Path({str(tmp_path / 'app.log')!r})):\n"
        "    raise RuntimeError('Jane Doe, born 1961')"
    ).run()
    assert not at.exception
    said, log = at.error[0].value, (tmp_path / "app.log").read_text(encoding="utf-8")
    assert "Jane" not in said + log
    assert "Something went wrong inside the app" in said
    assert said.split("number ")[1][:8] in log
    assert "RuntimeError" in log


def test_uploads_stay_in_the_sessions_folder_and_go_with_it() -> None:
    at = AppTest.from_string(
        "import io, streamlit as st\nfrom apps import ui\nfile = io.BytesIO(b'x'); file.name = '../../a b$.dcm'\n"
        "st.session_state['paths'] = ui.keep_uploads([file, file], None)"
    ).run()
    first, second = at.session_state["paths"]
    place = first.parents[1]
    assert first.read_bytes() == b"x"
    assert (first.name, second.name) == ("a b_.dcm", "_a b_.dcm")
    assert place.is_dir()
    del at
    gc.collect()
    for _ in range(100):  # the folder's keeper looks every two seconds
        if not place.exists():
            return
        time.sleep(0.1)
    raise AssertionError("the uploads are still there")


def test_escaped_text_is_no_markdown() -> None:
    assert ui.escape("a_b [x](y)\n*c*") == "a\\_b \\[x\\]\\(y\\)  \n\\*c\\*"


# --- what is drawn


def volume(spacing: tuple[float, float, float] = (2.0, 1.0, 1.0)) -> Volume:
    array = np.full((4, 8, 8), -1000.0, np.float32)
    array[3, 0, 0] = 400.0  # highest slice, front, the patient's right
    return Volume(array, np.array([[0, 0, spacing[2], 5], [0, spacing[1], 0, 0], [spacing[0], 0, 0, 10], [0, 0, 0, 1]]))


def test_a_slice_is_windowed_to_grey_values() -> None:
    picture = viewer.slice_image(volume(), "axial", 3, (40.0, 400.0), size=8)
    assert picture.dtype == np.uint8
    assert picture[0, 0] == 255
    assert picture[1:].max() == 0
    level = viewer.slice_image(volume(), "axial", 0, (-1000.0, 100.0), size=8)
    assert (level == 128).all()  # -1000 is the middle of this window


@pytest.mark.parametrize("plane", ["coronal", "sagittal"])
def test_the_head_is_up_and_the_scale_is_kept(plane: str) -> None:
    picture = viewer.slice_image(volume(), plane, 0, (40.0, 400.0), size=8)
    assert picture[0, 0] == 255  # 4 slices of 2 mm fill the square: no border, head on top
    flat = viewer.slice_image(volume((1.0, 1.0, 1.0)), plane, 0, (40.0, 400.0), size=8)
    assert flat[:2].max() == 0  # 4 mm of 8: a border above
    assert flat[2, 0] == 255


def test_slices_are_described_and_unknown_planes_refused() -> None:
    assert viewer.describe_slice(volume(), "axial", 3) == "Axial 4 of 4, z = 16 mm; patient's right is on the left"
    with pytest.raises(ConfigError, match=r"unknown plane 'axal'.*Did you mean 'axial'"):
        viewer.count(volume(), "axal")


def test_a_text_named_nifti_is_refused_in_words(tmp_path: Path) -> None:
    bad = tmp_path / "bad.nii.gz"
    bad.write_text("no scan", encoding="utf-8")
    with pytest.raises(FileError, match="not a readable NIfTI"):
        viewer.open_scan(bad)


# --- what is said


def prediction(**changes: object) -> Prediction:
    values: dict[str, object] = {
        "id": "x", "label": "effusion", "probabilities": {"effusion": 0.71, "normal": 0.29}, "coverage": 0.9,
        "conformal_set": ("effusion",), "shares": {"report": 1.2, "clinical": -0.3}, "without": {"report": 0.44},
    }  # fmt: skip
    return Prediction(**(values | changes))  # type: ignore[arg-type]


def test_an_answer_in_words() -> None:
    assert answer.headline(prediction()) == "effusion · 71%"
    assert answer.how_sure(prediction()) == "At 90%, every answer but effusion is ruled out."
    assert answer.why(prediction()) == "For it: report (+1.20). Against it: clinical values (−0.30)."
    assert "Without the report: 0.44; with it: 0.71." in answer.most_telling(prediction())


@pytest.mark.parametrize(("left", "words"), [((), "No answer fits"), (("effusion", "normal"), "effusion, normal")])
def test_an_unsure_answer_is_referred_to_a_person(left: tuple[str, ...], words: str) -> None:
    found = prediction(conformal_set=left)
    assert answer.is_unsure(found)
    assert answer.how_sure(found).startswith("Unsure: refer to a person.")
    assert words in answer.how_sure(found)


def test_a_number_is_told_with_its_interval() -> None:
    found = prediction(label=None, probabilities={}, value=3.0, interval=(1.0, 5.0), conformal_set=())
    assert answer.headline(found) == "3"
    assert answer.how_sure(found).startswith("Between 1 and 5 in 90%")


def test_files_hold_the_answer_the_model_the_scan_and_the_disclaimer() -> None:
    facts = {"created": "2026", "fingerprint": "abc", "versions": {"torch": "2"}}
    config = SimpleNamespace(target=SimpleNamespace(column="diagnosis"))
    bundle = SimpleNamespace(facts=facts, config=config)
    scan = {"actions": ["filled 2 slices"], "series_description": "=cmd()"}
    content = json.loads(answer.to_json(prediction(), bundle, scan, ["ct"]))  # type: ignore[arg-type]
    assert content["probabilities"] == {"effusion": 0.71, "normal": 0.29}
    assert content["model"] == facts
    assert content["scan"]["actions"] == ["filled 2 slices"]
    assert content["switched_off"] == ["ct"]
    assert "Not a medical device" in content["disclaimer"]
    table = answer.to_csv(prediction(), bundle, scan)  # type: ignore[arg-type]
    assert "probabilities.effusion,0.71" in table
    assert "scan.series_description,'=cmd()" in table


def test_the_curves_of_two_models_in_a_row_begin_anew() -> None:
    at = AppTest.from_string(
        "import streamlit as st\nfrom apps import ui\nsteps = ui.Steps('Training')\n"
        "for _ in range(2):\n    for e in (1, 2, 3):\n"
        "        figures = dict.fromkeys(['train_loss', 'val_loss', 'train_f1', 'val_f1'], 0.5)\n"
        "        steps('seed-0', e, 3, {'epoch': e, **figures})\n"
        "st.session_state['epochs'] = [h['epoch'] for h in steps.history]"
    ).run()
    assert not at.exception
    assert at.session_state["epochs"] == [1, 2, 3]


def test_a_message_names_uploads_without_the_folder_of_the_session() -> None:
    at = AppTest.from_string(
        "import streamlit as st\nfrom apps import ui\nhome = ui.folder()\n"
        "said = [f'no such file: {home}/0/scan.nii.gz', f'leads out of the folder {home}/12; move the file', "
        "f'{home}/a.csv: x']\n"
        "st.session_state['said'] = [ui.without_folder(s) for s in said]"
    ).run()
    assert at.session_state["said"] == [
        "no such file: scan.nii.gz",
        "leads out of the folder of the upload; move the file",
        "a.csv: x",
    ]
