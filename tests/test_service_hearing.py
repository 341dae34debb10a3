"""A folder of recordings becomes a table of turns: calls, single turns, what cannot be heard, what is private."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from spoken import RATE, babble, silence, write

from apps.cli import main
from core.errors import ConfigError, FileError
from core.manifest import Manifest
from core.recognition import Recogniser, Segment, Word
from domains.customer_service import recipe
from domains.customer_service.call import read_call
from domains.customer_service.hearing import hear_folder

SAID = "my number is 07700 900123"


class Caller(Recogniser):
    """Hears a telephone number in every turn, a fifth of a second a word."""

    name = "caller"

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0

    def hear(self, wave: np.ndarray) -> list[Segment]:
        self.heard += 1
        words = tuple(Word(w, 0.2 * i, 0.2 * i + 0.2, 0.8) for i, w in enumerate(SAID.split()))
        return [Segment(SAID, 0, 1, words)]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A call of two channels in a folder of its own, one voice alone, silence, and a text that is called wav."""
    folder = tmp_path_factory.mktemp("calls")
    (folder / "monday").mkdir()
    both = np.zeros((7 * RATE, 2), np.float32)
    both[RATE // 2 : RATE // 2 + RATE, 1] = babble(1, 110)
    both[2 * RATE : 4 * RATE, 0] = babble(2, 210)
    soundfile.write(folder / "monday" / "one.wav", both, RATE)
    write(folder / "two.flac", babble(2, 210))
    write(folder / "empty.wav", silence(2))
    (folder / "text.wav").write_text("no sound", encoding="utf-8")
    (folder / "notes.txt").write_text("is not heard", encoding="utf-8")
    return folder


def test_calls_become_turns_with_their_dialogue_and_what_cannot_be_heard_is_set_aside(
    calls: Path, tmp_path: Path
) -> None:
    found = hear_folder(calls, tmp_path / "turns", Caller())
    assert (found.recordings, found.turns) == (2, 2)
    table = pd.read_csv(found.table, dtype=str, keep_default_na=False)
    assert table.turn_id.tolist() == ["recording-0002-2", "recording-0004"]
    assert table.dialogue.tolist() == ["agent: my number is [NUMBER_1]", ""]
    left = pd.read_csv(tmp_path / "turns" / "left_out.csv")
    assert left.file.tolist() == ["recording-0001", "recording-0003"]
    assert left.reason[0] == "no speech found; record it again, or leave it out"
    labelled = table.assign(intent=["a", "b"])
    config = recipe.build(list(labelled.columns), preset="fast")
    assert [m.name for m in config.modalities] == ["speech", "text", "dialogue", "behaviour"]
    assert config.table.group == "dialogue_id"
    manifest = Manifest.open(labelled, config, tmp_path / "turns", for_training=False)
    assert not manifest.faults


def test_what_is_private_is_masked_and_silent_unless_that_is_not_wanted(calls: Path, tmp_path: Path) -> None:
    for private, text in ((True, "my number is [NUMBER_1]"), (False, SAID)):
        found = hear_folder(calls, tmp_path / str(private), Caller(), private=private)
        table = pd.read_csv(found.table, dtype=str)
        assert table.recognised.tolist() == [text, text]
        wave, rate = soundfile.read(found.table.parent / table.audio[0])
        number = wave[round(0.5 * rate) : round(rate)]  # seconds of the number's words
        assert (np.abs(number).max() == 0) == private
        assert np.abs(wave[: round(0.4 * rate)]).max() > 0
        assert private == ("07700" not in (found.table.parent / "heard.jsonl").read_text(encoding="utf-8"))


def test_a_name_that_is_told_late_is_masked_and_silent_in_the_turns_before_too(tmp_path: Path) -> None:
    class Named(Recogniser):
        """Hears a name in the first turn that only the second one announces."""

        name = "named"

        def hear(self, wave: np.ndarray) -> list[Segment]:
            said = "My name is Okafor Chidi" if len(wave) > 1.5 * RATE else "Okafor calling about my bill"
            words = tuple(Word(w, 0.2 * i, 0.2 * i + 0.2, 0.8) for i, w in enumerate(said.split()))
            return [Segment(said, 0, 1, words)]

    both = np.zeros((7 * RATE, 2), np.float32)
    both[RATE // 2 : RATE // 2 + RATE, 0] = babble(1, 110)
    both[2 * RATE : 4 * RATE, 1] = babble(2, 210)
    soundfile.write(tmp_path / "one.wav", both, RATE)
    table = read_call(tmp_path / "one.wav").write(tmp_path / "turns", recogniser=Named(), private=True)
    assert table.recognised.tolist() == ["[NAME_1] calling about my bill"]
    wave, rate = soundfile.read(tmp_path / "turns" / table.audio[0])
    assert not wave[: round(0.2 * rate)].any()
    assert wave[round(0.5 * rate) :].any()


def test_no_name_of_a_recording_is_written_but_into_the_one_file_beside_the_folder(tmp_path: Path) -> None:
    who = "+44 7911 123456_Ann Miller"
    (tmp_path / "calls" / who).mkdir(parents=True)
    both = np.stack([babble(2, 210), silence(2)], axis=1)
    soundfile.write(tmp_path / "calls" / f"{who}.wav", both, RATE)
    write(tmp_path / "calls" / who / f"{who}.flac", babble(1))
    (tmp_path / "calls" / f"{who} 2.wav").write_text("no sound", encoding="utf-8")
    (tmp_path / "calls" / f"{who} 3.wav").write_text("no sound", encoding="utf-8")  # a copy is a recording of its own
    found = hear_folder(tmp_path / "calls", tmp_path / "turns", Caller())
    assert (found.recordings, len(found.left_out)) == (2, 2)
    written = list((tmp_path / "turns").rglob("*"))
    assert sum(f.suffix == ".flac" for f in written) == 2
    for file in written:
        told = str(file.relative_to(tmp_path)).encode() + (file.read_bytes() if file.is_file() else b"")
        assert not any(part in told for part in (b"Miller", b"7911"))
    assert found.names == tmp_path / "turns-names.csv"
    names = pd.read_csv(found.names).set_index("recording").file
    table = pd.read_csv(found.table)
    assert sorted(names[table.dialogue_id]) == sorted([f"{who}.wav", f"{who}/{who}.flac"])
    assert sorted(names[list(found.left_out)]) == [f"{who} 2.wav", f"{who} 3.wav"]
    write(tmp_path / "calls" / "0 new.flac", babble(1, 210))  # comes first by name, and last by number
    again = hear_folder(tmp_path / "calls", tmp_path / "turns", Caller())
    later = pd.read_csv(tmp_path / "turns-names.csv").set_index("recording").file
    assert later["recording-0005"] == "0 new.flac"
    assert later.drop("recording-0005").sort_index().equals(names.sort_index())
    kept = pd.read_csv(again.table)
    assert set(kept.turn_id) == {*table.turn_id, "recording-0005"}
    open_names = hear_folder(tmp_path / "calls", tmp_path / "open", Caller(), private=False)
    assert open_names.names is None
    assert f"{who}/{who}.flac" in set(pd.read_csv(open_names.table).turn_id)


def test_a_call_with_one_sound_on_both_channels_is_left_out_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    write(tmp_path / "calls" / "one.wav", babble(1))
    soundfile.write(tmp_path / "calls" / "twice.wav", np.stack([babble(2)] * 2, axis=1), RATE)
    found = hear_folder(tmp_path / "calls", tmp_path / "turns", Caller())
    (why,) = found.left_out.values()
    assert (found.recordings, why.split(",")[0]) == (1, "both channels hold the same sound")


def test_a_stopped_run_goes_on_and_another_way_of_hearing_is_refused(calls: Path, tmp_path: Path) -> None:
    out = tmp_path / "turns"
    whole = hear_folder(calls, out, Caller()).table.read_bytes()
    log = (out / "heard.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(log) == 1 + 4
    cut = "\n".join([*log[:-1], log[-1][:20]])  # killed while the last one was written
    (out / "heard.jsonl").write_text(cut, encoding="utf-8")
    again = Caller()
    assert hear_folder(calls, out, again).table.read_bytes() == whole
    assert json.loads(log[-1])["file"] == "recording-0004"
    assert again.heard == 1  # that one alone
    with pytest.raises(ConfigError, match="was heard in another way"):
        hear_folder(calls, out, Caller(), private=False)


def test_folders_that_cannot_be_heard_are_refused_in_words(calls: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lies within"):
        hear_folder(calls, calls / "turns", Caller())
    with pytest.raises(FileError, match="no recording is there"):
        hear_folder(tmp_path, tmp_path.with_name("elsewhere"), Caller())
    (tmp_path / "calls").mkdir()
    write(tmp_path / "calls" / "a.wav", silence(1))
    with pytest.raises(FileError, match=r"none of 1 recordings could be heard; .*left_out\.csv says why"):
        hear_folder(tmp_path / "calls", tmp_path / "out", Caller())


def test_the_command_hears_a_real_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("faster_whisper")
    sample = Path(__file__).parents[1] / "sample_data" / "customer_service" / "audio"
    (tmp_path / "calls").mkdir()
    one = next(iter(sorted(sample.glob("*.ogg"))))
    (tmp_path / "calls" / one.name).write_bytes(one.read_bytes())
    assert main(["hear", str(tmp_path / "calls"), "--out", str(tmp_path / "turns")]) == 0
    told = capsys.readouterr().out
    assert "1 turns of 1 recordings" in told
    assert f"which is which: {tmp_path / 'turns-names.csv'}" in told
    table = pd.read_csv(tmp_path / "turns" / "manifest.csv", dtype=str)
    assert len(table.recognised[0].split()) > 3
    assert main(["hear", str(tmp_path / "nowhere"), "--out", str(tmp_path / "t"), "--recogniser", "ear"]) == 1
    assert "unknown recogniser 'ear'" in capsys.readouterr().err
