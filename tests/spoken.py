"""Sounds that voice activity takes for speech: vowels of a formant synthesiser, without a program from outside."""

from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import lfilter

RATE = 16000
VOWELS = ((730, 1090, 2440, 3400), (270, 2290, 3010, 3700), (300, 870, 2240, 3300), (530, 1840, 2480, 3500))


def _vowel(formants: tuple[int, ...], pitch: float, seconds: float = 0.16) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    wave = np.diff(np.floor(np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 3 * time))) / RATE), prepend=0)
    for hertz, width in zip(formants, (80, 90, 120, 150)):
        radius = np.exp(-np.pi * width / RATE)
        wave = lfilter([1 - radius], [1, -2 * radius * np.cos(2 * np.pi * hertz / RATE), radius**2], wave)
    return wave * np.minimum(1, np.minimum(time, time[::-1]) / 0.03)


def babble(seconds: float, pitch: float = 120.0, loud: float = 0.2) -> np.ndarray:
    """(samples,) at 16 kHz: syllables of 160 ms, 40 ms apart."""
    gap, wave = np.zeros(RATE // 25), np.zeros(0)
    for i in range(round(seconds / 0.2)):
        wave = np.concatenate([wave, _vowel(VOWELS[i % 4], pitch), gap])
    return (loud * wave / np.abs(wave).max()).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def write(path: Path, *parts: np.ndarray, rate: int = RATE, **options: str) -> Path:
    soundfile.write(path, np.concatenate(parts), rate, **options)
    return path
