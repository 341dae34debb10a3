"""Voices of the generated service: sentences spoken by espeak-ng and flite, with noise and the band of a telephone."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from core.errors import ConfigError
from core.preprocess.audio_augment import telephone
from core.preprocess.audio_io import resample

RATE, TELEPHONE_RATE = 16000, 8000  # Hz
NOISE_DB = (None, None, 25.0, 15.0)  # signal to noise; None: clean


@dataclass(frozen=True)
class Voice:
    """One synthetic speaker: a program and its voice."""

    program: str  # espeak-ng, flite
    name: str
    pitch: int = 50  # 0 to 99; espeak-ng only

    @property
    def id(self) -> str:
        """The speaker as it stands in the manifest."""
        return f"{self.program}:{self.name}"


VOICES = {  # a voice is in one split only, so that test rows are of speakers who were never heard
    "train": (
        Voice("espeak-ng", "en-gb+m1"), Voice("espeak-ng", "en-us+m3", 40), Voice("espeak-ng", "en-us+f1"),
        Voice("espeak-ng", "en-gb+f2", 60), Voice("espeak-ng", "en-gb", 35), Voice("espeak-ng", "en-us+f4"),
        Voice("espeak-ng", "en-gb-x-rp+m5", 45), Voice("espeak-ng", "en-us+john"), Voice("espeak-ng", "en-us+Annie"),
        Voice("espeak-ng", "en-gb+klatt4"), Voice("espeak-ng", "en-gb+iven"), Voice("flite", "slt"),
        Voice("flite", "awb"), Voice("flite", "kal"),
    ),
    "val": (
        Voice("espeak-ng", "en-us+m6", 55), Voice("espeak-ng", "en-us+m8"), Voice("espeak-ng", "en-gb+steph"),
        Voice("flite", "kal16"),
    ),
    "test": (
        Voice("espeak-ng", "en-gb+Michael"), Voice("espeak-ng", "en-us+belinda"), Voice("espeak-ng", "en-gb+m4"),
        Voice("espeak-ng", "en-us+Diogo", 45), Voice("espeak-ng", "en-us+f3"), Voice("flite", "rms"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """How a call sounds."""

    speed: float  # 1: the voice's own
    telephone: bool
    snr_db: float | None

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Line:
        """A random speed, channel and level of noise."""
        return cls(round(float(rng.uniform(0.85, 1.1)), 2), bool(rng.random() < 0.4), NOISE_DB[rng.integers(4)])


def check_programs() -> None:
    """Raise what to install where a speech program is missing."""
    if missing := [p for p in ("espeak-ng", "flite") if shutil.which(p) is None]:
        raise ConfigError(
            f"speech needs {' and '.join(missing)}: apt-get install {' '.join(missing)}, or pass --text-only for rows "
            "without sound"
        )


def speak(text: str, voice: Voice, line: Line, path: Path, rng: np.random.Generator) -> Path:
    """Write a sentence as Ogg/Opus, 16 kHz, or 8 kHz of a telephone line."""
    wave = _synthesise(text, voice, line.speed)  # (samples,) at RATE
    wave = torch.nn.functional.pad(wave, (int(0.15 * RATE), int(0.25 * RATE)))
    if line.snr_db is not None:
        wave = wave + _noise(wave, line.snr_db, rng)
    rate = RATE
    if line.telephone:
        rate, wave = TELEPHONE_RATE, resample(telephone(wave, RATE), RATE, TELEPHONE_RATE)
    wave = wave * (0.5 / wave.abs().max().clamp_min(1e-6))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave.numpy(), rate, "OPUS", format="OGG", compression_level=0.95)
    return path


def _synthesise(text: str, voice: Voice, speed: float) -> Tensor:
    """(samples,) at ``RATE``."""
    if voice.program == "flite":
        command = [
            "flite",
            "-voice",
            voice.name,
            "--setf",
            f"duration_stretch={1 / speed:.2f}",
            "-t",
            text,
            "-o",
            "/dev/stdout",
        ]
    else:
        command = ["espeak-ng", "-v", voice.name, "-p", str(voice.pitch), "-s", str(int(160 * speed)), "--stdout", text]
    made = subprocess.run(command, capture_output=True, check=True)
    wave, rate = soundfile.read(BytesIO(made.stdout), dtype="float32")
    return resample(torch.from_numpy(wave), rate, RATE)


def _noise(wave: Tensor, snr_db: float, rng: np.random.Generator) -> Tensor:
    """Noise of a room, a spectrum between white and pink. (samples,)."""
    spectrum = torch.fft.rfft(torch.from_numpy(rng.standard_normal(len(wave), dtype=np.float32)))
    spectrum *= torch.arange(1, len(spectrum) + 1) ** float(-rng.random() / 2)
    noise = torch.fft.irfft(spectrum, n=len(wave))
    return noise * (wave.square().mean() * 10 ** (-snr_db / 10) / noise.square().mean()).sqrt()
