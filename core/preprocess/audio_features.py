"""Log-mel spectrum and MFCC of a waveform, with an optional warp of the frequency axis."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from core.torchaudio_import import torchaudio

LEAST = 1e-10  # of power, before the logarithm


class MelSpectrum:
    """Natural logarithm of mel-filtered power, and its cosine transform.

    Args:
        rate: Hz of the waveform.
        mels: number of mel bands from 0 Hz to half the rate.
        window_ms: length of the Hann window.
        hop_ms: step from frame to frame.
        coefficients: number of MFCC.
        floor_db: power is raised to so far below the loudest of the recording, so that what is nearly silent, and
            above all what lies beyond the band of the recording, does not outweigh the sound.
    """

    def __init__(
        self, rate: int, mels: int, window_ms: float, hop_ms: float, coefficients: int, floor_db: float = 80.0
    ) -> None:
        self.rate, self.mels, self.coefficients, self.floor_db = rate, mels, coefficients, floor_db
        self.window = round(rate * window_ms / 1000)
        self.hop = round(rate * hop_ms / 1000)
        self.n_fft = 2 ** max(self.window - 1, 1).bit_length()
        self._warped: dict[float, Tensor] = {}

    def log_mel(self, wave: Tensor, warp: float = 1.0) -> Tensor:
        """(samples,) -> (T, mels); ``warp`` > 1 moves the spectrum up, as a shorter vocal tract does."""
        power = self._spectrogram(wave).T  # (n_fft / 2 + 1, T) -> (T, n_fft / 2 + 1)
        power = power @ self._filters_at(warp)  # (T, mels)
        return power.clamp_min(max(power.max().item() * 10 ** (-self.floor_db / 10), LEAST)).log()

    def mfcc(self, wave: Tensor, warp: float = 1.0) -> Tensor:
        """(samples,) -> (T, coefficients): the orthonormal cosine transform of the log-mel spectrum."""
        return self.log_mel(wave, warp) @ self._cosines  # (T, mels) @ (mels, coefficients)

    @cached_property
    def _spectrogram(self) -> torch.nn.Module:
        return torchaudio().transforms.Spectrogram(self.n_fft, self.window, self.hop)

    @cached_property
    def _filters(self) -> Tensor:
        scale = torchaudio().transforms.MelScale(self.mels, self.rate, n_stft=self.n_fft // 2 + 1)
        return scale.fb  # (n_fft / 2 + 1, mels)

    @cached_property
    def _cosines(self) -> Tensor:
        return torchaudio().functional.create_dct(self.coefficients, self.mels, "ortho")  # (mels, coefficients)

    def _filters_at(self, warp: float) -> Tensor:
        """The filters read at warped frequencies: vocal tract length perturbation (Jaitly and Hinton, 2013)."""
        if warp == 1.0:
            return self._filters
        if warp not in self._warped:
            last = self.n_fft // 2
            bins = torch.arange(last + 1.0)
            knee = 0.6 * last * min(warp, 1.0) / warp  # speech lies below; from here straight to the last bin
            rest = last - (last - warp * knee) * (last - bins) / (last - knee)
            place = torch.where(bins <= knee, warp * bins, rest)  # (n_fft / 2 + 1,)
            low = place.floor().long().clamp(0, last - 1)
            part = (place - low).unsqueeze(1)  # (n_fft / 2 + 1, 1)
            self._warped[warp] = self._filters[low] * (1 - part) + self._filters[low + 1] * part
        return self._warped[warp]  # (n_fft / 2 + 1, mels)


def normalise(features: Tensor, how: str) -> Tensor:
    """Of one recording, (T, …) -> (T, …): "mean" subtracts each band's mean over time, "utterance" also divides by its
    deviation; "scalar" takes one mean and one deviation over all bands, which keeps the shape of short vowels.
    """
    if how == "none":
        return features
    if how == "scalar":
        return (features - features.mean()) / (features.std(correction=0) + 1e-5)
    centred = features - features.mean(dim=0)
    return centred if how == "mean" else centred / (features.std(dim=0, correction=0) + 1e-5)
