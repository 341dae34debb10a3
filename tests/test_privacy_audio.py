"""Silence in place of private words: at the right samples, nowhere else, in the channels and at the rate as it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import ConfigError, FileError
from core.privacy.audio import joined, private_times, silence
from core.privacy.text import Masker


@dataclass(frozen=True)
class Said:
    text: str
    start: float
    end: float


def _said(text: str) -> list[Said]:
    """Half a second a word."""
    return [Said(f" {w}", i / 2, i / 2 + 0.4) for i, w in enumerate(text.split())]


def test_times_of_private_words_are_found() -> None:
    found, times = private_times(_said("my card is four one double two thanks"), margin=0.0)
    assert found.text == "my card is [NUMBER_1] thanks"
    assert times == [(1.5, 1.9), (2.0, 2.4), (2.5, 2.9), (3.0, 3.4)]


def test_the_margin_joins_words_and_stays_behind_zero() -> None:
    _, times = private_times(_said("four one double two thanks"), margin=0.1)
    assert times == [(0.0, 2.0)]
    assert private_times([]) == (Masker().mask(""), [])


def test_words_share_the_placeholders_of_their_conversation() -> None:
    masker = Masker()
    masker.mask("the order is 998877")
    assert private_times(_said("for 998877 yes"), masker)[0].text == "for [NUMBER_1] yes"


def test_spans_are_joined_in_order() -> None:
    assert joined([(3, 4), (0, 1), (0.5, 2), (1, 1.5)]) == [(0, 2), (3, 4)]


@pytest.mark.parametrize(("suffix", "channels", "rate"), [(".wav", 1, 8000), (".flac", 2, 48000)])
def test_only_the_spans_are_silent(tmp_path: Path, suffix: str, channels: int, rate: int) -> None:
    wave = np.random.default_rng(0).uniform(0.1, 0.5, (3 * rate, channels)).astype(np.float32)
    soundfile.write(tmp_path / "in.wav", wave, rate)
    out = silence(tmp_path / "in.wav", tmp_path / f"out{suffix}", [(2.5, 9.0), (0.5, 1.0)])
    found, found_rate = soundfile.read(out, always_2d=True)
    assert (found.shape, found_rate) == (wave.shape, rate)
    silent = np.zeros(len(wave), bool)
    silent[rate // 2 : rate] = silent[5 * rate // 2 :] = True
    assert (found[silent] == 0).all()
    assert found[~silent] == pytest.approx(wave[~silent], abs=1e-3)


@pytest.mark.parametrize(
    ("out", "times", "message"),
    [
        ("out.mp3", [], "written as .wav or .flac"),
        ("in.wav", [], "is the recording itself"),
        ("out.wav", [(2.0, 1.0)], "start <= end"),
        ("out.wav", [(0.0, float("nan"))], "start <= end"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, out: str, times: list, message: str) -> None:
    soundfile.write(tmp_path / "in.wav", np.full(800, 0.3), 8000)
    with pytest.raises(ConfigError, match=message):
        silence(tmp_path / "in.wav", tmp_path / out, times)
    assert soundfile.read(tmp_path / "in.wav")[0].min() > 0.2


@pytest.mark.parametrize(("content", "message"), [(b"", "empty"), (b"not sound at all", "cannot be read as sound")])
def test_what_is_no_sound_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "in.wav").write_bytes(content)
    with pytest.raises(FileError, match=message):
        silence(tmp_path / "in.wav", tmp_path / "out.wav", [])
