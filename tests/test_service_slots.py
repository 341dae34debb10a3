"""Slots: a tagger that learns labelled words and is saved without code, and patterns where none was trained."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.cli import main
from core.config import ConfigError, TargetConfig
from core.errors import BundleError, TableError
from domains.customer_service import IntentDetector, beside, patterns
from domains.customer_service.slots import LabelledText, SlotTagger, read_labelled, span_f1

CITIES = ("Paris", "Rome", "Oslo", "Lima", "New York", "Hong Kong")


def turns(count: int, seed: int = 0) -> list[LabelledText]:
    """Flights from city to city: which is which depends on the word before."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        start, end = rng.choice(CITIES, 2)
        number = f"{rng.choice(['BA', 'LH', 'KL'])}{rng.integers(100, 999)}"
        parts = [("please", "O"), ("book", "O"), (number, "flight"), ("from", "O")]
        parts += [(w, "departure") for w in start.split()] + [("to", "O")] + [(w, "arrival") for w in end.split()]
        found.append(LabelledText(*zip(*parts)))
    return found


@pytest.fixture(scope="module")
def tagger() -> SlotTagger:
    return SlotTagger(epochs=6).fit(turns(200))


def test_it_finds_slots_of_fresh_turns(tagger: SlotTagger) -> None:
    fresh = turns(100, seed=1)
    assert span_f1(fresh, [tagger.labels(t.words) for t in fresh]) > 0.95


def test_a_slot_says_where_it_stands_and_how_sure_it_is(tagger: SlotTagger) -> None:
    text = "please  book KL123 from New York to Oslo"
    found = tagger.find(text)
    assert [(s.name, s.text) for s in found] == [("flight", "KL123"), ("departure", "New York"), ("arrival", "Oslo")]
    assert all(text[s.start : s.end] == s.text for s in found)
    assert all(0.5 < s.probability <= 1 and s.source == "model" for s in found)
    assert tagger.find("  ") == ()


def test_it_is_saved_as_tensors_and_json(tagger: SlotTagger, tmp_path) -> None:
    tagger.save(tmp_path / "slots")
    assert {f.name for f in (tmp_path / "slots").iterdir()} == {"slots.json", "slots.safetensors"}
    text = "book LH777 from Rome to Hong Kong"
    assert SlotTagger.load(tmp_path / "slots").find(text) == tagger.find(text)


def test_a_damaged_tagger_is_refused(tagger: SlotTagger, tmp_path) -> None:
    tagger.save(tmp_path / "slots")
    (tmp_path / "slots" / "slots.safetensors").write_bytes(b"no")
    with pytest.raises(BundleError, match="no slot tagger can be opened there"):
        SlotTagger.load(tmp_path / "slots")
    with pytest.raises(ConfigError, match="is not trained"):
        SlotTagger().find("anything")


def test_rows_with_another_number_of_labels_are_told_at_once() -> None:
    table = pd.DataFrame({"text": ["to Oslo now", "hello", "a b"], "slot_labels": ["O city", "", "O"]})
    with pytest.raises(TableError) as told:
        read_labelled(table)
    assert [(f.row, f.reason) for f in told.value.faults] == [
        (1, "2 labels for 3 words; give each word one, 'O' for none"),
        (3, "1 labels for 2 words; give each word one, 'O' for none"),
    ]


def test_test_rows_are_left_out_however_the_word_is_written() -> None:
    table = pd.DataFrame({"text": ["to Oslo", "to Rome", "to Bonn"], "slot_labels": "O city",
                          "split": ["training", "Test", " TEST"]})  # fmt: skip
    learned, tested = (read_labelled(table, split="split", test=test) for test in (False, True))
    assert [t.words[1] for t in learned] == ["Oslo"]
    assert [t.words[1] for t in tested] == ["Rome", "Bonn"]


def test_too_little_to_learn_from_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected 20 labelled turns"):
        SlotTagger().fit(turns(3))


def labelled(count: int = 60) -> pd.DataFrame:
    """Turns of two intents with labelled words, and the domain of each intent."""
    found = turns(count)
    rows = [(" ".join(t.words), " ".join(t.labels), "book", "travel") for t in found]
    rows += [(f"where is my bag {i % 7}", "", "bag", "luggage") for i in range(count)]
    split = [("train", "train", "val", "test")[i % 4] for i in range(2 * count)]
    names = ["text", "slot_labels", "intent", "intent_domain"]
    return pd.DataFrame(rows, columns=names).assign(split=split)


def test_the_command_trains_slots_and_domains_beside_the_intent(tmp_path, capsys) -> None:
    labelled().to_csv(tmp_path / "t.csv", index=False)
    quick = ["--preset", "fast", "--set", "epochs=1", "--set", "width=16", "--set", "floor=false"]
    asked = ["train", str(tmp_path / "t.csv"), "--domain", "customer_service", "--out", str(tmp_path / "run"), *quick]
    assert main([*asked, "--set", "false_alarm=0.02", "--set", "outside=oos", "--set", "modalities=text"]) == 0
    assert "micro F1 of whole slots on 15 test turns" in capsys.readouterr().out
    model = IntentDetector.load(tmp_path / "run" / "bundle")
    found = model.detect(text="book KL123 from Rome to Oslo", explain=False)
    assert [(s.name, s.text) for s in found.slots] == [("flight", "KL123"), ("departure", "Rome"), ("arrival", "Oslo")]
    assert set(found.domains) == {"travel", "luggage"}
    assert (model.bundle.config.target.false_alarm, model.bundle.config.target.outside) == (0.02, "oos")
    model.save(tmp_path / "copy")
    assert IntentDetector.load(tmp_path / "copy").slots("to Lima") == model.slots("to Lima")
    assert main([*asked, "--overwrite", "--set", "few_shots=true"]) == 1
    assert "Did you mean 'few_shot'" in capsys.readouterr().err
    for wrong, words in (
        ("few_shot=maybe", "true or false, found 'maybe'"),
        ("false_alarm=many", "a number, found 'many'"),
    ):
        assert main([*asked, "--set", wrong]) == 1
        assert words in capsys.readouterr().err


def test_labels_that_cannot_be_learned_are_told_before_anything_is_trained(tmp_path) -> None:
    few = labelled(60)
    few.loc[few.index[8:], "slot_labels"] = ""
    with pytest.raises(ConfigError, match="found 6 turns; label more, or leave the column out"):
        beside.Beside.read(few, TargetConfig("intent"))
    assert not beside.Beside.read(few, TargetConfig("urgency")).learned
    with pytest.raises(TableError, match="belongs to 'travel' in an earlier row"):
        beside.Beside.read(labelled().assign(intent="book"), TargetConfig("intent"))


def test_without_labelled_words_patterns_find_what_they_know() -> None:
    assert [s.source for s in IntentDetector().slots("order AB-1234, 20 pounds")] == ["pattern", "pattern"]


def test_a_slot_counts_only_whole() -> None:
    truth = [LabelledText(("New", "York", "x"), ("city", "city", "O"))]
    assert span_f1(truth, [["city", "city", "O"]]) == 1
    assert span_f1(truth, [["city", "O", "O"]]) == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I paid $20.50 on 3rd May 2025", [("amount", "$20.50"), ("date", "3rd May 2025")]),
        ("1,200.00 euros since 2025-01-31", [("amount", "1,200.00 euros"), ("date", "2025-01-31")]),
        ("order number 123456 and AB-1234-X", [("order_number", "123456"), ("order_number", "AB-1234-X")]),
        ("it came yesterday, 3 days late", [("date", "yesterday")]),
        ("I may have two cards", []),
        ("you promised it by 10am on the 15th", []),
        ("Where is my order AB1234? it should come by 10am", [("order_number", "AB1234")]),
        ("I want 100GB, not 10GB or 1000mb, for 24hours on my iphone13 with 5000mAh", []),
        ("order 2 days ago, order 1000 minutes, order 10-120min, in the 1990s, by 100th, 1080p", []),
        (
            "number 4711-AB, 123456X and order #12345 of R2D2X7",
            [
                ("order_number", "4711-AB"),
                ("order_number", "123456X"),
                ("order_number", "#12345"),
                ("order_number", "R2D2X7"),
            ],
        ),
    ],
)
def test_patterns_find_what_has_a_form(text: str, found: list) -> None:
    slots = patterns.find(text)
    assert [(s.name, s.text) for s in slots] == found
    assert all((s.source, s.probability) == ("pattern", None) for s in slots)


@given(st.text(max_size=200))
def test_patterns_take_any_text(text: str) -> None:
    assert all(text[s.start : s.end] == s.text for s in patterns.find(text))
