"""Long tables: answered by windows in order, the same after a kill, faults told at once or set aside."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from apps.cli import main
from core.batch import Windows, answer_file, answer_lines
from core.cache import MemoryCache
from core.config import ConfigError
from core.errors import TableError
from core.predict import Predictor
from core.table import StringTable
from domains.customer_service import IntentDetector, recipe

INTENTS = {"lost_card": "my card is lost", "top_up": "add money to the account", "change_pin": "a new pin code"}


def turns(count: int) -> pd.DataFrame:
    names = list(INTENTS)
    rows = [
        (f"t{i}", f"{INTENTS[names[i % 3]]} number {i % 97}", str(i % 50), ("web", "phone")[i % 2], names[i % 3])
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=["turn_id", "text", "waiting_seconds", "channel", "intent"])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batch")
    detector = IntentDetector(preset="fast", config=small(turns(60)))
    detector.fit(turns(60)).save(folder / "bundle")
    return folder / "bundle"


def small(table: pd.DataFrame):
    config = recipe.build(list(table.columns), preset="fast")
    return dataclasses.replace(config, floor=False, training=dataclasses.replace(config.training, epochs=2, patience=0))


def windows(table: pd.DataFrame, bundle: Path, size: int = 16, rejected: Path | None = None) -> Windows:
    return Windows(StringTable.open(table), Predictor.load(bundle, MemoryCache()), Path(), rejected, size)


def test_every_turn_is_answered_once_in_order(bundle: Path, tmp_path: Path) -> None:
    table, predictor, out = turns(50), Predictor.load(bundle), tmp_path / "answers.jsonl"
    assert answer_file(windows(table, bundle), predictor, out) == 50
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [f["id"] for f in found] == list(table["turn_id"])
    assert [f.name for f in tmp_path.iterdir()] == ["answers.jsonl"]
    one = predictor.predict({"text": table["text"][7], "waiting_seconds": "7", "channel": "phone"}, explain=False)
    assert found[7]["probabilities"] == pytest.approx(one.probabilities, abs=1e-6)


def test_it_goes_on_after_any_stop_with_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    table, out = turns(50), tmp_path / "answers.jsonl"
    whole = "".join(answer_lines(windows(table, bundle), Predictor.load(bundle), False)).encode()
    answer_file(windows(table, bundle), Predictor.load(bundle), out)
    assert out.read_bytes() == whole
    for stop in (0, 1, len(whole) // 3, whole.index(b"\n") + 1, len(whole) - 1):
        begun(windows(table, bundle), bundle, out, whole[:stop])
        done = Steps()
        answer_file(windows(table, bundle), Predictor.load(bundle), out, progress=done)
        assert out.read_bytes() == whole
        assert done.steps[0] == whole[:stop].count(b"\n") // 16 * 16


class Steps:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def __call__(self, stage: str, done: int, total: int, figures: object = None) -> None:
        self.steps.append(done)


def begun(cases: Windows, bundle: Path, out: Path, written: bytes) -> None:
    """What a run that was killed leaves: answers without an end, and of what they are."""
    with pytest.raises(KeyboardInterrupt):
        answer_file(cases, Predictor.load(bundle), out, progress=_stop)
    out.with_name(out.name + ".part").write_bytes(written)
    out.unlink(missing_ok=True)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_half_finished_answers_of_another_table_are_not_mixed_in(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    begun(windows(turns(50), bundle), bundle, out, b"")
    with pytest.raises(ConfigError, match=r"half-finished answers of another table, model or option; delete it"):
        answer_file(windows(turns(49), bundle), Predictor.load(bundle), out)
    about = tmp_path / "answers.jsonl.part.json"
    about.write_text("")  # nothing says any more of what the answers are
    for _ in range(2):
        with pytest.raises(ConfigError, match="half-finished answers"):
            answer_file(windows(turns(50), bundle), Predictor.load(bundle), out)
        about.unlink(missing_ok=True)


def test_a_killed_command_goes_on_with_the_same_output(bundle: Path, tmp_path: Path) -> None:
    turns(3000).to_csv(tmp_path / "turns.csv", index=False)
    command = [sys.executable, "-m", "apps.cli", "predict", str(bundle), str(tmp_path / "turns.csv"), "--out"]
    assert main([*command[3:], str(tmp_path / "whole.jsonl")]) == 0
    out, part = tmp_path / "answers.jsonl", tmp_path / "answers.jsonl.part"
    running = subprocess.Popen(
        [*command, str(out)], stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    while running.poll() is None and not (part.exists() and part.stat().st_size):
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not out.exists()
    assert 0 < part.read_bytes().count(b"\n") < 3000
    assert main([*command[3:], str(out)]) == 0
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_faults_of_all_windows_are_told_at_once(bundle: Path) -> None:
    table = turns(50)
    table.loc[[3, 40], "waiting_seconds"] = "soon"
    table.loc[45, "turn_id"] = "t2"
    with pytest.raises(TableError) as told:
        windows(table, bundle)
    assert [(f.row, f.column) for f in told.value.faults] == [
        (4, "waiting_seconds"),
        (41, "waiting_seconds"),
        (46, "turn_id"),
    ]
    assert "the same id as row 3" in told.value.faults[2].reason


def test_faulty_rows_are_set_aside_with_their_reasons(bundle: Path, tmp_path: Path) -> None:
    table = turns(50)
    table.loc[16:31, "waiting_seconds"] = "soon"  # a whole window
    cases = windows(table, bundle, rejected=tmp_path / "bad.csv")
    lines = "".join(answer_lines(cases, Predictor.load(bundle), False)).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"t{i}" for i in range(50) if not 16 <= i <= 31]
    bad = pd.read_csv(tmp_path / "bad.csv")
    assert list(bad["row"]) == list(range(17, 33))
    assert bad["reasons"].str.contains("text where a number is due").all()


def test_a_column_that_lacks_is_told_once(bundle: Path) -> None:
    with pytest.raises(TableError) as told:
        windows(turns(50).drop(columns="channel"), bundle)
    assert [(f.row, f.column) for f in told.value.faults] == [(0, "channel")]


def test_a_folder_of_files_is_a_table(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "turns"
    (folder / "monday").mkdir(parents=True)
    (folder / "b.txt").write_text("my card is lost number 3")
    (folder / "monday" / "a.TXT").write_text("a new pin code\nplease")
    (folder / "notes.pdf").write_bytes(b"%PDF")
    assert main(["predict", str(bundle), str(folder)]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [f["id"] for f in found] == ["b", "monday/a"]
    assert found[0]["missing"] == ["behaviour"]


def test_a_folder_without_readable_files_is_refused(bundle: Path, tmp_path: Path, capsys) -> None:
    assert main(["predict", str(bundle), str(tmp_path)]) == 1
    assert "no file that the model reads; it reads .txt" in capsys.readouterr().err
    (tmp_path / "a.txt").write_bytes("größe".encode("latin-1"))
    assert main(["predict", str(bundle), str(tmp_path)]) == 1
    assert "a.txt: not UTF-8" in capsys.readouterr().err


def test_a_cache_in_memory_forgets_the_oldest() -> None:
    cache = MemoryCache(most=100)
    cache.put({"a": torch.zeros(10), "b": torch.ones(10)})  # 40 bytes each
    cache.put({"c": torch.full((10,), 2.0)})
    assert ("a" in cache, "b" in cache, "c" in cache) == (False, True, True)
    assert cache.get("a") is None
    assert torch.equal(cache.get("c"), torch.full((10,), 2.0))
    cache.clear()
    assert "c" not in cache
