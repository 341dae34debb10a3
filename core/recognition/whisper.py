"""Whisper (Radford et al., ICML 2023) by the transformers library: any size and language, by folder or hub id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.errors import ConfigError
from core.paths import typed_path
from core.preprocess.voice_activity import RATE
from core.recognition import Recogniser, Segment, Word
from core.torchaudio_import import torchaudio


class Whisper(Recogniser):
    """Words with times (from attention) and probabilities.

    Args:
        model: a folder that ``save_pretrained`` wrote, with tokenizer and feature extractor, which is never looked up
            elsewhere; or a hub id such as "openai/whisper-small", which needs a network or an earlier download.
        language: code such as "en"; None: found out anew in each piece, where the model knows several.
        beam: hypotheses kept while decoding.
        device: "cpu", "cuda"…
        max_hours: a longer recording is refused.

    Raises:
        ConfigError: for a model that cannot be opened, or is no Whisper.
    """

    def __init__(
        self, model: str = "", language: str | None = None, beam: int = 1, device: str = "cpu", max_hours: float = 6.0
    ) -> None:
        super().__init__(max_hours)
        if not model:
            raise ConfigError("recogniser 'whisper': name model, a folder or a hub id such as openai/whisper-small")
        torchaudio()  # before transformers, which imports it
        from transformers import WhisperForConditionalGeneration, WhisperProcessor

        local = typed_path(model).is_dir()
        try:
            self.processor: Any = WhisperProcessor.from_pretrained(model, local_files_only=local)
            network: Any = WhisperForConditionalGeneration.from_pretrained(model, local_files_only=local)
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"recogniser model {model!r} cannot be opened as a Whisper model ({error}); name a folder that "
                "save_pretrained wrote, or a hub id such as openai/whisper-small"
            ) from error
        if getattr(network.generation_config, "alignment_heads", None) is None:
            raise ConfigError(
                f"recogniser model {model!r}: its generation_config.json names no alignment_heads, so its words would "
                "have no times; take that file from the same size of openai/whisper"
            )
        self.network = network.to(device).eval()
        self.beam = beam
        several = bool(getattr(network.generation_config, "is_multilingual", False))
        self.spoken = {"language": language, "task": "transcribe"} if several else {}
        self.name = f"whisper {Path(model).name}"

    @torch.inference_mode()
    def hear(self, wave: np.ndarray) -> list[Segment]:
        """Up to 30 s at 16 kHz (samples,) to one segment."""
        inputs = self.processor(wave, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True)
        found = self.network.generate(
            **inputs.to(self.network.device),
            num_beams=self.beam,
            return_token_timestamps=True,
            return_dict_in_generate=True,
            output_scores=True,
            **self.spoken,
        )
        tokens = found["sequences"][0].tolist()
        scores = self.network.compute_transition_scores(
            found["sequences"], found["scores"], found.get("beam_indices"), normalize_logits=True
        )[0]
        chances = [1.0] * (len(tokens) - len(scores)) + scores.exp().tolist()  # those given are certain
        words = _words(self.processor.tokenizer, tokens, found["token_timestamps"][0].tolist(), chances)
        if not words:
            return []
        return [Segment(" ".join(w.text for w in words), words[0].start, words[-1].end, tuple(words))]


def _words(tokenizer: Any, tokens: list[int], times: list[float], chances: list[float]) -> list[Word]:
    """Tokens to words: a token that begins with a space begins a word. A token's time is where it begins."""
    special = set(tokenizer.all_special_ids)
    last = min(special)  # ids from here on are marks, also those of time
    parts: list[list[int]] = []  # places of the tokens of each word
    for place, token in enumerate(tokens):
        if token >= last or token in special:
            continue
        if not parts or tokenizer.decode([token]).startswith(" "):
            parts.append([])
        parts[-1].append(place)
    words = []
    for i, places in enumerate(parts):
        end = times[parts[i + 1][0]] if i + 1 < len(parts) else times[min(places[-1] + 1, len(times) - 1)]
        text = tokenizer.decode([tokens[p] for p in places]).strip()
        if text:
            words.append(Word(text, times[places[0]], end, float(np.mean([chances[p] for p in places]))))
    return words
