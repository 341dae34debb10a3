"""Turns as reply suggestion reads them: which rows, whose lines, and nothing private in them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from core.errors import ConfigError
from domains.customer_service import ReplySuggester
from domains.customer_service.turns import from_dialogue, from_table, key, template


def test_test_turns_are_left_out_however_the_word_is_written() -> None:
    table = pd.DataFrame({"text": ["one", "two", "three"], "reply": "yes", "split": ["Training", "Test", "TEST"]})
    assert [t.text for t in from_table(table)] == ["one"]
    assert [t.text for t in from_table(table, test=True)] == ["two", "three"]


def test_personal_data_of_past_turns_becomes_placeholders() -> None:
    table = pd.DataFrame(
        {
            "text": ["my name is Zebedee, order 998877"],
            "reply": ["Thanks Zebedee, 998877 is on its way"],
            "split": ["train"],
        }
    )
    (turn,) = from_table(table)
    assert turn.text == "my name is [NAME_1], order [NUMBER_1]"
    assert turn.reply == "Thanks {name}, {number} is on its way"
    assert key(turn.reply) == key("thanks {first_name},  {x} is on its way")
    assert template("[NAME_12]!") == "{name}!"


def test_a_name_that_is_told_late_is_masked_in_the_lines_before_too() -> None:
    dialogue = "customer: Okafor calling about my bill\nagent: what is your full name?"
    row = {"dialogue": dialogue, "text": "My name is Okafor Chidi", "reply": "Thank you", "split": "train"}
    (turn,) = from_table(pd.DataFrame([row]))
    assert turn.before[0] == "customer: [NAME_1] calling about my bill"
    assert "Okafor" not in turn.text


def test_a_dialogue_is_read_by_its_sides() -> None:
    turn = from_dialogue(
        "customer: a\nagent: What else?\nuser: b\ncustomer: c\n", behaviour={"plan": None, "pages_seen": 3}
    )
    assert (turn.text, turn.said, turn.behaviour) == ("b c", "What else?", {"pages_seen": "3"})
    assert from_dialogue(["agent: Hi"], "and now").text == "and now"
    turn = from_dialogue("Agent : Hi\nAgents keep hanging up on me\nagent 007 too")
    assert (turn.text, turn.said) == ("Agents keep hanging up on me agent 007 too", "Hi")
    with pytest.raises(ConfigError, match="the customer's last words are missing"):
        from_dialogue("customer: a\nagent: b")


@pytest.mark.parametrize(
    ("dialogue", "found"),
    [(None, "NoneType"), (float("nan"), "float"), ([{"role": "customer", "text": "a"}], "dict")],
)
def test_what_is_no_dialogue_is_refused_in_words(dialogue: Any, found: str) -> None:
    with pytest.raises(ConfigError, match=f"expected lines of text, each customer: … or agent: …, found {found}"):
        from_dialogue(dialogue)


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_fewer_replies_than_one_are_refused(k: Any) -> None:
    suggester = ReplySuggester().fit(pd.DataFrame({"text": ["a", "b"], "reply": ["c", "d"]}))
    with pytest.raises(ConfigError, match="expected k as a whole number from 1"):
        suggester.suggest("customer: a", k=k)
