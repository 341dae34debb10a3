"""Speech to text: one file a recogniser, found by file name. What they give is marked as recognised, never as written.

The contract, held by ``tests/test_recognition.py``: a class ``Name(Recogniser)`` in ``name.py`` whose ``hear`` turns up
to 30 s into segments; reading, cutting in pauses, refusing and putting together are the same for all.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from core.errors import ConfigError, FileError, unknown
from core.preprocess.audio_io import open_sound, seconds_claimed
from core.progress import Progress, silent
from core.recognition._pieces import Piece, pieces


@dataclass(frozen=True)
class Word:
    """One word as it was heard; seconds from the start of the recording."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True)
class Segment:
    """A sentence or so, and its words."""

    text: str
    start: float
    end: float
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Transcript:
    """What a recogniser heard. ``confidence`` is the mean probability of the words: not calibrated, but comparable."""

    text: str
    words: tuple[Word, ...]
    segments: tuple[Segment, ...]
    confidence: float
    recogniser: str
    seconds: float  # of the recording


class Recogniser(ABC):
    """Turns recordings of any length into text in constant memory, and refuses what cannot be one.

    Args:
        max_hours: a longer recording is refused, never cut.
    """

    name: str  # as told in transcripts, with the model

    def __init__(self, max_hours: float = 6.0) -> None:
        self.max_hours = max_hours

    @abstractmethod
    def hear(self, wave: np.ndarray) -> list[Segment]:
        """Segments of up to 30 s of sound, (samples,) at 16 kHz, with seconds from its start."""

    def transcribe(self, path: Path | str, *, channel: str | int = "mix", progress: Progress = silent) -> Transcript:
        """The text of a sound file, or of a video's sound.

        Args:
            path: whatever ``read_audio`` reads.
            channel: "mix", or the number of a channel, from 0.
            progress: called with the seconds that are done.

        Raises:
            FileError: for a file that cannot be read, is longer than ``max_hours``, or in which nobody speaks.
        """
        path = Path(path)
        claimed = seconds_claimed(path)
        if claimed > self.max_hours * 3600:
            raise FileError(
                f"{path}: {claimed / 3600:.1f} hours long, but at most {self.max_hours:g} are recognised in one go; "
                "cut it, or raise max_hours"
            )
        with open_sound(path, channel, self.max_hours * 3600) as (rate, blocks):
            found = self._put_together(pieces(blocks, rate), claimed, progress)
        if not found.words:
            raise FileError(f"{path}: no speech found; record it again, choose another channel, or leave it out")
        return found

    def listen(self, wave: Tensor | np.ndarray, rate: int) -> Transcript:
        """The text of sound that is in memory, (samples,) at any rate; without words where nobody speaks."""
        return self._put_together(pieces([np.asarray(wave, np.float32)], rate), len(wave) / rate, silent)

    def _put_together(self, parts: Iterable[Piece], claimed: float, progress: Progress) -> Transcript:
        segments: list[Segment] = []
        end = 0.0
        for piece in parts:
            if len(piece.wave):
                segments += [_moved(s, piece.start) for s in self.hear(piece.wave)]
            end = piece.end
            progress("recognising", round(end), max(round(claimed), round(end)))
        words = tuple(w for s in segments for w in s.words)
        confidence = float(np.mean([w.probability for w in words])) if words else 0.0
        text = " ".join(s.text for s in segments if s.text)
        return Transcript(text, words, tuple(segments), confidence, self.name, end)


def names() -> list[str]:
    """Names of all recognisers."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def build(name: str = "faster_whisper", **options: Any) -> Recogniser:
    """A recogniser by name, its model loaded.

    Raises:
        ConfigError: for an unknown name, option or model; the message lists the choices.
        MissingExtraError: where its package is not installed.
    """
    if name not in names():
        raise unknown("recogniser", name, names())
    module = importlib.import_module(f"core.recognition.{name}")
    try:
        return getattr(module, "".join(part.capitalize() for part in name.split("_")))(**options)
    except TypeError as error:
        raise ConfigError(f"recogniser {name!r}: {error}") from error


def _moved(segment: Segment, by: float) -> Segment:
    words = tuple(replace(w, start=w.start + by, end=w.end + by) for w in segment.words)
    return Segment(segment.text, segment.start + by, segment.end + by, words)
