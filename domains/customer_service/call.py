"""A recorded call of two channels, customer and agent, cut into turns.

What is not done: telling two people apart on one channel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import torch
from torch import Tensor

from core.errors import ConfigError, FileError
from core.preprocess.audio_io import channel_count, open_sound, read_audio
from core.preprocess.voice_activity import Span, speech_spans
from core.privacy.audio import private_times
from core.privacy.text import Masker
from core.progress import Progress, silent
from core.recognition import Recogniser, Transcript

RATE = 16000
CUSTOMER, AGENT = "customer", "agent"
CROSSTALK_DB = 12.0  # so much quieter than the other channel at that time is the other's voice coming through
SAME = 0.98  # correlation of the channels from which they hold one sound


@dataclass(frozen=True)
class Turn:
    """What one of the two says until the other speaks, or falls silent for long; in seconds of the call."""

    who: str  # customer or agent
    start: float
    end: float
    gap: float  # silence since the last word of anybody; negative where the turn cuts in


@dataclass(frozen=True)
class Call:
    """Both sides of a call at 16 kHz: (samples,) each, when each speaks, and the turns in order of their start."""

    path: Path
    customer: Tensor
    agent: Tensor
    spans: dict[str, tuple[Span, ...]]  # of customer and of agent
    turns: tuple[Turn, ...]

    def sound(self, turn: Turn) -> Tensor:
        """(samples,) of one turn, from the channel of who speaks."""
        wave = self.customer if turn.who == CUSTOMER else self.agent
        return wave[_samples(turn.start, turn.end)]

    def write(
        self,
        folder: Path,
        who: str = CUSTOMER,
        recogniser: Recogniser | None = None,
        private: bool = False,
        name: str | None = None,
        progress: Progress = silent,
    ) -> pd.DataFrame:
        """Each turn of one side as FLAC in ``folder``, and the table of them, ready for training or batch answers.

        Its columns are those of ``domains.customer_service.recipe``: ``turn_id``, ``audio`` (relative to ``folder``),
        ``turn_number``, ``t_seconds`` and ``gap_seconds``; with a ``recogniser`` also ``recognised``,
        ``recognised_confidence`` and ``dialogue``, what both sides said before. ``private``: what identifies people is
        masked in the text and silent in the sound, as far as it was recognised, a name that is told late also in the
        turns before. ``name``: what ``turn_id`` and the files begin with; None: the name of the call's file.
        """
        folder.mkdir(parents=True, exist_ok=True)
        rows: list[dict[str, Any]] = []
        said, masker = list[str](), Masker()
        transcripts = self._heard(recogniser, progress)
        for transcript in filter(None, transcripts):
            masker.find(transcript.text)  # so that a name is known in the turns before it is told
        for number, (turn, heard) in enumerate(zip(self.turns, transcripts), start=1):
            wave, text = self.sound(turn), ""
            if heard is not None:
                text, wave = discreet(heard, wave, masker) if private else (heard.text, wave)
            if turn.who == who:
                turn_id = f"{name or self.path.stem}-{number:03d}"
                soundfile.write(folder / f"{turn_id}.flac", wave.numpy(), RATE)
                row: dict[str, Any] = {"turn_id": turn_id, "audio": f"{turn_id}.flac", "turn_number": number}
                row |= {"t_seconds": round(turn.start, 2), "gap_seconds": round(turn.gap, 2)}
                if heard is not None:
                    row |= {"recognised": text, "recognised_confidence": round(heard.confidence, 3)}
                    row |= {"dialogue": "\n".join(said)}
                rows.append(row)
            if text:
                said.append(f"{turn.who}: {text}")
        columns = ["turn_id", "audio", "turn_number", "t_seconds", "gap_seconds"]
        told = ["recognised", "recognised_confidence", "dialogue"] if recogniser is not None else []
        return pd.DataFrame(rows, columns=columns + told)

    def _heard(self, recogniser: Recogniser | None, progress: Progress) -> list[Transcript | None]:
        """What is heard in each turn; None where nobody listens."""
        found: list[Transcript | None] = []
        for turn in self.turns:
            found.append(recogniser.listen(self.sound(turn), RATE) if recogniser is not None else None)
            progress("turns", len(found), len(self.turns))
        return found


def discreet(heard: Transcript, wave: Tensor, masker: Masker) -> tuple[str, Tensor]:
    """What was heard, masked, and its sound (samples,) at 16 kHz, silent where something was masked."""
    found, times = private_times(heard.words, masker)
    wave = wave.clone()
    for start, end in times:
        wave[_samples(start, end)] = 0
    return (found.text if found.spans else heard.text), wave


def read_call(
    path: Path | str,
    *,
    customer: int = 0,
    agent: int = 1,
    pause: float = 3.0,
    longest: float = 28.0,
    max_seconds: float = 7200.0,
) -> Call:
    """Read a call and find its turns by voice activity on each channel.

    Args:
        path: WAV, FLAC, Ogg, Opus, MP3 and whatever else FFmpeg reads, from 4 kHz.
        customer: number of the customer's channel, from 0.
        agent: number of the agent's channel.
        pause: a longer silence of everybody ends a turn.
        longest: seconds after which the next pause, however short, ends a turn; models hear 30 s.
        max_seconds: a longer file is refused; two hours take 1 GB of memory.

    Raises:
        FileError: for a file that cannot be read, has one channel only, one sound on both or is too long, or in which
            nobody speaks.
        ConfigError: where both are the same channel.
    """
    path = Path(path)
    if customer == agent:
        raise ConfigError(f"customer and agent: two channels are needed, found {customer} for both")
    if channel_count(path) == 1:
        raise FileError(
            f"{path}: one channel; a call needs customer and agent on two: give one voice to detect instead"
        )
    waves = {
        who: read_audio(path, RATE, channel, max_seconds) for who, channel in ((CUSTOMER, customer), (AGENT, agent))
    }  # (samples,) each
    found = {who: speech_spans(wave, RATE) for who, wave in waves.items()}
    spans = {who: tuple(s for s in found[who] if _is_own(s, waves[who], waves[_other(who)])) for who in waves}
    if not any(spans.values()):
        raise FileError(f"{path}: no speech found on channels {customer} and {agent}; choose others or record it again")
    if all(spans.values()) and _likeness(waves, spans) > SAME:
        raise FileError(
            f"{path}: both channels hold the same sound, so nobody can tell who speaks; give it as one channel, or "
            "record customer and agent on a channel each"
        )
    return Call(path, waves[CUSTOMER], waves[AGENT], spans, tuple(_turns(spans, pause, longest)))


def two_sounds(path: Path) -> bool:
    """Whether a recording has two channels with different sound, as of a call, so that their mean mixes two voices.

    Its first half minute tells.

    Raises:
        FileError: if it cannot be read.
    """
    if channel_count(path) != 2:
        return False
    waves = torch.stack([_beginning(path, channel) for channel in (0, 1)])  # (2, samples)
    return bool(waves.corrcoef()[0, 1].abs().nan_to_num(1.0) < SAME)  # of a silent channel nothing is mixed in


def _beginning(path: Path, channel: int) -> Tensor:
    """(samples,) of one channel at its own rate."""
    parts, count = list[np.ndarray](), 0
    with open_sound(path, channel, math.inf) as (rate, blocks):
        for block in blocks:
            parts.append(block)
            if (count := count + len(block)) >= 30 * rate:
                break
    return torch.from_numpy(np.concatenate(parts))


def _other(who: str) -> str:
    return AGENT if who == CUSTOMER else CUSTOMER


def _is_own(span: Span, wave: Tensor, other: Tensor) -> bool:
    """Whether a voice belongs to its channel, and is not the other's, quieter, come through."""
    own, foreign = (w[_samples(*span)].square().mean().clamp_min(1e-12) for w in (wave, other))
    return bool(10 * (foreign / own).log10() < CROSSTALK_DB)


def _likeness(waves: dict[str, Tensor], spans: dict[str, tuple[Span, ...]]) -> float:
    """How alike the channels are while somebody speaks (0 to 1), loudness and sign aside; both sides count alike."""
    total = torch.zeros(3)  # products of customer and agent, of customer, of agent
    for found in spans.values():
        parts = [[wave[_samples(*span)] for wave in (waves[CUSTOMER], waves[AGENT])] for span in found]
        sums = torch.stack([torch.stack([c @ a, c @ c, a @ a]) for c, a in parts]).sum(dim=0)
        total += sums / (sums[1] + sums[2]).clamp_min(1e-12)
    return float(total[0].abs() / (total[1] * total[2]).sqrt().clamp_min(1e-12))


def _samples(start: float, end: float) -> slice:
    return slice(round(start * RATE), round(end * RATE))


def _turns(spans: dict[str, tuple[Span, ...]], pause: float, longest: float) -> Iterator[Turn]:
    """Neighbouring spans of one person as one turn; a word put in while the other goes on is a turn of its own."""
    said = sorted((start, end, who) for who, found in spans.items() for start, end in found)
    heard, current = 0.0, None
    for start, end, who in said:
        goes_on = current is not None and current.who == who and start - heard <= pause
        if current is not None and goes_on and end - current.start <= longest:
            current = Turn(who, current.start, end, current.gap)
        else:
            if current is not None:
                yield current
            current = Turn(who, start, end, start - heard)
        heard = max(heard, end)
    if current is not None:
        yield current
