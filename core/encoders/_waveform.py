"""Sound for pretrained speech models: waveforms (B, T) at 16 kHz to hidden states, free of padding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from core.errors import ConfigError
from core.schema import Encoded
from core.torchaudio_import import torchaudio

RATE = 16000
_HOP = 160  # samples between Whisper's frames; its encoder gives one token for two of them


def encode_by_length(network: Callable[[Tensor], Tensor], x: Tensor, mask: Tensor, shortest: int) -> Encoded:
    """Waveforms of one length at a time, so that no model sees padding: (B, T) -> (B, T', D).

    wav2vec 2.0 and its kin normalise over time, so a mask alone does not keep padding out. A recording below
    ``shortest`` samples is filled up with silence.
    """
    lengths = mask.sum(1)  # (B,)
    found: dict[int, Tensor] = {}
    for length in lengths.unique().tolist():
        rows = (lengths == length).nonzero()[:, 0]
        waves = nn.functional.pad(x[rows, :length], (0, max(0, shortest - length)))  # (n, length)
        found |= dict(zip(rows.tolist(), network(waves)))
    tokens = [found[row] for row in range(len(x))]
    steps = torch.tensor([len(t) for t in tokens], device=x.device)
    padded = pad_sequence(tokens, batch_first=True)  # (B, T', D)
    return Encoded(padded, torch.arange(padded.shape[1], device=x.device) < steps[:, None])


def standardise(x: Tensor, mask: Tensor) -> Tensor:
    """Each waveform (B, T) to mean 0 and variance 1 over its real samples; zeros elsewhere."""
    count = mask.sum(1, keepdim=True)
    x = x.masked_fill(~mask, 0)
    centred = (x - x.sum(1, keepdim=True) / count) * mask  # (B, T)
    return centred / (centred.square().sum(1, keepdim=True) / count + 1e-7).sqrt()


def receptive_field(config: Any) -> int:
    """The samples that one token of a convolutional front sees, which a recording must have."""
    size = 1
    for kernel, stride in reversed(list(zip(config.conv_kernel, config.conv_stride))):
        size = (size - 1) * stride + kernel
    return size


class WhisperInput(nn.Module):
    """Waveforms to the log-mel spectrum of Whisper (Radford et al., ICML 2023), always of the same length."""

    def __init__(self, bands: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.filters: Tensor
        self.register_buffer("filters", whisper_filters(bands), persistent=False)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T), (B, T) -> spectrum (B, bands, frames), and which of the first tokens, of two frames each, are real.

        Raises:
            ConfigError: for a recording longer than the frames.
        """
        longest = self.frames * _HOP
        if int(mask.sum(1).max()) > longest:
            raise ConfigError(
                f"pretrained: a recording of {int(mask.sum(1).max()) / RATE:.1f} s, but the model hears "
                f"{longest / RATE:g} s; raise the option seconds (30 at most) or set preprocess max_seconds"
            )
        waves = x.float().masked_fill(~mask, 0)[:, :longest]  # (B, T)
        waves = nn.functional.pad(waves, (0, longest - waves.shape[1]))  # (B, longest)
        steps = (mask.sum(1) / (2 * _HOP)).ceil().long()  # (B,)
        return whisper_spectrum(waves, self.filters), torch.arange(int(steps.max()), device=x.device) < steps[:, None]


def whisper_filters(bands: int) -> Tensor:
    """The mel filters of Whisper, (201, bands)."""
    make = torchaudio().functional.melscale_fbanks
    return make(201, 0.0, RATE / 2, bands, RATE, norm="slaney", mel_scale="slaney")


def whisper_spectrum(waves: Tensor, filters: Tensor) -> Tensor:
    """Waveforms (B, samples) to Whisper's log-mel spectrum (B, bands, samples / 160)."""
    window = torch.hann_window(400, device=waves.device)
    power = torch.stft(waves, 400, _HOP, window=window, return_complex=True)[..., :-1].abs().square()
    logs = (filters.T @ power).clamp(min=1e-10).log10()  # (B, bands, samples / 160)
    return (torch.maximum(logs, logs.amax((1, 2), keepdim=True) - 8) + 4) / 4


def shorten_whisper(encoder: Any, seconds: float) -> int:
    """Let a Whisper encoder hear only so many seconds, by dropping later positions; returns its input frames.

    Raises:
        ConfigError: for more seconds than it was trained on, or none.
    """
    known = encoder.embed_positions.weight.shape[0]
    places = math.ceil(seconds * RATE / (2 * _HOP))
    if not 1 <= places <= known:
        raise ConfigError(f"seconds: this model hears up to {known * 2 * _HOP / RATE:g}, found {seconds!r}")
    positions = nn.Embedding(places, encoder.embed_positions.weight.shape[1])
    positions.weight = nn.Parameter(encoder.embed_positions.weight[:places].detach().clone(), requires_grad=False)
    encoder.embed_positions = positions
    encoder.config.max_source_positions = encoder.max_source_positions = places
    return 2 * places
