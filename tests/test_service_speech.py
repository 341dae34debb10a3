"""Speech of customers: answers while they speak, and what is wrong with a recording told in words."""

import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from spoken import RATE, babble, silence, write

from apps.cli import main
from core import recipes
from core.config import ExperimentConfig
from core.errors import ConfigError, FileError
from core.preprocess.audio_io import read_audio
from core.recognition import Recogniser, Segment, Word
from core.schema import Modality, Prediction
from domains.customer_service.call import two_sounds
from domains.customer_service.intent import IntentDetector
from domains.customer_service.noisy import cut_copies, noisy_copies
from domains.customer_service.streaming import TurnStream, detect_growing

VIEW = {
    "encoder": "cnn",
    "options": {"channels": [8], "spatial_dims": 1},
    "preprocess": {"mels": 32, "normalise": "none", "trim_db": 35},
}
SETTINGS = {
    "modalities": [{"name": "speech", "kind": "audio", "columns": ["audio"], "views": [VIEW]}],
    "target": {"column": "intent"},
    "table": {"id": "turn_id"},
    "width": 16,
    "floor": False,
    "training": {"epochs": 12, "batch_size": 8, "learning_rate": 0.02, "augment": False, "patience": 0},
}


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> IntentDetector:
    """Low voices order, high voices cancel."""
    folder, rows = tmp_path_factory.mktemp("turns"), []
    for i in range(40):
        pitch = (100 if i % 2 else 210) + i
        name = write(folder / f"{i}.wav", babble(0.6 + 0.04 * i, pitch)).name
        rows.append((f"t{i}", name, "order" if i % 2 else "cancel"))
    table = pd.DataFrame(rows, columns=["turn_id", "audio", "intent"])
    return IntentDetector(config=ExperimentConfig.from_json(SETTINGS)).fit(table, root=folder)


def blocks(*parts: np.ndarray, size: int = 1600) -> list[np.ndarray]:
    wave = np.concatenate(parts)
    return [wave[i : i + size] for i in range(0, len(wave), size)]


def test_growing_sound_is_answered_early_and_at_the_end_as_the_whole(detector: IntentDetector, tmp_path: Path) -> None:
    wave = babble(3, 115)
    answers = list(detect_growing(detector, blocks(silence(1), wave), RATE, sure=0.6))
    assert len(answers) >= 5
    assert [a.final for a in answers] == [False] * (len(answers) - 1) + [True]
    assert all(a.answer.label == "order" for a in answers[1:])
    assert answers[0].heard >= 1.5
    assert not answers[0].settled, "one answer alone is not settled"
    assert answers[-1].settled
    whole = detector.detect(audio=write(tmp_path / "whole.wav", silence(1), wave, subtype="FLOAT"))
    assert answers[-1].answer.probabilities == pytest.approx(whole.probabilities, abs=1e-4)
    assert answers[-1].confidence == pytest.approx(max(whole.probabilities.values()), abs=1e-4)


def test_a_pause_or_the_longest_length_ends_the_turn(detector: IntentDetector) -> None:
    stream = TurnStream(detector, 8000)
    for block in blocks(babble(2, 230)[::2], silence(1)[::2], size=800):
        if not stream.is_over:
            stream.hear(block)
    assert stream.is_over
    assert stream.last is not None
    assert stream.last.answer.label == "cancel"
    assert stream.last.heard == pytest.approx(3, abs=0.5)
    assert stream.finish() is stream.last
    with pytest.raises(ConfigError, match="the turn is over; begin another TurnStream"):
        stream.hear(np.zeros(100))
    long = TurnStream(detector, RATE, every=15)
    for block in blocks(babble(32), size=RATE):
        if not long.is_over:
            long.hear(block)
    assert long.last is not None
    assert long.last.final
    assert long.last.heard <= 31


def test_nobody_speaking_gets_no_answer_and_wrong_pieces_are_refused(detector: IntentDetector) -> None:
    noise = 0.05 * np.random.default_rng(0).standard_normal(3 * RATE)
    assert list(detect_growing(detector, blocks(noise), RATE)) == []
    with pytest.raises(ConfigError, match=r"expected one channel of numbers \(samples,\), found the shape \(10, 2\)"):
        TurnStream(detector, RATE).hear(np.zeros((10, 2)))
    with pytest.raises(ConfigError, match="expected one channel of numbers, found nan at sample 1 of these"):
        TurnStream(detector, RATE).hear(np.array([0.0, np.nan]))
    with pytest.raises(ConfigError, match="expected one channel of numbers"):
        TurnStream(detector, RATE).hear(np.array(["loud"]))
    with pytest.raises(ConfigError, match="stream rate: expected 4000 to 384000 Hz, found 100"):
        TurnStream(detector, 100)
    with pytest.raises(ConfigError, match=r"found sure=0, every=0\.5"):
        TurnStream(detector, RATE, sure=0)


@pytest.mark.parametrize(("kind", "middle"), [("int16", 0), ("int32", 0), ("uint8", 128)])
def test_whole_numbers_of_a_sound_card_are_heard_as_loud_as_floats(
    detector: IntentDetector, kind: str, middle: int
) -> None:
    wave = babble(0.2)
    full = 2.0 ** (8 * np.dtype(kind).itemsize - 1)
    stream = TurnStream(detector, RATE)
    stream.hear((wave * (full - 1) + middle).astype(kind))
    assert stream.sound == pytest.approx(wave, abs=0.02)
    assert stream.sound.dtype == np.float32


def hours(path: Path, count: float) -> Path:
    """A WAV of so many hours that takes no room: 8 kHz, 8 bits, and a hole for the sound."""
    size = round(count * 3600 * 8000)
    with path.open("wb") as file:
        form = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
        file.write(b"RIFF" + struct.pack("<I", size + 36) + b"WAVEfmt " + form + b"data" + struct.pack("<I", size))
        file.truncate(44 + size)
    return path


def test_a_bad_recording_is_told_in_words(detector: IntentDetector, tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(FileError) as error:
            detector.detect(audio=path)
        return str(error.value)

    assert "silent.wav: silent, no sound above -70 dBFS" in refused(write(tmp_path / "silent.wav", silence(2)))
    (tmp_path / "empty.wav").touch()
    assert "empty.wav: the file is empty (0 bytes); copy it again" in refused(tmp_path / "empty.wav")
    (tmp_path / "mail.mp3").write_text("Dear customer service, " * 50)
    assert "mail.mp3: not a sound or video file" in refused(tmp_path / "mail.mp3")
    assert "day.wav: longer than 30 s" in refused(hours(tmp_path / "day.wav", 20))
    soundfile.write(tmp_path / "three.wav", np.stack([babble(1)] * 3, axis=1), RATE)
    assert "three.wav: 3 channels; at most 2 are mixed" in refused(tmp_path / "three.wav")
    broken = babble(1)
    broken[4000] = np.nan
    assert "nan.wav: holds a value that is not a number at 0.250 s" in refused(
        write(tmp_path / "nan.wav", broken, subtype="FLOAT")
    )


def test_two_voices_heard_as_one_are_told_and_one_voice_on_two_channels_is_not(
    detector: IntentDetector, tmp_path: Path
) -> None:
    voice, other = babble(1, 110), babble(1, 220)
    for name, right, told in (("call", other, True), ("stereo", voice * 0.5, False), ("left", other * 0, False)):
        soundfile.write(tmp_path / f"{name}.wav", np.stack([voice, right], axis=1), RATE)
        found = detector.detect(audio=tmp_path / f"{name}.wav")
        assert any("two channels of different sound" in w for w in found.warnings) is told, name
    soundfile.write(tmp_path / "long.wav", np.stack([np.tile(voice, 40), np.tile(other, 40)], axis=1), RATE)
    assert two_sounds(tmp_path / "long.wav")  # longer than a model hears


def test_the_recipe_of_sound_is_trained_here_in_fast_and_pretrained_elsewhere_where_that_is_installed() -> None:
    named = {"speech": recipes.Columns(Modality.AUDIO, ("audio",))}
    target = ExperimentConfig.from_json(SETTINGS).target
    for preset in recipes.PRESETS:
        [view] = recipes.build_config(named, target, preset=preset).modalities[0].views
        backbone = recipes.speech_model() if preset != "fast" else None
        assert view.backbone == backbone
        assert view.encoder == ("mlp" if backbone else "conv_speech")


class Echo(Recogniser):
    """Hears how long the sound is."""

    name = "echo"
    calls = 0

    def hear(self, wave: np.ndarray) -> list[Segment]:
        self.calls += 1
        return [Segment("so long", 0, 1, (Word("so", 0, 0.5, 1.0), Word("long", 0.5, 1, 1.0)))]


def test_noisy_copies_keep_their_row_and_are_made_once(tmp_path: Path) -> None:
    voice = write(tmp_path / "a.wav", babble(2), subtype="FLOAT")
    rows = [("t1", "a.wav", "I wrote it", "", "cancel", "ann"), ("t2", "", "typed", "", "order", "bob")]
    table = pd.DataFrame(rows, columns=["turn_id", "audio", "text", "recognised", "intent", "speaker"])
    echo = Echo()
    options = {"root": tmp_path, "levels": (20, 0), "recogniser": echo}
    copies = noisy_copies(table, tmp_path / "copies", every_level=True, **options)
    assert copies["turn_id"].tolist() == ["t1-20", "t1-0"]
    assert copies["text"].tolist() == ["", ""]
    assert copies["recognised"].tolist() == ["so long"] * 2
    assert copies["speaker"].tolist() == ["ann"] * 2
    assert copies["audio"].tolist() == ["copies/t1-20.flac", "copies/t1-0.flac"]
    clean = read_audio(voice, RATE)
    for row in copies.to_dict("records"):
        noise = read_audio(tmp_path / row["audio"], RATE) - clean
        ratio = 10 * np.log10(clean.square().mean() / noise.square().mean())
        assert ratio == pytest.approx(row["noise_db"], abs=0.2)
        spectrum = np.abs(np.fft.rfft(noise.numpy())) ** 2
        assert spectrum[200:2000].mean() > 5 * spectrum[8000:16000].mean(), "pink: more below"
    calls, again = echo.calls, noisy_copies(table, tmp_path / "copies", every_level=True, **options)
    assert again.equals(copies)
    assert echo.calls == calls
    assert noisy_copies(table, tmp_path / "sound", root=tmp_path, levels=(5,))["text"].tolist() == ["I wrote it"]
    with pytest.raises(ConfigError, match="needs the columns turn_id and audio, but has no 'audio'"):
        noisy_copies(table[["turn_id"]], tmp_path)
    with pytest.raises(ConfigError, match=r"one recording a turn is needed, found 'a\.wav\|a\.wav'"):
        noisy_copies(table.assign(audio="a.wav|a.wav"), tmp_path, root=tmp_path)


def test_the_command_puts_copies_below_the_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.wav", babble(2), subtype="FLOAT")
    rows = [("t1", "a.wav", "I wrote it", "cancel"), ("t2", "", "typed", "order")]
    source = tmp_path / "turns.csv"
    pd.DataFrame(rows, columns=["turn_id", "audio", "text", "intent"]).to_csv(source, index=False)
    command = ["noisy", str(source), "--out", str(tmp_path / "sound"), "--recogniser", "none"]
    assert main([*command, "--levels", "10,0", "--every-level", "--cut"]) == 0
    assert "2 turns and 3 copies" in capsys.readouterr().out
    found = pd.read_csv(tmp_path / "turns-noisy.csv", dtype=str, keep_default_na=False)
    assert found["turn_id"].tolist() == ["t1", "t2", "t1-10", "t1-0", "t1-0.2"]
    assert found["noise_db"].tolist() == ["", "", "10.0", "0.0", ""]
    assert all((tmp_path / cell).is_file() for cell in found["audio"] if cell)
    assert main([*command, "--levels", "loud"]) == 1
    assert "numbers of dB are due" in capsys.readouterr().err
    assert main(["noisy", str(source), "--out", str(tmp_path.parent / "far"), "--recogniser", "none"]) == 1
    assert "a table names files in its own folder" in capsys.readouterr().err


def test_cut_copies_are_beginnings_without_words_that_nobody_recognised(tmp_path: Path) -> None:
    wave = read_audio(write(tmp_path / "a.wav", babble(2), subtype="FLOAT"), RATE)
    rows = [("t1", "a.wav", "I wrote it", "cancel"), ("t2", "", "typed", "order"), ("t3", "a.wav", "too", "order")]
    table = pd.DataFrame(rows, columns=["turn_id", "audio", "text", "intent"])
    copies = cut_copies(table, tmp_path / "cut", root=tmp_path, shares=(0.5, 0.1, 0.1))
    assert copies[["turn_id", "text", "intent", "heard_share"]].values.tolist() == [
        ["t1-0.5", "", "cancel", 0.5], ["t3-0.1", "", "order", 0.1],
    ]  # fmt: skip
    for name, seconds in zip(copies["audio"], (1.0, 0.5)):  # half a second at least
        part = read_audio(tmp_path / name, RATE)
        assert len(part) == seconds * RATE
        np.testing.assert_allclose(part, wave[: len(part)], atol=1e-3)
    heard = cut_copies(table, tmp_path / "heard", root=tmp_path, recogniser=Echo())
    assert heard["recognised"].tolist() == ["so long"] * 2


def test_a_voice_without_a_word_yet_is_no_end_of_the_stream() -> None:
    def detect(audio: Path, **_: object) -> Prediction:
        if soundfile.info(audio).duration < 2:
            raise FileError(f"{audio}: no speech found")
        return Prediction("turn", "order", {"order": 0.9})

    listener: Any = SimpleNamespace(detect=detect)
    answers = list(detect_growing(listener, blocks(babble(4, 115)), RATE))
    assert min(a.heard for a in answers) >= 2
    assert answers[-1].final


def test_copies_go_on_after_a_kill_and_take_ids_that_are_paths(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", babble(1, 115))
    table = pd.DataFrame({"turn_id": ["monday/a.wav-1", "b"], "audio": ["a.wav", "a.wav"]})
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "heard.jsonl").write_text('{"turn_id": "monday/a.wav-1-20", "recognised": "kept"}\n{"turn_')
    made = noisy_copies(table, tmp_path / "noise", root=tmp_path, recogniser=Echo())
    assert made["recognised"].tolist()[0] == "kept"
    assert all((tmp_path / file).is_file() for file in made["audio"])
    assert {f.parent for f in (tmp_path / "noise").rglob("*.flac")} == {tmp_path / "noise"}
