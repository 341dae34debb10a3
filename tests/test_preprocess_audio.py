import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import preprocess
from core.errors import ConfigError, FileError
from core.preprocess.audio import AudioPreprocessor
from core.preprocess.audio_augment import AudioAugment, equalise, telephone
from core.preprocess.audio_clean import emphasise, frame_levels, reduce_noise, set_level, trim_silence
from core.preprocess.audio_features import MelSpectrum, normalise
from core.preprocess.audio_io import read_audio, resample
from core.schema import Modality
from core.torchaudio_import import torchaudio

RATE = 16000
OFF = {"speed": (1, 1), "warp": (1, 1), "pace": (1, 1), "shift_ms": 0, "gain_db": (0, 0), "noise": 0, "telephone": 0}
OFF |= {"equalise_db": 0, "time_masks": 0, "frequency_masks": 0}


def tone(hertz: float = 440, seconds: float = 1.0, rate: int = RATE, loud: float = 0.3) -> np.ndarray:
    return (loud * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write(path: Path, wave: np.ndarray, rate: int = RATE, **options: str) -> Path:
    soundfile.write(path, wave, rate, **options)
    return path


def write_av(path: Path, wave: np.ndarray, codec: str, rate: int = RATE, flags: str = "") -> Path:
    with av.open(str(path), "w", options={"movflags": flags} if flags else {}) as container:
        stream: Any = container.add_stream(codec, rate=rate, layout="mono")
        for start in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def pitch(wave: torch.Tensor, rate: int = RATE) -> float:
    spectrum = torch.fft.rfft(wave).abs()
    return float(torch.fft.rfftfreq(len(wave), 1 / rate)[spectrum.argmax()])


def test_torchaudio_and_the_audio_classes_of_transformers_import() -> None:
    code = """
from core.torchaudio_import import torchaudio
module = torchaudio()
import torchaudio as again
from transformers import Wav2Vec2Model, WhisperModel
assert again is module and module.transforms.MFCC and module.functional.resample
print(Wav2Vec2Model.__name__, WhisperModel.__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["Wav2Vec2Model", "WhisperModel"], done.stderr


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_every_format_of_soundfile_gives_the_same_tone(tmp_path: Path, name: str) -> None:
    wave = read_audio(write(tmp_path / name, tone()), RATE)
    assert wave.dtype == torch.float32
    assert len(wave) == RATE
    assert pitch(wave) == 440
    assert wave.abs().max() == pytest.approx(0.3, abs=0.05)


def test_what_soundfile_does_not_know_is_read_by_ffmpeg(tmp_path: Path) -> None:
    wave = read_audio(write_av(tmp_path / "a.m4a", tone(rate=44100), "aac", 44100), RATE)
    assert len(wave) == pytest.approx(RATE, abs=2048)
    assert pitch(wave[:RATE]) == pytest.approx(440, abs=2)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    write(tmp_path / "a.flac", tone()).rename(tmp_path / "a.wav")
    assert len(read_audio(tmp_path / "a.wav", RATE)) == RATE


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 22051])
def test_resampling_keeps_pitch_and_length(tmp_path: Path, rate: int) -> None:
    wave = read_audio(write(tmp_path / "a.wav", tone(rate=rate), rate), RATE)
    assert len(wave) == pytest.approx(RATE, abs=2)
    assert pitch(wave[:RATE]) == pytest.approx(440, abs=1.1)


def test_channels_are_mixed_or_chosen(tmp_path: Path) -> None:
    left, right = tone(400), tone(1000)
    path = write(tmp_path / "stereo.wav", np.stack([left, right], axis=1), subtype="FLOAT")
    assert torch.allclose(read_audio(path, RATE, 0), torch.from_numpy(left))
    assert torch.allclose(read_audio(path, RATE, 1), torch.from_numpy(right))
    assert torch.allclose(read_audio(path, RATE), torch.from_numpy((left + right) / 2), atol=1e-6)
    with pytest.raises(FileError, match="no channel 2, only 0 to 1"):
        read_audio(path, RATE, 2)
    many = write(tmp_path / "many.wav", np.stack([left] * 3, axis=1))
    with pytest.raises(FileError, match="3 channels; at most 2 are mixed"):
        read_audio(many, RATE)
    assert len(read_audio(many, RATE, 2)) == RATE


def test_files_that_are_no_sound_are_named(tmp_path: Path) -> None:
    for name, content in {"text.wav": b"hello world " * 100, "image.wav": b"\x89PNG\r\n\x1a\n" + bytes(200)}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileError, match=f"{name}: not a sound or video file"):
            read_audio(tmp_path / name, RATE)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(FileError, match=r"empty.wav: the file is empty \(0 bytes\)"):
        read_audio(tmp_path / "empty.wav", RATE)
    with pytest.raises(FileError, match=r"gone.wav: no such file"):
        read_audio(tmp_path / "gone.wav", RATE)
    with pytest.raises(FileError, match="is a folder"):
        read_audio(tmp_path, RATE)
    with pytest.raises(FileError, match="holds no samples"):
        read_audio(write(tmp_path / "none.wav", np.zeros(0)), RATE)


def test_a_playlist_does_not_open_other_files(tmp_path: Path) -> None:
    write(tmp_path / "secret.wav", tone())
    (tmp_path / "list.wav").write_text("ffconcat version 1.0\nfile secret.wav\n")
    (tmp_path / "list.m4a").write_text("#EXTM3U\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n")
    for name in ("list.wav", "list.m4a"):
        with pytest.raises(FileError, match="known container"):
            read_audio(tmp_path / name, RATE)


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.flac", "a.ogg", "a.m4a", "a.mka"])
def test_a_file_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32)
    if name.endswith(("a.m4a", "a.mka")):
        path = write_av(tmp_path / name, noise, "aac", flags="faststart" if name == "a.m4a" else "")
    else:
        path = write(tmp_path / name, noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FileError, match="cut off"):
        read_audio(path, RATE)


def test_a_streamed_wave_file_without_a_length_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone())
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"  # 4 GB claimed, 1 s there
    path.write_bytes(content)
    assert len(read_audio(path, RATE)) == RATE


def test_too_long_a_file_is_refused_with_its_length(tmp_path: Path) -> None:
    path = write(tmp_path / "long.wav", tone(seconds=3))
    with pytest.raises(FileError, match=r"longer than 2 s \(found at least 3.0 s\)"):
        read_audio(path, RATE, max_seconds=2)
    assert len(read_audio(path, RATE, max_seconds=3)) == 3 * RATE


def test_values_that_are_no_numbers_are_refused_with_their_place(tmp_path: Path) -> None:
    wave = tone()
    wave[8000] = np.nan
    with pytest.raises(FileError, match=r"not a number at 0.500 s"):
        read_audio(write(tmp_path / "nan.wav", wave, subtype="FLOAT"), RATE)


def test_an_absurd_sample_rate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="sample rate 1000000 Hz; allowed are 4000 to 384000 Hz"):
        read_audio(write(tmp_path / "a.wav", tone(), 1_000_000), RATE)


@pytest.mark.parametrize(("options", "margin"), [({}, 800), ({"margin_ms": 30}, 480), ({"margin_ms": 0}, 0)])
def test_trimming_keeps_a_margin_on_both_sides(options: dict, margin: int) -> None:
    wave = torch.cat([torch.zeros(8000), torch.from_numpy(tone(seconds=0.5)), torch.zeros(8000)])
    kept = trim_silence(wave, RATE, 40, **options)
    assert torch.equal(kept, wave[8000 - margin : 16000 + margin])
    assert torch.equal(trim_silence(wave[8000:16000], RATE, 40), wave[8000:16000])


def test_level_and_emphasis_by_hand() -> None:
    wave = torch.from_numpy(tone(seconds=0.5))
    assert set_level(wave, -20).square().mean().sqrt().item() == pytest.approx(0.1, rel=1e-4)
    assert frame_levels(torch.full((240,), 0.1), RATE).tolist() == pytest.approx([-20, -20 + 10 * np.log10(0.5)])
    assert emphasise(torch.tensor([1.0, 2.0, 3.0]), 0.5).tolist() == [1.0, 1.5, 2.0]


def test_denoising_brings_speech_like_sound_closer_to_the_clean_one() -> None:
    clean = torch.zeros(2 * RATE)
    clean[RATE // 2 : RATE] = torch.from_numpy(tone(500, 0.5) + tone(1500, 0.5))
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.03, len(clean))).float()
    error = (reduce_noise(clean + noise, RATE) - clean).square().mean()
    assert error < noise.square().mean() / 4
    assert len(reduce_noise(clean[:700], RATE)) == 700


def test_log_mel_and_mfcc_are_those_of_torchaudio() -> None:
    wave = torch.from_numpy(tone(1000, 0.5))
    ours = MelSpectrum(RATE, 40, 25, 10, 13)
    options = {"n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 40}
    mel = torchaudio().transforms.MelSpectrogram(RATE, **options)(wave)
    decibels = torchaudio().transforms.AmplitudeToDB(top_db=80)
    assert torch.allclose(ours.log_mel(wave) * 10 / np.log(10), decibels(mel).T, atol=1e-3)
    mfcc = torchaudio().transforms.MFCC(RATE, 13, melkwargs=options)(wave)
    assert torch.allclose(ours.mfcc(wave) * 10 / np.log(10), mfcc.T, atol=1e-2)


@pytest.mark.parametrize("floor_db", [30.0, 80.0])
def test_nothing_lies_deeper_below_the_loudest_than_the_floor(tmp_path: Path, floor_db: float) -> None:
    path = write(tmp_path / "a.wav", np.concatenate([tone(seconds=0.3), np.zeros(4000)]))
    part = AudioPreprocessor(trim=False, normalise="none", floor_db=floor_db)
    features = part.finish(part.prepare((path,)))
    assert float(features.max() - features.min()) == pytest.approx(floor_db / 10 * np.log(10), rel=1e-4)


def test_a_constant_offset_changes_nothing(tmp_path: Path) -> None:
    wave = np.concatenate([np.zeros(8000), tone(), np.zeros(8000)])
    bare, offset = (write(tmp_path / f"{o}.wav", wave + o, subtype="FLOAT") for o in (0, 0.4))
    part = AudioPreprocessor()
    assert torch.allclose(part.prepare((offset,)), part.prepare((bare,)), atol=1e-5)


def test_a_warp_moves_the_spectrum_as_a_higher_tone_would() -> None:
    spectrum = MelSpectrum(RATE, 64, 25, 10, 13)
    band = [int(spectrum.log_mel(torch.from_numpy(tone(f))).mean(dim=0).argmax()) for f in (1000, 1100, 900)]
    warped = [int(spectrum.log_mel(torch.from_numpy(tone(1000)), w).mean(dim=0).argmax()) for w in (1.0, 1.1, 0.9)]
    assert warped == band
    assert band[2] < band[0] < band[1]


def test_normalising_by_hand() -> None:
    features = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    assert normalise(features, "mean").tolist() == [[-1, -10], [1, 10]]
    assert torch.allclose(normalise(features, "utterance"), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), atol=1e-4)
    assert torch.allclose(
        normalise(features, "scalar"), (features - features.mean()) / features.std(correction=0), atol=1e-4
    )
    assert normalise(features, "none") is features


@pytest.mark.parametrize(("features", "shape"), [("log_mel", (64,)), ("mfcc", (20,)), ("waveform", ())])
def test_a_sample_has_the_signature_s_shape(tmp_path: Path, features: str, shape: tuple[int, ...]) -> None:
    part = preprocess.build(Modality.AUDIO, {"features": features})
    sample = part.finish(part.prepare((write(tmp_path / "a.wav", tone()),)))
    assert part.signature.shape == sample.shape[1:] == shape
    assert len(sample) == (RATE if features == "waveform" else 101)
    assert sample.dtype == torch.float32
    assert part.state() == {}


def test_loudness_and_channel_gain_do_not_change_the_features(tmp_path: Path) -> None:
    part = AudioPreprocessor()
    loud, quiet = (write(tmp_path / f"{g}.wav", g * tone(), subtype="FLOAT") for g in (1.0, 0.05))
    assert torch.allclose(part.finish(part.prepare((loud,))), part.finish(part.prepare((quiet,))), atol=1e-3)


def test_recordings_of_a_case_are_joined_in_order(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.wav", tone(400, 0.5)), write(tmp_path / "b.flac", tone(1000, 0.25))
    part = AudioPreprocessor()
    assert torch.equal(part.prepare((b, a)), torch.cat([part.prepare((b,)), part.prepare((a,))]))
    with pytest.raises(FileError, match=r"b.flac and 1 more: together 0.8 s, allowed are 0.6 s"):
        AudioPreprocessor(max_seconds=0.6).prepare((b, a))


def test_silent_and_too_short_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="silent, no sound above -70 dBFS"):
        AudioPreprocessor().prepare((write(tmp_path / "a.wav", np.zeros(RATE)),))
    with pytest.raises(FileError, match="20 ms of sound; at least 32 ms are needed"):
        AudioPreprocessor().prepare((write(tmp_path / "b.wav", tone(seconds=0.02)),))


def test_cleaning_options_reach_the_waveform(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.concatenate([np.zeros(4000), tone(), np.zeros(4000)]), subtype="FLOAT")
    bare = AudioPreprocessor(trim=False, level=None).prepare((path,))
    assert len(bare) == RATE + 8000
    assert torch.equal(AudioPreprocessor(trim=False, level=None, emphasis=0.97).prepare((path,)), emphasise(bare, 0.97))
    denoised = AudioPreprocessor(trim=False, level=None, denoise="spectral").prepare((path,))
    assert torch.equal(denoised, reduce_noise(bare, RATE))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": "melspec"}, "Choices: log_mel, mfcc, waveform"),
        ({"denoise": "spectrl"}, "Did you mean 'spectral'"),
        ({"channel": "left"}, "expected 'mix' or a number"),
        ({"coefficients": 80}, r"at most mels \(64\), found 80"),
        ({"rate": 10}, "expected 4000 to 384000 Hz"),
        ({"augment": {"sped": 1}}, "Did you mean 'speed'"),
        ({"augment": {"speed": (0.1, 1)}}, "speed: must lie in 0.6 to 1.6"),
        ({"augment": {"noise": 2}}, "noise: expected 0 to 1"),
        ({"augment": {"equalise_db": -6}}, "equalise_db: expected 0 or more, found -6"),
        ({"augment": {"pace": (0.1, 1)}}, "pace: must lie in 0.5 to 2.0"),
        ({"augment": {"gain_db": (3, -3)}}, r"expected \[low, high\]"),
        ({"mel": 3}, "unexpected keyword"),
    ],
)
def test_options_that_do_not_exist_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        preprocess.build(Modality.AUDIO, options)


@pytest.mark.parametrize("features", ["log_mel", "mfcc", "waveform"])
def test_augmentation_depends_on_the_generator_alone(features: str) -> None:
    part, wave = AudioPreprocessor(features=features), torch.from_numpy(tone())
    torch.manual_seed(0)
    first = part.finish(wave, np.random.default_rng(3))
    torch.manual_seed(1)
    assert torch.equal(part.finish(wave, np.random.default_rng(3)), first)
    other = part.finish(wave, np.random.default_rng(4))
    assert other.shape != first.shape or not torch.equal(other, first)
    assert torch.equal(wave, torch.from_numpy(tone()))  # the cached one is untouched


def test_augmentation_switched_off_changes_nothing() -> None:
    part, wave = AudioPreprocessor(augment=OFF), torch.from_numpy(tone())
    assert torch.equal(part.finish(wave, np.random.default_rng(0)), part.finish(wave))


def change(wave: torch.Tensor, **options: object) -> torch.Tensor:
    return AudioAugment.of(OFF | options).change_wave(wave, RATE, np.random.default_rng(5))


def test_each_change_does_what_it_says() -> None:
    wave = torch.from_numpy(tone(1000))
    speed = len(wave) / len(fast := change(wave, speed=(0.85, 1.15)))
    assert speed != 1
    assert pitch(fast) == pytest.approx(1000 * speed, abs=2)
    assert change(wave, gain_db=(6, 6)).max() / wave.max() == pytest.approx(10 ** (6 / 20), rel=1e-4)
    noise = change(wave, noise=1, noise_snr_db=(20, 20)) - wave
    assert 10 * (wave.square().mean() / noise.square().mean()).log10() == pytest.approx(20, abs=0.01)


def test_a_shift_cuts_each_end_or_adds_silence_to_it() -> None:
    wave, augment = torch.arange(1.0, 16001), AudioAugment.of(OFF | {"shift_ms": 50})
    ends = set()
    for seed in range(8):
        moved = augment.change_wave(wave, RATE, np.random.default_rng(seed))
        kept = moved[moved != 0]
        assert torch.equal(kept, wave[int(kept[0]) - 1 : int(kept[-1])])
        assert 16000 - len(kept) <= 1600
        assert abs(len(moved) - 16000) <= 1600
        ends.add((int(kept[0]), len(moved)))
    assert len(ends) == 8


def test_a_filter_raises_and_lowers_by_its_decibels() -> None:
    wave = torch.from_numpy(tone(4000) + tone(2000))
    assert torch.allclose(equalise(wave, np.full(6, 20.0)), 10 * wave, atol=1e-4)
    tilted = equalise(wave, np.array([-40.0, 0.0]))  # -20 dB at 4000 Hz, -30 dB at 2000 Hz
    assert torch.allclose(tilted, torch.from_numpy(0.1 * tone(4000) + 10**-1.5 * tone(2000)), atol=1e-4)
    assert not torch.equal(change(wave, equalise_db=6), wave)


def test_another_pace_keeps_the_bands_and_changes_the_length() -> None:
    features = torch.arange(101.0)[:, None] * torch.tensor([0.0, 1.0, -2.0])  # (T, F), straight lines over time
    slow = AudioAugment.of(OFF | {"pace": (1, 2)}).stretch(features, np.random.default_rng(0))
    assert 101 < len(slow) <= 202
    assert torch.allclose(slow, torch.linspace(0, 100, len(slow))[:, None] * features[1], atol=1e-3)


def test_a_telephone_carries_300_to_3400_hertz() -> None:
    kept, lost = torch.from_numpy(tone(1000)), torch.from_numpy(tone(100) + tone(5000))
    assert torch.allclose(telephone(kept + lost, RATE), kept, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 50), st.integers(1, 80), st.integers(0, 3), st.floats(0, 1), st.integers(0, 9))
def test_masks_stay_within_their_share(frames: int, bands: int, count: int, share: float, seed: int) -> None:
    augment = AudioAugment.of(OFF | {"time_masks": count, "time_mask": share})
    features = torch.rand(frames, bands) + 1
    masked = augment.mask(features, np.random.default_rng(seed))
    changed = (masked != features).any(dim=1)
    assert changed.sum() <= count * min(int(share * frames), 12)
    assert torch.allclose(masked[changed], features.mean(dim=0).expand(int(changed.sum()), -1))


@settings(max_examples=25, deadline=None)
@given(st.integers(4000, 96000))
def test_resampling_any_rate_gives_the_expected_length(rate: int) -> None:
    assert len(resample(torch.zeros(2000), rate, RATE)) == pytest.approx(2000 * RATE / rate, abs=2)
