"""The sentence pair on a tiny model: equal texts align fully, the best of several counts, a blank column is flagged."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core import encoders
from core.errors import ConfigError
from core.schema import Modality, Signature

SIZE = 16


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> nn.Module:
    from core.torchaudio_import import torchaudio

    torchaudio()
    t: Any = importlib.import_module("transformers")
    torch.manual_seed(0)
    folder: Path = tmp_path_factory.mktemp("bert")
    small = {"hidden_size": SIZE, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    t.BertModel(t.BertConfig(vocab_size=40, max_position_embeddings=16, **small)).save_pretrained(folder)
    options: dict[str, object] = {"model": str(folder), "compared": 2}
    return encoders.build("sentence_pair", Modality.PAIR, Signature((3,), vocabulary=40), None, options).eval()


def features(pair: nn.Module, *columns: list[list[int]]) -> tuple[Tensor, Tensor, Tensor]:
    """|u − v| and u · v together, and the numbers of both columns, of texts given as ids by column."""
    items = [(i, c, n) for c, texts in enumerate(columns) for n, ids in enumerate(texts) for i in ids]
    x = torch.tensor([items])
    with torch.no_grad():
        found = pair(x, torch.ones(x.shape[:2], dtype=torch.bool)).tokens[0, 0]  # (F,)
    return found[: 2 * SIZE], found[-20:-10], found[-10:]


def test_an_equal_text_aligns_fully(pair: nn.Module) -> None:
    text = [1, 5, 6, 7, 2]
    vectors, first, second = features(pair, [text], [[1, 9, 2], text], [])
    torch.testing.assert_close(vectors[:SIZE], torch.zeros(SIZE))
    assert float(vectors[SIZE:].sum()) == pytest.approx(SIZE, rel=1e-4)
    best, mean = float(first[0]), float(first[1])
    assert best == pytest.approx(1, abs=1e-5)
    assert mean < best
    torch.testing.assert_close(first[2:8], torch.ones(6))
    assert float(first[-1]) == 1
    assert second.tolist() == [0.0] * 10


def test_what_the_question_says_too_is_not_new(pair: nn.Module) -> None:
    text = [1, 5, 6, 7, 2]
    _, alone, _ = features(pair, [text], [[1, 9, 8, 2]], [])
    _, asked, question = features(pair, [text], [[1, 9, 8, 2]], [text])
    assert float(alone[8]) == 1
    assert float(asked[8]) == pytest.approx(0, abs=1e-5)
    assert float(question[0]) == pytest.approx(1, abs=1e-5)


def test_other_samples_are_refused(pair: nn.Module) -> None:
    with pytest.raises(ConfigError, match=r"takes \(T, 3\) of token, column, text, not \(T\) of ids below 40"):
        encoders.build("sentence_pair", Modality.PAIR, Signature((), vocabulary=40), None, {})
