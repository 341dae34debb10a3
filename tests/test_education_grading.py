"""The grader on a small table made here: marks, abstaining, words, neighbours, parts, and the way through a file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from graded import QUESTIONS, graded_answers

from apps.cli import main
from core.errors import ConfigError
from core.progress import silent
from domains.education.grading import Grader
from domains.education.grading_apart import coverage, parts_of
from domains.education.grading_nearest import GradedAnswers, beside
from domains.education.recipe import build

QUESTION, REFERENCE, WRONG = QUESTIONS["gap"]


def quick(table: pd.DataFrame, target: str = "grade") -> Grader:
    """A grader that trains for a few epochs."""
    config = build([*table.columns, "earlier_share", "earlier_answers"], target=target, preset="fast", unseen="answers")
    training = dataclasses.replace(config.training, epochs=10, batch_size=16)
    return Grader(config=dataclasses.replace(config, training=training, floor=False), keep_answers=True)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return graded_answers()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("grader") / "run"


@pytest.fixture(scope="module")
def grader(table: pd.DataFrame, run: Path) -> Grader:
    return quick(table).fit(table, out=run, progress=silent)


def test_a_right_and_a_wrong_answer(grader: Grader) -> None:
    right = grader.grade(question=QUESTION, reference=REFERENCE, answer="well, there is a gap in the circuit")
    wrong = grader.grade(question=QUESTION, reference=REFERENCE, answer=WRONG, learner={"earlier_share": 0.1})
    assert (right.grade, wrong.grade) == ("correct", "incorrect")
    assert sum(right.prediction.probabilities.values()) == pytest.approx(1)
    assert set(right.possible) <= {"correct", "incorrect"}
    assert "learner" in right.prediction.missing
    assert "learner" in wrong.prediction.shares


def test_words_are_measured_by_leaving_them_out(grader: Grader) -> None:
    case = {"question": QUESTION, "reference": REFERENCE}
    answer = "there is a gap in the circuit"
    found = grader.grade(answer=answer, **case)
    told = dict(found.words)
    assert set(told) == set(answer.split())
    without = grader.grade(answer="there is a  in the circuit", why=False, **case)
    p, q = (g.prediction.probabilities[str(found.grade)] for g in (found, without))
    ensemble = grader.bundle.ensemble
    pattern = tuple(m not in found.prediction.missing for m in ensemble.modalities)
    temperature = ensemble.temperatures.get(pattern, ensemble.temperature)  # words are weighed before calibration
    lost = np.log(p / (1 - p)) - np.log(q / (1 - q))
    assert told["gap"] == pytest.approx(lost * temperature, abs=1e-3)
    assert [abs(w) for _, w in found.words] == sorted((abs(w) for _, w in found.words), reverse=True)
    assert grader.grade(answer="gap", **case).words == ()


def test_nearest_are_graded_answers_to_the_same_question(grader: Grader, table: pd.DataFrame) -> None:
    found = grader.grade(question=QUESTION, reference=REFERENCE, answer="there is a gap in the circuit").nearest
    assert 0 < len(found) <= 3
    assert found[0].grade == "correct"
    train = table[(table["question_id"] == "gap") & (table["split"] == "train")]
    assert {n.answer for n in found} <= {*train["answer"]}
    assert found[0].likeness >= found[-1].likeness
    assert grader.grade(question="Never asked", answer="a gap", why=True).nearest == ()


def test_unsure_answers_go_to_the_queue_with_the_reason(grader: Grader, table: pd.DataFrame) -> None:
    graded = grader.grade_table(table[table["split"] == "test"])
    for one in graded:
        alone = len(one.possible) == 1 and not one.prediction.warnings
        assert one.abstains != alone
    strange = grader.grade(question=QUESTION, reference=REFERENCE, answer="zxqv blorp wumble frint gnarl quibble drox")
    assert strange.abstains
    assert strange.queue


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"answer": "  ", "question": "Why?"}, "the answer is blank"),
        ({"answer": "a gap"}, "an answer with no question: give question"),
        ({"answer": "a gap", "question": " ", "reference": ""}, "an answer with no question"),
    ],
)
def test_a_blank_answer_or_no_question_is_refused(grader: Grader, case: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        grader.grade(**case)  # type: ignore[arg-type]


def test_an_untrained_grader_says_so() -> None:
    with pytest.raises(ConfigError, match="this Grader is not trained"):
        Grader().grade(answer="a", question="b")


def test_one_answer_by_object_file_and_command_line(
    grader: Grader, run: Path, table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grader.save(tmp_path / "kept")
    again = Grader.load(tmp_path / "kept")
    case = {"question": QUESTION, "reference": REFERENCE, "answer": "no closed path"}
    want = grader.grade(**case)
    same = again.grade(**case)
    assert same.prediction.probabilities == pytest.approx(want.prediction.probabilities, abs=1e-6)
    assert (same.grade, same.queue, same.nearest) == (want.grade, want.queue, want.nearest)
    assert beside(run / "bundle").is_file()
    for column in ("earlier_share", "earlier_answers"):
        table = table.assign(**{column: ""})
    table.head(1).assign(**case).to_csv(tmp_path / "one.csv", index=False)
    assert main(["predict", str(run / "bundle"), str(tmp_path / "one.csv")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["probabilities"] == pytest.approx(dict(want.prediction.probabilities), abs=1e-5)


def test_answers_of_learners_are_kept_only_where_asked(table: pd.DataFrame, tmp_path: Path) -> None:
    grader = quick(table)
    grader.keep_answers = False
    config = dataclasses.replace(grader.config, training=dataclasses.replace(grader.config.training, epochs=1))
    Grader(config=config).fit(table, out=tmp_path / "run")
    assert not beside(tmp_path / "run" / "bundle").exists()
    kept = b"".join(f.read_bytes() for f in (tmp_path / "run" / "bundle").rglob("*") if f.is_file())
    assert b"in my opinion" not in kept


def test_points_have_an_interval_and_a_widest_one_that_is_graded_alone(table: pd.DataFrame) -> None:
    grader = quick(table, "points").fit(table)
    found = grader.grade(question=QUESTION, reference=REFERENCE, answer="there is a gap in the circuit")
    assert found.prediction.interval is not None
    low, high = found.prediction.interval
    assert low <= found.grade <= high
    grader.most_points = (high - low) / 2
    assert "points wide, at most" in grader.grade(question=QUESTION, answer="a gap").queue


def test_figures_are_apart_for_what_is_new(grader: Grader, table: pd.DataFrame) -> None:
    found = grader.evaluate_apart(table)
    assert list(found) == ["unseen answers"]
    apart = found["unseen answers"]
    assert apart.figures.cases == int((table["split"] == "test").sum())
    assert apart.coverage is not None
    assert apart.coverage.errors[0] == pytest.approx(1 - apart.figures.metrics["accuracy"])
    with pytest.raises(ConfigError, match="needs a column split"):
        grader.evaluate_apart(table.drop(columns="split"))


def test_parts_follow_question_and_module() -> None:
    table = pd.DataFrame(
        {
            "question_id": ["q1", "q1", "q2", "q3"],
            "module": ["m1", "m1", "m1", "m2"],
            "split": ["train", "test", "Test", " TEST"],
        }
    )
    assert parts_of(table).tolist() == ["", "unseen answers", "unseen questions", "unseen modules"]


def test_test_rows_are_never_shown_as_neighbours_however_the_word_is_written() -> None:
    table = pd.DataFrame({"question": "Why?", "answer": ["a gap", "no gap", "none"], "grade": "correct",
                          "split": ["Training", "Test", "TEST "]})  # fmt: skip
    assert GradedAnswers.of(table, "grade").by_question == {"why?": [["a gap", "correct"]]}


def test_coverage_by_hand() -> None:
    answers = np.array([[0.9, 0.1], [0.2, 0.8], [0.45, 0.55], [0.6, 0.4]])
    found = coverage(np.array([0, 1, 0, 1]), answers, np.array([True, True, False, True]))
    assert found.errors[0] == 0.5
    assert found.errors[-1] == 0.0
    assert found.own_share == 0.75
    assert found.own_error == pytest.approx(1 / 3)


def test_a_table_of_test_rows_alone_is_measured(
    run: Path, grader: Grader, table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = table[table["split"] == "test"].drop(columns="split").assign(earlier_share="", earlier_answers="")
    later.to_csv(tmp_path / "later.csv", index=False)
    assert main(["evaluate", "--json", str(run / "bundle"), str(tmp_path / "later.csv")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cases"] == len(later)
    bare = later.drop(columns=["earlier_share", "earlier_answers", "time"])
    assert told["metrics"]["accuracy"] == pytest.approx(grader.evaluate(bare).metrics["accuracy"])
    later.assign(grade="").to_csv(tmp_path / "later.csv", index=False)
    assert main(["evaluate", str(run / "bundle"), str(tmp_path / "later.csv")]) == 1
    assert "the target is blank" in capsys.readouterr().err


@pytest.mark.usefixtures("grader")
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_answers_in_the_public_layout_are_sent_to_the_command_that_reads_them(
    command: str, run: Path, table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = table.rename(columns={"answer": "student_answer", "grade": "label_2way", "reference": "reference_answer"})
    raw.to_csv(tmp_path / "raw.csv", index=False)
    assert main([command, str(run / "bundle"), str(tmp_path / "raw.csv")]) == 1
    said = capsys.readouterr().err
    assert "assignments TEST.csv --unseen questions --history TRAIN.csv --out test_ready.csv" in said
    assert "fault" not in said
    table.drop(columns="answer").to_csv(tmp_path / "other.csv", index=False)  # of no known layout: each missing column
    assert main([command, str(run / "bundle"), str(tmp_path / "other.csv")]) == 1
    assert "column 'answer': no such column" in capsys.readouterr().err
