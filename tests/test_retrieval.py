"""Retrieval by words and meaning: the scale of each part, their fusion, and what is used without an encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.retrieval
import core.sentences
from core.errors import ConfigError, MissingExtraError
from core.recipes import text_model
from core.retrieval import MEANING, WORDS, TextIndex
from core.sentences import sentence_vectors

TEXTS = [
    "Parcels arrive within three working days.",
    "Refunds are paid to the card that was used.",
    "A lost card is blocked at once in the app.",
    "Our shops open at nine.",
]
with_encoder = pytest.mark.skipif(text_model() is None, reason="needs the extra weights")


@pytest.fixture
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.sentences, "text_model", lambda: None)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POLYFUSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@with_encoder
def test_meaning_finds_what_words_do_not(cache: Path) -> None:
    index = TextIndex(TEXTS)
    assert index.uses == {WORDS: "BM25", MEANING: "all-MiniLM-L6-v2"}
    (hit,) = index.search("somebody stole my credit-card", 1)
    assert hit.index == 2
    (hit,) = index.search("when will the package be delivered", 1)
    assert hit.index == 0
    assert hit.parts[WORDS] == 0 < hit.parts[MEANING]
    assert hit.score == pytest.approx(index.weight * hit.parts[MEANING])


@with_encoder
def test_vectors_have_unit_length_and_empty_texts_have_none(cache: Path) -> None:
    found = sentence_vectors(["one text", " ", "another"])
    assert found.shape == (3, 384)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 0, 1], abs=1e-6)
    assert sentence_vectors([]).shape == (0, 384)


@with_encoder
def test_a_text_is_kept_on_disk_and_a_query_is_not(cache: Path) -> None:
    query = sentence_vectors(["my secret"], keep=False)
    assert not cache.exists()
    kept = sentence_vectors(["something much longer than that, in one batch with it", "my secret"])[1]
    assert (cache / "features.sqlite").exists()
    assert kept == pytest.approx(query[0], abs=1e-5)


def test_without_an_encoder_the_index_says_so_and_works(no_encoder: None) -> None:
    index = TextIndex(TEXTS)
    assert index.uses[MEANING].startswith("TF-IDF")
    assert index.vectors is None
    assert index.search("refunded", 1)[0].index == 1
    with pytest.raises(MissingExtraError, match=r"polyfuse\[weights\]"):
        sentence_vectors(["x"])


def test_words_are_a_share_of_what_the_query_could_reach(no_encoder: None) -> None:
    index = TextIndex(TEXTS, weight=0.0)
    known, half, none = (index.scores(q)[WORDS] for q in ("lost card", "lost zebra", "zebra 😀"))
    assert known.argmax() == half.argmax() == 2
    assert known[2] > half[2] > 0
    assert none.tolist() == [0, 0, 0, 0]
    assert known.max() <= 1


def test_a_smaller_index_gives_fewer_hits_best_first(no_encoder: None) -> None:
    hits = TextIndex(TEXTS).search("the card", 10)
    assert len(hits) == 4
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


def test_the_weight_is_learned_from_what_should_be_found(no_encoder: None) -> None:
    texts = ["alpha beta", "alphabet betatron", "gamma"]
    index = TextIndex(texts, weight=0.9)
    assert index.learn_weight(["alphabe", "betatro"], [[1], [1]]) == index.weight > 0  # parts of words: letters only
    with pytest.raises(ConfigError, match="for each the texts that it should find"):
        index.learn_weight(["alpha"], [[]])


def test_known_vectors_are_taken_over() -> None:
    index = TextIndex(["a", "b"], model="any", vectors=np.eye(2, dtype=np.float32))
    assert index.vectors is not None
    assert index.uses[MEANING] == "any"


@pytest.mark.parametrize(
    ("texts", "weight", "message"), [([], 0.5, "needs at least one text"), (["a"], 1.5, "from 0 .* to 1")]
)
def test_what_cannot_be_an_index_is_refused(texts: list[str], weight: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TextIndex(texts, weight=weight)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=6), st.text(max_size=12))
def test_any_text_is_indexed_and_scores_stay_on_their_scale(texts: list[str], query: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core.sentences, "text_model", lambda: None)
        index = TextIndex(texts)
    for part in index.scores(query).values():
        assert part.shape == (len(texts),)
        assert ((part >= 0) & (part <= 1 + 1e-5)).all()
