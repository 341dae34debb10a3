"""Decisions come back as training rows, from education, customer service and medicine, by one command."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from small import config, experiment, table

from apps.cli import main
from core.errors import ConfigError
from core.manifest import Manifest
from core.record import PREDICTION, Record
from core.record_rows import training_rows
from core.schema import Prediction
from core.table import StringTable
from domains.education import recipe
from domains.education.grading import Graded
from domains.education.review_queue import ReviewQueue
from domains.medical import Diagnosis, decisions


@pytest.fixture
def record(tmp_path: Path) -> Record:
    found = Record(tmp_path / "record.sqlite")
    found.append(PREDICTION, {"case_id": "a"}, {"label": "x"}, {})
    for case, label, decided in (("a", "x", "agree"), ("b", "y", "other"), ("c", "", "refer"), ("a", "z", "other")):
        found.append(
            "diagnosis", {"case_id": case}, {"label": "x"}, {"diagnosis": label, "decided": decided}, who="Dr A"
        )
    return found


def test_the_last_decision_of_a_case_counts_and_referred_ones_are_counted(record: Record) -> None:
    cases = pd.DataFrame({"case_id": ["a", "b", "c", "d"], "report": ["r1", "r2", "r3", "r4"], "diagnosis": "x"})
    rows, left = training_rows(record.rows("diagnosis"), "diagnosis", "case_id", cases)
    assert rows.to_dict("records") == [
        {"case_id": "a", "report": "r1", "diagnosis": "z", "split": "train"},
        {"case_id": "b", "report": "r2", "diagnosis": "y", "split": "train"},
    ]
    assert left == 1
    with pytest.raises(ConfigError, match=r"the table has no column 'case_id'.*it has report, diagnosis"):
        training_rows(record.rows(), "diagnosis", "case_id", cases.drop(columns="case_id"))
    with pytest.raises(ConfigError, match="names its case in 'nr'"):
        training_rows(record.rows(), "diagnosis", "nr")


def test_a_teachers_marks_are_exported_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue = ReviewQueue(tmp_path / "review.sqlite", "grade", ("correct", "incorrect"))
    graded = Graded(Prediction("s1", "correct", {"correct": 0.6, "incorrect": 0.4}), "unsure")
    case = {"question": "Why?", "reference": "Because.", "answer": "It is so."}
    queue.override("s1", case, graded, "incorrect", by="T")
    out = tmp_path / "rows.csv"
    command = ["record", "export", str(queue.record.path), "--kind", "grade", "--out", str(out)]
    assert main([*command, "--target", "grade", "--id", "answer_id"]) == 0
    assert "1 rows to train on" in capsys.readouterr().out
    (row,) = pd.read_csv(out, dtype=str).to_dict("records")
    assert row == {"answer_id": "s1", **case, "grade": "incorrect", "split": "train"}
    assert queue.record.rows()[0].who == "T"
    config = recipe.build(StringTable.open(out).columns, target="grade", preset="fast")
    assert Manifest.open(out, config, for_training=False).faults == []


def test_replies_that_agents_approved_are_exported_by_the_command(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.sqlite")
    record.append("reply", {"turn_id": "t1", "text": "Where is it?"}, {"reply": "Soon."}, {"reply": "Tomorrow."})
    out = tmp_path / "rows.csv"
    assert main(["record", "export", str(record.path), "--out", str(out), "--target", "reply", "--id", "turn_id"]) == 0
    assert pd.read_csv(out)[["turn_id", "text", "reply"]].to_dict("records") == [
        {"turn_id": "t1", "text": "Where is it?", "reply": "Tomorrow."}
    ]


def test_a_record_is_shown_checked_and_written(
    record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", "show", str(record.path), "--kind", "diagnosis"]) == 0
    shown = capsys.readouterr().out
    assert "Dr A" in shown
    assert "b: x → diagnosis y, decided other" in shown
    assert main(["record", "check", str(record.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 5
    assert main(["record", "export", str(record.path), "--out", str(tmp_path / "all.csv")]) == 0
    assert len(StringTable.open(tmp_path / "all.csv")) == 5
    assert main(["record", "check", str(tmp_path / "none.sqlite")]) == 1
    assert "no such record" in capsys.readouterr().err
    assert main(["record", "export", str(record.path)]) == 1
    assert "--out rows.csv" in capsys.readouterr().err


def test_agreeing_with_a_number_or_with_several_labels_keeps_them_to_train_on(tmp_path: Path) -> None:
    path = table(tmp_path, "tabular", cases=40)
    rows = pd.read_csv(path, dtype=str)
    rows["score"], rows["found"] = rows["number_0"], rows["label"].map({"even": "a", "odd": "a|b"})
    rows.to_csv(path, index=False)
    for column, kind in (("score", "number"), ("found", "labels")):
        settings = config("tabular", target={"column": column, "kind": kind})
        experiment(tmp_path, settings, path, tmp_path / column).run()
        model = Diagnosis.load(tmp_path / column / "bundle")
        given = {c: rows[c][0] for c in ("number_0", "number_1", "category")}
        answer, kept = model.diagnose(**given), Record(tmp_path / f"{column}.sqlite")
        decisions.keep_prediction(kept, model, answer, given, "a")
        decisions.keep_decision(kept, model, answer, given, "a", "agree", who="Dr A")
        asked, decided = kept.rows()
        assert asked.input == decided.input
        assert asked.answer == decided.answer
        assert asked.answer.get("labels", []) == list(answer.labels)
        (row,) = training_rows([decided], column, "case_id")[0].to_dict("records")
        assert float(row[column]) == pytest.approx(answer.value, 1e-5) if kind == "number" else row[column]


def test_predictions_are_kept_without_any_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, path = config("text"), table(tmp_path, "text", cases=40)
    experiment(tmp_path, settings, path, tmp_path / "run").run()
    kept, out = tmp_path / "record.sqlite", tmp_path / "answers.jsonl"
    command = ["predict", str(tmp_path / "run" / "bundle"), str(path), "--record", str(kept), "--by", "N. N."]
    assert main([*command, "--out", str(out)]) == 0
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    entries = Record(kept).rows(PREDICTION)
    assert [(e.case["case_id"], e.answer["label"]) for e in entries] == [(a["id"], a["label"]) for a in answers]
    assert {e.who for e in entries} == {"N. N."}
    assert len({e.bundle for e in entries}) == 1
    texts = pd.read_csv(path)["text"]
    assert not any(t.encode() in kept.read_bytes() for t in texts)
    assert len({e.input for e in entries}) == texts.nunique()
    assert main(command) == 0
    assert len(Record(kept).rows()) == 80
