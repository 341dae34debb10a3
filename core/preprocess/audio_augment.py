"""Random changes of a recording that leave its meaning: speaker, speed, place in time, loudness, noise, telephone."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import ConfigError, unknown
from core.preprocess.audio_io import resample

STEP = 20  # speeds and warps are twentieths, so that filters stay small and are reused
TELEPHONE_HZ = (300.0, 3400.0)


@dataclass(frozen=True)
class AudioAugment:
    """How strongly training recordings are changed. All draws come from the given generator alone.

    Args:
        speed: range of the playing speed, in steps of 0.05; pitch moves with it (Ko et al., 2015).
        warp: range of the frequency warp, in steps of 0.05: another vocal tract (Jaitly and Hinton, 2013).
        shift_ms: rotate by up to so much in time, either way.
        gain_db: range of a change of level.
        noise: chance of added noise, between white and pink.
        noise_snr_db: range of its signal-to-noise ratio.
        telephone: chance of the telephone band, 300 to 3400 Hz.
        time_masks: number of masked stretches of time (SpecAugment; Park et al., 2019).
        time_mask: longest one, as a share of all frames.
        frequency_masks: number of masked bands.
        frequency_mask: widest one, as a share of all bands.
    """

    speed: tuple[float, float] = (0.85, 1.15)
    warp: tuple[float, float] = (0.9, 1.1)
    shift_ms: float = 100.0
    gain_db: tuple[float, float] = (-6.0, 6.0)
    noise: float = 0.5
    noise_snr_db: tuple[float, float] = (10.0, 30.0)
    telephone: float = 0.1
    time_masks: int = 2
    time_mask: float = 0.1
    frequency_masks: int = 2
    frequency_mask: float = 0.15

    def __post_init__(self) -> None:
        for name in ("speed", "warp", "gain_db", "noise_snr_db"):
            low_high = getattr(self, name)
            if len(low_high) != 2 or low_high[0] > low_high[1]:
                raise ConfigError(f"audio augment {name}: expected [low, high], found {low_high!r}")
        for name, (least, most) in {"speed": (0.6, 1.6), "warp": (0.7, 1.4)}.items():
            low, high = getattr(self, name)
            if not least <= low <= 1 <= high <= most:
                raise ConfigError(
                    f"audio augment {name}: must lie in {least} to {most} around 1, found {low} to {high}"
                )
        for name in ("noise", "telephone", "time_mask", "frequency_mask"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"audio augment {name}: expected 0 to 1, found {getattr(self, name)!r}")

    @classmethod
    def of(cls, options: dict[str, Any] | None) -> AudioAugment:
        """From the options of a preprocessor; None or {} are the defaults.

        Raises:
            ConfigError: for an option that does not exist or is out of range.
        """
        names = [f.name for f in fields(cls)]
        for key in options or {}:
            if key not in names:
                raise unknown("audio augment option", key, names)
        return cls(**(options or {}))

    def change_wave(self, wave: Tensor, rate: int, rng: np.random.Generator) -> Tensor:
        """Speed, shift, telephone, noise and gain, in this order. (samples,) -> (samples',)."""
        wave = resample(wave, round(STEP * _on_grid(self.speed, rng)), STEP)  # (samples / speed,)
        reach = int(self.shift_ms * rate / 1000)
        wave = wave.roll(int(rng.integers(-reach, reach + 1)))
        if rng.random() < self.telephone:
            wave = telephone(wave, rate)
        if rng.random() < self.noise:
            wave = wave + _noise(wave, rng.uniform(*self.noise_snr_db), rng)
        return wave * 10 ** (rng.uniform(*self.gain_db) / 20)

    def draw_warp(self, rng: np.random.Generator) -> float:
        """A warp of the frequency axis."""
        return _on_grid(self.warp, rng)

    def mask(self, features: Tensor, rng: np.random.Generator) -> Tensor:
        """Set stretches of time and bands to their mean over the recording. (T, F) -> (T, F)."""
        fill, masked = features.mean(dim=0), features.clone()  # (F,), (T, F)
        for _ in range(self.time_masks):
            start, end = _stretch(features.shape[0], self.time_mask, rng)
            masked[start:end] = fill
        for _ in range(self.frequency_masks):
            start, end = _stretch(features.shape[1], self.frequency_mask, rng)
            masked[:, start:end] = fill[start:end]
        return masked


def telephone(wave: Tensor, rate: int) -> Tensor:
    """Only 300 to 3400 Hz, what a telephone line at 8 kHz carries. (samples,) -> (samples,)."""
    spectrum = torch.fft.rfft(wave)  # (samples / 2 + 1,)
    hertz = torch.fft.rfftfreq(len(wave), 1 / rate)
    spectrum[(hertz < TELEPHONE_HZ[0]) | (hertz > TELEPHONE_HZ[1])] = 0
    return torch.fft.irfft(spectrum, n=len(wave))  # (samples,)


def _on_grid(low_high: tuple[float, float], rng: np.random.Generator) -> float:
    low, high = math.ceil(low_high[0] * STEP - 1e-9), math.floor(low_high[1] * STEP + 1e-9)
    return int(rng.integers(low, high + 1)) / STEP


def _noise(wave: Tensor, snr_db: float, rng: np.random.Generator) -> Tensor:
    """Noise of spectrum 1 / f^a, a between 0 (white) and 1 (pink). (samples,)."""
    white = torch.from_numpy(rng.standard_normal(len(wave), dtype=np.float32))
    spectrum = torch.fft.rfft(white)  # (samples / 2 + 1,)
    tilt = torch.arange(1, len(spectrum) + 1, dtype=torch.float32) ** (-rng.random() / 2)
    noise = torch.fft.irfft(spectrum * tilt, n=len(wave))  # (samples,)
    power = wave.square().mean() * 10 ** (-snr_db / 10)
    return noise * (power / noise.square().mean().clamp_min(1e-12)).sqrt()


def _stretch(length: int, share: float, rng: np.random.Generator) -> tuple[int, int]:
    width = int(rng.integers(0, int(share * length) + 1))
    start = int(rng.integers(0, length - width + 1))
    return start, start + width
