"""The sample course: lectures true to their timing, answers true to their grade, learners whose clicks follow."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from core.errors import ConfigError, FileError
from core.manifest import Manifest
from domains.education import recipe, sample_content, sample_learners, sample_video
from domains.education.captions import read_captions
from domains.education.records import import_records
from domains.education.sample import OURS, generate, main
from domains.education.sample_content import Question, SampleLecture, Slide
from domains.education.sample_learners import RUNNING
from domains.education.sample_tables import COLUMNS, FILES

TRUTHS = json.loads((OURS / "truth" / "lectures.json").read_text(encoding="utf-8"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- lectures


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda t: t["lecture"])
def test_a_committed_lecture_has_picture_sound_and_captions_as_the_truth_says(truth: dict[str, Any]) -> None:
    path = OURS / "lectures" / f"{truth['lecture']}.mp4"
    with av.open(str(path)) as file:
        assert (file.streams.video[0].codec_context.name, file.streams.audio[0].codec_context.name) == ("h264", "aac")
        assert file.duration is not None
        assert file.duration / av.time_base == pytest.approx(truth["seconds"], abs=0.3)
    slides = truth["slides"]
    assert [s["start"] for s in slides[1:]] == [s["end"] for s in slides[:-1]]
    assert slides[-1]["end"] == truth["seconds"]
    assert all(s["start"] < b < s["end"] for s in slides for b in s["builds"])
    captions = read_captions(path.with_suffix(".vtt"), truth["seconds"])
    assert len(captions) > len(slides)
    median = [c for c in captions if "the median stays where it is" in c.text]
    place = next((s for s in slides if s["title"] == "The median"), None)
    assert bool(median) == (place is not None)
    assert all(place["start"] <= c.start < place["end"] for c in median if place)


def test_one_lecture_has_a_clip_and_most_slides_build_up() -> None:
    slides = [s for t in TRUTHS for s in t["slides"]]
    assert [s["title"] for s in slides if s["clip"]] == ["Means vary from sample to sample"]
    assert sum(bool(s["builds"]) for s in slides) == len(slides) - len(TRUTHS)
    assert {s["concept"] for s in slides} - {""} == set(sample_content.concepts())


SHORT = SampleLecture(
    "tiny", "A tiny lecture", "Hello.",
    (Slide("One", "mean and median", "balance", (("First", "First."), ("Second", "Second."))),
     Slide("Two", "standard error", "clip", (("Third", "Third."),), clip_seconds=0.5)),
)  # fmt: skip


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="no espeak-ng: apt-get install espeak-ng")
def test_a_lecture_is_spoken_drawn_and_written(tmp_path: Path) -> None:
    spoken = sample_video.speak(SHORT)
    truth = sample_video.write(spoken, tmp_path)
    assert [len(s["builds"]) for s in truth["slides"]] == [0, 1, 0]
    begin, end = truth["slides"][2]["clip"]
    assert end - begin == pytest.approx(0.5)
    with av.open(str(tmp_path / "tiny.mp4")) as file:
        frames = [f.to_ndarray(format="gray") for f in file.decode(video=0)]
    assert len(frames) == int(spoken.duration * sample_video.FRAMES)
    at = [frames[int(t * sample_video.FRAMES) + 1].astype(int) for t in (begin, end - 0.3)]
    assert np.abs(at[0] - at[1]).max() > 60  # dots fall
    assert [c.text for c in read_captions(tmp_path / "tiny.vtt")] == ["Hello.", "First.", "Second.", "Third."]


def test_without_the_program_that_speaks_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileError, match=r"espeak-ng is not found.*apt-get install espeak-ng"):
        sample_video.speak(SHORT)


# --- answers

ASKED = Question("Q", "c", "?", "r", (("alpha one", "alpha late"), ("beta one", "beta late")), ("gamma",), ("delta",))


@pytest.mark.parametrize(
    ("grade", "has", "lacks"),
    [
        ("correct", ("alpha", "beta"), ("gamma",)),
        ("contradictory", ("gamma",), ()),
        ("incorrect", (), ("alpha", "beta")),
    ],
)
def test_an_answer_holds_what_its_grade_says(grade: str, has: tuple[str, ...], lacks: tuple[str, ...]) -> None:
    for seed in range(40):
        text = sample_content.answer(ASKED, grade, np.random.default_rng(seed)).lower()
        letters = sorted(text.replace(" ", ""))  # slips swap two letters
        for word in has:
            assert not Counter(word) - Counter(letters)
        assert not any(word in text for word in lacks)


def test_a_partly_right_answer_holds_one_of_the_points() -> None:
    texts = [sample_content.answer(ASKED, "partly", np.random.default_rng(s)).lower() for s in range(60)]
    assert not any("alpha" in t and "beta" in t for t in texts)
    assert sum("alpha" in t for t in texts) > 10 < sum("beta" in t for t in texts)


def test_the_running_presentation_has_wordings_that_earlier_ones_never_use() -> None:
    early, late = (
        [sample_content.answer(ASKED, "correct", np.random.default_rng(s), later=later) for s in range(60)]
        for later in (False, True)
    )
    assert not any("late" in t for t in early)
    assert sum("alpha late" in t.lower() for t in late) > 15


def test_every_wording_of_the_course_can_be_written_out() -> None:
    for q in sample_content.questions():
        for template in (*q.points[0], *q.points[1], *q.wrong, *q.beside):
            assert not set("{}|") & set(sample_content.expand(template, np.random.default_rng(0))), template
        assert len(q.points) == 2
        assert min(len(q.wrong), len(q.beside)) >= 3


# --- learners


@pytest.fixture(scope="module")
def learners() -> list[sample_learners.Learner]:
    return [sample_learners.simulate(sample_learners.draw(i, 3), i, 3, TRUTHS) for i in range(150)]


def test_who_knows_more_answers_better_and_who_does_little_fails(learners: list[sample_learners.Learner]) -> None:
    given = [g for x in learners for g in x.given]
    right = {
        low: np.mean([g.grade == "correct" for g in given if low <= g.mastery < low + 0.25]) for low in (0.0, 0.75)
    }
    assert right[0.75] > right[0.0] + 0.4
    diligence = {o: np.mean([x.diligence for x in learners if x.outcome == o]) for o in ("pass", "withdrawn")}
    assert diligence["pass"] > diligence["withdrawn"] + 0.1


def test_a_second_attempt_follows_a_bad_answer_and_a_look_at_the_slides(
    learners: list[sample_learners.Learner],
) -> None:
    spans = {s["concept"]: (t["lecture"], s["start"]) for t in TRUTHS for s in reversed(t["slides"])}
    second = [(x, g) for x in learners for g in x.given if g.attempt == 2]
    assert len(second) > 50
    for x, g in second:
        first = next(o for o in x.given if o.question == g.question and o.attempt == 1)
        assert first.grade != "correct"
        assert g.mastery > first.mastery
        between = [w for w in x.watched if first.time < w.time < g.time]
        assert spans[g.question.concept] in {(w.lecture, w.start) for w in between}


def test_nothing_is_recorded_after_a_learner_has_left(learners: list[sample_learners.Learner]) -> None:
    gone = [x for x in learners if x.left is not None]
    assert len(gone) > 10
    for x in gone:
        assert x.outcome == "withdrawn"
        assert x.left is not None
        week = (x.left - sample_learners.PRESENTATIONS[x.presentation]).days // 7
        assert all((w.time - sample_learners.PRESENTATIONS[x.presentation]).days // 7 <= week for w in x.watched)


# --- the set


def test_a_set_has_the_agreed_tables_and_begins_as_a_larger_one(tmp_path: Path) -> None:
    small, large = generate(tmp_path / "small", 6, 1), generate(tmp_path / "large", 9, 1)
    answers = rows(small / "answers.csv")
    assert tuple(answers[0]) == COLUMNS["answers"]
    assert answers == rows(large / "answers.csv")[: len(answers)]
    assert {r["synthetic"] for r in answers + rows(small / "enrolments.csv") + rows(small / "questions.csv")} == {
        "true"
    }
    assert {r["split"] for r in rows(large / "enrolments.csv") if r["group"] == RUNNING} == {"test"}
    assert rows(generate(tmp_path / "other", 6, 2) / "answers.csv") != answers
    config = recipe.build(list(COLUMNS["answers"]), preset="fast")
    assert Manifest.open(large / "answers.csv", config).faults == []
    generate(tmp_path / "large", 1, 1)  # its own folder is replaced
    assert len(rows(tmp_path / "large" / "enrolments.csv")) == 1


def test_xapi_and_table_tell_the_same_of_the_running_presentation(tmp_path: Path) -> None:
    course = generate(tmp_path / "course", 9, 1)
    found = import_records([course / "xapi.jsonl"], tmp_path / "records", now=datetime(2026, 1, 1, tzinfo=UTC))
    assert not found.reasons
    running = {r["student_id"] for r in rows(course / "enrolments.csv") if r["group"] == RUNNING}
    expected = [r for r in rows(course / "events.csv") if r["student_id"] in running]
    events = rows(tmp_path / "records" / "events.csv")
    assert len(events) == len(expected) > 20
    for a, b in zip(events, expected):
        assert (a["student_id"], a["time"], a["verb"]) == (b["student_id"], b["time"], b["verb"])
        assert a["lecture"].endswith(b["lecture"])
        assert (float(a["end_s"] or -1), float(a["start_s"] or -1)) == pytest.approx(
            (float(b["end_s"] or -1), float(b["start_s"] or -1)), abs=0.006
        )


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"did not make \(notes.txt\).*choose another folder"):
        generate(tmp_path, 2)
    with pytest.raises(SystemExit, match="learners: at least 1 is needed, found 0"):
        main([str(tmp_path / "new"), "--learners", "0"])
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_the_committed_set_is_what_the_generator_makes_and_is_small(tmp_path: Path) -> None:
    facts = json.loads((OURS / "sample.json").read_text(encoding="utf-8"))
    again = generate(tmp_path / "again", facts["learners"], facts["seed"])
    for name in (*FILES, "README.md"):
        assert (again / name).read_text(encoding="utf-8") == (OURS / name).read_text(encoding="utf-8"), name
    assert sum(f.stat().st_size for f in OURS.rglob("*") if f.is_file()) < 15e6
    counts = Counter((r["group"], r["outcome"]) for r in rows(OURS / "enrolments.csv"))
    assert min(counts.values()) > 10
    tutorials = Counter(r["tutorial"] for r in rows(OURS / "enrolments.csv") if r["group"] == RUNNING)
    assert min(tutorials.values()) < 5  # so that a table has a group to leave out
