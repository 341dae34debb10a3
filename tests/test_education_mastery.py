"""Mastery: knowledge tracing by hand, features and answers from the past alone, thin evidence, saving."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import BundleError, ConfigError, TableError
from domains.education.mastery import EXPERTS, Mastery, main
from domains.education.mastery_bkt import Bkt
from domains.education.mastery_data import read_answers
from domains.education.mastery_features import FEATURES, Difficulty, features, training_features
from domains.education.mastery_net import NetOptions

SMALL = NetOptions(width=16, hidden=16, epochs=3)


def made(learners: int = 24, each: int = 20, seed: int = 0) -> pd.DataFrame:
    """Learners of different ability, on three concepts of different difficulty."""
    rng = np.random.default_rng(seed)
    rows = []
    for s in range(learners):
        ability = 2 * rng.normal()
        for t in range(each):
            c, q = int(rng.integers(3)), int(rng.integers(4))
            right = rng.random() < 1 / (1 + np.exp(-(ability + c - 1)))
            rows.append((f"s{s}", str(t), f"c{c}-q{q}", f"c{c}", "correct" if right else "incorrect"))
    return pd.DataFrame(rows, columns=["student_id", "turn", "question_id", "concept", "grade"])


@pytest.fixture(scope="module")
def model() -> Mastery:
    return Mastery(folds=2, options=SMALL).fit(made())


def test_knowledge_tracing_by_hand() -> None:
    """Prior .4, learn .2, guess .25, slip .1: the rules of Corbett and Anderson."""
    tracing = Bkt(("c",), np.array([[0.4, 0.2, 0.25, 0.1], [0.5, 0.2, 0.25, 0.1]]))
    table = pd.DataFrame({"student_id": ["s"] * 2, "concept": ["c"] * 2, "correct": ["1", "0"]})
    right, after = tracing.trace(read_answers(table))
    first = 0.4 * 0.9 + 0.6 * 0.25
    known = 0.4 * 0.9 / first
    then = known + (1 - known) * 0.2
    second = then * 0.9 + (1 - then) * 0.25
    assert right == pytest.approx([first, second])
    assert after == pytest.approx([known, then * 0.1 / (1 - second)])
    unknown, _ = tracing.trace(read_answers(table.assign(concept="new")))
    assert unknown[0] == pytest.approx(0.5 * 0.9 + 0.5 * 0.25)


def test_knowledge_tracing_finds_the_parameters_that_made_the_answers() -> None:
    rng, rows, truth = np.random.default_rng(0), [], (0.2, 0.15, 0.2, 0.1)
    prior, learn, guess, slip = truth
    for s in range(500):
        mastered = rng.random() < prior
        for _ in range(12):
            rows.append((str(s), "c", str(int(rng.random() < (1 - slip if mastered else guess)))))
            mastered = mastered or rng.random() < learn
    answers = read_answers(pd.DataFrame(rows, columns=["student_id", "concept", "correct"]))
    assert Bkt.fit(answers, rounds=60).table[0] == pytest.approx(truth, abs=0.05)


def test_features_by_hand() -> None:
    table = pd.DataFrame({
        "student_id": ["s"] * 3, "question_id": ["a", "a", "b"], "concept": ["c", "c", "d"], "correct": ["1", "0", ""],
        "time": ["2026-03-01", "2026-03-03", "2026-03-03"],
    })  # fmt: skip
    d = Difficulty({"a": (6.0, 8)}, {}, 0.5)
    found = pd.DataFrame(features(read_answers(table), d), columns=FEATURES)
    assert found["answers"].tolist() == pytest.approx(np.log1p([0, 1, 2]))
    assert found["previous"].tolist() == [-1, 1, 0]
    assert found["same_question"].tolist() == [0, 1, 0]
    assert found["question_last"].tolist() == [-1, 1, -1]
    assert found["gap"].tolist() == pytest.approx(np.log1p([0, 2, 0]))
    assert found["question_odds"].tolist() == pytest.approx([np.log(2), np.log(2), 0])  # (6 + 4/2) of (8 + 4)


def test_later_answers_change_nothing_before_them(model: Mastery) -> None:
    table = made(4, seed=5)
    changed = table.copy()
    late = changed["turn"].astype(int) >= 10
    changed.loc[late, "grade"] = np.where(changed.loc[late, "grade"] == "correct", "incorrect", "correct")
    changed = changed[~(late & (changed["turn"].astype(int) > 15))]
    before, after = model.experts(table), model.experts(changed.reset_index(drop=True))
    early = (table["turn"].astype(int) <= 10).to_numpy()
    np.testing.assert_allclose(before[:, early], after[:, (changed["turn"].astype(int) <= 10).to_numpy()], atol=1e-6)
    assert not np.allclose(before[:, ~early][:, :10], after[:, (changed["turn"].astype(int) > 10).to_numpy()][:, :10])


def test_a_learners_own_answers_never_count_in_difficulties_of_training() -> None:
    table = made(12)
    own = table["student_id"] == "s3"
    flipped = table.assign(grade=table["grade"].where(~own, "correct"))
    places = [FEATURES.index(f) for f in ("question_odds", "concept_odds", "question_known")]
    found = [training_features(read_answers(t))[own.to_numpy()][:, places] for t in (table, flipped)]
    np.testing.assert_array_equal(*found)


def test_order_of_rows_and_other_learners_change_no_answer(model: Mastery) -> None:
    table = made(5, seed=2)
    shuffled = table.sample(frac=1, random_state=0)
    np.testing.assert_allclose(
        model.next_answers(shuffled.reset_index(drop=True)), model.next_answers(table)[shuffled.index], atol=1e-6
    )
    one = table[table["student_id"] == "s1"]
    np.testing.assert_allclose(
        model.next_answers(one.reset_index(drop=True)), model.next_answers(table)[one.index], atol=1e-6
    )


def test_it_predicts_better_than_chance_and_is_calibrated(model: Mastery) -> None:
    found = model.evaluate(made(40, seed=9))
    assert found["auc"] > 0.7
    assert found["calibration_error"] < 0.1
    assert found["answers"] == 800
    assert model.parts.weights.sum() == pytest.approx(1)


def test_mastery_of_learners_with_its_evidence(model: Mastery) -> None:
    rows = [("good", str(t), f"c1-q{t % 4}", "c1", "correct") for t in range(12)]
    rows += [("weak", str(t), f"c1-q{t % 4}", "c1", "incorrect") for t in range(12)]
    rows += [("good", "20", "new question", "new concept", "correct"), ("weak", "21", "c2-q0", "c2", "")]
    found = model.table(pd.DataFrame(rows, columns=made(1).columns)).set_index(["student_id", "concept"])
    assert found.loc[("good", "c1"), "probability"] > found.loc[("weak", "c1"), "probability"] + 0.2
    assert found.loc[("good", "c1"), "mastered"] > 0.8 > 0.2 > found.loc[("weak", "c1"), "mastered"]
    assert found["evidence"].to_dict() == {
        ("good", "c1"): 12, ("good", "new concept"): 1, ("weak", "c1"): 12, ("weak", "c2"): 0,
    }  # fmt: skip
    assert found.loc[[("good", "new concept"), ("weak", "c2")], "why_thin"].tolist() == ["few answers"] * 2
    assert found.loc[("weak", "c2"), "thin"]
    assert found["probability"].between(0, 1).all()


def test_what_is_asked_next_leaves_the_other_answers_as_they_are(model: Mastery) -> None:
    table = made(3, seed=4)
    asked = pd.DataFrame([("s1", "99", "c0-q0", "c0", ""), ("s1", "99", "c1-q0", "c1", "")], columns=table.columns)
    both = model.next_answers(pd.concat([table, asked], ignore_index=True))
    np.testing.assert_allclose(both[: len(table)], model.next_answers(table), atol=1e-6)
    alone = model.next_answers(pd.concat([table, asked.iloc[1:]], ignore_index=True))
    assert both[-1] == pytest.approx(alone[-1], abs=1e-6)


def test_saved_and_opened_it_answers_the_same(model: Mastery, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    assert {f.suffix for f in (tmp_path / "m").iterdir()} == {".json", ".safetensors", ".txt"}
    table = made(3, seed=1)
    np.testing.assert_array_equal(Mastery.load(tmp_path / "m").next_answers(table), model.next_answers(table))
    content = json.loads((tmp_path / "m" / "mastery.json").read_text())
    (tmp_path / "m" / "mastery.json").write_text(json.dumps(content | {"format": 99}))
    with pytest.raises(BundleError, match="made by another version"):
        Mastery.load(tmp_path / "m")
    (tmp_path / "m" / "mastery.json").write_text("{")
    with pytest.raises(BundleError, match="corrupt"):
        Mastery.load(tmp_path / "m")
    with pytest.raises(BundleError, match=r"mastery\.json is missing"):
        Mastery.load(tmp_path)


def test_faulty_tables_are_refused_with_all_their_faults() -> None:
    with pytest.raises(TableError) as error:
        read_answers(pd.DataFrame({"who": ["s"]}))
    assert "column 'student_id'" in str(error.value)
    assert "concept or question_id" in str(error.value)
    table = pd.DataFrame({"student_id": ["", "s"], "concept": "c", "time": ["soon", "2026-01-01"], "points": ["x", "1"],
                          "max_points": ["2", "2"]})  # fmt: skip
    with pytest.raises(TableError) as error:
        read_answers(table)
    for part in ("text where a number is due", "no time; write one", "row 1, column 'student_id': blank"):
        assert part in str(error.value)
    with pytest.raises(TableError, match="no outcome; name one of correct, grade"):
        read_answers(table[["student_id", "concept"]])


def test_points_count_as_right_from_half() -> None:
    table = pd.DataFrame({"student_id": "s", "concept": "c", "points": ["1", "0.5", "0", ""], "max_points": "1"})
    assert np.array_equal(read_answers(table).y, [1, 1, 0, np.nan], equal_nan=True)


def test_a_label_or_points_are_taken_row_by_row() -> None:
    table = pd.DataFrame({"student_id": "s", "concept": "c", "grade": ["Correct", "", "", "partly", ""],
                          "points": ["", "3", "1", "4", ""], "max_points": ["", "4", "4", "", ""]})  # fmt: skip
    assert np.array_equal(read_answers(table).y, [1, 1, 0, 0, np.nan], equal_nan=True)


def test_an_outcome_that_cannot_be_read_is_a_fault_and_never_wrong() -> None:
    table = pd.DataFrame({"student_id": "s", "concept": "c", "correct": ["yes", "1", "richtig", ""], "points": "",
                          "max_points": ""})  # fmt: skip
    table.loc[3, "points"] = "9"
    with pytest.raises(TableError) as error:
        read_answers(table)
    assert len(error.value.faults) == 3
    for part in ("row 1, column 'correct': not one of correct, 1", "(found 'richtig')", "(found '9 of nothing')"):
        assert part in str(error.value)
    table = pd.DataFrame({"student_id": "s", "concept": "c", "points": ["5", "-1", "0"], "max_points": ["4", "4", "0"]})
    with pytest.raises(TableError, match=r"3 faults\n.*from 0 to max_points, which is above 0.*found '5 of 4'"):
        read_answers(table)


def test_too_little_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 5 learners"):
        Mastery(options=SMALL).fit(made(3))
    with pytest.raises(ConfigError, match="not trained"):
        Mastery().table(made(3))
    assert EXPERTS[0] == "network"


def test_the_command_line(model: Mastery, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model.save(tmp_path / "m")
    made(3).to_csv(tmp_path / "answers.csv", index=False)
    main(["table", str(tmp_path / "m"), str(tmp_path / "answers.csv")])
    assert capsys.readouterr().out.startswith("student_id,concept,probability,evidence,thin,why_thin,mastered\n")
    main(["evaluate", str(tmp_path / "m"), str(tmp_path / "answers.csv")])
    assert "calibration_error" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="error: "):
        main(["table", str(tmp_path / "nowhere"), str(tmp_path / "answers.csv")])
