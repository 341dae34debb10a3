"""The education app's pages without a browser, what they show and store, and the course folder below them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from education_samples import SECONDS, prepare
from prepared import prepared
from streamlit.testing.v1 import AppTest

from core.errors import ConfigError, FileError
from core.record import PREDICTION
from domains.education import course_marks, starter
from domains.education.course_folder import CourseFolder
from domains.education.grading import Grader
from domains.education.risk_report import at_capacity

APP = Path(__file__).parents[1] / "apps" / "education" / "streamlit_app.py"
GROUP = "2024-autumn"


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with prepared(prepare, tmp_path_factory) as found:
        yield found


@pytest.fixture(scope="module")
def folder(environment: dict[str, str]) -> CourseFolder:
    found = starter.ready()
    assert found is not None
    return found


def page(name: str, **state: Any) -> AppTest:
    at = AppTest.from_string(
        f"from apps.education import page_{name}\nfrom apps.education.pages import PAGES\n"
        f"with PAGES.boundary():\n    page_{name}.show()",
        default_timeout=120,
    )
    for key, value in state.items():
        at.session_state[key] = value
    return at.run()


def words(at: AppTest) -> str:
    """Everything that a page says, tables and choices too."""
    said = [e.value for kind in (at.markdown, at.caption, at.subheader, at.title) for e in kind]
    said += [e.label for e in at.button] + [o for s in at.selectbox for o in s.options]
    said += [table.value.to_csv() for table in at.dataframe]
    return "\n".join(map(str, said))


def fine(at: AppTest) -> AppTest:
    assert not at.exception
    assert not at.error, at.error[0].value
    return at


# --- lecture


def test_the_app_opens_on_the_sample_lecture_with_its_slides() -> None:
    at = fine(AppTest.from_file(str(APP), default_timeout=120).run())
    assert at.title[0].value == "Lecture"
    assert "Nothing is inferred from faces or voices" in at.caption[0].value
    assert "Composite demonstration" in at.caption[0].value
    assert "no claim of accuracy" in at.caption[0].value
    labels = [b.label for b in at.button]
    assert labels == ["00:00 · Deciding under uncertainty", "00:04 · The null hypothesis", "00:16 · The p-value",
                      "00:35 · Base rates"]  # fmt: skip


def test_a_slide_and_a_hit_jump_to_their_second() -> None:
    at = page("lecture")
    at.button(key="slide_2_lecture-3").click().run()
    assert fine(at).session_state["place"][:2] == ("lecture-3", 16.0)
    at.text_input(key="query").set_value("how many of the ill people does the test find").run()
    assert "Base rates" in at.button(key="hit_0_lecture-3").label
    at.button(key="hit_0_lecture-3").click().run()
    assert 34 <= fine(at).session_state["place"].second < SECONDS
    for nonsense in ("zzz qqq", "pizza recipe with cheese", "😀", "x" * 100_000):
        at.text_input(key="query").set_value(nonsense).run()
        assert "Nothing in the lectures says or shows that" in fine(at).info[0].value, nonsense[:30]


# --- class and learner


def test_the_class_page_shows_the_advice_of_the_api(folder: CourseFolder) -> None:
    at = fine(page("class"))
    lines = folder.open(GROUP).advise()
    said = words(at)
    assert len(lines) > 2
    first = lines[0]
    assert first.wrong is not None
    assert f"{first.question} wrong for **{first.wrong:.0%}** of {first.answered}" in said
    everybody = folder.open(None).advise()[0]
    at = fine(page("class", course=str(folder.folder), group="All groups"))
    assert f"of {everybody.answered}" in words(at)
    assert everybody.answered != first.answered


def test_hidden_names_are_nowhere_on_the_pages(folder: CourseFolder) -> None:
    names = folder.names()
    assert len(names) == 36
    shown = words(page("learner"))
    assert any(name in shown for name in names.values())
    for name in ("class", "learner", "grading", "risk", "record"):
        said = words(fine(page(name, hidden=True)))
        for student, full in names.items():
            assert full not in said, name
            assert student not in said, name
        if name in ("learner", "grading", "risk"):
            assert "Learner " in said


def test_a_learners_page_tells_weak_points_with_evidence_and_an_exercise(folder: CourseFolder) -> None:
    course = folder.open(GROUP)
    student = next(s for s in course.learners if len(course.recommend(s)) > 1)
    at = fine(page("learner", course=str(folder.folder), group=GROUP, learner=student))
    said = words(at)
    for line in course.recommend(student):
        assert line.exercise_text[:20] in said.replace("\\", "")
    assert "thin evidence" in said
    assert "Watched:" in said


# --- grading


def test_a_decision_is_stored_counts_as_a_mark_and_is_trained_on(folder: CourseFolder) -> None:
    waiting = folder.queue().waiting()
    assert waiting
    at = fine(page("grading"))
    assert {m.label: m.value for m in at.metric}["Wait for you"] == str(len(waiting))
    first = waiting[0]
    assert str(first.case["question"])[:30] in words(at)
    other = next(g for g in ("correct", "incorrect") if g != first.proposed)
    at.segmented_control[0].set_value(other).run()
    at.button(key="store").click().run()
    fine(at)
    assert folder.queue().decisions()[first.answer_id] == other
    assert first.answer_id not in {w.answer_id for w in folder.queue().waiting()}
    assert {m.label: m.value for m in at.metric}["Decided"] == "1"
    graded = folder.open(None).graded
    assert graded.set_index("answer_id").loc[first.answer_id, "grade"] == other
    trained = course_marks.training_table(folder).set_index("answer_id")
    assert tuple(trained.loc[first.answer_id, ["grade", "split", "group"]]) == (other, "train", "")
    assert not (trained["grade"] == "").any()


def test_every_proposed_mark_and_every_decision_is_in_the_record_with_who_and_which_model(folder: CourseFolder) -> None:
    record, grader = folder.queue().record, Grader.load(starter.GRADING.ensure())
    asked = {e.case["answer_id"]: e for e in record.rows(PREDICTION) if "answer_id" in e.case}
    proposed = course_marks.proposals(folder)
    assert proposed is not None
    assert {*proposed["answer_id"]} <= {*asked}
    assert {(e.bundle, e.who) for e in asked.values()} == {(grader.bundle.fingerprint, "local")}
    answers = course_marks.without_mark(folder)["answer"]
    assert not any(t.encode() in json.dumps(e.answer | e.case).encode() for t in answers for e in asked.values())
    first = folder.queue().waiting()[0]
    at = fine(page("grading", who="Ms Hall"))
    entry = record.rows(PREDICTION)[-1]
    assert (entry.case, entry.who) == ({"answer_id": first.answer_id}, "Ms Hall")
    at.segmented_control[0].set_value("partly").run()
    fine(at.button(key="store").click().run())
    assert record.rows("grade")[-1].who == "Ms Hall"
    shown = fine(page("record")).dataframe[0].value
    kept = shown[shown["kind"] == "mark"].iloc[0]
    assert (kept["who"], kept["case"], kept["as"]) == ("Ms Hall", first.answer_id, "partly")
    assert record.check() == []


def test_whom_a_teacher_calls_is_kept_and_shown(folder: CourseFolder) -> None:
    at = fine(page("risk", who="Ms Hall"))
    record = folder.queue().record
    asked = [e for e in record.rows(PREDICTION) if "case_id" in e.case]
    assert len(asked) >= len(at.dataframe[0].value)
    button = next(b for b in at.button if b.key and b.key.startswith("call_"))
    at.text_input[-1].set_value("phone on Monday")
    fine(button.click().run())
    assert "Stored: Call" in at.toast[0].value
    assert at.text_input[-1].value == ""
    kept = record.rows("at_risk")[-1]
    name = kept.case["case_id"]
    assert kept.who == "Ms Hall"
    assert kept.decision == {"decided": "call", "note": "phone on Monday"}
    assert kept.input in {e.input for e in asked if e.case == kept.case}
    assert at.dataframe[0].value["decided"].iloc[0] == "Call"
    assert list(at.dataframe[0].value) == ["learner", "risk", "decided", "why"]  # in sight without scrolling
    shown = fine(page("record")).dataframe[0].value
    assert set(shown.loc[shown["case"] == name, "answer"]) == {"at risk"}


def test_proposals_are_kept_and_only_the_unsure_wait(folder: CourseFolder) -> None:
    found = course_marks.proposals(folder)
    assert found is not None
    assert len(found) == starter.UNMARKED == len(course_marks.without_mark(folder))
    unsure = set(found.loc[found["queue"] != "", "answer_id"])
    assert {w.answer_id for w in folder.queue().waiting()} <= unsure
    again = course_marks.propose(folder, Grader.load(starter.GRADING.ensure()))
    assert again["proposed"].tolist() == found["proposed"].tolist()


def test_words_of_an_answer_are_marked_in_their_places_and_private_ones_hidden() -> None:
    from apps.ui.parts import highlighted
    from core.explanation.parts import Part
    from core.privacy.spans import Span

    found = [Part("mean", ((2, 6),), 0.5), Part("not", ((11, 14),), -0.9), Part("it", ((16, 18),), 0.01)]
    told = highlighted("a mean is *not* it", found)
    assert told == "a :green-background[mean] is \\*:red-background[not]\\* it"
    hidden = highlighted("a mean is *not* it", found, [Span(0, 6, "NAME", "a mean")])
    assert hidden == "\\[NAME\\] is \\*:red-background[not]\\* it"


# --- at risk


def test_the_list_is_as_long_as_can_be_called_and_as_right_as_measured(folder: CourseFolder) -> None:
    at = fine(page("risk"))
    at.slider(key="capacity").set_value(4)
    at.slider(key="week").set_value(4).run()
    fine(at)
    assert len(at.dataframe[0].value) == 4
    risks = at.dataframe[0].value["risk"]
    assert risks.is_monotonic_decreasing
    from domains.education.risk import EarlyWarning
    from domains.education.risk_features import RiskTables, snapshot

    rows = snapshot(RiskTables.read(folder.folder), starter.RISK_DAYS[3])
    rows = rows[rows["group"] == GROUP].astype(object).where(lambda t: t.notna(), "").astype(str)
    risk = EarlyWarning.load(starter.RISK_WITHOUT.ensure()).risks(rows)
    expected = at_capacity(rows["at_risk"].astype(float).to_numpy(), risk, [4], 20).iloc[0]
    shown = {m.label: m.value for m in at.metric}
    assert shown["Right calls"] == f"{expected['precision']:.0%}"
    assert shown["Found"] == f"{expected['recall']:.0%}"


def test_groups_of_fewer_than_five_are_not_shown() -> None:
    at = fine(page("risk"))
    table = at.dataframe[1].value
    assert table["learners"].min() >= 5
    assert "fewer than 5 not shown" in words(at)


def test_the_model_without_demographics_knows_none() -> None:
    config = Grader.load(starter.RISK_WITHOUT.ensure()).bundle.config
    used = {c for m in config.modalities for c in m.columns}
    assert used.isdisjoint({"age_band", *starter.BACKGROUND, "name", "outcome", "left", "tutorial"})
    with_them = Grader.load(starter.RISK.ensure()).bundle.config
    assert {"age_band", *starter.BACKGROUND} <= {c for m in with_them.modalities for c in m.columns}


# --- train, model, import


@pytest.mark.parametrize("kind", ["Grading", "Early warning"])
def test_train_and_model_pages_are_there_for_both_kinds(kind: str) -> None:
    at = fine(page("train", kind_of_model=kind))
    assert any("No faults" in s.value for s in at.success)
    assert not at.button(key="train").disabled
    at = fine(page("model", kind_of_model=kind))
    assert {"Cases", "Accuracy"} <= {m.label for m in at.metric}


def test_a_lecture_is_imported_by_its_path_and_a_fault_is_told(environment: dict[str, str], tmp_path: Path) -> None:
    at = page("import")
    (tmp_path / "talk.mp4").write_text("no video", encoding="utf-8")
    at.text_input(key="video_path").set_value(str(tmp_path / "talk.mp4")).run()
    at.button(key="index").click().run()
    assert not at.exception
    assert "talk.mp4" in at.error[0].value
    at.text_input(key="video_path").set_value(
        str(Path(environment["POLYFUSE_SAMPLES"]) / "lectures/lecture-3.mp4")
    ).run()
    at.button(key="index").click().run()
    assert "4 segments in" in fine(at).success[0].value
    at.run()
    assert "**1** lectures, **0** questions" in at.caption[1].value
    assert at.button(key="open_course").disabled
    assert at.button(key="take_out").disabled
    at.checkbox(key="sure lecture-3").check().run()
    at.button(key="take_out").click().run()
    assert "lecture-3 is no part of the course any more" in fine(at).success[0].value
    assert "**0** lectures" in at.caption[1].value
    assert "take_out" not in [b.key for b in fine(at.run()).button]
    assert (Path(environment["POLYFUSE_SAMPLES"]) / "lectures/lecture-3.mp4").is_file()  # not the course's own


def test_a_lecture_takes_its_uploaded_video_along_but_not_one_that_another_plays(
    folder: CourseFolder, tmp_path: Path
) -> None:
    course = CourseFolder(tmp_path / "course")
    (course.folder / "videos").mkdir(parents=True)
    video = course.folder / "videos" / "talk.mp4"
    video.write_bytes(b"a video")
    for name in ("one", "two"):
        shutil.copytree(folder.lectures()[0], course.folder / "lectures" / name)
        file = course.folder / "lectures" / name / "lecture.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"video": str(video)}))
    course.remove_lecture("one")
    course.drop_video(video)  # two still plays it
    assert video.is_file()
    course.remove_lecture("two")
    assert not video.exists()
    video.write_bytes(b"a video that could not be indexed")
    course.drop_video(video)
    assert not video.exists()
    with pytest.raises(ConfigError, match="unknown lecture 'two'"):
        course.remove_lecture("two")


def test_the_sample_course_is_not_written_over() -> None:
    at = page("import")
    at.text_input(key="import_course").set_value(starter.SAMPLE_COURSE).run()
    assert "stays as it is" in at.error[0].value


def test_a_course_name_and_a_path_that_are_too_long_are_told_in_words() -> None:
    at = page("import")
    at.text_input(key="import_course").set_value("x" * 300).run()
    assert "shorten it" in at.error[0].value
    at.text_input(key="import_course").set_value("Trams").run()
    at.text_input(key="video_path").set_value("/x" * 50_000).run()
    at.button(key="index").click().run()
    assert "shorten it" in at.error[0].value


# --- the folder


def test_a_course_folder_opens_a_group_and_says_what_it_lacks(folder: CourseFolder, tmp_path: Path) -> None:
    assert folder.groups() == ["2024-autumn", "2024-spring", "2023-autumn"]
    members = folder.members(GROUP)
    assert members is not None
    assert len(members) == 12
    assert set(folder.open(GROUP).learners) <= set(members)
    assert folder.synthetic
    with pytest.raises(FileError, match=r"no questions\.csv"):
        CourseFolder(tmp_path).open()
    folder.table("questions").to_csv(tmp_path / "questions.csv", index=False)  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match="an empty course"):
        CourseFolder(tmp_path).open()


def test_another_set_of_the_generator_is_prepared_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from domains.education.sample import generate

    monkeypatch.setenv("POLYFUSE_SAMPLES", str(generate(tmp_path / "other", 3, 1)))
    assert starter.ready() is None


def test_exports_are_safe_and_hide_who_is_hidden() -> None:
    at = AppTest.from_string(
        "import streamlit as st\nfrom apps.education import session\nsession.opened()\n"
        "student = session.course().learners[0]\nst.session_state['hidden'] = True\n"
        "rows = [{'student_id': student, 'answer_id': f'{student}-Q1-1', 'said': '=cmd()', 'p': 0.123456, 'n': None}]\n"
        "st.session_state['made'] = session.to_csv(rows)",
        default_timeout=60,
    ).run()
    assert fine(at).session_state["made"] == "student_id,said,p,n\nLearner 1,'=cmd(),0.1235,\n"


def test_the_timeline_has_a_bar_for_each_slide_and_topic(folder: CourseFolder) -> None:
    from apps.education.charts import heat, timeline

    course = folder.open(None)
    lecture = course.lectures[0]
    figure = timeline(lecture, course.rewatch(lecture.name, 5.0), 16.0)
    topics, slides = figure.data[1], figure.data[2]
    assert np.asarray(slides.customdata).ravel().tolist() == [s.start for s in lecture.segments]
    assert np.asarray(topics.x).sum() == pytest.approx(lecture.duration, abs=1)
    drawn = heat(course.mastery, course.concepts, dict.fromkeys(course.learners, "x")).data[0]
    assert np.asarray(drawn.z, float).shape == (len(course.concepts), course.mastery["student_id"].nunique())
