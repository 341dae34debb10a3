"""A recording of any length as pieces of under half a minute, cut in its pauses; only one is held at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from core.preprocess.audio_clean import quietest
from core.preprocess.audio_io import resample
from core.preprocess.voice_activity import RATE, Span, speech_spans

LONGEST = 28.0  # seconds; Whisper hears 30
MARGIN = 0.3  # seconds kept around speech


@dataclass(frozen=True)
class Piece:
    """From the first word to the last of a stretch of a recording: (samples,) at 16 kHz, empty where nobody speaks."""

    wave: np.ndarray
    start: float  # seconds at which ``wave`` begins
    end: float  # seconds up to which the recording is done


def pieces(blocks: Iterable[np.ndarray], rate: int) -> Iterator[Piece]:
    """Blocks (samples,) at ``rate`` Hz to pieces. Each is resampled on its own: its ends lie in pauses."""
    held, done, size = np.zeros(0, np.float32), 0, round(LONGEST * rate)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) > size:
            piece, cut = _first(held[:size], rate, done / rate, last=False)
            yield piece
            held, done = held[cut:], done + cut
    if len(held):
        yield _first(held, rate, done / rate, last=True)[0]


def _first(sound: np.ndarray, rate: int, start: float, *, last: bool) -> tuple[Piece, int]:
    """The piece at the beginning of a sound, and how many of its samples that takes."""
    wave = resample(torch.from_numpy(sound), rate, RATE)  # (samples',)
    spans = speech_spans(wave, RATE)
    cut = len(wave) / RATE if last or not spans else _pause(spans, wave)
    spoken = [s for s in spans if s[0] < cut]
    end = len(sound) if last else min(round(cut * rate), len(sound))
    if not spoken:
        return Piece(np.zeros(0, np.float32), start, start + end / rate), end
    first, until = max(0.0, spoken[0][0] - MARGIN), min(cut, spoken[-1][1] + MARGIN)
    part = wave[round(first * RATE) : round(until * RATE)]
    return Piece(part.numpy(), start + first, start + end / rate), end


def _pause(spans: list[Span], wave: torch.Tensor) -> float:
    """The second of the later half at which a cut does least harm: in the longest pause, else where it is quietest."""
    whole = len(wave) / RATE
    edges = [*spans, (whole, whole)]
    pauses = ((a[1], b[0]) for a, b in pairwise(edges))
    found = [(end - start, (start + end) / 2) for start, end in pauses if start > whole / 2 and end > start]
    if found:
        return max(found)[1]
    from_here = len(wave) * 2 // 3
    place = quietest(wave[from_here:], RATE)
    return (from_here + (place.start + place.stop) / 2) / RATE
