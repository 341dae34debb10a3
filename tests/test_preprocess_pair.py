"""Pairs of texts: overlap numbers by hand, terms within a context, what is absent, and the way through a config."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import ExperimentConfig, ModalityConfig, TargetConfig, ViewConfig
from core.errors import ConfigError
from core.predict import as_row
from core.preprocess.overlap import COMPARED, OWN, Overlap, Words
from core.preprocess.pair import PairPreprocessor
from core.schema import Modality

CELL = {
    "answer": "The bulb does not light.",
    "reference": "The bulb is not lit|It stays dark",
    "question": "What will the bulb do?",
}


def numbers(cell: dict[str, str], fit: list[dict[str, str]] | None = None) -> np.ndarray:
    pair = PairPreprocessor("overlap", compared=len(cell) - 1)
    pair.fit(fit or [cell])
    return pair.prepare(cell)[0]


def test_words_are_stems_with_numbers_and_negation() -> None:
    found = Words.of("Two bulbs aren't connected, 3.5 V")
    assert found.stems == ("2", "bulb", "aren't", "connect", "3.5", "v")
    assert found.numbers == {"2", "3.5"}
    assert found.denies
    assert not Words.of("It is dark").denies


def test_overlap_by_hand() -> None:
    compare = Overlap().compare(Words.of("red green blue"), Words.of("red green grey 7"), frozenset({"red"}))
    found = dict(zip(COMPARED, compare))
    assert found["recall"] == 0.5
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["pairs"] == pytest.approx(2 / 5)
    assert found["order"] == 0.5
    assert found["beside_recall"] == pytest.approx(1 / 3)
    assert found["beside_precision"] == 0.5
    assert found["numbers"] == 0
    assert found["known"] == 1


def test_rare_words_weigh_more() -> None:
    overlap = Overlap()
    overlap.fit(map(Words.of, ["the bulb", "the lamp", "the wire", "the bulb again"]))
    common = overlap.compare(Words.of("the"), Words.of("the bulb"), frozenset())
    rare = overlap.compare(Words.of("bulb"), Words.of("the bulb"), frozenset())
    place = COMPARED.index("rare_recall")
    assert rare[place] > common[place]


def test_the_best_of_several_references_counts_and_a_blank_one_is_flagged() -> None:
    n, known = len(COMPARED), COMPARED.index("known")
    found = numbers(CELL)
    own, best, mean, question = found[: len(OWN)], found[len(OWN) :][:n], found[len(OWN) + n :][:n], found[-2 * n : -n]
    assert best[0] == pytest.approx(3 / 5)
    assert mean[0] == pytest.approx((3 / 5 + 0) / 2)
    assert own[OWN.index("negated")] == 1
    assert question[known] == 1
    alone = numbers({**CELL, "question": ""}, [CELL])
    assert alone[-2 * n :].tolist() == [0] * (2 * n)
    assert len(alone) == len(found)


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_gives_shares(a: str, b: str) -> None:
    found = numbers({"answer": a, "reference": b})
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (found <= 1.5).all()


def test_the_same_word_is_another_term_in_another_context() -> None:
    pair = PairPreprocessor("terms", compared=2, context="question", min_count=1)
    other = {**CELL, "question": "Why?"}
    pair.fit([CELL, other])
    ids = [set(pair.prepare(c)[:, 0].tolist()) for c in (CELL, other)]
    assert ids[0]
    assert ids[1]
    assert not ids[0] & ids[1]
    assert pair.prepare({**CELL, "question": "Never asked"}).tolist() == [[0.0, 0.0]]
    again = PairPreprocessor("terms", compared=2, context="question")
    again.restore(pair.state())
    assert again.prepare(CELL).tolist() == pair.prepare(CELL).tolist()


def test_state_goes_through_json() -> None:
    import json

    pair = PairPreprocessor("overlap", compared=2)
    pair.fit([CELL])
    again = PairPreprocessor("overlap", compared=2)
    again.restore(json.loads(json.dumps(pair.state())))
    assert again.prepare(CELL).tolist() == pair.prepare(CELL).tolist()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"features": "overlaps"}, "Did you mean 'overlap'"),
        ({"features": "sentences"}, "a folder or hub id with features='sentences'"),
        ({"compared": 0}, "must be at least 1"),
    ],
)
def test_wrong_options_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        PairPreprocessor(**options)


def test_a_context_that_is_no_column_is_refused() -> None:
    pair = PairPreprocessor("terms", context="questions")
    with pytest.raises(ConfigError, match="Did you mean 'question'"):
        pair.fit([CELL])


def pair_of(*columns: str) -> ModalityConfig:
    return ModalityConfig("match", Modality.PAIR, columns, (ViewConfig("mlp"),))


def test_a_pair_is_absent_without_the_text_or_without_all_others() -> None:
    match = pair_of("answer", "reference", "question")
    assert "match" not in as_row({"answer": "dark"}, [match]).values
    assert "match" not in as_row({"question": "why?", "reference": "dark"}, [match]).values
    assert as_row({"answer": "dark", "question": "why?"}, [match]).values["match"] == {
        "answer": "dark",
        "reference": "",
        "question": "why?",
    }


def test_a_pair_of_one_column_is_refused() -> None:
    with pytest.raises(ConfigError, match="a pair takes two columns or more"):
        ExperimentConfig((pair_of("answer"),), TargetConfig("grade"))
