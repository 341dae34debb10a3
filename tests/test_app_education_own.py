"""The education app on a course of one's own: nothing of the sample's models is passed off as knowledge of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from education_samples import prepare
from prepared import prepared
from streamlit.testing.v1 import AppTest
from test_app_education import GROUP, fine, page, words
from test_education_course import ANSWERS, LECTURES, QUESTIONS

from apps.education import page_import
from apps.education.charts import heat
from core.errors import FileError
from core.schema import Prediction
from domains.education import course_marks, starter
from domains.education.course_folder import CourseFolder
from domains.education.grading import Graded, Grader
from domains.education.lecture import FILE, Lecture, to_json


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CourseFolder]:
    """The sample's lecture and learners as a teacher would import them: without split, mastery or a word on origin."""
    with prepared(prepare, tmp_path_factory):
        sample, course = starter.ready(), CourseFolder(starter.home() / "courses" / "My course")
        assert sample is not None
        shutil.copytree(sample.folder / "lectures", course.folder / "lectures")
        for name in ("questions", "answers", "events", "enrolments", "scores", "work"):
            table = sample.table(name)
            assert table is not None
            gone = ["split", "group"] if name == "answers" else ["split"]
            course.store(name, table.drop(columns=gone, errors="ignore"))
        yield course


def warned(at: AppTest) -> str:
    return " ".join(w.value for w in fine(at).warning)


def test_grading_says_that_its_model_learned_from_the_sample_and_trains_one_of_the_course(own: CourseFolder) -> None:
    at = page("grading", course=str(own.folder), group=GROUP)
    assert "learned from the generated sample course" in warned(at)
    assert not at.button(key="train_again").disabled  # though nothing is decided yet


def test_answers_are_graded_where_the_course_lacks_columns_of_the_model(own: CourseFolder) -> None:
    grader = Grader.load(starter.GRADING.ensure())
    assert {"split", "group"} <= course_marks.columns_of(grader)
    assert len(course_marks.propose(own, grader)) == starter.UNMARKED == len(course_marks.without_mark(own))


def test_mastery_is_a_share_of_the_points_until_it_is_traced(own: CourseFolder) -> None:
    at = fine(page("class", course=str(own.folder), group=GROUP))
    assert "share of the points" in words(at)
    assert at.button(key="trace").label == "Trace it from the sequence of answers"
    own.store("mastery", own.open().mastery)
    try:
        at = fine(page("class", course=str(own.folder), group=GROUP))
        assert at.button(key="trace").label == "Trace it anew, with what was decided since"
    finally:
        (own.folder / "mastery.csv").unlink()


def test_marks_and_lectures_that_come_later_are_on_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYFUSE_HOME", str(tmp_path))
    course = CourseFolder(starter.home() / "courses" / "Mine")
    course.store("questions", QUESTIONS)
    course.store("answers", ANSWERS[:1].assign(answer="by chance"))

    def opened(*lectures: Lecture) -> str:
        for each in lectures:
            place = course.folder / "lectures" / each.name
            place.mkdir(parents=True)
            (place / FILE).write_text(json.dumps(to_json(each)), encoding="utf-8")
        at = AppTest.from_string(
            "import streamlit as st\nfrom apps.education import session\ncourse = session.start('Class')\n"
            "st.text([*(lecture.name for lecture in course.lectures), *course.graded['grade']])", default_timeout=120,
        )  # fmt: skip
        at.session_state["course"] = str(course.folder)
        return str(fine(at.run()).text[0].value)

    assert opened(LECTURES[0]) == "['one', 'incorrect']"
    marked = Graded(Prediction("case", "correct", {"correct": 0.6, "incorrect": 0.4}), "not sure")
    course.queue().override("A0", ANSWERS.iloc[0].to_dict(), marked, "correct")
    assert opened(LECTURES[1]) == "['one', 'two', 'correct']"


def few(learners: int, shown: str) -> AppTest:
    """A page of a course of so many learners."""
    course = CourseFolder(starter.home() / "courses" / f"Of {learners}")
    course.store("questions", QUESTIONS)
    course.store("answers", ANSWERS[ANSWERS["student_id"].isin([f"S{i}" for i in range(learners)])])
    place = course.folder / "lectures" / "one"
    place.mkdir(parents=True, exist_ok=True)
    (place / FILE).write_text(json.dumps(to_json(LECTURES[0])), encoding="utf-8")
    return fine(page(shown, course=str(course.folder)))


def test_a_course_of_few_learners_is_not_said_to_have_no_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYFUSE_HOME", str(tmp_path))
    assert "by enough learners (at least 5)" in words(at := few(2, "class"))
    assert not at.info
    assert "This course has no answers and logs yet." in few(0, "class").info[0].value


def test_means_of_fewer_than_five_learners_are_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYFUSE_HOME", str(tmp_path))
    assert "of the class" not in words(few(4, "learner"))
    assert "of the class" in words(few(10, "learner"))
    mastery = CourseFolder(starter.home() / "courses" / "Of 10").open().mastery
    drawn = heat(mastery, mastery["concept"].unique(), {s: s for s in mastery["student_id"]}).data[0]
    assert sorted(drawn.y) == ["Bayes rule  60%", "searching  few"]  # ten learners, four learners


def test_videos_of_one_name_do_not_take_each_others_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    course = CourseFolder(tmp_path / "course")

    def keep(content: bytes, name: str) -> Path:
        (tmp_path / "recording.mp4").write_bytes(content)
        monkeypatch.setattr(page_import.ui, "keep_uploads", lambda *_: [tmp_path / "recording.mp4"])
        return page_import._keep(course, SimpleNamespace(name="recording.mp4"), name)

    first, second = keep(b"1", "week 1"), keep(b"2", "week 2")
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    with pytest.raises(FileError, match="a lecture 'week 1' of another video"):
        keep(b"3", "week 1")
    assert first.read_bytes() == b"1"


def measured(learners: int) -> AppTest:
    """The figures of a week of so many learners, the first three of whom have a tutorial of their own."""
    at = AppTest.from_string(
        "import numpy as np, pandas as pd\nfrom apps.education import risk_measured\n"
        f"n = {learners}\nrows = pd.DataFrame({{'week': 1, 'day': 6, 'risk': np.linspace(0.9, 0.1, n),"
        "'came': [1.0, 0.0] * (n // 2) + [1.0] * (n % 2), 'tutorial': ['a'] * 3 + ['b'] * (n - 3)})\n"
        "risk_measured.show({'without demographics': rows}, 1, 2, 'without demographics')",
        default_timeout=120,
    )
    at.session_state["course"] = "nowhere"
    return fine(at.run())


def test_figures_of_very_few_are_neither_shown_nor_told_by_difference() -> None:
    few = measured(4)
    assert not few.metric
    assert "Fewer than 5 learners" in few.caption[0].value
    shown = measured(27).dataframe[0].value
    assert shown["group"].tolist() == ["tutorial: b"]
    assert shown["at risk"].isna().all()  # with the figure of all 27 it would tell what came of the other three


def test_a_recommendation_is_told_whole_whatever_its_concept_and_slide_are_called() -> None:
    place = "('one', 0.0, 60.0, 0, 'Mean; median')"
    at = AppTest.from_string(
        "from apps.education import page_learner\nfrom domains.education.advice import Recommendation, where\n"
        f"place = {place}\nreason = \"mastery of 'Inference on means' at 40%; taught at \" + where(*place)\n"
        "line = Recommendation('s', 'Inference on means', *place, '', '', reason, 0.4, 3, False, False, ())\n"
        "page_learner._line(0, line)"
    )
    assert "mastery of 'Inference on means' at 40%  \n:gray" in fine(at.run()).markdown[0].value.replace("\\", "")


def test_weeks_that_no_record_covers_cannot_be_chosen(own: CourseFolder, tmp_path: Path) -> None:
    running = CourseFolder(own.folder.with_name("Running"))
    shutil.copytree(own.folder, running.folder)
    starts = own.table("enrolments")
    assert starts is not None
    for name in ("events", "scores"):
        table = own.table(name)
        assert table is not None
        table["group"] = ""  # as most platforms write it
        running.store(name, table[table["time"] < "2024-10-23"])  # the group began on 30 September
    at = page("risk", course=str(running.folder), group=GROUP)
    assert "learned from the generated sample course" in warned(at)
    assert (at.slider(key="week").max, at.slider(key="week").value) == (3, 3)
    shutil.rmtree(running.folder)


def test_models_that_learned_from_the_course_are_opened_with_it(own: CourseFolder) -> None:
    trained = starter.RISK_WITHOUT.ensure().parent
    shutil.copytree(trained, starter.home() / "My-course-risk-anonymous-0a1b2c")
    at = page("risk", course=str(own.folder), group=GROUP)
    assert warned(at) == ""
    assert (
        Path(at.session_state["model-education-sample-risk-anonymous"][0]).parent.name
        == "My-course-risk-anonymous-0a1b2c"
    )
    shutil.rmtree(starter.home() / "My-course-risk-anonymous-0a1b2c")
