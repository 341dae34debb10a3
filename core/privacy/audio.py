"""Silence in place of what was said: spans of time in a recording, from words whose times are known.

Words of a recogniser have their times within about a tenth of a second, so a margin is silenced with them. What the
recogniser did not hear is not found: where that matters, silence the whole turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from core.errors import ConfigError, FileError
from core.preprocess.media import check_file
from core.privacy.text import Masked, Masker

MARGIN = 0.15  # seconds on either side of a word
WRITTEN = {".wav": "WAV", ".flac": "FLAC"}


class TimedWord(Protocol):
    """A word and when it was said, in seconds; such as ``core.recognition`` gives."""

    @property
    def text(self) -> str:
        """The word."""
        ...

    @property
    def start(self) -> float:
        """Seconds from the beginning."""
        ...

    @property
    def end(self) -> float:
        """Seconds from the beginning."""
        ...


class Masking(Protocol):
    """What says which parts of a text are private, such as a ``Masker``."""

    def mask(self, text: str) -> Masked:
        """The text without them, and where they were."""
        ...


def private_times(
    words: Sequence[TimedWord], masker: Masking | None = None, margin: float = MARGIN
) -> tuple[Masked, list[tuple[float, float]]]:
    """The words masked as one text, and the spans of time (start, end) in seconds that hold what was masked.

    Args:
        words: in the order in which they were said.
        masker: of the conversation, so that placeholders agree with its texts.
        margin: seconds that are silenced before and after.
    """
    text, places = "", []  # where each word stands in the text
    for word in words:
        said = word.text.strip()
        text += " " * bool(text) + said
        places.append((len(text) - len(said), len(text)))
    found = (masker or Masker()).mask(text)
    times = [
        (max(0.0, word.start - margin), word.end + margin)
        for word, (a, b) in zip(words, places)
        if any(a < span.end and span.start < b for span in found.spans)
    ]
    return found, joined(times)


def joined(times: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans in order, those that overlap joined."""
    kept: list[tuple[float, float]] = []
    for start, end in sorted(times):
        if kept and start <= kept[-1][1]:
            start, end = kept[-1][0], max(end, kept.pop()[1])
        kept.append((start, end))
    return kept


def silence(source: Path | str, out: Path | str, times: Sequence[tuple[float, float]]) -> Path:
    """Write the recording with digital silence in the ``times`` (seconds); all channels, the rate as it was.

    The file is read and written in blocks, so a long one costs no memory. ``out`` is .wav or .flac (16 bit, as
    lossy formats smear sound over the borders of a span) and may not be the source.

    Raises:
        ConfigError: for another ending of ``out``, the source itself, or a span that ends before it starts.
        FileError: if the source cannot be read as sound.
    """
    import soundfile

    source, out = Path(source), Path(out)
    if (kind := WRITTEN.get(out.suffix.lower())) is None:
        raise ConfigError(f"{out}: silenced sound is written as {' or '.join(WRITTEN)}; choose such a name")
    if out.resolve() == source.resolve():
        raise ConfigError(f"{out}: is the recording itself; give another name, and delete the recording when you may")
    if wrong := [t for t in times if not 0 <= t[0] <= t[1] < float("inf")]:
        raise ConfigError(f"times to silence: expected 0 <= start <= end in seconds, found {wrong[0]}")
    check_file(source)
    try:
        with soundfile.SoundFile(source) as file:
            rate, channels = file.samplerate, file.channels
            spans = [(int(a * rate), int(np.ceil(b * rate))) for a, b in joined(times)]
            with soundfile.SoundFile(out, "w", rate, channels, "PCM_16", format=kind) as written:
                for block in _silenced(file, spans):
                    written.write(block)
    except (soundfile.LibsndfileError, TypeError) as error:
        raise FileError(f"{source}: cannot be read as sound ({error}); export it as WAV or FLAC") from error
    return out


def _silenced(file: Any, spans: Sequence[tuple[int, int]], size: int = 65536) -> Iterable[np.ndarray]:
    position = 0
    for block in file.blocks(size, dtype="float32", always_2d=True):  # (samples, channels)
        for start, end in spans:
            block[max(0, start - position) : max(0, end - position)] = 0
        position += len(block)
        yield block
