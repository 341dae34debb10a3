"""Where somebody speaks, trimming by it, and calls of two channels."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from spoken import RATE, babble, silence, write

from core.errors import ConfigError, FileError
from core.preprocess.audio import AudioPreprocessor
from core.preprocess.voice_activity import speech_probabilities, speech_spans
from core.recognition import Recogniser, Segment, Word
from domains.customer_service import recipe
from domains.customer_service.call import AGENT, CUSTOMER, read_call

NOISE = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)


def test_speech_is_found_between_silence_noise_and_a_tone() -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE, dtype=np.float32)
    wave = np.concatenate([0.01 * NOISE, babble(2), 0.01 * NOISE, tone, babble(1, 200)])
    first, second = speech_spans(wave, RATE)
    assert first == pytest.approx((2, 4), abs=0.5)
    assert second == pytest.approx((8, 9), abs=0.5)
    assert speech_spans(tone, RATE) == speech_spans(0.1 * NOISE, RATE) == speech_spans(silence(0), RATE) == []


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_spans_are_seconds_at_any_rate(rate: int) -> None:
    from core.preprocess.audio_io import resample

    wave = resample(torch.from_numpy(np.concatenate([silence(1), babble(2), silence(1)])), RATE, rate)
    assert speech_spans(wave, rate)[0] == pytest.approx((1, 3), abs=0.25)


def test_the_network_gives_what_the_package_gives_and_leaves_torch_its_threads() -> None:
    wave, threads = torch.from_numpy(np.concatenate([babble(1), silence(0.2), babble(1, 210)])), torch.get_num_threads()
    spans = speech_spans(wave, RATE)
    assert torch.get_num_threads() == threads
    import silero_vad

    model = silero_vad.load_silero_vad()
    assert spans == [(s["start"] / RATE, s["end"] / RATE) for s in silero_vad.get_speech_timestamps(wave, model)]
    model.reset_states()
    padded = torch.nn.functional.pad(wave, (0, -len(wave) % 512))
    theirs = [model(padded[i : i + 512], RATE).item() for i in range(0, len(padded), 512)]
    assert speech_probabilities(wave, RATE).tolist() == pytest.approx(theirs, abs=1e-4)
    torch.set_num_threads(threads)  # the package's import sets one


def test_long_sound_is_heard_in_blocks_as_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    wave = np.concatenate([babble(2), silence(1), babble(2)])
    whole = speech_probabilities(wave, RATE)
    monkeypatch.setattr("core.preprocess.voice_activity.BLOCK", 7)
    assert torch.allclose(speech_probabilities(wave, RATE), whole, atol=1e-5)


def test_trimming_by_voice_cuts_what_is_loud_but_not_spoken(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", 0.03 * NOISE, babble(1), 0.03 * NOISE)
    spoken = AudioPreprocessor(features="waveform", trim="voice", normalise="none").prepare((path,))
    assert len(spoken) / RATE == pytest.approx(1.3, abs=0.5)
    assert len(AudioPreprocessor(features="waveform").prepare((path,))) / RATE == pytest.approx(5, abs=0.1)


def test_a_recording_without_speech_is_refused_only_where_voice_was_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "hum.wav", 0.1 * NOISE)
    with pytest.raises(FileError, match=r"hum\.wav: no speech found; record it again, or leave it out"):
        AudioPreprocessor(trim="voice").prepare((path,))
    assert len(AudioPreprocessor().prepare((path,)))
    with pytest.raises(ConfigError, match=r"audio trim: expected true, false or 'voice', found 'words'"):
        AudioPreprocessor(trim="words")


def a_call(path: Path, *, swap: bool = False, rate: int = RATE, **options: str) -> Path:
    """Agent 0.5 to 1.5 s, customer 2 to 4 s with a pause, agent 5 to 6 s."""
    agent = np.concatenate([silence(0.5), babble(1, 110), silence(3.5), babble(1, 110), silence(1)])
    customer = np.concatenate([silence(2), babble(0.8, 210), silence(0.4), babble(0.8, 210), silence(3)])
    both = np.stack([agent, customer] if swap else [customer, agent], axis=1)
    if rate != RATE:
        from core.preprocess.audio_io import resample

        both = np.stack([resample(torch.from_numpy(c), RATE, rate).numpy() for c in both.T], axis=1)
    soundfile.write(path, both, rate, **options)
    return path


@pytest.mark.parametrize(
    ("name", "rate", "options"),
    [
        ("a.wav", 8000, {"subtype": "ULAW"}),
        ("a.wav", 48000, {}),
        ("a.flac", 16000, {}),
        ("a.ogg", 44100, {}),
        ("a.opus", 48000, {"format": "OGG", "subtype": "OPUS"}),
        ("a.mp3", 44100, {}),
    ],
)
def test_a_call_is_cut_into_turns_in_every_format(tmp_path: Path, name: str, rate: int, options: dict) -> None:
    call = read_call(a_call(tmp_path / name, rate=rate, **options))
    assert [t.who for t in call.turns] == [AGENT, CUSTOMER, AGENT]
    assert [t.start for t in call.turns] == pytest.approx([0.5, 2, 5], abs=0.25)
    assert [t.end for t in call.turns] == pytest.approx([1.5, 4, 6], abs=0.25)
    assert call.turns[2].gap == pytest.approx(1, abs=0.3)
    assert len(call.spans[CUSTOMER]) == 2


def test_channels_are_chosen_by_number_and_turns_written_as_a_table(tmp_path: Path) -> None:
    call = read_call(a_call(tmp_path / "call.wav", swap=True), customer=1, agent=0)
    table = call.write(tmp_path / "turns")
    assert table["turn_id"].tolist() == ["call-002"]
    assert table["gap_seconds"].item() == pytest.approx(0.5, abs=0.3)
    wave, rate = soundfile.read(tmp_path / "turns" / table["audio"].item())
    assert len(wave) / rate == pytest.approx(2, abs=0.3)


class Numbers(Recogniser):
    """Hears how many tenths of a second a turn has."""

    name = "numbers"

    def hear(self, wave: np.ndarray) -> list[Segment]:
        words = (Word("about", 0, 0.2, 0.5), Word(str(round(len(wave) / RATE)), 0.2, 0.4, 0.7))
        return [Segment(" ".join(w.text for w in words), 0, 0.4, words)]


def test_a_recogniser_adds_what_was_said_and_what_was_said_before(tmp_path: Path) -> None:
    sound = np.stack([np.concatenate([silence(3), babble(2, 210), silence(2), babble(2, 210)]), silence(9)], axis=1)
    sound[RATE // 2 : RATE // 2 + 2 * RATE, 1] = babble(2, 120)
    soundfile.write(tmp_path / "call.wav", sound, RATE)
    table = read_call(tmp_path / "call.wav", pause=1).write(tmp_path, recogniser=Numbers())
    assert table["recognised"].tolist() == ["about 2", "about 2"]
    assert table["recognised_confidence"].tolist() == [0.6, 0.6]
    assert table["dialogue"].tolist() == ["agent: about 2", "agent: about 2\ncustomer: about 2"]
    recipe.build([*table.columns, "intent"])  # every column has its place


def test_a_turn_that_goes_on_for_long_is_cut_at_its_next_pause(tmp_path: Path) -> None:
    voice = np.concatenate([part for _ in range(4) for part in (babble(3, 210), silence(0.5))])
    soundfile.write(tmp_path / "a.wav", np.stack([voice, 0 * voice], axis=1), RATE)
    turns = read_call(tmp_path / "a.wav", longest=8).turns
    assert [t.end - t.start for t in turns] == pytest.approx([6.5, 6.5], abs=0.4)


def test_the_other_voice_come_through_quietly_is_not_a_turn(tmp_path: Path) -> None:
    agent, customer = np.concatenate([babble(2, 110), silence(3)]), np.concatenate([silence(3), babble(2, 210)])
    leak = np.stack([customer + 0.05 * agent, agent + 0.05 * customer], axis=1)
    soundfile.write(tmp_path / "leak.wav", leak, RATE)
    assert [t.who for t in read_call(tmp_path / "leak.wav").turns] == [AGENT, CUSTOMER]


@pytest.mark.parametrize(("name", "other"), [("a.wav", 1.0), ("a.wav", -0.5), ("a.mp3", 1.0), ("a.ogg", 0.9)])
def test_one_sound_on_both_channels_is_no_call(tmp_path: Path, name: str, other: float) -> None:
    voices = np.concatenate([babble(1, 110), silence(1), babble(2, 210)])
    noise = 0.002 * np.random.default_rng(0).standard_normal((len(voices), 2))
    soundfile.write(tmp_path / name, np.stack([voices, other * voices], axis=1) + noise, RATE)
    with pytest.raises(FileError, match=r"both channels hold the same sound.*; give it as one channel"):
        read_call(tmp_path / name)


def test_one_who_hardly_speaks_and_an_echo_are_still_a_call(tmp_path: Path) -> None:
    one, other = np.concatenate([babble(3, 110), silence(2)]), np.concatenate([silence(4), babble(1, 210, 0.1)])
    for leak in (0.0, 0.05, 0.2):
        both = np.stack([one + leak * other, other + leak * one], axis=1)
        soundfile.write(tmp_path / "both.wav", both, RATE)
        assert {t.who for t in read_call(tmp_path / "both.wav").turns} == {CUSTOMER, AGENT}


def test_a_long_silence_of_both_ends_a_turn(tmp_path: Path) -> None:
    customer = np.concatenate([babble(1), silence(4), babble(1)])
    soundfile.write(tmp_path / "a.wav", np.stack([customer, 0 * customer], axis=1), RATE)
    assert [t.who for t in read_call(tmp_path / "a.wav").turns] == [CUSTOMER, CUSTOMER]
    assert len(read_call(tmp_path / "a.wav", pause=5).turns) == 1


def test_calls_that_cannot_be_split_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"mono\.wav: one channel; a call needs customer and agent on two"):
        read_call(write(tmp_path / "mono.wav", babble(1)))
    soundfile.write(tmp_path / "none.wav", np.zeros((RATE, 2)), RATE)
    with pytest.raises(FileError, match=r"none\.wav: no speech found on channels 0 and 1"):
        read_call(tmp_path / "none.wav")
    with pytest.raises(ConfigError, match="found 1 for both"):
        read_call(a_call(tmp_path / "a.wav"), customer=1)
    with pytest.raises(FileError, match="has no channel 2, only 0 to 1"):
        read_call(tmp_path / "a.wav", customer=2)
    with pytest.raises(FileError, match="longer than 3 s"):
        read_call(tmp_path / "a.wav", max_seconds=3)
    soundfile.write(tmp_path / "three.wav", np.stack([babble(1), babble(1), babble(1, 210)], axis=1), RATE)
    assert read_call(tmp_path / "three.wav", customer=2, agent=0).turns
