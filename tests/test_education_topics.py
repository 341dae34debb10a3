from __future__ import annotations

import pytest

from domains.education import join_slides, topics
from domains.education.captions import Caption
from domains.education.lecture_stages import captions_of, join_filmed
from domains.education.slide_text import Line, title_of
from domains.education.slides import Scene
from domains.education.topics import keywords, segments_of, topics_of, without_template

COOKING = "boil the potatoes in salted water, then fry the onions in butter and stir the soup in the pot"
SAILING = "the wind fills the sail, the boat heels to port, and the skipper turns the rudder against the waves"


def line(text: str, top: float, height: float = 0.05) -> Line:
    return Line(text, top, 0.1, height, 0.99)


def talk(*parts: tuple[str, float]) -> list[Caption]:
    """Captions of ten seconds that say each text for so many seconds."""
    found, at = [], 0.0
    for text, seconds in parts:
        for _ in range(int(seconds // 10)):
            found.append(Caption(at, at + 10, text))
            at += 10
    return found


def test_a_segment_has_its_slide_its_words_and_its_title() -> None:
    scenes = [Scene(0, 60, 50, 0), Scene(60, 100, 80, None), Scene(100, 130, 120, 1)]
    lines = {0: [line("Potato soup", 0.05, 0.1), line("boil and stir", 0.4)], 1: [line("Sailing", 0.05)]}
    found = segments_of(scenes, lines, talk((COOKING, 60), ("a film", 40), (SAILING, 30)))
    assert [(s.start, s.end, s.slide, s.title) for s in found] == [
        (0, 60, 0, "Potato soup"), (60, 100, None, ""), (100, 130, 1, "Sailing")
    ]  # fmt: skip
    assert found[0].slide_text == "Potato soup\nboil and stir"
    assert [s.text.split()[0] for s in found] == ["boil", "a", "the"]
    assert "potato" in " ".join(found[0].keywords)
    assert {"sail", "sailing", "boat"} & {w for k in found[2].keywords for w in k.split()}


@pytest.mark.parametrize("encoder", [True, False])
def test_a_long_slide_is_cut_where_what_is_said_changes(monkeypatch: pytest.MonkeyPatch, encoder: bool) -> None:
    if not encoder:
        monkeypatch.setattr(topics, "text_model", lambda: None)
    elif topics.text_model() is None:
        pytest.skip("no sentence encoder is installed")
    found = segments_of([Scene(0, 480, 400, 0)], {0: []}, talk((COOKING, 180), (SAILING, 300)))
    assert 180.0 in [s.start for s in found]
    assert {s.slide for s in found} == {0}
    assert found[0].start == 0
    assert found[-1].end == 480


def test_a_long_slide_without_words_is_not_cut_in_equal_pieces() -> None:
    assert len(segments_of([Scene(0, 3000, 10, 0)], {0: []}, [])) == 1
    assert len(segments_of([Scene(0, 900, 10, 0)], {0: []}, talk((COOKING, 900)))) == 1


def test_what_stands_on_most_slides_is_the_templates() -> None:
    lines = {i: [line(f"Title {'abcde'[i]}", 0.05), line("University of Examples", 0.93), line(f"{i + 1} / 5", 0.96)]
             for i in range(5)}  # fmt: skip
    kept = without_template(lines)
    assert [[entry.text for entry in shown] for shown in kept.values()] == [[f"Title {c}"] for c in "abcde"]
    few = {i: lines[i] for i in range(3)}
    assert without_template(few) == few  # of so few slides nothing is told


def test_titles() -> None:
    assert title_of([line("Bayes' rule", 0.08, 0.1), line("and its use", 0.2, 0.1), line("a bullet", 0.3)]) == (
        "Bayes' rule and its use"
    )
    assert title_of([line("small head", 0.02, 0.03), line("The title", 0.1, 0.09), line("text", 0.4)]) == "The title"
    assert title_of([line("in the middle of a title slide", 0.45, 0.1)]) == "in the middle of a title slide"
    assert title_of([]) == ""


def test_topics_hold_the_segments_between_clear_changes() -> None:
    scenes = [Scene(60 * i, 60 * i + 60, 60 * i + 50, i) for i in range(6)]
    lines = {i: [line("Cooking" if i < 3 else "Sailing", 0.05)] for i in range(6)}
    segments = segments_of(scenes, lines, talk((COOKING, 180), (SAILING, 180)))
    marked, found = topics_of(segments)
    assert [(t.title, t.start, t.end, t.first, t.last) for t in found] == [
        ("Cooking", 0, 180, 0, 2), ("Sailing", 180, 360, 3, 5)
    ]  # fmt: skip
    assert [s.topic for s in marked] == [0, 0, 0, 1, 1, 1]
    assert topics_of([]) == ([], [])


def test_keywords_of_no_words_are_none() -> None:
    assert keywords(["", "12 34", "the of and"]) == [(), (), ()]


def test_method_names_what_likeness_is_measured_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "text_model", lambda: None)
    assert topics.method() == "TextTiling over TF-IDF (no sentence encoder is installed)"


def test_filmed_scenes_side_by_side_are_one() -> None:
    scenes = [
        Scene(0, 10, 5, 0),
        Scene(10, 20, 15, 1),
        Scene(20, 24, 22, None),
        Scene(24, 50, 40, 2),
        Scene(50, 60, 55, 3),
    ]
    joined, numbers = join_filmed(scenes, {1, 2})
    assert joined == [Scene(0, 10, 5, 0), Scene(10, 50, 40, None), Scene(50, 60, 55, 1)]
    assert numbers == {0: 0, 3: 1}


def test_recognised_words_become_captions_at_pauses_and_ends_of_sentences() -> None:
    words = [("The", 0.0, 0.2), ("mean.", 0.2, 0.6), ("Now", 0.7, 0.9), ("then", 2.5, 2.7), ("so", 2.8, 3.0)]
    assert captions_of(words) == [
        Caption(0.0, 0.6, "The mean."),
        Caption(0.7, 0.9, "Now"),
        Caption(2.5, 3.0, "then so"),
    ]
    steady = [("word", 0.5 * i, 0.5 * i + 0.4) for i in range(60)]
    assert max(c.end - c.start for c in captions_of(steady)) <= 8.0
    assert captions_of([]) == []


@pytest.mark.parametrize("encoder", [True, False])
def test_slides_without_times_are_matched_to_what_is_said(monkeypatch: pytest.MonkeyPatch, encoder: bool) -> None:
    if not encoder:
        monkeypatch.setattr(join_slides, "text_model", lambda: None)
    said = [COOKING, SAILING, "leaves turn light, water and carbon dioxide into sugar"]
    shown = ["Wind, sai1 and rudder", "Photosynthesis: light to sugar", "Potatoes and onions", ""]
    scores = join_slides.match(said, shown)
    assert scores.shape == (3, 4)
    assert scores.argmax(axis=1).tolist() == [2, 0, 1]
    assert ("meaning" in join_slides.likenesses(said, shown)) == (encoder and topics.text_model() is not None)
