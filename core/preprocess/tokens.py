"""Texts to token ids: words, or the pieces of a tokeniser that is trained here or comes with a pretrained model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import ConfigError
from core.preprocess.part_of_speech import tags
from core.preprocess.words import words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Span = tuple[int, int]


class WordTokens:
    """Words and marks by their place in a vocabulary; 0 is unknown. With tags a token is ``word|TAG``."""

    special: tuple[int, ...] = ()

    def __init__(self, most: int, min_count: int, lower: bool, part_of_speech: bool) -> None:
        self.most, self.min_count, self.lower, self.part_of_speech = most, min_count, lower, part_of_speech
        self._ids: dict[str, int] = {}

    @property
    def vocabulary(self) -> int:
        """Ids are below this number."""
        return len(self._ids) + 1

    def fit(self, texts: Iterable[str]) -> None:
        """Keep the most frequent tokens."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(token for token, _ in self._split(text))
        often = sorted((t for t, n in counts.items() if n >= self.min_count), key=lambda t: (-counts[t], t))
        self.restore({"words": often[: self.most - 1]})

    def encode(self, text: str) -> np.ndarray:
        """Ids (T,) int64."""
        return np.array([self._ids.get(token, 0) for token, _ in self._split(text)], dtype=np.int64)  # (T,)

    def spans(self, text: str) -> list[Span]:
        """The place of each token in the text."""
        return [span for _, span in self._split(text)]

    def state(self) -> dict[str, Any]:
        """The vocabulary in order."""
        return {"words": list(self._ids)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a vocabulary."""
        self._ids = {word: i + 1 for i, word in enumerate(state["words"])}

    def _split(self, text: str) -> list[tuple[str, Span]]:
        found = words(text)
        shown = [w.text.lower() if self.lower else w.text for w in found]
        if self.part_of_speech:
            shown = [f"{word}|{tag}" for word, tag in zip(shown, tags([w.text for w in found]))]
        return [(token, (w.start, w.end)) for token, w in zip(shown, found)]


class PieceTokens:
    """Pieces of words. The whole tokeniser travels in ``state``, so that opening a bundle needs no other file."""

    def __init__(self, most: int, min_count: int, lower: bool, max_tokens: int, model: str | None) -> None:
        self.most, self.min_count, self.lower, self.max_tokens, self.model = most, min_count, lower, max_tokens, model
        self.special: tuple[int, ...] = ()
        self._tokenizer: Tokenizer | None = None

    @property
    def vocabulary(self) -> int:
        """Ids are below this number."""
        return self._fitted().get_vocab_size()

    def fit(self, texts: Iterable[str]) -> None:
        """Train pieces on the texts, or load the model's own tokeniser."""
        if self.model is None:
            self._set(_trained(texts, self.most, self.min_count, self.lower), ())
        else:
            self._set(*_pretrained(self.model))

    def encode(self, text: str) -> np.ndarray:
        """Ids (T,) int64."""
        return np.array(self._fitted().encode(text).ids, dtype=np.int64)  # (T,)

    def spans(self, text: str) -> list[Span]:
        """The place of each piece in the text; a special token's is (0, 0)."""
        return list(self._fitted().encode(text).offsets)

    def state(self) -> dict[str, Any]:
        """The tokeniser as JSON text."""
        return {"tokenizer": self._fitted().to_str(), "special": list(self.special)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a tokeniser."""
        from tokenizers import Tokenizer

        self._set(Tokenizer.from_str(state["tokenizer"]), tuple(state["special"]))

    def _set(self, tokenizer: Tokenizer, special: tuple[int, ...]) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_tokens)
        self._tokenizer, self.special = tokenizer, special

    def _fitted(self) -> Tokenizer:
        if self._tokenizer is None:
            raise ConfigError("text preprocessing is not fitted; call fit with the training texts first")
        return self._tokenizer


def _trained(texts: Iterable[str], most: int, min_count: int, lower: bool) -> Tokenizer:
    """Byte-pair encoding: Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016.

    A word's first piece begins with "▁". The library's trainer for "##" pieces numbers them by hash order, so that two
    runs differ; this one gives the same pieces every time.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase() if lower else normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Metaspace()]  # words and marks, each marked as a beginning
    )
    trainer = trainers.BpeTrainer(
        vocab_size=most, min_frequency=min_count, special_tokens=["[UNK]"], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _pretrained(model: str) -> tuple[Tokenizer, tuple[int, ...]]:
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(model, local_files_only=Path(model).exists())
    except (OSError, ValueError) as error:
        rule = "give a folder with tokenizer.json, or a hub id and a network"
        raise ConfigError(f"model {model!r}: no tokeniser there; {rule} ({error})") from error
    if not loaded.is_fast:
        raise ConfigError(f"model {model!r}: has no tokenizer.json; choose a model with a fast tokeniser")
    return loaded.backend_tokenizer, tuple(loaded.all_special_ids)
