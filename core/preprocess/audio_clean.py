"""Clean a waveform: reduce steady noise, raise the high frequencies, trim silence, set the level. All (samples,)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

SILENCE_DBFS = -70.0  # below this loudness a recording counts as silent; 16 bits reach down to -96
FRAME_MS = 10
NOISE_WINDOW_MS = 64


def frame_levels(wave: Tensor, rate: int) -> Tensor:
    """RMS of each 10 ms in dB of full scale, (frames,); the last, shorter frame is filled with silence."""
    size = rate * FRAME_MS // 1000
    frames = torch.nn.functional.pad(wave, (0, -len(wave) % size)).view(-1, size)  # (frames, size)
    return 10 * frames.square().mean(dim=1).clamp_min(1e-12).log10()  # (frames,)


def is_silent(wave: Tensor, rate: int) -> bool:
    """Whether no 10 ms of the sound reach -70 dBFS."""
    return frame_levels(wave, rate).max().item() < SILENCE_DBFS


def trim_silence(wave: Tensor, rate: int, below_db: float, margin_ms: float = 50.0) -> Tensor:
    """Cut both ends where they stay more than ``below_db`` under the loudest 10 ms.

    A margin, in whole 10 ms, is kept for soft consonants.
    """
    levels = frame_levels(wave, rate)
    loud = torch.nonzero(levels >= levels.max() - below_db).flatten()
    size, margin = rate * FRAME_MS // 1000, round(margin_ms / FRAME_MS)
    first = max(int(loud[0]) - margin, 0)
    last = int(loud[-1]) + margin + 1
    return wave[first * size : last * size]


def reduce_noise(wave: Tensor, rate: int) -> Tensor:
    """Spectral gating (noisereduce) against steady noise, whose spectrum is that of the quietest 0.25 s in one piece.

    The mask is not smoothed over frequency, as noisereduce does by default: that takes the harmonics of a voice away.
    """
    import noisereduce

    n_fft = 2 ** round(math.log2(rate * NOISE_WINDOW_MS / 1000))
    noise = wave[quietest(wave, rate)].numpy()
    noise = np.resize(noise, max(len(noise), n_fft))  # a shorter one is repeated
    clean = noisereduce.reduce_noise(
        y=wave.numpy(), sr=rate, y_noise=noise, stationary=True, n_fft=n_fft, freq_mask_smooth_hz=None
    )
    return torch.from_numpy(clean).float()


def quietest(wave: Tensor, rate: int, seconds: float = 0.25) -> slice:
    """Where the piece of so many seconds with the least energy lies; all of a shorter sound."""
    size = min(round(seconds * rate), len(wave))
    energy = torch.cat([torch.zeros(1, dtype=torch.float64), wave.double().square().cumsum(dim=0)])  # (samples + 1,)
    start = int((energy[size:] - energy[:-size]).argmin())
    return slice(start, start + size)


def emphasise(wave: Tensor, coefficient: float) -> Tensor:
    """Pre-emphasis y[t] = x[t] - coefficient · x[t - 1], which lifts consonants; y[0] = x[0]."""
    return torch.cat([wave[:1], wave[1:] - coefficient * wave[:-1]])


def set_level(wave: Tensor, dbfs: float) -> Tensor:
    """Scale so that the RMS is ``dbfs`` decibels of full scale; peaks above 1 are kept, not clipped."""
    return wave * (10 ** (dbfs / 20) / math.sqrt(wave.square().mean().clamp_min(1e-12).item()))
