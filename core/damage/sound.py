"""Damage to a recording, (samples,) float32 at its own rate."""

from __future__ import annotations

import numpy as np
import torch

from core.preprocess.audio_augment import TELEPHONE_HZ, telephone


def background(wave: np.ndarray, level: float, rng: np.random.Generator, *, rate: int) -> np.ndarray:
    """Pink noise ``level`` dB below the sound."""
    return add_noise(wave, level, rng)


def add_noise(wave: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """(samples,) with pink noise ``level`` dB below it; made quieter where it would clip."""
    white = np.fft.rfft(rng.standard_normal(len(wave)))
    pink = np.fft.irfft(white / np.sqrt(np.arange(1, len(white) + 1)), len(wave))  # (samples,)
    power = np.mean(wave**2) / 10 ** (level / 10)
    mixed = wave + pink * np.sqrt(power / np.mean(pink**2))
    return mixed / max(1.0, float(np.abs(mixed).max()))


def clip(wave: np.ndarray, share: float, rng: np.random.Generator, *, rate: int) -> np.ndarray:
    """Cut off at the level that a share of the samples lies above, as a microphone set too loud does."""
    most = float(np.quantile(np.abs(wave), 1 - share))
    return wave.clip(-most, most) if most > 0 else wave


def line(wave: np.ndarray, upper: float, rng: np.random.Generator, *, rate: int) -> np.ndarray:
    """What lies between 300 Hz and ``upper``; 3400 is a telephone line."""
    return telephone(torch.from_numpy(np.ascontiguousarray(wave)), rate, (TELEPHONE_HZ[0], upper)).numpy()
