"""What the customer-service app keeps of turns and decisions: enough to learn from, and nothing that is private."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from prepared import prepared
from service_samples import SAMPLES, prepare
from streamlit.testing.v1 import AppTest
from test_app_service import app, entries, key, page, told

from apps.customer_service.studio import STUDIO
from apps.ui.studio import Source
from core.manifest import Manifest
from core.preprocess.audio_io import read_audio
from core.record import Record
from domains.customer_service import recipe, starter
from domains.customer_service.turns import from_record


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with prepared(prepare, tmp_path_factory) as found:
        yield found


def sample() -> pd.DataFrame:
    return pd.read_csv(starter.sample_table(), dtype=str, keep_default_na=False)


def test_numbers_of_behaviour_are_kept_as_they_were_to_be_learned_from() -> None:
    at = app()
    at.button(key="new").click().run()
    at.chat_input(key="typed").set_value("I forgot my password, my account is 7712345").run()
    at.text_input(key=f"did_{at.session_state['conversation'].number}_account_age_days").set_value("1095").run()
    turn = at.session_state["conversation"].turn
    at.selectbox(key=f"other_{turn}").select("login_problem").run()
    at.button(key=f"keep_{turn}").click().run()
    at.button(key=key(at, "approve_")).click().run()
    assert entries("intent")[-1].case["account_age_days"] == 1095
    assert "7712345" not in entries("intent")[-1].case["text"]
    assert float(from_record(Record(starter.record_file()))[0][-1].behaviour["account_age_days"]) == 1095
    source = Source(starter.sample_table(), starter.sample_table().parent, tuple(sample().columns))
    change = STUDIO.screen(source, starter.sample_config())
    assert change is not None
    assert not Manifest.open(change(sample()), starter.sample_config(), source.root).faults


def decided(name: str, intent: str, **words: str) -> None:
    case, decision = {"turn_id": f"new conversation {name}", **words}, {"decision": "confirmed", "intent": intent}
    Record(starter.record_file()).append("intent", case, {}, decision)


@pytest.mark.parametrize("column", ["text", "recognised"])
def test_decisions_join_a_table_of_other_columns_only_where_they_fit(tmp_path: Path, column: str) -> None:
    decided("ab-1", "login_problem", text="I forgot my pass phrase")
    decided("ab-2", "internet_down", recognised="no internet here")
    decided("ab-3", "internet_down", recognised="")  # a recording that nobody heard
    decided("ab-4", "umbrella", text="of another service")
    own = pd.DataFrame({column: ["no internet", "I forgot it"] * 20, "intent": ["internet_down", "login_problem"] * 20})
    own["intent_domain"] = ["line", "account"] * 20
    config = recipe.build(list(own), target="intent", preset="fast")
    change = STUDIO.screen(Source(tmp_path / "own.csv", tmp_path, tuple(own)), config)
    assert change is not None
    added = change(own).iloc[len(own) :]
    assert {"I forgot my pass phrase", "no internet here"} <= set(added[column])
    assert "of another service" not in set(added[column])
    assert dict(zip(added.intent, added.intent_domain)) == {"login_problem": "account", "internet_down": "line"}
    assert not Manifest.open(change(own), config, tmp_path).faults


def test_a_recordings_name_is_not_kept(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    waves = [read_audio(f, 16000).numpy() for f in sorted((SAMPLES / "audio").glob("*.ogg"))[:2]]
    call = np.zeros((16000 + sum(map(len, waves)), 2), np.float32)
    call[: len(waves[0]), 1] = waves[0]  # the agent, then the customer
    call[len(call) - len(waves[1]) :, 0] = waves[1]
    soundfile.write(tmp_path / "Carla Hughes 07700 900123.wav", call, 16000)
    at = AppTest.from_string(
        "from pathlib import Path\nfrom apps.customer_service import assist, page_agent, session\n"
        "from apps.customer_service.pages import PAGES\n"
        f"assist.open_sound(Path({str(tmp_path / 'Carla Hughes 07700 900123.wav')!r}))\n"
        "with PAGES.boundary():\n    page_agent.show()",
        default_timeout=240,
    ).run()
    assert not at.exception
    assert "Carla" not in str([(e.case, e.answer) for e in Record(starter.record_file()).rows()])
    assert entries("prediction")[-1].case["turn_id"].startswith("uploaded call ")


def test_a_model_of_something_else_names_no_intent() -> None:
    urgency = str(starter.SAMPLES_BESIDE["urgency"].ready())
    at = AppTest.from_string(
        "from pathlib import Path\nimport streamlit as st\nfrom apps.customer_service import page_agent, session\n"
        "from apps.customer_service.pages import PAGES\nfrom apps.customer_service.studio import STUDIO\n"
        "if 'begun' not in st.session_state:\n    st.session_state['begun'] = True\n"
        f"    STUDIO.use_model(Path({urgency!r}))\n    session.hear(session.Message('my internet is down'))\n"
        "with PAGES.boundary():\n    page_agent.show()",
        default_timeout=240,
    ).run()
    assert not at.exception
    assert not any(b.key.startswith(("right_", "keep_2", "keep_1")) for b in at.button if b.key)
    at.button(key=key(at, "approve_")).click().run()
    assert entries("reply")[-1].answer["intent"] is None


def test_turns_that_the_model_learned_from_are_judged_in_no_figure_though_the_table_names_no_split() -> None:
    table = starter.sample_table().with_name("without_split.csv")
    sample().drop(columns="split").to_csv(table, index=False)
    at = page("supervisor")
    at.text_input(key="turns_path").set_value(str(table)).run()
    assert not at.exception
    tested = int((sample().split == "test").sum())
    assert f"of {tested} labelled test turns are right" in told(at)


def test_what_the_conversation_hides_is_hidden_in_the_words_an_answer_rests_on() -> None:
    at = app()
    at.button(key="new").click().run()
    at.chat_input(key="typed").set_value("my name is Zebedeex Quillonby").run()
    at.chat_input(key="typed").set_value("this time Quillonby wants the internet repaired, it is down").run()
    assert not at.exception
    assert "speaks for the answer" in told(at)
    assert "Quillonby" not in told(at)
