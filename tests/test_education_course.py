from __future__ import annotations

import csv
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, TableError
from domains.education import Course, Lecture
from domains.education.advice import Advice, at_least, clock, to_csv, where
from domains.education.captions import Caption
from domains.education.topics import Segment

SAID = {
    "Bayes rule": "the posterior probability is the prior belief times the likelihood of the evidence",
    "Binary search": "halve the sorted array in each step until the key is found in logarithmic time",
    "Photosynthesis": "leaves turn light, water and carbon dioxide into sugar and oxygen",
    "Supply and demand": "the market price settles where buyers and sellers agree on the quantity",
}


def lecture(name: str, titles: list[str]) -> Lecture:
    """A lecture of a minute a slide, without a video."""
    segments = [Segment(60.0 * i, 60.0 * i + 60, i, t, SAID[t], t, ()) for i, t in enumerate(titles)]
    said = [Caption(60.0 * i + 5, 60.0 * i + 50, SAID[t]) for i, t in enumerate(titles)]
    nowhere = Path("/nowhere")
    return Lecture(nowhere, name, nowhere / "a.mp4", 60.0 * len(titles), tuple(segments), (), tuple(said), {}, ())


LECTURES = [lecture("one", ["Binary search", "Bayes rule"]), lecture("two", ["Photosynthesis", "Supply and demand"])]
QUESTIONS = pd.DataFrame(
    [
        ("Q1", "How does evidence change a prior belief?", "times the likelihood", "Bayes rule"),
        ("Q2", "What is a posterior probability?", "prior times likelihood", "Bayes rule"),
        ("Q3", "How many steps does a search in a sorted array take?", "logarithmic, it is halved", "searching"),
        ("Q4", "What do leaves make of light and water?", "sugar and oxygen", "plants"),
    ],
    columns=["question_id", "question", "reference", "concept"],
)


def answered(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    """(student, question, grade), in order."""
    columns = ["student_id", "question_id", "grade"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(answer_id=[f"A{i}" for i in range(len(table))], attempt=range(1, len(table) + 1))


def played(rows: list[tuple[str, str, float, float]]) -> pd.DataFrame:
    """(student, lecture, start, end) as events with both ends, a minute apart."""
    table = pd.DataFrame(rows, columns=["student_id", "lecture", "start_s", "end_s"]).astype(str)
    minutes = [f"2026-01-05T{10 + i // 60:02}:{i % 60:02}:00+00:00" for i in range(len(table))]
    return table.assign(time=minutes, verb="played")


S = [f"S{i}" for i in range(10)]
ANSWERS = answered(
    [(s, "Q1", "incorrect" if i < 6 else "correct") for i, s in enumerate(S)]
    + [(s, "Q1", "correct") for s in S]  # second attempts
    + [(s, "Q2", "partly") for s in S[:7]]
    + [(s, "Q3", "incorrect") for s in S[:4]]
    + [("S9", "Q4", "")]
)
EVENTS = played([(s, "one", 0, 120) for s in S] + [(s, "one", 58, 121) for s in S[:4]] + [("S0", "two", 0, 60)])


@pytest.fixture(scope="module")
def course() -> Course:
    return Course(LECTURES, QUESTIONS, ANSWERS, EVENTS)


def test_concepts_and_questions_find_the_segment_that_teaches_them(course: Course) -> None:
    found = {c: (links[0].lecture, links[0].title) for c, links in course.taught.items()}
    assert found == {
        "Bayes rule": (0, "Bayes rule"),
        "searching": (0, "Binary search"),
        "plants": (1, "Photosynthesis"),
    }
    assert {q: links[0].title for q, links in course.asked.items()} == {
        "Q1": "Bayes rule", "Q2": "Bayes rule", "Q3": "Binary search", "Q4": "Photosynthesis"
    }  # fmt: skip
    best = course.asked["Q1"][0]
    assert best.second == 65.0  # where the caption begins
    assert best.score == pytest.approx(np.mean(list(best.parts.values())))


def test_a_question_that_nothing_teaches_has_a_weak_link() -> None:
    other = QUESTIONS.assign(question="Welche Farbe hat der Himmel?", reference="blau", concept="Farben")
    assert all(links[0].weak for links in Course(LECTURES, other).asked.values() if links)


def test_advice_counts_views_and_first_answers(course: Course) -> None:
    line = course.advise()[0]
    assert (line.concept, line.lecture, line.start, line.end) == ("Bayes rule", "one", 60, 120)
    assert (line.viewers, line.again) == (10, 0.4)
    assert (line.question, line.answered, line.wrong) == ("Q1", 10, 0.6)
    assert line.text() == (
        "one 01:00–02:00, slide 2 'Bayes rule': re-watched by 40% of 10, "
        "question Q1 on 'Bayes rule' wrong for 60% of 10"
    )
    assert line.priority == pytest.approx((at_least(4, 10) + at_least(6, 10)) / 2)


def test_each_line_is_traced_to_its_rows(course: Course) -> None:
    line = course.advise()[0]
    rows = course.evidence(line)
    assert rows["answers"]["share"].lt(0.5).mean() == line.wrong
    assert set(rows["answers"]["attempt"]) == set(range(1, 11))  # first attempts alone
    assert set(rows["stretches"]["student_id"]) == set(S[:4])
    assert rows["stretches"]["end_s"].gt(line.start).all()
    advice = course.recommend("S0")[0]
    assert set(course.evidence(advice)["answers"]["student_id"]) == {"S0"}


def test_figures_of_fewer_than_five_learners_are_not_shown(course: Course) -> None:
    lines = {a.concept: a for a in course.advise()}
    searching = lines["searching"]  # four answers, ten viewers
    assert (searching.answered, searching.wrong, searching.rows) == (None, None, ())
    assert searching.viewers == 10
    assert "plants" not in lines  # one viewer and one answer without a grade
    curve = course.rewatch("two", step=30)
    assert curve["viewers"].isna().all()
    assert course.rewatch("one", step=30)["again"].tolist() == [0, 0, 4, 4]
    assert "searching" not in {w.concept for w in course.weak_points()}
    with pytest.raises(ConfigError, match=r"unknown lecture 'oen'. Did you mean 'one'\?"):
        course.rewatch("oen")


def test_weak_points_of_a_learner_from_answers(course: Course) -> None:
    weak = course.weak_points("S0")
    assert [(w.concept, round(w.probability, 3), w.evidence, w.thin) for w in weak] == [
        ("searching", 0.333, 1, True), ("Bayes rule", 0.5, 3, False)
    ]  # fmt: skip
    assert {w.basis for w in weak} == {"share of the points, drawn to one half"}
    with pytest.raises(ConfigError, match="unknown learner 'S99'"):
        course.weak_points("S99")


def test_weak_points_from_a_mastery_table() -> None:
    rows = [(s, "Bayes rule", 0.2 + 0.04 * i, 5, i == 0) for i, s in enumerate(S)]
    rows += [("S0", "plants", 0.9, 4, False)]
    mastery = pd.DataFrame(rows, columns=["student_id", "concept", "probability", "evidence", "thin"])
    course = Course(LECTURES, QUESTIONS, mastery=mastery)
    own = course.weak_points("S0")
    assert [(w.concept, w.probability, w.evidence, w.thin, w.basis) for w in own] == [
        ("Bayes rule", 0.2, 5, True, "mastery table")
    ]  # fmt: skip
    whole = course.weak_points()
    assert [(w.concept, round(w.probability, 2), w.evidence, w.share) for w in whole] == [("Bayes rule", 0.38, 10, 1.0)]


def test_recommendations_name_place_exercise_and_reason(course: Course) -> None:
    first, second = course.recommend("S0")
    assert (first.concept, first.exercise) == ("searching", "Q3")
    assert first.reason == (
        "wrong in 1 of 1 answer on 'searching'; taught at one 00:00–01:00, slide 1 'Binary search'; watched once; "
        "thin evidence"
    )
    assert (second.lecture, second.start, second.end, second.slide) == ("one", 60, 120, 1)
    assert "watched more than once already" in second.reason
    assert second.exercise == ""  # all of its questions were answered right, or half right, in the end
    assert course.recommend("S9") == []  # what was answered was right


def test_a_line_for_what_is_watched_again_though_nothing_asks_for_it() -> None:
    events = played([(s, "two", 60, 120) for s in S for _ in range(2)])
    lines = Course(LECTURES, QUESTIONS, events=events).advise()
    assert [(a.concept, a.title, a.again, a.text().split(": ")[1]) for a in lines] == [
        ("", "Supply and demand", 1.0, "re-watched by 100% of 10, no question asks for it")
    ]  # fmt: skip


def test_points_count_as_labels_do() -> None:
    answers = ANSWERS[["answer_id", "student_id", "question_id", "attempt"]].copy()
    share = ANSWERS["grade"].map({"correct": "4", "partly": "2", "incorrect": "1", "": ""})
    course = Course(LECTURES, QUESTIONS, answers.assign(points=share, max_points="4"), EVENTS)
    assert course.advise()[0].wrong == 0.6


def test_events_may_name_a_lecture_by_its_address() -> None:
    named = EVENTS.assign(lecture="https://lectures.example/" + EVENTS["lecture"] + ".mp4")
    found, want = (Course(LECTURES, QUESTIONS, events=e).rewatch("one") for e in (named, EVENTS))
    pd.testing.assert_frame_equal(found, want)
    assert want["viewers"].notna().any()


def test_events_may_tell_times_and_seconds_as_logs_do() -> None:
    first = ("S1", "1767607200", "one", "played", "0,5", "")
    then = ("S1", "2026-01-05T11:01:00+01:00", "one", "paused", "", "30,5")  # a minute later
    table = pd.DataFrame([first, then], columns=["student_id", "time", "lecture", "verb", "start_s", "end_s"])
    course = Course(LECTURES, QUESTIONS, events=table)
    assert course.stretches.to_numpy().tolist() == [["S1", "one", 0.5, 30.5]]


def test_events_of_other_lectures_are_told() -> None:
    with pytest.warns(UserWarning, match=r"none names a lecture of this course \(one, two\), but other: nobody counts"):
        Course(LECTURES, QUESTIONS, events=EVENTS.assign(lecture="other"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Course(LECTURES, QUESTIONS, events=EVENTS.assign(lecture=""))  # a log without videos is no mistake


def test_csv_holds_every_field_and_no_formula(course: Course, tmp_path: Path) -> None:
    to_csv([*course.advise()], tmp_path / "advice.csv")
    rows = list(csv.DictReader((tmp_path / "advice.csv").open(encoding="utf-8")))
    assert rows[0]["wrong"] == "0.6000"
    assert rows[0]["watchers"] == "S0|S1|S2|S3"
    evil = Advice("=1+1", "one", 0, 1, None, "t", None, None, "", None, None, 0.0, True, False, (), ())
    to_csv([evil], tmp_path / "evil.csv")
    assert next(csv.DictReader((tmp_path / "evil.csv").open(encoding="utf-8")))["concept"] == "'=1+1"
    to_csv([], tmp_path / "none.csv")
    assert (tmp_path / "none.csv").read_text().strip() == "concept"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lectures": []}, "an empty course: no lecture is given; index at least one"),
        ({"questions": QUESTIONS[:0]}, "an empty course: the table of questions has no row"),
        ({"lectures": [lecture("mute", [])]}, "nothing to search: mute has neither transcript nor slide text"),
    ],
)
def test_an_empty_course_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Course(**({"lectures": LECTURES, "questions": QUESTIONS} | options))


def test_all_faults_of_a_table_are_told_at_once() -> None:
    questions = pd.concat([QUESTIONS, QUESTIONS[:1], QUESTIONS[:1].assign(question_id="Q9", concept=" ")])
    with pytest.raises(TableError) as caught:
        Course(LECTURES, questions)
    assert "row 6, column 'concept': is blank" in str(caught.value)
    assert "row 5, column 'question_id': is there twice (found 'Q1')" in str(caught.value)
    answers = pd.concat([answered([("S1", "Q77", "correct"), ("S1", "Q1", "good")])])
    with pytest.raises(TableError) as caught:
        Course(LECTURES, QUESTIONS, answers)
    assert "row 1, column 'question_id': is not among the questions" in str(caught.value)
    assert "row 2, column 'grade': is not one of correct, partly, contradictory, incorrect (found 'good')" in str(
        caught.value
    )
    points = ANSWERS.drop(columns="grade").assign(points="5", max_points="4")
    with pytest.raises(TableError, match="row 1, column 'points': must be a number from 0 to max_points"):
        Course(LECTURES, QUESTIONS, points)
    events = EVENTS.copy()
    events.loc[0, "time"], events.loc[1, "start_s"], events.loc[2, "end_s"] = "yesterday", "-3", "much"
    with pytest.raises(TableError) as caught:
        Course(LECTURES, QUESTIONS, events=events)
    assert "row 1, column 'time': the time 'yesterday' is none; write one such as" in str(caught.value)
    assert "row 2, column 'start_s': start_s is '-3'; seconds are a number from 0" in str(caught.value)
    assert "row 3, column 'end_s'" in str(caught.value)
    Course(LECTURES, QUESTIONS, events=events.assign(lecture=""))  # of what is at no place nothing is read
    with pytest.raises(TableError, match="column 'verb': is missing; the table has student_id"):
        Course(LECTURES, QUESTIONS, events=EVENTS.drop(columns="verb"))


def test_answers_stand_in_order_of_moments_whatever_their_offset(tmp_path: Path) -> None:
    rows = answered([("S1", "Q1", "incorrect"), ("S1", "Q1", "correct")]).drop(columns="attempt")
    later, earlier = "2026-03-01T10:00:00+05:00", "2026-03-01T06:00:00+02:00"  # 05:00 and 04:00 UTC
    path = tmp_path / "answers.csv"
    rows.assign(time=[later, earlier]).to_csv(path, sep=";", index=False)  # as spreadsheets write it
    course = Course(LECTURES, QUESTIONS, path)
    assert course.graded["grade"].tolist() == ["correct", "incorrect"]
    with pytest.raises(TableError, match="row 2, column 'time': the time 'Friday' is none"):
        Course(LECTURES, QUESTIONS, rows.assign(time=[later, "Friday"]))


def test_answers_that_nobody_signed_count_for_the_class_and_are_no_learner() -> None:
    unsigned = answered([("", "Q1", "incorrect" if i < 4 else "correct") for i in range(6)]).drop(columns="attempt")
    course = Course(LECTURES, QUESTIONS, pd.concat([unsigned, ANSWERS[:1].assign(answer_id="B")]))
    assert course.mastery["student_id"].tolist() == ["S0"] == course.learners
    (line,) = course.advise()
    assert (line.question, line.answered, line.wrong) == ("Q1", 7, 5 / 7)


def test_words_for_places() -> None:
    assert (clock(0), clock(512.4), clock(3725)) == ("00:00", "08:32", "1:02:05")
    assert where("two", 512, 550, 13, "Bayes rule") == "two 08:32–09:10, slide 14 'Bayes rule'"
    assert where("two", 0, 5, None, "") == "two 00:00–00:05, a moving picture"


@given(st.integers(1, 500), st.integers(0, 500))
def test_what_a_share_is_at_least_lies_below_it_and_grows_with_evidence(of: int, hits: int) -> None:
    hits = min(hits, of)
    assert 0 <= at_least(hits, of) <= hits / of + 1e-12
    assert at_least(10 * hits, 10 * of) >= at_least(hits, of) - 1e-12
    assert at_least(0, 0) == 0
