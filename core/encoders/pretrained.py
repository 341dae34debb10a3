"""Any model of the transformers library for text, images, video frames, slices or sound."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from core.encoders import _hub, _waveform
from core.encoders._items import in_chunks, item_channels, real_items, to_tokens
from core.encoders._shape import describe, is_ids, to_width
from core.errors import ConfigError
from core.nn import Pool, blank, choice, whole
from core.schema import Encoded, Modality, Signature


class Pretrained(nn.Module):
    """A pretrained encoder by folder, which is never looked up on a network, or by hub id.

    Text: ids (T,) by the same model's tokenizer. Images, frames and slices: one by one; one channel is repeated where
    the model wants three; size and ``intensity`` of preprocessing must be the model's. Sound: the waveform (T,) at
    16 kHz, which models of the wav2vec 2.0 kind read as it is and Whisper through its own log-mel spectrum.

    Args:
        signature: ids (T,), images (T, C, H, W), volumes (T, C, Z, H, W) or a waveform (T,).
        width: D; None: the model's own.
        model: folder with config.json, or hub id. Of two towers, or encoder and decoder, the fitting part is used.
        tune: "frozen", "full", or "lora" (extra ``adapters``).
        pool: "tokens" as the model gives them; "mean" or "cls" (the first) for one a text, image or recording.
        layers: hidden states to average; -1 is the last.
        rank: of "lora".
        seconds: Whisper hears so much of a recording at most; less is faster, and longer recordings are refused.
        weights: False builds from the configuration alone, with random weights.

    Raises:
        ConfigError: for a model that does not exist or cannot read such samples, or a value that does not exist.
        MissingExtraError: for "lora" without peft.
    """

    accepts: ClassVar = frozenset(Modality) - {Modality.TABULAR, Modality.PAIR}

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        model: str = "",
        tune: str = "frozen",
        pool: str = "tokens",
        layers: Sequence[int] = (-1,),
        rank: int = 8,
        seconds: float = 30.0,
        weights: bool = True,
    ) -> None:
        super().__init__()
        self.kind = _kind(signature)
        self.tune, self.pool = choice("tune", tune, ("frozen", "full", "lora")), choice("pool", pool, _POOLS[self.kind])
        opened, whole_network = _hub.open_model(model, weights)
        self.saved, part = opened, _hub.encoder_part(whole_network, self.kind)
        self.config: Any = part.config
        self.reads: str = part.main_input_name
        self.settings = _hub.feature_settings(model) if self.kind == "audio" else {}
        self._check(signature, model, layers)
        self.layers = tuple(layers)
        self.spectrum: _waveform.WhisperInput | None = None
        if self.reads == "input_features":
            frames = _waveform.shorten_whisper(part, seconds)
            self.spectrum = _waveform.WhisperInput(self.config.num_mel_bins, frames)
        network = _hub.tune(part, tune, whole("rank", rank))
        network.pretrained = weights  # then not to be initialised again
        self.network: Any = network
        self.mean = Pool(_native(self.config))
        self.project, self.width = to_width(_native(self.config), width)
        self._try(signature)

    def _check(self, signature: Signature, model: str, layers: Sequence[int]) -> None:
        count = getattr(self.config, "num_hidden_layers", None)
        if not layers or (count is not None and any(not -count - 1 <= layer <= count for layer in layers)):
            raise ConfigError(
                f"layers: expected a list of numbers from {-(count or 0) - 1} to {count}, found {layers!r}"
            )
        if self.reads not in _READS[self.kind]:
            raise ConfigError(
                f"model {model!r} ({self.config.model_type}) reads {self.reads}, not {self.kind} such as this"
            )
        if self.reads == "input_features" and self.config.model_type != "whisper":
            raise ConfigError(
                f"model {model!r} ({self.config.model_type}) reads features of its own; Whisper's are known"
            )
        known = getattr(self.config, "vocab_size", 0)
        if self.kind == "text" and (signature.vocabulary or 0) > known:
            raise ConfigError(
                f"model {model!r} knows {known} ids, but the tokenizer {signature.vocabulary}; use its own"
            )
        if self.kind == "vision" and signature.shape[0] not in (1, self.config.num_channels):
            raise ConfigError(f"model {model!r} wants {self.config.num_channels} channels, found {signature.shape[0]}")

    def _try(self, signature: Signature) -> None:
        """One blank item: a size that does not fit is refused now; weights without influence on tokens are fixed."""
        if self.tune == "frozen" and self.kind != "vision":
            return
        blank_item = torch.zeros(1, 1, *signature.shape, dtype=torch.long if self.kind == "text" else torch.float32)
        with torch.enable_grad():
            tokens = self.eval()(blank_item, torch.ones(1, 1, dtype=torch.bool)).tokens  # (1, T', D)
        trained = [p for p in self.network.parameters() if p.requires_grad]
        found = torch.autograd.grad(tokens.sum(), trained, allow_unused=True) if trained else ()
        for parameter, gradient in zip(trained, found):
            parameter.requires_grad_(gradient is not None)
        self.train()

    def train(self, mode: bool = True) -> Pretrained:
        """Training mode for all but a frozen network, whose dropout stays off."""
        super().train(mode)
        if self.tune == "frozen":
            self.network.eval()
        return self

    def save_assets(self, folder: Path) -> None:
        """Write what rebuilds the network without weights: config.json and, for sound, preprocessor_config.json."""
        self.saved.save_pretrained(folder)
        if self.settings:
            (folder / "preprocessor_config.json").write_text(json.dumps(self.settings), encoding="utf-8")

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T), (B, T, C, H, W) or (B, T, C, Z, H, W) -> (B, T', D)."""
        encode = {"text": self._text, "vision": self._vision, "audio": self._audio}[self.kind]
        tokens, mask = encode(x, mask)  # (B, T', native)
        return Encoded(blank(self.project(tokens), mask), mask)

    def _text(self, x: Tensor, mask: Tensor) -> Encoded:
        reach = getattr(self.config, "max_position_embeddings", None)
        if reach is not None and x.shape[1] > reach:
            raise ConfigError(
                f"pretrained: {x.shape[1]} tokens, but the model reads {reach}; set preprocess max_tokens"
            )
        tokens = self._states(input_ids=blank(x, mask), attention_mask=mask.long())  # (B, T, native)
        return self._pooled(Encoded(tokens, mask))

    def _audio(self, x: Tensor, mask: Tensor) -> Encoded:
        if self.spectrum is not None:
            spectrum, kept = self.spectrum(x, mask)
            encoded = Encoded(self._states(input_features=spectrum)[:, : kept.shape[1]], kept)
        else:
            x = _waveform.standardise(x, mask) if self.settings.get("do_normalize", True) else blank(x, mask)
            shortest = _waveform.receptive_field(self.config)
            encoded = _waveform.encode_by_length(lambda w: self._states(input_values=w), x, mask, shortest)
        return self._pooled(encoded)

    def _pooled(self, encoded: Encoded) -> Encoded:
        if self.pool == "tokens":
            return encoded
        vector = self.mean(encoded) if self.pool == "mean" else encoded.tokens[:, 0]  # (B, native)
        return Encoded(vector[:, None], encoded.mask.any(1, keepdim=True))

    def _vision(self, x: Tensor, mask: Tensor) -> Encoded:
        items = real_items(x, mask, 2)  # (N, C, H, W)
        states = in_chunks(self._cells, items.expand(-1, self.config.num_channels, -1, -1))  # (N, G, native)
        states = states[:, :1] if self.pool == "cls" else states
        return to_tokens(states.transpose(1, 2), mask, "pooled" if self.pool == "mean" else "grid")

    def _cells(self, images: Tensor) -> Tensor:
        try:
            states = self._states(pixel_values=images)
        except ValueError as error:
            raise ConfigError(f"pretrained: {error}; set preprocess size") from error
        return states.flatten(2).transpose(1, 2) if states.ndim == 4 else states  # (N, G, native)

    def _states(self, **inputs: Tensor) -> Tensor:
        """The mean of the chosen hidden states."""
        if self.layers == (-1,):
            return self.network(**inputs).last_hidden_state
        found = self.network(**inputs, output_hidden_states=True)
        chosen = [found.last_hidden_state if i == -1 else found.hidden_states[i] for i in self.layers]
        return torch.stack(chosen).mean(0)


_POOLS = {"text": ("tokens", "mean", "cls"), "vision": ("tokens", "mean", "cls"), "audio": ("tokens", "mean")}
_READS = {"text": ("input_ids",), "vision": ("pixel_values",), "audio": ("input_values", "input_features")}


def _kind(signature: Signature) -> str:
    if is_ids(signature):
        return "text"
    if signature.shape == ():
        return "audio"
    if len(signature.shape) < 3:
        raise ConfigError(
            f"encoder 'pretrained' takes ids (T,), images (T, C, H, W), volumes or waveforms (T,), not "
            f"{describe(signature)}; preprocess text with tokens='pretrained', audio with features='waveform'"
        )
    item_channels("pretrained", signature, 2)
    return "vision"


def _native(config: Any) -> int:
    found = getattr(config, "hidden_size", None) or getattr(config, "d_model", None)
    return int(found if found is not None else config.hidden_sizes[-1])
