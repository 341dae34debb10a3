"""The customer-service app with what people really put in and take out: private words, odd files, paths and names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from prepared import prepared
from service_samples import SAMPLES, prepare
from streamlit.testing.v1 import AppTest
from test_app_service import app, entries, key, page, told

from apps.customer_service import files
from domains.customer_service import recipe, starter
from domains.customer_service.intent import IntentDetector


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with prepared(prepare, tmp_path_factory) as found:
        yield found


def _real_words(at: AppTest) -> None:
    next(t for t in at.toggle if t.key and t.key.startswith("real_")).set_value(True).run()


def test_the_real_words_of_a_reply_are_offered_to_copy_and_kept_masked() -> None:
    at = app()
    at.button(key="new").click().run()
    at.chat_input(key="typed").set_value("I am Carla Hughes, my order 773 has not arrived, where is it").run()
    at.button(key=key(at, "change_")).click().run()
    area = next(a for a in at.text_area if a.key and a.key.startswith("words_"))
    area.set_value("[NAME_1], your 773 is late. I will call you at 0171 5551234, Mr John Miller").run()
    at.button(key=key(at, "approve_")).click().run()
    assert not at.exception
    assert at.code[0].value.startswith("[NAME_1], your [NUMBER_1] is late. I will call you at [NUMBER_2]")
    _real_words(at)  # shown only where they are asked for
    assert at.code[0].value == "Carla Hughes, your 773 is late. I will call you at 0171 5551234, Mr John Miller"
    at.chat_input(key="typed").set_value("thank you, when will that be").run()
    own = next(a for a in at.text_area if a.key and a.key.startswith("own_"))
    own.set_value("Today, [NAME_1], at 0171 5551234.").run()
    at.button(key=key(at, "keep_own_")).click().run()
    _real_words(at)
    assert at.code[0].value == "Today, Carla Hughes, at 0171 5551234."
    kept = entries("reply")[-2:]
    assert kept[0].decision["reply"].startswith("[NAME_1], your [NUMBER_1] is late. I will call you at [NUMBER_2]")
    for private in ("Hughes", "773", "5551234", "Miller"):
        assert not any(private in str((e.case, e.answer, e.decision)) for e in kept)


def test_the_last_reply_is_not_shown_in_another_conversation() -> None:
    at = app()
    at.button(key="new").click().run()
    at.chat_input(key="typed").set_value("where is my parcel").run()
    at.button(key=key(at, "approve_")).click().run()
    assert at.code
    at.button(key="new").click().run()
    assert not at.code
    assert "kept as entry" not in told(at)


def test_blanks_are_no_turn() -> None:
    at = app()
    before = at.session_state["conversation"]
    at.chat_input(key="typed").set_value("   ").run()
    assert at.session_state["conversation"] == before


@pytest.mark.parametrize("name", ["text.flac", "text.wav"])
def test_a_text_named_as_a_recording_is_refused_as_long_as_it_stands_there(name: str) -> None:
    at = app()
    before = at.session_state["conversation"]
    at.segmented_control(key="way").set_value("Upload").run()
    at.file_uploader(key="uploaded").set_value((name, b"this is no sound", "audio/x")).run()
    for _ in range(2):
        assert not at.exception
        assert any(name.split(".")[0] in e.value for e in at.error)
        assert at.session_state["conversation"] == before
        at.run()


def test_a_recording_is_the_next_turn() -> None:
    at = app()
    at.segmented_control(key="way").set_value("Upload").run()
    sound = next((SAMPLES / "audio").glob("*.ogg"))
    at.file_uploader(key="uploaded").set_value((sound.name, sound.read_bytes(), "audio/ogg")).run()
    assert not at.exception
    assert at.session_state["conversation"].message.audio.name == sound.name


@pytest.mark.parametrize(
    ("name", "field", "does"),
    [
        ("supervisor", "turns_path", None), ("model", "bundle_path", None), ("train", "train_path", None),
        ("knowledge", "kb_turns", "kb_learn"), ("knowledge", "kb_writer", "kb_writer_use"),
    ],
)  # fmt: skip
def test_a_path_that_is_too_long_is_told_in_words(name: str, field: str, does: str | None) -> None:
    at = page(name)
    if name == "train":
        at.segmented_control(key="source").set_value("Path on this machine").run()
    at.text_input(key=field).set_value("/x" * 50_000).run()
    if does:
        at.button(key=does).click().run()
    assert "shorten it" in told(at)
    assert "Something went wrong" not in told(at)


def test_the_table_to_measure_on_may_not_be_too_long() -> None:
    at = page("model")
    next(t for t in at.text_input if t.label == "Table to measure on").set_value("/x" * 50_000).run()
    assert "shorten it" in told(at)
    assert "Something went wrong" not in told(at)


def test_a_page_with_too_long_a_name_is_not_saved() -> None:
    at = page("knowledge")
    at.selectbox(key="kb_page").select("New page").run()
    at.text_input(key="kb_name").set_value("x" * 300 + ".md").run()
    content(at).set_value("# Trams\n\nThey run daily.\n").run()
    at.button(key="kb_save").click().run()
    assert "shorten it" in told(at)
    assert not files.is_own("knowledge")


def test_the_supervisor_leaves_out_what_an_own_model_cannot_read_and_says_so(tmp_path: Path) -> None:
    turns = pd.read_csv(starter.sample_table(), dtype=str, keep_default_na=False)
    written = turns.loc[turns.text != "", ["text", "intent"]].groupby("intent").head(2).groupby("intent")
    table = written.filter(lambda rows: len(rows) == 2)
    config = recipe.build(list(table.columns), preset="fast")
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=1), floor=False)
    IntentDetector(config=config).fit(table).save(tmp_path / "own" / "bundle")
    script = (
        "from pathlib import Path\nfrom apps.customer_service import page_supervisor\n"
        "from apps.customer_service.pages import PAGES\nfrom apps.customer_service.studio import STUDIO\n"
        f"STUDIO.use_model(Path({str(tmp_path / 'own' / 'bundle')!r}))\n"
        "with PAGES.boundary():\n    page_supervisor.show()"
    )
    at = AppTest.from_string(script, default_timeout=240).run()
    assert not at.error
    assert f"{(turns.text == '').sum()} turns are left out" in told(at)
    assert "name your own table above" in told(at)
    (tmp_path / "spoken.csv").write_text("text,other\n,1\n,2\n")
    at.text_input(key="turns_path").set_value(str(tmp_path / "spoken.csv")).run()
    assert "no turn holds anything that the model reads" in told(at)
    at.text_input(key="turns_path").set_value(" ").run()
    assert "the path is empty" in told(at)


def content(at: AppTest) -> Any:
    return next(a for a in at.text_area if a.label == "Content")


def test_what_is_not_saved_waits_while_another_page_is_open() -> None:
    at = page("knowledge")
    at.selectbox(key="kb_page").select("billing.md").run()
    held = content(at).value
    content(at).set_value(held + "\n\n## Trams\n\nThey run daily.\n").run()
    assert "Not saved yet" in told(at)
    at.selectbox(key="kb_page").select("New page").run()
    assert "Not saved yet" not in told(at)
    at.selectbox(key="kb_page").select("billing.md").run()
    assert content(at).value.endswith("They run daily.\n")
    content(at).set_value(held).run()
    assert "Not saved yet" not in told(at)
    assert at.button(key="kb_save").disabled


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("", "# Trams\n\nDaily.\n", "needs a letter or digit, and .md or .csv"),
        ("😀.md", "# Trams\n\nDaily.\n", "needs a letter or digit"),
        ("trams.txt", "# Trams\n\nDaily.\n", ".md or .csv at its end"),
        ("billing.md", "# Trams\n\nDaily.\n", "is there already"),
        ("trams.md", "", "no answer stands there"),
        ("trams.md", "# Trams\n\n## When do they run?\n", "no answer stands there"),
        ("trams.csv", "question,answer\n", "no answer stands there"),
    ],
)
def test_why_a_page_cannot_be_saved_is_said(name: str, text: str, words: str) -> None:
    at = page("knowledge")
    at.selectbox(key="kb_page").select("New page").run()
    at.text_input(key="kb_name").set_value(name).run()
    content(at).set_value(text).run()
    assert at.button(key="kb_save").disabled
    assert words in told(at).replace("\\", "")


def test_a_new_page_is_saved_under_the_name_that_is_told_and_opened() -> None:
    at = page("knowledge")
    at.selectbox(key="kb_page").select("New page").run()
    at.text_input(key="kb_name").set_value("trams & buses.md").run()
    assert "It is saved as trams-buses.md" in told(at)
    content(at).set_value("# Trams\n\nThey run daily.\n").run()
    at.button(key="kb_save").click().run()
    try:
        assert not at.exception
        assert (files.knowledge_folder() / "trams-buses.md").is_file()
        assert at.selectbox(key="kb_page").value == "trams-buses.md"
        assert "Not saved yet" not in told(at)
    finally:
        files.forget("knowledge")


@pytest.mark.parametrize("told", ["😀", "-5", "<b>90</b>"])
def test_a_number_that_is_none_is_said_where_a_turn_is_tried(told: str) -> None:
    at = page("routing")
    at.text_input(key="try_waiting_seconds").set_value(told).run()
    assert "is no number of 0 or more and is left out" in at.warning[0].value
    at.text_input(key="try_waiting_seconds").set_value(" 900 ").run()
    assert not at.warning
