"""Random changes of a recording that leave its meaning: speaker, speed, place in time, noise, microphone, telephone."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from core.errors import ConfigError, unknown
from core.preprocess.audio_io import resample

STEP = 20  # speeds and warps are twentieths, so that filters stay small and are reused
TELEPHONE_HZ = (300.0, 3400.0)
KNOTS = 6  # points of the random filter


@dataclass(frozen=True)
class AudioAugment:
    """How strongly training recordings are changed. All draws come from the given generator alone.

    Args:
        speed: range of the playing speed, in steps of 0.05; pitch moves with it (Ko et al., 2015).
        warp: range of the frequency warp, in steps of 0.05: another vocal tract (Jaitly and Hinton, 2013).
        pace: range of a stretch of the features in time; pitch stays.
        shift_ms: each end is cut, or silence added to it, by up to so much.
        gain_db: range of a change of level.
        noise: chance of added noise, between white and pink.
        noise_snr_db: range of its signal-to-noise ratio.
        equalise_db: another microphone and room: a smooth filter of up to so many dB either way.
        telephone: chance of the telephone band, 300 to 3400 Hz.
        time_masks: number of masked stretches of time (SpecAugment; Park et al., 2019).
        time_mask: longest one, as a share of all frames,
        time_mask_frames: and in frames.
        frequency_masks: number of masked bands.
        frequency_mask: widest one, as a share of all bands.
    """

    speed: tuple[float, float] = (0.8, 1.2)
    warp: tuple[float, float] = (0.9, 1.1)
    pace: tuple[float, float] = (0.88, 1.12)
    shift_ms: float = 40.0
    gain_db: tuple[float, float] = (-6.0, 6.0)
    noise: float = 0.6
    noise_snr_db: tuple[float, float] = (8.0, 40.0)
    equalise_db: float = 6.0
    telephone: float = 0.1
    time_masks: int = 1
    time_mask: float = 0.25
    time_mask_frames: int = 12
    frequency_masks: int = 1
    frequency_mask: float = 0.15

    def __post_init__(self) -> None:
        for name in ("speed", "warp", "pace", "gain_db", "noise_snr_db"):
            low_high = getattr(self, name)
            if len(low_high) != 2 or low_high[0] > low_high[1]:
                raise ConfigError(f"audio augment {name}: expected [low, high], found {low_high!r}")
        for name, (least, most) in {"speed": (0.6, 1.6), "warp": (0.7, 1.4), "pace": (0.5, 2.0)}.items():
            low, high = getattr(self, name)
            if not least <= low <= 1 <= high <= most:
                raise ConfigError(
                    f"audio augment {name}: must lie in {least} to {most} around 1, found {low} to {high}"
                )
        for name in ("noise", "telephone", "time_mask", "frequency_mask"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"audio augment {name}: expected 0 to 1, found {getattr(self, name)!r}")

        for name in ("shift_ms", "equalise_db"):
            if getattr(self, name) < 0:
                raise ConfigError(f"audio augment {name}: expected 0 or more, found {getattr(self, name)!r}")

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
        """Speed, shift, telephone, noise, filter and gain, in this order. (samples,) -> (samples',)."""
        wave = resample(wave, round(STEP * _on_grid(self.speed, rng)), STEP)  # (samples / speed,)
        reach = min(int(self.shift_ms * rate / 1000), len(wave) // 5)
        wave = pad(wave, rng.integers(-reach, reach + 1, 2).tolist())  # (samples',)
        if rng.random() < self.telephone:
            wave = telephone(wave, rate)
        if rng.random() < self.noise:
            wave = wave + _noise(wave, rng.uniform(*self.noise_snr_db), rng)
        if self.equalise_db:
            wave = equalise(wave, rng.uniform(-self.equalise_db, self.equalise_db, KNOTS))
        return wave * 10 ** (rng.uniform(*self.gain_db) / 20)

    def draw_warp(self, rng: np.random.Generator) -> float:
        """A warp of the frequency axis."""
        return _on_grid(self.warp, rng)

    def stretch(self, features: Tensor, rng: np.random.Generator) -> Tensor:
        """Another pace, by interpolation between frames. (T, F) -> (T', F)."""
        length = max(round(len(features) * rng.uniform(*self.pace)), 1)
        if length == len(features):
            return features
        return interpolate(features.T[None], length, mode="linear", align_corners=True)[0].T  # (1, F, T) -> (T', F)

    def mask(self, features: Tensor, rng: np.random.Generator) -> Tensor:
        """Set stretches of time and bands to their mean over the recording. (T, F) -> (T, F)."""
        fill, masked = features.mean(dim=0), features.clone()  # (F,), (T, F)
        for _ in range(self.time_masks):
            longest = min(int(self.time_mask * len(features)), self.time_mask_frames)
            start, end = _stretch(len(features), longest, rng)
            masked[start:end] = fill
        for _ in range(self.frequency_masks):
            start, end = _stretch(features.shape[1], int(self.frequency_mask * features.shape[1]), rng)
            masked[:, start:end] = fill[start:end]
        return masked


def telephone(wave: Tensor, rate: int, band: tuple[float, float] = TELEPHONE_HZ) -> Tensor:
    """Only 300 to 3400 Hz, what a telephone line at 8 kHz carries, or another band. (samples,) -> (samples,)."""
    spectrum = torch.fft.rfft(wave)  # (samples / 2 + 1,)
    hertz = torch.fft.rfftfreq(len(wave), 1 / rate)
    spectrum[(hertz < band[0]) | (hertz > band[1])] = 0
    return torch.fft.irfft(spectrum, n=len(wave))  # (samples,)


def equalise(wave: Tensor, decibels: np.ndarray) -> Tensor:
    """Change the spectrum by decibels at points evenly spread from 0 Hz to half the rate. (samples,) -> (samples,)."""
    spectrum = torch.fft.rfft(wave)  # (samples / 2 + 1,)
    points = torch.from_numpy(decibels).float()[None, None]  # (1, 1, points)
    gain = interpolate(points, len(spectrum), mode="linear", align_corners=True)[0, 0]  # (samples / 2 + 1,)
    return torch.fft.irfft(spectrum * 10 ** (gain / 20), n=len(wave))  # (samples,)


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


def _stretch(length: int, longest: int, rng: np.random.Generator) -> tuple[int, int]:
    width = int(rng.integers(0, longest + 1))
    start = int(rng.integers(0, length - width + 1))
    return start, start + width
