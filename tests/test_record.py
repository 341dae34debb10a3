"""The record of decisions: it only grows, several processes write at once, and it comes out as training rows."""

from __future__ import annotations

import csv
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError, FileError
from core.record import Record, input_hash
from core.table import StringTable

ROOT = Path(__file__).parents[1]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path / "kept" / "decisions.sqlite")


def test_an_entry_is_found_again_as_it_was_given(record: Record) -> None:
    case, answer = {"turn_id": "t1", "text": "where is my parcel?"}, {"label": "track", "shares": {"text": 1.2}}
    number = record.append("intent", case, answer, {"intent": "refund"}, bundle="f00d")
    (entry,) = record.rows()
    assert (entry.id, entry.kind, entry.bundle) == (number, "intent", "f00d")
    assert (entry.case, entry.answer, entry.decision) == (case, answer, {"intent": "refund"})
    assert entry.time.endswith("+00:00")


def test_rows_are_chosen_by_kind_and_time(record: Record) -> None:
    assert record.rows() == []
    for kind in ("intent", "reply", "intent"):
        record.append(kind, {}, {}, {})
    assert [e.id for e in record.rows("intent")] == [1, 3]
    assert [e.id for e in record.rows(since=record.rows()[1].time) if e.id < 2] in ([], [1])  # the same millisecond
    assert record.rows(since="2999-01-01") == []


@pytest.mark.parametrize("change", ["UPDATE entries SET decision = '{}'", "DELETE FROM entries"])
def test_the_file_itself_refuses_changes(record: Record, change: str) -> None:
    record.append("reply", {}, {}, {"reply": "hello"})
    with sqlite3.connect(record.path) as connection, pytest.raises(sqlite3.IntegrityError, match="a record is never"):
        connection.execute(change)
    assert record.rows()[0].decision == {"reply": "hello"}


def test_who_asked_and_a_hash_of_the_input_are_kept(record: Record, tmp_path: Path) -> None:
    scan = tmp_path / "scan.bin"
    scan.write_bytes(b"voxels")
    given = {"ct": (scan,), "report": "No effusion."}
    record.append("prediction", {"case_id": "a"}, {}, {}, who="Dr A", input=input_hash(given))
    record.append("prediction", {"case_id": "b"}, {}, {})
    first, second = record.rows()
    assert (first.who, second.who, second.input) == ("Dr A", "local", "")
    assert first.input == input_hash({"report": "No effusion.", "ct": (scan,)})
    assert first.input != input_hash(given | {"report": "Effusion."})
    assert b"effusion" not in record.path.read_bytes().lower()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("UPDATE entries SET decision = '{\"x\": 9}' WHERE id = 2", ["entry 2 is not what was written"]),
        ("UPDATE entries SET who = 'somebody' WHERE id = 3", ["entry 3 is not what was written"]),
        ("DELETE FROM entries WHERE id = 2", ["entry 3 follows entry 1", "entry 3 is not what was written"]),
    ],
)
def test_what_is_changed_behind_the_files_back_shows(record: Record, harm: str, told: list[str]) -> None:
    for i in range(4):
        record.append("grade", {"i": i}, {}, {"x": i})
    assert record.check() == []
    with sqlite3.connect(record.path) as connection:
        connection.executescript(f"DROP TRIGGER no_change; DROP TRIGGER no_removal; {harm}")
    found = record.check()
    assert len(found) == len(told)
    for fault, words in zip(found, told):
        assert fault.startswith(words)


def test_a_file_from_before_the_chain_is_read_and_goes_on(record: Record) -> None:
    record.path.parent.mkdir()
    with sqlite3.connect(record.path) as connection:
        texts = ", ".join(f"{name} TEXT" for name in ("time", "kind", "given", "answer", "decision", "bundle"))
        connection.execute(f"CREATE TABLE entries (id INTEGER PRIMARY KEY AUTOINCREMENT, {texts})")
        connection.execute("INSERT INTO entries VALUES (1, '2026', 'reply', '{}', '{}', '{}', '')")
    assert [(e.id, e.who, e.chain) for e in record.rows()] == [(1, "", "")]
    assert record.append("reply", {}, {}, {"reply": "x"}) == 2
    assert record.check() == []
    assert [bool(e.chain) for e in record.rows()] == [False, True]


def test_processes_write_at_once_and_nothing_is_lost(record: Record) -> None:
    script = "import sys; from core.record import Record\nfor i in range(20):"
    script += " Record(sys.argv[1]).append('k', {'i': i}, {}, {})"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, str(record.path)]
    running = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(3)]
    assert [p.wait(60) for p in running] == [0, 0, 0]
    found = record.rows()
    assert [e.id for e in found] == list(range(1, 61))
    assert record.check() == []
    assert sorted(e.case["i"] for e in found) == sorted(list(range(20)) * 3)


def test_an_export_is_a_table_to_train_on(record: Record, tmp_path: Path) -> None:
    record.append("intent", {"text": 'a "quoted",\ntext'}, {"label": "x"}, {"intent": "refund"})
    record.append(
        "intent", {"text": "=1+1", "waiting_seconds": 4.5}, {"label": "y", "set": ["y", "z"]}, {"intent": "pay"}
    )
    record.append("reply", {"text": "of another kind"}, {}, {})
    assert record.export(tmp_path / "rows.csv", "intent") == 2
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["text"], r["intent"], r["answer_label"]) for r in rows] == [
        ('a "quoted",\ntext', "refund", "x"),
        ("=1+1", "pay", "y"),
    ]
    assert [(r["waiting_seconds"], r["answer_set"]) for r in rows] == [("", ""), ("4.5", '["y", "z"]')]
    assert len(StringTable.open(tmp_path / "rows.csv")) == 2


def test_an_empty_record_exports_a_header(record: Record, tmp_path: Path) -> None:
    assert record.export(tmp_path / "rows.csv") == 0
    assert (tmp_path / "rows.csv").read_text().strip() == "entry,time,kind,bundle,who,input"


def test_texts_are_cleaned_before_they_are_written(record: Record) -> None:
    record.clean = lambda text: text.replace("1234", "[NUMBER]")
    record.append("reply", {"turn_id": "1234", "turns": ["1234", {"a": "x1234"}]}, {"n": 1234}, {"reply": "1234!"})
    (entry,) = record.rows()
    assert entry.case == {"turn_id": "1234", "turns": ["[NUMBER]", {"a": "x[NUMBER]"}]}
    assert (entry.answer, entry.decision) == ({"n": 1234}, {"reply": "[NUMBER]!"})


def test_a_name_for_two_columns_is_refused(record: Record) -> None:
    with pytest.raises(ConfigError, match="text, time would stand for two columns"):
        record.append("reply", {"text": "a"}, {}, {"text": "b", "time": 1})
    assert not record.path.exists()


@pytest.mark.parametrize("value", [object(), float("nan"), b"bytes"])
def test_what_json_cannot_hold_is_refused(record: Record, value: object) -> None:
    with pytest.raises(ConfigError, match="only what JSON can hold is kept"):
        record.append("reply", {"x": value}, {}, {})


def test_a_file_that_is_no_record_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("these are not the bytes of a database" * 50)
    record = Record(tmp_path / "x.sqlite")
    for use in (record.rows, lambda: record.append("reply", {}, {}, {})):
        with pytest.raises(FileError, match="the record of decisions cannot be used"):
            use()
    assert (tmp_path / "x.sqlite").read_text().startswith("these are not")


_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_FLOAT = st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _FLOAT | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=20, deadline=None)
@given(_JSON)
def test_any_json_comes_back_equal(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    record = Record(tmp_path_factory.mktemp("r") / "r.sqlite")
    record.append("k", {"v": value}, {"v": value}, {})
    (entry,) = record.rows()
    assert entry.case == entry.answer == {"v": value}
