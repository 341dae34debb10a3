"""Faults of the education app that were found in a browser, each with what is to be seen instead."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from education_samples import prepare
from prepared import prepared
from streamlit.testing.v1 import AppTest
from test_app_education import GROUP, fine, page, words

from core.record import PREDICTION
from domains.education import course_marks, starter
from domains.education.course_folder import CourseFolder
from domains.education.review_queue import ReviewQueue


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CourseFolder]:
    with prepared(prepare, tmp_path_factory):
        found = starter.ready()
        assert found is not None
        yield found


# --- at risk


def test_a_longer_list_and_a_decision_ask_again_of_nobody(folder: CourseFolder) -> None:
    def asked() -> list[str]:
        return [e.case["case_id"] for e in folder.queue().record.rows(PREDICTION) if "case_id" in e.case]

    at = page("risk", capacity=3)
    first = asked()
    at.slider(key="capacity").set_value(4).run()
    assert len(fine(at).dataframe[0].value) == 4
    assert asked()[:3] == first
    assert len(asked()) == len({*asked()}) == 4
    fine(next(b for b in at.button if b.key and b.key.startswith("call")).click().run())
    at.slider(key="capacity").set_value(2).run()
    assert len(fine(at).dataframe[0].value) == 2
    assert len(asked()) == 4


# --- lecture


def test_the_timeline_jumps_to_the_same_slide_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit as st

    drawn: list[str] = []
    chosen: dict[str, float] = {}  # by chart, as a browser keeps it

    def plotly_chart(*_: Any, key: str, **__: Any) -> Any:
        drawn.append(key)
        points = [{"customdata": [chosen[key]]}] if key in chosen else []
        return SimpleNamespace(selection=SimpleNamespace(points=points))

    monkeypatch.setattr(st, "plotly_chart", plotly_chart)
    at = page("lecture")
    for _ in range(2):
        chosen[drawn[-1]] = 35.0
        assert fine(at.run()).session_state["place"].second == 35.0
        at.button(key="slide_0_lecture-3").click().run()
        assert fine(at).session_state["place"].second == 0.0


# --- what is exported


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> dict[str, pd.DataFrame]:
    """The files that pages offer, by their names."""
    from apps.education import session

    files: dict[str, pd.DataFrame] = {}

    def export(label: str, rows: Iterable[dict[str, Any]], name: str, key: str) -> None:
        files[name] = pd.read_csv(io.StringIO(session.to_csv(list(rows))), dtype=str, keep_default_na=False)

    monkeypatch.setattr(session, "export", export)
    return files


def test_slides_count_from_one_in_files_as_on_pages(folder: CourseFolder, exported: dict[str, pd.DataFrame]) -> None:
    for name in ("class", "learner", "lecture"):
        fine(page(name, course=str(folder.folder), group=GROUP))
    for name in ("advice", "recommendations", "lecture-3-segments"):
        slides = exported[name].set_index("title")["slide"]
        assert {*slides.get(["Base rates"], ["4"])} == {"4"}, name
    assert list(exported["lecture-3-segments"]["slide"]) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("hidden", [False, True])
def test_sure_proposals_tell_who_answered_what(
    folder: CourseFolder, exported: dict[str, pd.DataFrame], hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = folder.table("answers")
    assert answers is not None
    sure = answers[answers["grade"] != ""][["answer_id"]].head(3).assign(proposed="correct", probability="1", queue="")
    monkeypatch.setattr(course_marks, "proposals", lambda _: sure)
    shown = fine(page("grading", hidden=hidden)).dataframe[2].value
    for rows in (shown, exported["proposals"]):
        assert len(rows) == 3
        assert "queue" not in rows
        assert (rows[["student_id", "question", "answer", "proposed"]] != "").all(None)
        assert rows["student_id"].str.startswith("Learner").all() == hidden
        assert ("answer_id" in rows) != hidden


# --- import


def test_a_course_is_called_as_it_is_told_or_refused() -> None:
    at = page("import")
    for told, name in (("../../etc", "etc"), ("<b>x</b>", "b-x-b")):
        at.text_input(key="import_course").set_value(told).run()
        assert any(f"It is called **{name}**" in c.value for c in fine(at).caption), told
    for told in ("😀", " ", "../_"):
        at.text_input(key="import_course").set_value(told).run()
        assert "needs a letter or a digit" in at.error[0].value


def test_no_key_in_the_page_holds_a_learners_id(folder: CourseFolder) -> None:
    for name in ("class", "learner", "grading", "risk"):
        at = fine(page(name, hidden=True))
        keys = re.findall(r"\$\$ID-[^\"\\]+", "".join(str(node.proto) for node in at.main if hasattr(node, "proto")))
        assert len(keys) > 3
        for student in folder.names():
            assert not [k for k in keys if student in k], name


@pytest.mark.parametrize(
    ("tab", "name", "content"),
    [
        ("answers", "a.csv", "student_id,question_id,answer\ns1\n"),
        ("records", "x.json", "[]"),
        ("records", "x.json", '"a text"'),
        ("records", "s.csv", "student_id,assessment,time,score,max_score\ns1,q,never,1,2\n"),
    ],
)
def test_an_import_of_nothing_warns(tab: str, name: str, content: str) -> None:
    at = page("import")
    at.file_uploader(key=tab).upload(name, content.encode()).run()
    at.button(key=f"import_{tab}").click().run()
    assert not fine(at).success
    assert "Nothing was imported" in at.warning[0].value


def test_what_two_files_of_one_upload_hold_is_added_once() -> None:
    at = page("import")
    at.text_input(key="import_course").set_value("Overlapping").run()
    first = "student_id,time,verb\ns1,2024-03-02T10:00:00Z,opened\n"  # to the second week, and to the third
    later = first + "s1,2024-03-09T10:00:00Z,opened\ns1,never,opened\n"
    at.file_uploader(key="records").upload("week-2.csv", first.encode()).upload("week-3.csv", later.encode()).run()
    at.button(key="import_records").click().run()
    assert "2 new events" in fine(at).success[0].value
    assert [w.value for w in at.warning] == ["1 line set aside:"]


def test_a_refused_video_is_named_as_it_was_uploaded_and_leaves_nothing() -> None:
    at = page("import")
    at.file_uploader(key="video").upload("talk.mp4", b"no video").run()
    at.button(key="index").click().run()
    assert not at.exception
    assert "talk.mp4" in at.error[0].value
    assert str(starter.home()) not in at.error[0].value.replace("\\", "")
    course = starter.home() / "courses" / "My course"
    assert [f for f in course.rglob("*") if f.name in ("talk", "work", "talk.mp4")] == []


def test_faults_of_a_file_name_it_and_no_option_of_a_command() -> None:
    at = page("import")
    at.file_uploader(key="records").upload("x.csv", b"a,b\n1,2\n").run()
    at.button(key="import_records").click().run()
    assert "say how it is to be read" in at.error[0].value
    assert "--kind" not in at.error[0].value.replace("\\", "")
    at.text_input(key="video_path").set_value(str(Path(os.environ["POLYFUSE_SAMPLES"]) / "lectures/lecture-3.mp4"))
    at.file_uploader(key="captions").upload("talk.vtt", b"WEBVTT\n\n00:09.000 --> 00:01.000\nbackwards\n").run()
    at.button(key="index").click().run()
    assert at.error[0].value.replace("\\", "").startswith("talk.vtt: 1 fault, listed below")


# --- train and model


def test_an_uploaded_table_names_its_model_and_its_faults_tell_one_way_out() -> None:
    at = page("train", kind_of_model="Grading", source="Upload a CSV")
    rows = "".join(f"q{i % 3},Why?,because,text {i},{'correct' if i % 2 else 'incorrect'}\n" for i in range(40))
    header = "question_id,question,reference,answer,grade\n"
    at.file_uploader(key="train_upload").upload("spring.csv", (header + rows).encode()).run()
    assert at.text_input(key="model_name_spring-grade").value == "spring-grade"
    used = next(c.value for c in at.caption if c.value.startswith("Used: "))
    assert "agreement" in used
    assert "match" not in used
    untrained = (header + rows).replace("grade\n", "grade,split\n").replace("correct\n", "correct,test\n")
    at.file_uploader(key="train_upload").upload("untrained.csv", untrained.encode()).run()
    assert "by leaving rows out" in at.error[0].value
    assert "go on without" not in at.error[0].value


def test_the_tables_of_a_model_call_kinds_of_data_as_the_charts_do() -> None:
    said = words(fine(page("model", kind_of_model="Grading")))
    assert "agreement" in said
    assert not re.search(r"^\d+,[^,]*\bmatch\b", said, re.MULTILINE)


# --- grading


def test_a_stored_mark_is_no_longer_counted_as_missing(folder: CourseFolder) -> None:
    def without(at: AppTest) -> int:
        return int(next(m.value for m in fine(at).metric if m.label == "Answers without a mark"))

    at = page("grading")
    before = without(at)
    at.button(key="store").click().run()
    assert without(at) == before - 1
    assert before == starter.UNMARKED


def test_answers_that_no_model_has_graded_are_no_reason_to_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course_marks, "proposals", lambda _: None)
    monkeypatch.setattr(ReviewQueue, "waiting", lambda _: [])
    at = fine(page("grading"))
    assert "not graded yet" in at.info[0].value
    assert not at.success
    monkeypatch.setattr(course_marks, "without_mark", lambda _: pd.DataFrame(columns=["answer_id"]))
    assert "No answer waits" in fine(page("grading")).success[0].value
