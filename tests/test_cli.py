"""The command line: each command, its exit codes, its JSON, and what it says of wrong input."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small import config, table

from apps.cli import main
from core.bundle import Bundle

COMMANDS = ("check", "advise", "train", "tune", "evaluate", "compare", "stress", "predict", "info")
ROWS = ("--number", "number_0,number_1", "--category", "category")
FAST = ("--preset", "fast", "--set", "epochs=2", "--set", "width=16", "--set", "floor=false")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    table(folder, "text", "tabular", cases=60).parent.rename(folder / "t")
    return folder


@pytest.fixture(scope="module")
def source(folder: Path) -> str:
    return str(folder / "t" / "table.csv")


@pytest.fixture(scope="module")
def bundle(folder: Path, source: str) -> str:
    """A trained bundle, by the command itself."""
    arguments = ["train", source, "--target", "label", "--id", "id", "--text", "text", *ROWS, *FAST]
    assert main([*arguments, "--out", str(folder / "out"), "--seed", "3"]) == 0
    return str(folder / "out" / "bundle")


def _json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == code
    found = capsys.readouterr()
    return json.loads(found.out if code == 0 or found.out else found.err)


def _error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(arguments) == 1
    found = capsys.readouterr()
    assert "Traceback" not in found.err
    return found.err + found.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"polyfuse {command}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["trian"], ["train"], ["check", "t.csv", "--nonsense"], ["info"]])
def test_a_wrong_command_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_it_runs_as_a_program(source: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "apps.cli", "check", source, "--target", "lable", "--text", "text"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "no such column; did you mean 'label'?" in done.stdout + done.stderr


def test_check_tells_rows_of_one_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "same.csv"
    table.write_text("text,label,split\na,yes,train\nb,yes,train\nc,no,test\nd,no,test\n")
    assert main(["check", str(table), "--target", "label", "--text", "text", "--split", "split"]) == 1
    said = capsys.readouterr().out
    assert "column 'label': the only label of the rows to train on; a model needs two to tell apart" in said
    assert "1 fault\n" in said


def test_check_notes_labels_that_differ_in_case_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "cases.csv"
    table.write_text("text,label\n" + "".join(f"t{i},{label}\n" for i, label in enumerate(["Yes", "yes", "no"] * 2)))
    assert main(["check", str(table), "--target", "label", "--text", "text"]) == 0
    assert "different classes by upper and lower case alone: 'Yes', 'yes'" in capsys.readouterr().out


def test_check(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "check", source, "--target", "label", "--id", "id", "--text", "text", *ROWS)
    assert found["cases"] == 60
    assert found["faults"] == []
    assert sum(found["classes"].values()) == 60
    assert main(["check", source, "--target", "label", "--text", "text"]) in (0, 1)


def test_grades_are_in_the_stated_order(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def graded(rows: list[dict[str, str]]) -> None:
        for i, row in enumerate(rows):
            row["sev"] = ("low", "medium", "high")[i % 3]

    path = _changed(source, tmp_path, graded, extra="sev")
    asked = [path, "--target", "sev:grade", "--id", "id", *ROWS]
    assert "column 'sev': grades in words have no order of their own" in _error(capsys, "check", *asked)
    stated = [*asked, "--classes", "low, medium,high"]
    assert _json(capsys, "check", *stated)["faults"] == []
    found = _json(capsys, "train", *stated, *FAST, "--out", str(tmp_path / "o"))
    assert found["rows"]["train"] > 0
    target = json.loads((tmp_path / "o" / "bundle" / "bundle.json").read_text())["target"]
    assert target["classes"] == ["low", "medium", "high"]
    domain = [path, "--domain", "customer_service", "--target", "sev:grade"]
    assert "have no order of their own" in _error(capsys, "check", *domain)
    assert _json(capsys, "check", *domain, "--classes", "low,medium,high")["faults"] == []
    assert "'high' is not one of the classes low, medium" in _error(capsys, "check", *domain, "--classes", "low,medium")


def test_train_says_what_it_made(bundle: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "info", bundle)
    assert found["config"]["seed"] == 3
    assert found["config"]["training"]["epochs"] == 2
    assert found["config"]["width"] == 16
    assert found["command"].startswith("polyfuse train ")
    assert main(["info", bundle]) == 0
    assert "# Model card" in capsys.readouterr().out
    assert (folder / "out" / "logs" / "seed-3" / "curves.csv").is_file()


def test_the_card_is_written_with_groups_and_robustness_or_says_how(
    folder: Path, bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = (Path(bundle) / "card.md").read_text(encoding="utf-8")
    assert "evaluate BUNDLE TABLE --by COLUMNS --card" in card  # 9 test rows are too few to tell groups apart
    assert "stress BUNDLE TABLE --card" in card
    assert "Seed 3.\n" in card
    many = table(tmp_path, "tabular", cases=400)
    arguments = ["train", str(many), "--target", "label", "--id", "id", *ROWS, *FAST, "--out", str(tmp_path / "o")]
    assert "unknown column to look at cases by 'colour'" in _error(capsys, *arguments, "--by", "colour")
    assert not (tmp_path / "o").exists()
    assert main([*arguments, "--stress"]) == 0
    told = capsys.readouterr().out
    assert "| category | red |" in told
    assert "table: missing cells" in told
    assert told.split("\nSaved to")[0] == (tmp_path / "o" / "bundle" / "card.md").read_text(encoding="utf-8")


def test_a_column_may_be_called_as_no_file_can(tmp_path: Path) -> None:
    names = {"text": "History/findings", "other": "What did you notice, in your own words? " * 9}
    rows = pd.read_csv(table(tmp_path, "text", cases=40)).assign(other="words").rename(columns=names)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    columns = [f"--text={name}" for name in names.values()]
    arguments = [
        "train",
        str(tmp_path / "rows.csv"),
        "--target",
        "label",
        *columns,
        *FAST,
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(arguments) == 0
    made = Bundle.load(tmp_path / "o" / "bundle").ensemble.modalities
    assert made == ("History_findings", "What did you notice, in your own words? What did y")


def test_a_trained_folder_is_not_overwritten_unasked(
    bundle: str, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", source, "--target", "label", "--text", "text", *FAST, "--out", str(Path(bundle).parent)]
    assert "holds a trained bundle already; choose another folder or pass --overwrite" in _error(capsys, *arguments)


def test_evaluate_and_predict(bundle: str, source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = _json(capsys, "evaluate", bundle, source, "--split", "all")
    assert figures["cases"] == 60
    assert 0 <= figures["metrics"]["accuracy"] <= 1
    out = tmp_path / "answers.jsonl"
    assert main(["predict", bundle, source, "--out", str(out), "--explain"]) == 0
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(answers) == 60
    assert set(answers[0]["probabilities"]) == {"even", "odd"}
    assert any(a["shares"] for a in answers)
    capsys.readouterr()
    assert main(["predict", bundle, source]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 60
    assert "No such file" in _error(capsys, "predict", bundle, source, "--out", str(tmp_path / "none" / "a"))


@pytest.mark.parametrize("command", ["info", "predict"])
def test_a_reader_that_has_enough_ends_the_command_quietly(bundle: str, source: str, command: str) -> None:
    given = [bundle] if command == "info" else [bundle, source]
    process = subprocess.Popen(
        [sys.executable, "-m", "apps.cli", command, *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    _, told = process.communicate(timeout=120)
    assert (process.returncode, told) == (141, "")


def test_a_number_has_no_decision_curves_and_that_is_told(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", source, "--target", "number_0:number", "--id", "id", "--text", "text", *FAST]
    assert main([*arguments, "--out", str(tmp_path / "o")]) == 0
    assert main(["evaluate", str(tmp_path / "o" / "bundle"), source, "--split", "all", "--decide"]) == 0
    assert "no decision curves: they weigh acting on the probability of a label" in capsys.readouterr().out


def test_a_model_is_measured_on_rows_that_it_never_saw(
    bundle: str, source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = _json(capsys, "info", bundle)
    own = _json(capsys, "evaluate", bundle, source)
    assert (own["cases"], own["seen"]) == (facts["rows"]["test"], 0)
    assert own["metrics"]["accuracy"] == pytest.approx(facts["test"]["accuracy"])
    assert _json(capsys, "evaluate", bundle, source, "--split", "test")["cases"] == own["cases"]  # the table names none
    every = _json(capsys, "evaluate", bundle, source, "--split", "all")
    assert every["seen"] == 60 - own["cases"]
    assert main(["evaluate", bundle, source, "--split", "train"]) == 0
    assert "no figures of new cases" in capsys.readouterr().out
    other = _changed(source, tmp_path, _set(0, "text", "another word"))
    again = _json(capsys, "evaluate", bundle, other)  # another table, with rows that were learned from
    assert again["cases"] == 60
    assert again["seen"] in (60 - own["cases"], 59 - own["cases"])  # the changed one may have been for testing
    assert "the table names no splits" in _error(capsys, "evaluate", bundle, other, "--split", "test")


def test_advise_compare_and_tune(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    basis = [source, "--target", "label", "--id", "id", *ROWS, *FAST]
    assert "alone" in _json(capsys, "advise", *basis)
    compared = _json(capsys, "compare", *basis, "--text", "text", "--fusions", "linear", "--metric", "accuracy")
    assert {r["name"] for r in compared["results"]} >= {"fused", "text alone", "table alone", "fusion linear"}
    assert "gain" in compared["verdict"]
    tuned = _json(capsys, "tune", *basis, "--trials", "1", "--out", str(tmp_path / "s"), "--space", "learning_rate")
    again = [source, "--config", tuned["config"], "--out", str(tmp_path / "best")]
    assert _json(capsys, "train", *again)["rows"]["train"] > 0


def _changed(source: str, tmp_path: Path, edit: Any, extra: str = "") -> str:
    with Path(source).open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= {extra: ""} if extra else {}
    edit(rows)
    path = tmp_path / "changed.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def _set(index: int, column: str, value: str) -> Any:
    return lambda rows: rows[index].update({column: value})


def _clear(rows: list[dict[str, str]]) -> None:
    rows[4].update({c: "" for c in ("text", "number_0", "number_1", "category")})


def _groups(rows: list[dict[str, str]]) -> None:
    for i, row in enumerate(rows):
        row["extra"] = "train" if i % 3 else "test"
        row["id"] = f"patient-{i // 2}"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_set(3, "label", "seldom"), "row 4, column 'label': the only case with this label"),
        (_set(5, "id", "case-00000"), "row 6, column 'id': the same id as row 1"),
        (_set(2, "number_0", "twelve"), "row 3, column 'number_0': text where a number is due"),
        (_set(2, "number_0", "NaN"), "row 3, column 'number_0': not a finite number"),
        (_set(2, "label", ""), "row 3, column 'label': the target is blank"),
        (_clear, "row 5, column 'number_0, number_1, category, text': no modality is present"),
    ],
)
def test_faults_reach_the_user_and_can_be_set_aside(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], edit: Any, message: str
) -> None:
    path = _changed(source, tmp_path, edit)
    basis = [path, "--target", "label", "--id", "id", "--text", "text", *ROWS]
    assert message in _error(capsys, "check", *basis)
    told = _error(capsys, "train", *basis, *FAST, "--out", str(tmp_path / "o"))
    assert message in told
    found = _json(capsys, "train", *basis, *FAST, "--out", str(tmp_path / "o"), code=1)
    assert found["faults"][0]["row"] > 0
    assert not (tmp_path / "o" / "bundle").exists()
    rejected = tmp_path / "rejected.csv"
    assert main(["check", *basis, "--rejected", str(rejected)]) == 1
    with rejected.open() as file:
        assert message.split(": ")[1].split(" (")[0] in next(csv.DictReader(file))["reasons"]


def test_training_goes_on_without_faulty_rows(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _changed(source, tmp_path, _set(2, "number_0", "twelve"))
    arguments = ["train", path, "--target", "label", "--id", "id", *ROWS, *FAST, "--out", str(tmp_path / "o")]
    found = _json(capsys, *arguments, "--rejected", str(tmp_path / "r.csv"))
    with (tmp_path / "r.csv").open() as file:
        rejected = [row["id"] for row in csv.DictReader(file)]
    assert rejected == ["case-00002"]
    assert sum(found["rows"].values()) == 59


def test_a_group_in_two_splits(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _changed(source, tmp_path, _groups, extra="extra")
    arguments = ["check", path, "--target", "label", "--group", "id", "--split", "extra", "--text", "text"]
    assert "keep it in one" in _error(capsys, *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "text"], "name the column to predict: --target"),
        (["--target", "label"], "name at least one column: --number"),
        (["--target", "label:grades", "--text", "text"], "unknown target kind 'grades'. Did you mean 'grade'"),
        (["--target", "label", "--text", "text", "--transform", "log1p"], "log1p is for a number"),
        (["--target", "label", "--text", "txt"], "unknown column 'txt'. Did you mean 'text'"),
        (["--target", "label", "--number", "numb*_9"], "unknown column 'numb*_9'"),
        (["--target", "label", "--text", "label"], "holds the target column 'label'; take it out"),
        (["--target", "label", "--text", "a=text", "--text", "a=text"], "there is a modality 'a' already"),
        (["--target", "label", "--text", "text", "--preset", "quick"], "unknown preset 'quick'"),
        (["--target", "label", "--text", "text", "--fusion", "gatd"], "unknown fusion 'gatd'. Did you mean 'gated'"),
        (["--target", "label", "--text", "text", "--set", "epochs"], "expected KEY=VALUE, such as epochs=20"),
        (
            ["--target", "label", "--text", "text", "--set", "epoch=2"],
            "unknown option for --set 'epoch'. Did you mean 'epo",
        ),
        (
            ["--target", "label", "--text", "text", "--set", "epochs=many"],
            "training.epochs: expected int, found 'many'",
        ),
        (
            ["--target", "label", "--text", "text", "--set", "batch_size=0"],
            "training.batch_size: expected a number from 1",
        ),
        (["--target", "label", "--text", "text", "--set", "metric=f2"], "unknown metric for a label target 'f2'"),
        (["--domain", "medicine"], "unknown domain 'medicine'. Did you mean 'medical'"),
        (["--domain", "medical", "--text", "text"], "--domain says already what --text would"),
        (["--config", "none.json"], "not a readable JSON config"),
    ],
)
def test_wrong_options(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    given = ["train", source, *arguments, "--out", str(tmp_path)]
    if "--preset" not in arguments and "--config" not in arguments:
        given += ["--preset", "fast"]
    assert message in _error(capsys, *given)


def test_options_beside_a_config(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps(config("text").to_json()))
    base = ["train", source, "--config", str(file), "--out", str(tmp_path / "o")]
    assert "--config says already what --text, --id would" in _error(capsys, *base, "--text", "text", "--id", "id")
    assert "--config says already what --classes would" in _error(capsys, *base, "--classes", "even,odd")


def test_a_pattern_leaves_the_target_and_special_columns_out(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "check", source, "--target", "label", "--id", "id", "--category", "*")
    assert found["faults"] == []
    assert list(found["present"]) == ["table"]


def test_a_column_may_have_the_marks_of_the_options_in_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["a=b", "Weight, kg", "c", "said=how", "y"]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *([str(i), "2", "3", "word", "uv"[i % 2]] for i in range(6))])
    columns = ["--number", "a=b", "--number", "Weight, kg", "--number", "more=Weight, kg", "--text", "said=how"]
    found = _json(capsys, "check", str(tmp_path / "t.csv"), "--target", "y", *columns, "--number", "other=a=b,c")
    assert list(found["present"]) == ["table", "more", "other", "said=how"]
    assert "unknown column 'Weight'" in _error(
        capsys, "check", str(tmp_path / "t.csv"), "--target", "y", "--number", "Weight,c"
    )


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_files_that_are_not_there(
    bundle: str, source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert "no bundle here" in _error(capsys, command, str(tmp_path), source)
    assert "none.csv" in _error(capsys, command, bundle, str(tmp_path / "none.csv"))


@pytest.mark.parametrize(("command", "words"), [("tune", "; the same command goes on from there"), ("compare", "")])
def test_a_stopped_command_says_whether_it_goes_on(
    command: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"apps.cli_train.{command}", stopped)
    assert main([command, "cases.csv", "--target", "y", *(["--out", "run"] if command == "tune" else [])]) == 130
    assert capsys.readouterr().err == f"polyfuse: stopped{words}\n"
