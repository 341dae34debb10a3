"""Where somebody speaks: silero-vad, whose weights lie inside its package, run over a whole recording at once.

Letters: N  windows of 32 ms.

The package runs window by window and sets torch to one thread when it is imported. Here its weights are put into the
same network, which sees all windows in one go (ten times faster, and from any thread); its rule from probabilities to
spans is called as it is.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from core.errors import FileError
from core.preprocess.audio_io import resample

RATE = 16000
WINDOW, CONTEXT = 512, 64  # samples of a window, and those before it that are also heard
BLOCK = 2000  # windows at a time, about a minute, so that an hour does not fill the memory

Span = tuple[float, float]  # seconds from the start of the recording


def speech_spans(
    wave: Tensor | np.ndarray, rate: int, *, threshold: float = 0.5, pause_ms: int = 100, margin_ms: int = 30
) -> list[Span]:
    """The stretches of a recording in which somebody speaks, in seconds, in order and apart.

    Args:
        wave: (samples,) full scale 1; an offset does no harm.
        rate: Hz, any.
        threshold: probability from which a window counts as speech.
        pause_ms: a shorter pause does not end a stretch.
        margin_ms: kept on both sides of a stretch.
    """
    found = _from_probabilities()(
        speech_probabilities(wave, rate).tolist(),
        sampling_rate=RATE,
        threshold=threshold,
        min_silence_duration_ms=pause_ms,
        speech_pad_ms=margin_ms,
        audio_length_samples=round(len(wave) * RATE / rate),
    )
    return [(s["start"] / RATE, s["end"] / RATE) for s in found]


@torch.inference_mode()
def speech_probabilities(wave: Tensor | np.ndarray, rate: int) -> Tensor:
    """The probability of speech in each 32 ms: (samples,) -> (N,)."""
    sound = resample(torch.as_tensor(wave, dtype=torch.float32), rate, RATE)  # (samples',)
    sound = pad(sound, (CONTEXT, -len(sound) % WINDOW))
    if len(sound) == CONTEXT:
        return torch.zeros(0)
    windows = sound.unfold(0, CONTEXT + WINDOW, WINDOW)  # (N, 576)
    state, found = None, []
    for start in range(0, len(windows), BLOCK):
        part, state = _network()(windows[start : start + BLOCK], state)
        found.append(part)
    return torch.cat(found)


def keep_speech(path: Path, wave: Tensor, rate: int, margin_ms: float) -> Tensor:
    """Cut both ends where nobody speaks, but for a margin: (samples,) -> (samples',).

    Raises:
        FileError: if nobody speaks at all.
    """
    spans = speech_spans(wave, rate)
    if not spans:
        raise FileError(f"{path}: no speech found; record it again, or leave it out")
    first, last = spans[0][0] - margin_ms / 1000, spans[-1][1] + margin_ms / 1000
    return wave[max(0, round(first * rate)) : round(last * rate)]


class _Silero(nn.Module):
    """The network of silero-vad 6 at 16 kHz; layers in the order of the package's state."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = nn.Conv1d(1, 258, 256, 128, bias=False)
        steps = ((129, 128, 1), (128, 64, 2), (64, 64, 2), (64, 128, 1))
        self.encoder = nn.ModuleList(nn.Conv1d(before, after, 3, step, 1) for before, after, step in steps)
        self.memory = nn.LSTM(128, 128)
        self.score = nn.Conv1d(128, 1, 1)

    def forward(self, windows: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(N, 576) and what was remembered -> probability of speech (N,), and what is remembered now."""
        parts = self.spectrum(pad(windows, (0, 64), mode="reflect")[:, None])  # (N, 258, 4): real, then imaginary
        x = (parts[:, :129].square() + parts[:, 129:].square()).sqrt()  # (N, 129, 4)
        for layer in self.encoder:
            x = layer(x).relu()  # (N, 128, 1) in the end
        x, state = self.memory(x[..., 0], state)  # (N, 128): N steps of one recording
        return self.score(x.relu()[..., None])[:, 0, 0].sigmoid(), state


@lru_cache(maxsize=1)
def _network() -> _Silero:
    package = find_spec("silero_vad")  # not imported
    assert package is not None, "a dependency of the project"
    file = Path(str(package.origin)).parent / "data" / "silero_vad.jit"
    saved = torch.jit.load(file, map_location="cpu").state_dict()
    weights = [v for k, v in saved.items() if k.startswith("_model.")]  # _model_8k is the other one
    network = _Silero()
    network.load_state_dict(dict(zip(network.state_dict(), weights, strict=True)))
    return network.eval().requires_grad_(False)


@lru_cache(maxsize=1)
def _from_probabilities() -> Any:
    threads = torch.get_num_threads()
    from silero_vad import get_speech_timestamps_from_probs

    torch.set_num_threads(threads)
    return get_speech_timestamps_from_probs
