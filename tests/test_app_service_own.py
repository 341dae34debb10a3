"""The customer-service app with what is the user's own: a table, pages in folders, a model that drafts, decisions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from prepared import prepared
from service_samples import prepare
from streamlit.testing.v1 import AppTest
from test_app_service import app, page, told

from apps.customer_service import files, session
from apps.customer_service.session import Conversation, Message
from apps.customer_service.studio import STUDIO
from apps.ui.studio import Source
from core.privacy.audio import private_times
from core.recognition import Word
from core.record import Record
from domains.customer_service import starter


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with prepared(prepare, tmp_path_factory) as found:
        yield found


def own_table(folder: Path) -> Path:
    """Answered turns of another service, with columns of its own choice."""
    rows = [("where is my tram", "tram", "The tram {line} is five minutes late.")] * 3
    rows += [("I lost my umbrella on the bus", "lost", "Please ask at the lost property office.")] * 3
    pd.DataFrame(rows, columns=["text", "intent", "reply"]).to_csv(folder / "trams.csv", index=False)
    return folder / "trams.csv"


def test_conversations_and_replies_come_from_the_users_own_table(tmp_path: Path) -> None:
    at = page("knowledge")
    at.text_input(key="kb_turns").set_value("/nowhere/turns.csv").run()
    at.button(key="kb_learn").click().run()
    assert "/nowhere/turns" in told(at)
    assert files.turns_table() == starter.sample_table()
    at.text_input(key="kb_turns").set_value(str(own_table(tmp_path))).run()
    at.button(key="kb_learn").click().run()
    assert not at.exception
    try:
        at = app()
        assert not at.exception
        assert at.session_state["conversation"].name == "row 1"
        assert "where is my tram" in told(at)
        assert "five minutes late" in told(at)
        (tmp_path / "trams.csv").unlink()
        assert "is no longer there; name another on the page Knowledge base" in told(app())
        at = page("knowledge")
        assert at.text_input(key="kb_turns").value == str(tmp_path / "trams.csv")
        at.button(key="kb_turns_back").click().run()
        assert not at.exception
    finally:
        files.tell(files.TURNS, None)
    assert files.turns_table() == starter.sample_table()


def test_a_page_in_a_folder_of_the_knowledge_base_is_opened_and_saved_there() -> None:
    folder = files.own("knowledge") / "mobile"
    folder.mkdir()
    (folder / "roaming plans.md").write_text("# Roaming\n\nIt is free in Europe.\n", encoding="utf-8")
    try:
        at = page("knowledge")
        at.selectbox(key="kb_page").select("mobile/roaming plans.md").run()
        area = next(a for a in at.text_area if a.label == "Content")
        assert "free in Europe" in area.value
        area.set_value("# Roaming\n\nIt costs 5 euros a day.\n").run()
        at.button(key="kb_save").click().run()
        assert not at.exception
        assert "5 euros" in (folder / "roaming plans.md").read_text(encoding="utf-8")
    finally:
        files.forget("knowledge")


def test_a_model_that_drafts_is_refused_where_it_is_none(tmp_path: Path) -> None:
    at = page("knowledge")
    at.text_input(key="kb_writer").set_value(str(tmp_path)).run()
    at.button(key="kb_writer_use").click().run()
    assert "holds no config" in told(at)
    assert files.told(files.WRITER) is None


def test_what_agents_decided_is_learned_from_but_never_what_the_table_tests_on() -> None:
    turns = pd.read_csv(starter.sample_table(), dtype=str, keep_default_na=False)
    tested = turns[turns.split == "test"].turn_id.iloc[0]
    for name, intent in ((f"{tested} 1-0", "login_problem"), ("new conversation 2-0", "bill_question")):
        case, decision = {"turn_id": name, "text": f"words of {name}"}, {"decision": "corrected", "intent": intent}
        Record(starter.record_file()).append("intent", case, {}, decision)
    at = page("train")
    assert not at.exception
    at.checkbox(key="with_decided").set_value(True).run()
    source = Source(starter.sample_table(), starter.sample_table().parent, tuple(turns.columns))
    change = STUDIO.screen(source, starter.sample_config())
    assert change is not None
    added = change(source.frame()).iloc[len(turns) :]
    assert "new conversation 2-0" in set(added.turn_id)
    assert not any(name.startswith(tested) for name in added.turn_id)
    assert set(added.split) == {"train"}
    assert added[added.turn_id == "new conversation 2-0"].intent.item() == "bill_question"


def test_a_private_number_stays_hidden_in_replies_and_slots_without_its_cue() -> None:
    found = Conversation("a", 1, ("agent: hello",), Message("my order 773 and PIN 1234, I paid 20 pounds"))
    assert found.shown()[-1] == ("customer", "my order [NUMBER_1] and PIN [NUMBER_2], I paid 20 pounds")
    assert found.masked("Your 773 is on its way, for 20 pounds.") == "Your [NUMBER_1] is on its way, for 20 pounds."
    assert found.masked("Order 773 is on its way.") == "Order [NUMBER_1] is on its way."


def test_lines_are_shown_on_the_side_of_who_said_them() -> None:
    lines = ("Agent: Which order?", "customer:the blue one", "it said: late")
    assert Conversation("a", 1, lines, Message("hello")).shown() == [
        ("agent", "Which order?"), ("customer", "the blue one"), ("customer", "it said: late"), ("customer", "hello"),
    ]  # fmt: skip


def test_a_name_that_was_told_before_is_silent_in_a_later_recording() -> None:
    found = Conversation("a", 1, ("customer: my name is Zebedeex, my order 773",), Message("Zebedeex again about 773"))
    words = [Word(w, i, i + 0.5, 1.0) for i, w in enumerate(["Zebedeex", "again", "about", "773"])]
    assert private_times(words, found, margin=0.0)[1] == [(0, 0.5), (3, 3.5)]


def test_a_message_after_one_that_nobody_could_hear_is_another_turn() -> None:
    script = (
        "from pathlib import Path\nimport streamlit as st\nfrom apps.customer_service import session\n"
        "session.start()\nsession.hear(session.Message(audio=Path('a.wav')))\nfirst = session.conversation().turn\n"
        "session.hear(session.Message('hello'))\nsecond = session.conversation().turn\n"
        "session.answered('Hi.\\nHow can I help?')\n"
        "st.session_state['seen'] = first, second, session.conversation().lines"
    )
    first, second, lines = AppTest.from_string(script).run().session_state["seen"]
    assert first != second
    assert lines == ("customer: hello", "agent: Hi. How can I help?")


def test_what_an_agent_wrote_is_still_there_after_a_look_at_another_page() -> None:
    at = AppTest.from_string(
        "import streamlit as st\nfrom apps.customer_service import page_agent, session\n"
        "if 'away' not in st.session_state:\n    st.session_state['away'] = False\n"
        "    session.hear(session.Message('my internet is down'))\n"
        "if not st.session_state['away']:\n    page_agent.show()",
        default_timeout=240,
    ).run()
    at.button(key=next(b.key for b in at.button if b.key and b.key.startswith("change_"))).click().run()
    areas = [a.key for a in at.text_area if a.key and a.key.startswith(("words_", "own_"))]
    assert len(areas) == 2
    for area in areas:
        at.text_area(key=area).set_value(f"Half of {area}").run()
    at.session_state["away"] = True
    at.run()
    at.session_state["away"] = False
    at.run()
    assert [at.text_area(key=area).value for area in areas] == [f"Half of {area}" for area in areas]


def test_a_turn_of_a_table_whose_text_is_blanks_is_read_as_it_was_heard(tmp_path: Path) -> None:
    found = session.open_row({"text": "  ", "recognised": "where is my tram", "audio": " "}, tmp_path, "t1")
    assert found.message == Message("", None, "where is my tram", None)
