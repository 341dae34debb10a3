"""Turns of both sides: decisions of agents and sessions to learn from, and agents' words that are no input."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import core.sentences
from apps.cli import main
from core.errors import ConfigError, FileError, TableError
from domains.customer_service import IntentDetector
from domains.customer_service.dialogues import main as convert
from domains.customer_service.dialogues import read_dialogues, with_columns

FAST = ("--preset", "fast", "--set", "epochs=2", "--set", "floor=false")
TALK = [
    ("user", "my parcel is late", ""), ("agent", "Which number?", "ask_number"), ("user", "12", ""),
    ("user", "no, 13", ""), ("agent", "It comes today.", "tell"), ("user", "thanks", ""), ("agent", "Bye.", "bye"),
]  # fmt: skip


def _turns(dialogues: int = 24) -> pd.DataFrame:
    rows = [
        {
            "dialogue_id": str(d), "turn": str(n), "role": role, "text": text, "action_label": action,
            "offered_actions": f"{action}|other", "gap_seconds": str(n + 1), "kb_queries_so_far": str(n),
            "last_api": "track" if n > 2 else "", "user_worker": f"w{d % 8}",
        }
        for d in range(dialogues) for n, (role, text, action) in enumerate(TALK)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    _turns().to_csv(tmp_path / "turns.csv", index=False)
    return tmp_path / "turns.csv"


def test_a_decision_has_what_was_known_before_it() -> None:
    found = read_dialogues(_turns(2))
    assert found.decisions.iloc[1].to_dict() == {
        "turn_id": "0-4", "dialogue_id": "0", "customer_id": "w0", "text": "12 no, 13",
        "dialogue": "customer: my parcel is late\nagent: Which number?", "gap_seconds": "4", "kb_queries_so_far": "4",
        "last_api": "track", "turn_number": "2", "reply": "It comes today.", "previous_action": "ask_number",
        "action_before": "start", "next_action": "tell",
    }  # fmt: skip
    assert "offered_actions" not in {*found.decisions, *found.sessions}
    assert not found.aside
    assert not found.notes


def test_the_dialogue_is_as_long_as_asked() -> None:
    last = [read_dialogues(_turns(2), lines=n).decisions["dialogue"][2].splitlines() for n in (0, 2, 9)]
    assert [len(lines) for lines in last] == [0, 2, 5]
    assert last[1] == ["customer: no, 13", "agent: It comes today."]


def test_a_line_break_in_a_turn_makes_no_line_of_the_other_side() -> None:
    table = _turns(2)
    table.loc[0, "text"] = "late\nagent: sorry"
    assert read_dialogues(table).decisions["dialogue"][1].splitlines()[0] == "customer: late agent: sorry"


def test_turns_are_put_in_order_and_other_names_are_known() -> None:
    mixed = _turns(2).sample(frac=1, random_state=1)
    by_number = read_dialogues(mixed).decisions.sort_values("turn_id", ignore_index=True)
    pd.testing.assert_frame_equal(by_number, read_dialogues(_turns(2)).decisions)
    names = {"dialogue_id": "session_id", "role": "side", "text": "utterance", "user_worker": "customer_id"}
    pd.testing.assert_frame_equal(by_number, read_dialogues(_turns(2).rename(columns=names)).decisions)


def test_sessions_hold_what_was_said_and_counts_and_columns_that_are_named() -> None:
    found = read_dialogues(_turns(2)).sessions
    assert found.iloc[0].to_dict() == {
        "dialogue_id": "0", "customer_id": "w0", "text": "my parcel is late\n12\nno, 13\nthanks",
        "customer_turns": "4", "agent_turns": "3", "last_customer_words": "1", "distinct_actions": "3",
        "repeated_actions": "0", "out_of_scope_actions": "0", "api_changes": "0",
    }  # fmt: skip
    survey = pd.DataFrame({"dialogue_id": ["1"], "happy": ["yes"], "task": ["parcel"]})
    joined = with_columns(found, survey, ["happy"])
    assert list(joined["happy"]) == ["", "yes"]
    assert "task" not in joined
    with pytest.raises(ConfigError, match="Did you mean 'happy'"):
        with_columns(found, survey, ["hapy"])
    with pytest.raises(ConfigError, match="'1' stands there twice"):
        with_columns(found, pd.concat([survey, survey]), ["happy"])


def test_rows_that_cannot_be_used_are_set_aside_with_the_reason() -> None:
    table = _turns(3)
    table.loc[0, "role"], table.loc[2, "text"], table.loc[3, "turn"] = "robot", "", "four"
    table.loc[4, "action_label"], table.loc[6, "action_label"] = "", "once"
    table.loc[8, "dialogue_id"], table.loc[10, "turn"] = "", table.loc[9, "turn"]
    found = read_dialogues(table)
    assert [(a.row, a.reason.split(" is neither")[0]) for a in found.aside] == [
        (1, "role 'robot'"), (3, "no text"), (4, "turn 'four' is no number"),
        (5, "a turn of the agent without an action"), (7, "the only decision with its action"), (9, "no dialogue_id"),
        (11, "turn 2 stands twice in its dialogue"),
    ]  # fmt: skip
    assert "set aside 1 × no text" in found.text()


def test_a_reply_that_was_typed_is_history_and_no_answer(source: Path, tmp_path: Path) -> None:
    found = read_dialogues(_turns(2), typed=["ask_number"])
    assert list(found.decisions["next_action"]) == ["tell", "bye"] * 2
    assert list(found.decisions["previous_action"]) == ["ask_number", "tell"] * 2
    assert "agent: Which number?" in found.decisions["dialogue"][0]
    assert [(a.row, a.reason) for a in found.aside] == [
        (2, "'ask_number' is no known reply"),
        (9, found.aside[0].reason),
    ]
    with pytest.raises(ConfigError, match="Did you mean 'tell'"):
        read_dialogues(_turns(2), typed=["tel"])
    assert convert([str(source), "--out", str(tmp_path / "out"), "--typed", "ask_number,bye"]) == 0
    assert set(pd.read_csv(tmp_path / "out/decisions.csv")["next_action"]) == {"tell"}


def test_a_split_stays_where_it_keeps_customers_whole() -> None:
    table = _turns(8)
    whole = table.assign(split=["train" if d < "6" else "test" for d in table["dialogue_id"]])
    assert set(read_dialogues(whole).decisions["split"]) == {"train", "test"}
    torn = read_dialogues(whole.assign(user_worker="w0"))
    assert "split" not in torn.decisions
    assert any("one customer on both sides" in n for n in torn.notes)


def test_without_actions_there_are_replies_alone() -> None:
    found = read_dialogues(_turns(2).drop(columns="action_label"))
    assert len(found.decisions) == 6
    assert "next_action" not in found.decisions
    assert any("no next_action" in n for n in found.notes)


def test_what_is_no_table_of_turns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"role \(role, side, who\) is not among dialogue_id, turn"):
        read_dialogues(_turns(2).drop(columns="role"))
    with pytest.raises(FileError, match="no turn of an agent is left"):
        read_dialogues(_turns(2).assign(role="user")).write(tmp_path)


def test_from_turns_to_a_model_and_to_replies(
    source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.sentences, "text_model", lambda: None)
    folder = source.parent / "made"
    assert convert([str(source), "--out", str(folder)]) == 0
    assert "72 decisions of agents in 24 dialogues" in capsys.readouterr().out
    assert sorted(f.name for f in folder.iterdir()) == ["decisions.csv", "sessions.csv", "set_aside.csv"]
    decisions = str(folder / "decisions.csv")
    told = ["train", decisions, "--domain", "customer_service", "--target", "next_action", *FAST]
    assert main([*told, "--out", str(folder / "run")]) == 0
    config = json.loads((folder / "run" / "bundle" / "bundle.json").read_text())["config"]
    read = {c for m in config["modalities"] for c in m["columns"]}
    assert {"text", "dialogue", "previous_action"} <= read
    assert not read & {"reply", "next_action", "role"}
    asked = ["replies", str(folder / "replies"), "--table", decisions, "--measure", decisions]
    assert main([*asked, "--ask", "my parcel is late"]) == 0
    assert "Which number?" in capsys.readouterr().out


def test_a_wrong_command_says_why(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert([str(source.parent / "none.csv"), "--out", str(source.parent / "made")]) == 1
    assert "error: " in capsys.readouterr().err
    with pytest.raises(SystemExit):
        convert([str(source), "--out", "made", "--keep", "happy"])


def _asked(source: Path, target: str = "action_label") -> list[str]:
    return [str(source), "--domain", "customer_service", "--target", target, "--rejected", str(source.parent / "r.csv")]


@pytest.mark.parametrize("command", ["check", "train"])
def test_words_of_the_agent_are_no_input(command: str, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = [*FAST, "--out", str(source.parent / "run")] if command == "train" else []
    assert main([command, *_asked(source), *more]) == 1
    said = capsys.readouterr().err
    assert "72 rows that have 'action_label' are the agent's own turns" in said
    assert f"python -m domains.customer_service.dialogues {source.name} --out FOLDER" in said
    assert not (source.parent / "run").exists()


def test_the_same_in_python() -> None:
    with pytest.raises(TableError, match="give away what the agent did"):
        IntentDetector("action_label", preset="fast").fit(_turns())


def test_where_words_are_not_read_or_the_customer_has_the_target_nothing_is_refused(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *_asked(source), "--set", "modalities=behaviour"]) == 1  # rows without a target
    assert "give away" not in capsys.readouterr().err
    table = _turns().assign(intent=lambda t: ["" if r == "agent" else "late" for r in t["role"]])
    table.to_csv(source, index=False)
    main(["check", *_asked(source, "intent")])
    said = capsys.readouterr()
    assert "note: 72 rows are the agent's own turns; --rejected FILE leaves out those without a target" in said.out
    assert "give away" not in said.out + said.err


def test_a_model_of_turns_tells_the_agents_rows_and_is_not_measured_on_them(
    source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.sentences, "text_model", lambda: None)
    asked = (
        _turns().query("role == 'user'").assign(intent=lambda t: ["late" if "late" in w else "more" for w in t.text])
    )
    asked.to_csv(source.parent / "asked.csv", index=False)
    told = ["--domain", "customer_service", "--set", "modalities=text", *FAST]
    assert main(["train", str(source.parent / "asked.csv"), *told, "--out", str(source.parent / "run")]) == 0
    bundle = str(source.parent / "run" / "bundle")
    capsys.readouterr()
    assert main(["predict", bundle, str(source.parent / "asked.csv"), "--out", str(source.parent / "a.jsonl")]) == 0
    assert "agent" not in capsys.readouterr().err
    assert main(["predict", bundle, str(source), "--out", str(source.parent / "b.jsonl")]) == 0
    assert "note: 72 rows are the agent's own turns by the column 'role'" in capsys.readouterr().err
    _turns().assign(intent="late").to_csv(source, index=False)
    assert main(["evaluate", bundle, str(source)]) == 1
    assert "72 rows that have 'intent' are the agent's own turns" in capsys.readouterr().err
    with pytest.raises(TableError, match="give away what the agent did"):
        IntentDetector.load(Path(bundle)).evaluate(_turns().assign(intent="late"))


def test_a_line_break_of_any_kind_does_not_part_a_turn() -> None:
    table = _turns(2)
    table.loc[table.text == "Which number?", "text"] = "Which\r\nnumber?"
    assert read_dialogues(table).decisions.iloc[1].dialogue.splitlines()[-1] == "agent: Which number?"
