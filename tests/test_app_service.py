"""The customer-service app's pages without a browser: what they say, what they keep, and what they never show."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from prepared import prepared
from service_samples import SAMPLES, prepare
from streamlit.testing.v1 import AppTest

from apps import ui
from apps.customer_service import files
from apps.customer_service.figures import latency
from core import answer
from core.errors import FileError
from core.preprocess.audio_io import read_audio
from core.record import Record
from domains.customer_service import recipe, starter
from domains.customer_service.desk import Desk
from domains.customer_service.intent import IntentDetector
from domains.customer_service.routing import RoutingTable

APP = Path(__file__).parents[1] / "apps" / "customer_service" / "streamlit_app.py"
PRIVATE = ("07700 900123", "Carla Hughes", "carla.hughes@example.com")


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with prepared(prepare, tmp_path_factory) as found:
        yield found


@pytest.fixture(scope="module")
def detector() -> IntentDetector:
    return IntentDetector.load(starter.ensure())


@pytest.fixture(scope="module")
def turns() -> pd.DataFrame:
    return pd.read_csv(starter.sample_table(), dtype=str, keep_default_na=False)


def app() -> AppTest:
    return AppTest.from_file(str(APP), default_timeout=240).run()


def page(name: str) -> AppTest:
    script = (
        f"from apps.customer_service import page_{name}\nfrom apps.customer_service.pages import PAGES\n"
        f"with PAGES.boundary():\n    page_{name}.show()"
    )
    return AppTest.from_string(script, default_timeout=240).run()


def told(at: AppTest) -> str:
    """All that a page says."""
    kinds = (
        "markdown",
        "caption",
        "error",
        "warning",
        "success",
        "info",
        "code",
        "text_area",
        "text_input",
        "subheader",
    )
    return "\n".join(str(e.value) for kind in kinds for e in getattr(at, kind))


def key(at: AppTest, start: str) -> str:
    """The first button whose key starts so."""
    return next(b.key for b in at.button if b.key and b.key.startswith(start))


def entries(kind: str) -> list[Any]:
    return Record(starter.record_file()).rows(kind)


# --- the agent's page


def test_the_first_page_answers_a_sample_turn_as_the_api_does(detector: IntentDetector, turns: pd.DataFrame) -> None:
    at = app()
    assert not at.exception
    assert not at.error or "Out of scope" in at.error[0].value
    open_now = at.session_state["conversation"]
    row = turns[turns.turn_id == open_now.name].iloc[0]
    found = detector.detect(
        audio=starter.sample_table().parent / row.audio if row.audio else None, text=row.text or None,
        recognised=row.recognised or None, dialogue=row.dialogue, behaviour=dict(open_now.behaviour),
    )  # fmt: skip
    said = "out of scope" if found.is_outside else answer.headline(found)
    assert at.subheader[0].value == f"Intent: {ui.escape(said)}"
    approve = [b for b in at.button if b.key and b.key.startswith("approve_")]
    assert len(approve) == 3
    assert "nothing is sent by itself" in at.caption[0].value
    assert "No inference about the emotions" in at.caption[0].value
    assert any(words in told(at) for words in ("line ", "Line "))  # which line of the routing table fired


def test_what_is_typed_is_masked_wherever_it_is_shown_or_kept() -> None:
    at = app()
    at.button(key="new").click().run()
    at.chat_input(key="typed").set_value(
        f"Hello, this is {PRIVATE[1]}, my number is {PRIVATE[0]}, mail {PRIVATE[2]}. I want to cancel my contract."
    ).run()
    assert not at.exception
    assert "\\[NAME" in told(at)
    at.button(key=key(at, "approve_")).click().run()
    assert "Nothing was sent" in told(at)
    kept = entries("reply")[-1]
    assert kept.decision["decision"] == "approved"
    assert kept.decision["reply"] == at.code[0].value
    assert "cancel my contract" in kept.case["text"]
    files_on_disk = [f.read_bytes() for f in starter.home().rglob("*") if f.is_file()]
    for private in PRIVATE:
        assert private not in told(at)
        assert not any(private.encode() in content for content in files_on_disk)


def test_an_edited_and_a_rejected_reply_are_kept_as_such_and_teach_the_next_suggestions() -> None:
    at = app()
    at.button(key="new").click().run()
    at.chat_input(key="typed").set_value("my parcel has not arrived, where is it").run()
    at.button(key=key(at, "reject_")).click().run()
    assert sum(b.key.startswith("approve_") for b in at.button if b.key) == 2
    at.button(key=key(at, "change_")).click().run()
    area = next(a for a in at.text_area if a.key and a.key.startswith("words_"))
    area.set_value("Our courier brings it on a green bicycle tomorrow.").run()
    at.button(key=key(at, "approve_")).click().run()
    assert [e.decision["decision"] for e in entries("reply")[-2:]] == ["rejected", "edited"]
    assert entries("reply")[-2].decision["reply"] == ""
    assert at.session_state["conversation"].lines[-1] == "agent: Our courier brings it on a green bicycle tomorrow."
    files.learn()
    known = [a.text for a in files.suggester().answers.answers]
    assert "Our courier brings it on a green bicycle tomorrow." in known


def test_the_agents_word_on_the_intent_is_kept() -> None:
    at = app()
    at.button(key="new").click().run()
    at.chat_input(key="typed").set_value("I forgot my password").run()
    number = at.session_state["conversation"].turn
    at.selectbox(key=f"other_{number}").select("bill_question").run()
    at.button(key=f"keep_{number}").click().run()
    kept = entries("intent")[-1]
    assert kept.answer["intent"] != "bill_question"
    assert kept.decision == {"decision": "corrected", "intent": "bill_question"}
    assert "the intent is **bill question**" in told(at)
    assert "intent is bill question" in told(at)  # the line of the routing table that fires now
    at.button(key=key(at, "approve_")).click().run()
    assert entries("reply")[-1].answer["intent"] == "bill_question"  # as the agent named it, not the model


def test_every_answer_is_in_the_record_with_who_and_which_model_and_no_text() -> None:
    at = app()
    at.text_input(key="sign").set_value("Dana").run()
    at.button(key="new").click().run()
    before = len(entries("prediction"))
    at.chat_input(key="typed").set_value("the zebra crossing is my parcel").run()
    asked = entries("prediction")[before:]
    found = [IntentDetector.load(m) for m in (starter.ensure(), *(s.ensure() for s in starter.SAMPLES_BESIDE.values()))]
    assert [e.bundle for e in asked] == [m.bundle.fingerprint for m in found]
    assert {e.who for e in asked} == {"Dana"}
    assert asked[0].answer["label"] in asked[0].answer["probabilities"]
    at.button(key=key(at, "approve_")).click().run()
    kept = entries("reply")[-1]
    assert (kept.who, kept.case["turn_id"]) == ("Dana", asked[0].case["turn_id"])
    assert not any("zebra" in str((e.case, e.answer)) for e in asked)
    again = app()
    again.button(key="new").click().run()
    again.chat_input(key="typed").set_value("the zebra crossing is my parcel").run()
    assert entries("prediction")[-1].case != asked[0].case  # of another session, so another turn
    assert entries("prediction")[-3].input == asked[0].input


def test_the_record_page_shows_checks_and_gives_rows_to_train_on() -> None:
    at = page("record")
    assert not at.exception
    assert "as they were written" in at.success[0].value
    shown = at.dataframe[0].value
    assert {"who", "case", "answer", "decided", "as", "model"} <= {*shown.columns}
    labels = [b.proto.label for b in at.get("download_button")]
    assert any(label.startswith("Turns with their reply, to train on") for label in labels)


def test_switching_everything_off_is_told() -> None:
    at = app()
    at.button(key="new").click().run()
    at.chat_input(key="typed").set_value("my internet is down").run()
    number = at.session_state["conversation"].number
    at.toggle(key=f"on_{number}_text").set_value(False).run()
    assert not at.exception
    assert "Everything is switched off" in at.info[0].value


def test_an_unreadable_recording_is_told_in_words(tmp_path: Path) -> None:
    bad = tmp_path / "call.wav"
    bad.write_text("this is no sound")
    at = AppTest.from_string(
        "from pathlib import Path\nfrom apps.customer_service import page_agent, session\n"
        "from apps.customer_service.pages import PAGES\n"
        f"session.hear(session.Message(audio=Path({str(bad)!r})))\n"
        "with PAGES.boundary():\n    page_agent.show()",
        default_timeout=240,
    ).run()
    assert not at.exception
    assert len(at.error) == 1
    assert "call" in at.error[0].value
    assert "Something went wrong" not in at.error[0].value


def test_a_call_of_two_channels_becomes_a_conversation(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    waves = [read_audio(f, 16000).numpy() for f in sorted((SAMPLES / "audio").glob("*.ogg"))[:2]]
    call = np.zeros((16000 + sum(map(len, waves)), 2), np.float32)
    call[: len(waves[0]), 1] = waves[0]  # the agent, then the customer
    call[len(call) - len(waves[1]) :, 0] = waves[1]
    soundfile.write(tmp_path / "call.wav", call, 16000)
    at = AppTest.from_string(
        "from pathlib import Path\nfrom apps.customer_service import assist\n"
        f"assist.open_sound(Path({str(tmp_path / 'call.wav')!r}))",
        default_timeout=240,
    ).run()
    assert not at.exception
    found = at.session_state["conversation"]
    assert found.lines
    assert all(line.startswith("agent: ") for line in found.lines)
    assert found.message.recognised
    assert found.message.audio.is_file()


# --- the desk without its parts


def test_a_desk_that_lacks_parts_says_so_and_answers_all_the_same(detector: IntentDetector) -> None:
    helped = Desk(detector).help(text="my internet is down", behaviour={"unknown": "x", "last_page": "status"})
    assert helped.found.label is not None
    assert helped.route is None
    assert len(helped.lacking) == 2
    assert "no routing table" in helped.lacking[0]
    assert "no knowledge base" in helped.lacking[1]
    assert set(helped.seconds) == {"intent", "routing", "replies"}


def test_sound_without_a_recogniser_is_still_answered_and_said(detector: IntentDetector, turns: pd.DataFrame) -> None:
    call = starter.sample_table().parent / next(a for a in turns.audio if a)
    helped = Desk(detector, suggester=files.suggester()).help(audio=call)
    assert helped.found.missing == ("text", "dialogue", "behaviour")
    assert helped.replies == ()
    assert any("pip install 'polyfuse[speech]'" in why for why in helped.lacking)
    with pytest.raises(FileError):
        Desk(detector).help(audio=Path("/nowhere/call.wav"))


def test_routing_may_ask_for_more_than_the_model_reads(detector: IntentDetector, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(
        '[[line]]\ncountry = "nl"\nqueue = "dutch"\npriority = 2\n[[line]]\nqueue = "rest"\npriority = 3\n'
    )
    desk = Desk(detector, RoutingTable.read(tmp_path / "r.toml"))
    assert desk.help(text="hello", behaviour={"country": "nl"}).route.queue == "dutch"  # type: ignore[union-attr]
    assert desk.help(text="hello").route.queue == "rest"  # type: ignore[union-attr]


def test_the_desk_tells_the_urgency_and_the_next_step_by_models_of_their_own(detector: IntentDetector) -> None:
    beside = {t: IntentDetector.load(starter.beside(t, starter.ensure())) for t in starter.BESIDE}  # type: ignore[arg-type]
    desk = Desk(detector, RoutingTable.read(files.routing_file()), **beside)
    helped = desk.help(text="somebody stole my card, block it at once", behaviour={"last_page": "security"})
    assert helped.urgency is not None
    assert list(helped.urgency.probabilities) == list(recipe.URGENCIES)
    assert helped.route is not None
    assert helped.route.urgency == helped.urgency.label
    assert helped.action is not None
    assert helped.action.label in helped.action.probabilities
    assert list(helped.seconds) == ["intent", "urgency", "action", "routing", "replies"]
    assert Desk(detector, **beside).help(text="hi", dialogue=["agent: hello"], without=frozenset({"text"})).action


def test_a_model_beside_is_the_samples_or_the_newest_of_the_users_own(tmp_path: Path, turns: pd.DataFrame) -> None:
    sample = starter.ensure()
    assert starter.beside("urgency", sample) == starter.SAMPLES_BESIDE["urgency"].ready()
    own = starter.home() / "my-intents" / "bundle"
    assert starter.beside("urgency", own) is None
    (starter.home() / "my-urgency").mkdir()
    try:
        shutil.copytree(starter.SAMPLES_BESIDE["urgency"].ready(), starter.home() / "my-urgency" / "bundle")  # type: ignore[arg-type]
        assert starter.beside("urgency", own) == starter.home() / "my-urgency" / "bundle"
        assert starter.beside("action", own) is None
    finally:
        shutil.rmtree(starter.home() / "my-urgency")


def test_latency_is_told_by_stage() -> None:
    rows = latency([{"intent": 0.02, "replies": 0.01}, {"hearing": 0.5, "intent": 0.04, "replies": 0.01}])
    assert [r["stage"] for r in rows] == ["intent", "replies", "hearing", "together"]
    assert rows[0] == {"stage": "intent", "last": 40, "p50": 30, "p95": 39, "turns": 2}
    assert rows[3]["last"] == 550


# --- the other pages


def test_the_supervisors_page_answers_its_questions() -> None:
    at = page("supervisor")
    assert not at.exception
    assert not at.error
    assert {m.label for m in at.metric} >= {"Turns", "Out of scope", "Commonest intent"}
    assert "Jensen-Shannon divergence" in told(at)
    assert any("true intent" in d.value.columns for d in at.dataframe)
    assert any("verdict" in d.value.columns for d in at.dataframe)
    label_next = next(d.value for d in at.dataframe if "unsure" in d.value.columns)
    assert 1 <= len(label_next) <= 15
    assert label_next.turn.is_unique
    turns = pd.read_csv(starter.sample_table(), dtype=str, keep_default_na=False)["turn_id"]
    assert {*turns} <= {e.case["turn_id"] for e in entries("prediction")}


def test_the_supervisors_page_refuses_a_path_in_words() -> None:
    at = page("supervisor")
    at.text_input(key="turns_path").set_value("/nowhere/turns.csv").run()
    assert "no such file" in at.error[0].value


def test_a_faulty_routing_table_is_told_and_not_saved_and_a_good_one_is_used() -> None:
    at = page("routing")
    assert not at.error
    text = next(a for a in at.text_area if a.label == "Routing table as TOML")
    good = text.value
    text.set_value('[[line]]\nintent = "no_such_intent"\npriority = 9\nqueue = ""\n').run()
    at.button(key="save_toml").click().run()
    reasons = " ".join(at.dataframe[-1].value["reason"])
    assert "name the queue" in reasons
    assert "from 1 (first) to 5" in reasons
    assert not files.is_own("routing.toml")
    front = '[[line]]\nname = "letters"\nchannel = "letter"\nqueue = "vault"\npriority = 1\n\n'
    next(a for a in at.text_area if a.label == "Routing table as TOML").set_value(front + good).run()
    at.button(key="save_toml").click().run()
    assert not at.exception
    letter = {"channel": "letter"}
    assert RoutingTable.read(files.routing_file()).route("sim_blocked", behaviour=letter).queue == "vault"
    at.button(key="routing_back").click().run()
    assert RoutingTable.read(files.routing_file()).route("sim_blocked", behaviour=letter).queue != "vault"


def test_a_page_of_the_knowledge_base_is_checked_and_saved() -> None:
    at = page("knowledge")
    assert not at.error
    at.selectbox(key="kb_page").select("billing.md").run()
    area = next(a for a in at.text_area if a.label == "Content")
    held = area.value
    area.set_value("an answer without a heading").run()
    assert "without a heading" in at.error[0].value
    assert at.button(key="kb_save").disabled
    new = "\n\n## Paying with vouchers\n\nVouchers are taken at the counter only.\n"
    next(a for a in at.text_area if a.label == "Content").set_value(held + new).run()
    at.button(key="kb_save").click().run()
    assert not at.exception
    assert "vouchers" in (files.knowledge_folder() / "billing.md").read_text(encoding="utf-8")
    at.text_input(key="kb_ask").set_value("can I pay with vouchers").run()
    assert "Vouchers are taken" in told(at)
    files.forget("knowledge")


@pytest.mark.parametrize(("name", "words"), [("train", "4 · Train and compare"), ("model", "Measured on")])
def test_the_pages_of_training_and_model_open(name: str, words: str) -> None:
    at = page(name)
    assert not at.exception
    assert not at.error
    assert words in told(at)


def test_the_record_cannot_be_changed() -> None:
    Record(starter.record_file()).append("intent", {"text": "hello"}, {}, {"decision": "confirmed"})
    with sqlite3.connect(starter.record_file()) as connection, pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute("DELETE FROM entries")
