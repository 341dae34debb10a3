"""An answer while the customer still speaks: detection on growing sound, with its confidence, until the turn ends.

A model that learned whole turns alone is sure too early: let it learn from their beginnings as well, see
``noisy.cut_copies``. ``benchmarks/service_speech.py early`` measures how often an answer is right after so many
seconds, and how sure it was. Nothing that is heard stays on the disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from core.errors import ConfigError, FileError
from core.predict import Predictor
from core.preprocess.audio_io import RATES, resample
from core.preprocess.voice_activity import speech_spans
from core.schema import Prediction
from domains.customer_service.intent import IntentDetector

RATE = 16000
LONGEST = 29.0  # seconds; models hear 30


@dataclass(frozen=True)
class Early:
    """An answer to what was heard so far.

    ``settled``: two answers in a row are the same, and the last is as sure as was asked for. ``final``: the turn is
    over, by a pause, by its length or because the sound ended.
    """

    answer: Prediction
    heard: float  # seconds of sound so far
    spoken: float  # seconds of them in which somebody spoke
    settled: bool
    final: bool

    @property
    def confidence(self) -> float:
        """The probability of the answer, as the model gives it."""
        return max(self.answer.probabilities.values(), default=0.0)


class TurnStream:
    """One turn of a customer, heard piece by piece.

    Args:
        detector: an ``IntentDetector`` (which may have a recogniser) or a ``Predictor`` with the modality ``speech``.
        rate: Hz of the pieces.
        sure: confidence from which an answer can be settled.
        every: seconds of sound between two answers.
        least: seconds of speech before the first.
        pause: seconds of silence after speech that end the turn.
        context: ``dialogue``, ``behaviour``… of the turn, as the detector takes them.

    Raises:
        ConfigError: for a value out of range.
    """

    def __init__(
        self,
        detector: IntentDetector | Predictor,
        rate: int,
        *,
        sure: float = 0.9,
        every: float = 0.5,
        least: float = 0.5,
        pause: float = 0.8,
        **context: Any,
    ) -> None:
        if not RATES[0] <= rate <= RATES[1]:
            raise ConfigError(f"stream rate: expected {RATES[0]} to {RATES[1]} Hz, found {rate}")
        if not 0 < sure <= 1 or every <= 0 or pause <= 0:
            raise ConfigError(
                f"stream: expected sure from 0 to 1, every and pause above 0, found sure={sure}, every={every}, "
                f"pause={pause}"
            )
        self.ask = _asker(detector, context)
        self.rate, self.sure, self.every, self.least, self.pause = rate, sure, every, least, pause
        self.sound = np.zeros(0, np.float32)  # (samples,) at ``rate``
        self.asked = 0.0  # seconds at the last answer
        self.last: Early | None = None

    @property
    def is_over(self) -> bool:
        """Whether the turn has ended; what is heard then belongs to the next."""
        return self.last is not None and self.last.final

    def hear(self, samples: np.ndarray) -> Early | None:
        """Take (samples,) more of the turn; an answer where it is time for one and somebody has spoken.

        Samples are floats from -1 to 1, or whole numbers of any width as sound cards and telephone lines give them.

        Raises:
            ConfigError: for samples of another shape or that are no numbers, or after the end of the turn.
        """
        if self.is_over:
            raise ConfigError("the turn is over; begin another TurnStream for the next one")
        self.sound = np.concatenate([self.sound, _checked(samples)])
        seconds = len(self.sound) / self.rate
        if seconds - self.asked < self.every:
            return None
        self.asked = seconds
        return self._answer(final=seconds >= LONGEST)

    def finish(self) -> Early | None:
        """The answer to the whole turn, or None where nobody spoke, or nothing that could be heard."""
        return self.last if self.is_over else self._answer(final=True)

    def _answer(self, final: bool) -> Early | None:
        wave = resample(torch.from_numpy(self.sound), self.rate, RATE)  # (samples',)
        spans = speech_spans(wave, RATE)
        spoken, heard = sum(end - start for start, end in spans), len(wave) / RATE
        if not spans or (spoken < self.least and not final):
            return None
        over = final or heard - spans[-1][1] >= self.pause
        try:
            answer = self.ask(wave[: round(LONGEST * RATE)].numpy())
        except FileError:  # a voice, and no word yet that a recogniser knows
            return None
        same = self.last is not None and self.last.answer.label == answer.label
        sure = max(answer.probabilities.values(), default=0.0) >= self.sure
        self.last = Early(answer, heard, spoken, same and sure, over)
        return self.last


def detect_growing(
    detector: IntentDetector | Predictor, blocks: Iterable[np.ndarray], rate: int, **options: Any
) -> Iterator[Early]:
    """Answers while ``blocks`` (samples,) of one turn come in; the last one is final. None where nobody speaks.

    ``options`` are those of ``TurnStream``.
    """
    stream = TurnStream(detector, rate, **options)
    for block in blocks:
        found = stream.hear(block)
        if found is not None:
            yield found
        if stream.is_over:
            return
    last = stream.finish()
    if last is not None:
        yield last


def _checked(samples: np.ndarray) -> np.ndarray:
    """(samples,) as floats from -1 to 1, for a recogniser hears nothing sensible in whole numbers as they are."""
    found = np.asarray(samples)
    if found.ndim != 1 or found.dtype.kind not in "fiu":
        kind = f"the shape {found.shape} of {found.dtype}"
        raise ConfigError(f"stream: expected one channel of numbers (samples,), found {kind}")
    if found.dtype.kind != "f":
        full = 2.0 ** (8 * found.dtype.itemsize - 1)
        found = found / full - (found.dtype.kind == "u")  # without a sign, silence lies in the middle
    if not np.isfinite(found).all():
        at = int(np.flatnonzero(~np.isfinite(found))[0])
        raise ConfigError(f"stream: expected one channel of numbers, found {found[at]} at sample {at} of these")
    return found.astype(np.float32)


def _asker(detector: IntentDetector | Predictor, context: dict[str, Any]) -> Callable[[np.ndarray], Prediction]:
    """From sound to answer. The file that models read exists only while they do."""

    def ask(wave: np.ndarray) -> Prediction:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "turn.wav"
            soundfile.write(path, wave, RATE, subtype="FLOAT")
            if isinstance(detector, Predictor):
                return detector.predict({"speech": path} | context, explain=False)
            return detector.detect(audio=path, explain=False, **context)

    return ask
