"""Sound: one or several recordings of a case to a log-mel spectrum, MFCC or the waveform itself.

Nothing is learned from the training rows: level and features are normalised within each recording.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import ConfigError, FileError, unknown
from core.preprocess.audio_augment import AudioAugment
from core.preprocess.audio_clean import SILENCE_DBFS, emphasise, is_silent, reduce_noise, set_level, trim_silence
from core.preprocess.audio_features import MelSpectrum, normalise
from core.preprocess.audio_io import RATES, read_audio
from core.preprocess.voice_activity import keep_speech
from core.schema import Signature

CHOICES = {
    "features": ("log_mel", "mfcc", "waveform"),
    "normalise": ("utterance", "scalar", "mean", "none"),
    "denoise": ("none", "spectral"),
}


class AudioPreprocessor:
    """Samples (T, mels), (T, coefficients) or, for "waveform", (T,) at ``rate`` Hz.

    Args:
        rate: Hz to which every recording is resampled.
        features: "log_mel", "mfcc" or "waveform" (for pretrained encoders, which make their own).
        mels: mel bands.
        window_ms: length of a frame.
        hop_ms: step from frame to frame; one item of T.
        coefficients: MFCC kept.
        floor_db: power is raised to so far below the loudest of the recording.
        normalise: "utterance" (mean and deviation of each band), "scalar" (over all bands), "mean" or "none".
        trim: True cuts silence off both ends of each recording; "voice" all before and after somebody speaks, however
            loud it is, and refuses a recording without speech (``core.preprocess.voice_activity``); False nothing.
        trim_db: silence is so far below the loudest 10 ms.
        trim_margin_ms: kept on both sides, for soft consonants.
        denoise: "spectral" reduces steady noise by spectral gating, before trimming.
        level: RMS in dB of full scale to which each recording is set; None: as recorded.
        emphasis: coefficient of pre-emphasis, such as 0.97; 0: none.
        channel: "mix" (mean of at most two) or the number of a channel, from 0.
        max_seconds: longest case allowed; a longer one is refused, never cut.
        augment: changes to the defaults of ``AudioAugment``.

    Raises:
        ConfigError: for a value that does not exist; the message lists the choices.
    """

    def __init__(
        self,
        rate: int = 16000,
        features: str = "log_mel",
        mels: int = 64,
        window_ms: float = 25.0,
        hop_ms: float = 10.0,
        coefficients: int = 20,
        floor_db: float = 80.0,
        normalise: str = "utterance",
        trim: bool | str = True,
        trim_db: float = 40.0,
        trim_margin_ms: float = 50.0,
        denoise: str = "none",
        level: float | None = -23.0,
        emphasis: float = 0.0,
        channel: str | int = "mix",
        max_seconds: float = 30.0,
        augment: dict[str, Any] | None = None,
    ) -> None:
        for name, value in {"features": features, "normalise": normalise, "denoise": denoise}.items():
            if value not in CHOICES[name]:
                raise unknown(f"audio {name}", value, CHOICES[name])
        if not isinstance(trim, bool) and trim != "voice":
            raise ConfigError(f"audio trim: expected true, false or 'voice', found {trim!r}")
        if not RATES[0] <= rate <= RATES[1]:
            raise ConfigError(f"audio rate: expected {RATES[0]} to {RATES[1]} Hz, found {rate}")
        if not (channel == "mix" or (isinstance(channel, int) and channel >= 0)):
            raise ConfigError(f"audio channel: expected 'mix' or a number from 0, found {channel!r}")
        if coefficients > mels:
            raise ConfigError(f"audio coefficients: at most mels ({mels}), found {coefficients}")
        self.rate, self.features, self.normalise, self.channel = rate, features, normalise, channel
        self.trim, self.trim_db, self.trim_margin_ms = trim, trim_db, trim_margin_ms
        self.denoise, self.level, self.emphasis, self.max_seconds = denoise, level, emphasis, max_seconds
        self.spectrum = MelSpectrum(rate, mels, window_ms, hop_ms, coefficients, floor_db)
        self.augment = AudioAugment.of(augment)

    @property
    def signature(self) -> Signature:
        """(mels,), (coefficients,) or () for each item."""
        shapes = {"log_mel": (self.spectrum.mels,), "mfcc": (self.spectrum.coefficients,), "waveform": ()}
        return Signature(shapes[self.features])

    def fit(self, cells: Iterable[tuple[Path, ...]]) -> None:
        """Learns nothing."""

    def prepare(self, cell: tuple[Path, ...]) -> Tensor:
        """Read, clean and join the recordings, in order: (samples,) float32 at ``rate``.

        Raises:
            FileError: for a recording that cannot be read, is silent or too short, or a case that is too long.
        """
        wave = torch.cat([self._clean(path) for path in cell])  # (samples,)
        if len(wave) > self.max_seconds * self.rate:
            raise FileError(
                f"{cell[0]} and {len(cell) - 1} more: together {len(wave) / self.rate:.1f} s, allowed are "
                f"{self.max_seconds:g} s; give fewer or raise max_seconds"
            )
        return wave

    def finish(self, prepared: Tensor, rng: np.random.Generator | None = None) -> Tensor:
        """(samples,) -> (T, mels), (T, coefficients) or (T,); with ``rng`` changed as ``augment`` says."""
        wave = prepared if rng is None else self.augment.change_wave(prepared, self.rate, rng)
        if self.features == "waveform":
            return normalise(wave, self.normalise)  # (T,)
        warp = 1.0 if rng is None else self.augment.draw_warp(rng)
        make = self.spectrum.log_mel if self.features == "log_mel" else self.spectrum.mfcc
        features = make(wave, warp)  # (T, F)
        if rng is None:
            return normalise(features, self.normalise)
        return self.augment.mask(normalise(self.augment.stretch(features, rng), self.normalise), rng)  # (T', F)

    def state(self) -> dict[str, Any]:
        """Empty: nothing is learned."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to take over."""

    def _clean(self, path: Path) -> Tensor:
        wave = read_audio(path, self.rate, self.channel, self.max_seconds)
        if is_silent(wave, self.rate):
            raise FileError(f"{path}: silent, no sound above {SILENCE_DBFS:g} dBFS; record it again or leave it out")
        wave = wave - wave.mean()  # an offset would count as loud
        if self.denoise == "spectral":
            wave = reduce_noise(wave, self.rate)
        if self.trim == "voice":
            wave = keep_speech(path, wave, self.rate, self.trim_margin_ms)
        elif self.trim:
            wave = trim_silence(wave, self.rate, self.trim_db, self.trim_margin_ms)
        if len(wave) < self.spectrum.n_fft:
            least = 1000 * self.spectrum.n_fft / self.rate
            raise FileError(
                f"{path}: {1000 * len(wave) / self.rate:.0f} ms of sound; at least {least:.0f} ms are needed"
            )
        wave = emphasise(wave, self.emphasis) if self.emphasis else wave
        return wave if self.level is None else set_level(wave, self.level)
