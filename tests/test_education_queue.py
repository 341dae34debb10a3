"""The teacher's queue: what waits, what is decided, and that a decision reaches the next training."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from graded import graded_answers
from test_education_grading import quick

from core.errors import ConfigError
from core.schema import Prediction
from domains.education.grading import Graded
from domains.education.review_queue import ReviewQueue

CASE = {"question": "Why?", "reference": "a gap", "answer": "a fuse", "student_id": "s1", "question_id": "q1"}
CLASSES = ("correct", "incorrect")


def graded(p: float, reason: str = "not sure") -> Graded:
    label = "correct" if p >= 0.5 else "incorrect"
    return Graded(Prediction("case", label, {"correct": p, "incorrect": 1 - p}), reason)


@pytest.fixture
def queue(tmp_path: Path) -> ReviewQueue:
    return ReviewQueue(tmp_path / "course" / "queue.sqlite", "grade", CLASSES)


def test_only_unsure_answers_wait_once_the_least_sure_first(queue: ReviewQueue) -> None:
    assert queue.add("a1", CASE, graded(0.9))
    assert queue.add("a2", CASE, graded(0.55))
    assert not queue.add("a2", CASE, graded(0.55))
    assert not queue.add("a3", CASE, graded(0.99, reason=""))
    first, second = queue.waiting()
    assert (first.answer_id, second.answer_id) == ("a2", "a1")
    assert (first.proposed, first.probability, first.reason) == ("correct", 0.55, "not sure")
    assert first.case["answer"] == "a fuse"


def test_a_decision_takes_it_out_and_the_last_one_counts(queue: ReviewQueue) -> None:
    queue.add("a1", CASE, graded(0.6))
    queue.decide("a1", "correct", by="t1")
    queue.decide("a1", "incorrect", note="second look")
    assert queue.waiting() == []
    assert queue.decisions() == {"a1": "incorrect"}
    assert not queue.add("a1", CASE, graded(0.6))
    assert [e.decision["grade"] for e in queue.record.rows("grade")] == ["correct", "incorrect"]


def test_wrong_decisions_are_refused(queue: ReviewQueue) -> None:
    queue.add("a1", CASE, graded(0.6))
    with pytest.raises(ConfigError, match=r"unknown grade 'corect'\. Did you mean 'correct'"):
        queue.decide("a1", "corect")
    with pytest.raises(ConfigError, match="unknown answer in the queue 'a7'"):
        queue.decide("a7", "correct")
    with pytest.raises(ConfigError, match="needs its answer_id"):
        queue.add("", CASE, graded(0.6))
    points = ReviewQueue(queue.record.path, "points")
    with pytest.raises(ConfigError, match=r"points are a number, such as 1\.5; found 'much'"):
        points.decide("a1", "much")


def test_overrides_replace_marks_and_add_new_answers(queue: ReviewQueue) -> None:
    table = graded_answers(8)
    queue.override("a0", CASE, graded(0.99, ""), "incorrect", by="t1")
    queue.override("new", CASE, graded(0.99, ""), "correct")
    found = queue.with_overrides(table)
    assert found.loc[found["answer_id"] == "a0", "grade"].tolist() == ["incorrect"]
    added = found.iloc[-1]
    assert (added["answer_id"], added["answer"], added["grade"], added["split"]) == (
        "new",
        "a fuse",
        "correct",
        "train",
    )
    assert added["time"] == ""
    unchanged = found["answer_id"].isin([f"a{i}" for i in range(1, 8)])
    assert found.loc[unchanged, "grade"].tolist() == table["grade"].tolist()[1:]
    with pytest.raises(ConfigError, match="no column 'answer_id'"):
        queue.with_overrides(table.drop(columns="answer_id"))


def test_a_mark_for_another_text_under_the_same_id_is_not_for_this_answer(queue: ReviewQueue) -> None:
    queue.add("a1", CASE, graded(0.6))
    queue.decide("a1", "correct")
    anew = CASE | {"answer": "something else, handed in later"}
    table = pd.DataFrame([{"answer_id": "a1", "grade": ""} | anew])
    assert queue.with_overrides(table)["grade"].tolist() == [""]
    assert queue.add("a1", anew, graded(0.6))
    assert [w.case["answer"] for w in queue.waiting()] == [anew["answer"]]
    queue.decide("a1", "incorrect")
    assert queue.waiting() == []
    assert queue.with_overrides(table)["grade"].tolist() == ["incorrect"]
    assert queue.with_overrides(table.assign(answer=CASE["answer"]))["grade"].tolist() == [""]


def test_from_the_queue_to_the_next_training(tmp_path: Path) -> None:
    """A teacher holds that "fog" is right, which no training row says: the next model agrees."""
    table = graded_answers(120)
    first = quick(table).fit(table)
    queue = ReviewQueue.of(tmp_path / "queue.sqlite", first)
    asked = table[table["question_id"] == "gap"].head(30).assign(answer="fog everywhere fog", grade="", split="train")
    asked["answer_id"] = [f"fog{i}" for i in range(len(asked))]
    marks = first.grade_table(asked)
    case = asked.iloc[0].to_dict()
    before = first.grade(question=case["question"], reference=case["reference"], answer="fog everywhere fog", why=False)
    waiting = queue.add_table(asked, marks)
    assert waiting == sum(m.abstains for m in marks)
    for row, mark in zip(asked.to_dict("records"), marks):
        queue.override(row["answer_id"], row, mark, "correct")
    assert queue.waiting() == []
    second = quick(table).fit(queue.with_overrides(table))
    after = second.grade(question=case["question"], reference=case["reference"], answer="fog everywhere fog", why=False)
    assert after.prediction.probabilities["correct"] > max(before.prediction.probabilities["correct"], 0.5)
