"""IntentDetector: any of speech, text, dialogue, behaviour; recognised text; several intents; domains; bad input."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from core import answer
from core.errors import ConfigError, FileError, TableError
from core.schema import Prediction
from domains.customer_service import Detection, IntentDetector, hierarchy, recipe
from domains.customer_service.desk import Desk

TURNS = {
    "lost_card": ("my card is lost", "the card was stolen", "please block my card", "card gone block it"),
    "change_pin": ("i want a new pin", "change the pin code", "my code does not work", "how to set a pin"),
    "top_up": ("add money please", "top up the account", "put money on it", "how can i top up"),
}
DOMAIN = {"lost_card": "card", "change_pin": "card", "top_up": "account"}


def turns(folder: Path, each: int = 12) -> pd.DataFrame:
    rng, rows = np.random.default_rng(0), []
    for k, (intent, texts) in enumerate(TURNS.items()):
        for i in range(each):
            audio = folder / f"{intent}-{i}.wav"
            t = np.arange(8000) / 16000
            soundfile.write(audio, 0.3 * np.sin(2 * np.pi * (300 + 400 * k) * t) + 0.01 * rng.normal(size=8000), 16000)
            rows.append(
                {
                    "audio": audio.name if i % 3 else "",
                    "text": texts[i % 4] if i % 2 else "",
                    "recognised": texts[(i + 1) % 4],
                    "waiting_seconds": str(10 * k + i),
                    "intent": intent,
                    "domain": DOMAIN[intent],
                }
            )
    return pd.DataFrame(rows)


def quick(table: pd.DataFrame, **options):
    config = recipe.build(list(table.columns), preset="fast", **options)
    views = {"speech": {"encoder": "cnn", "options": {"channels": [8], "spatial_dims": 1}, "preprocess": {"mels": 24}}}
    found = tuple(
        dataclasses.replace(m, views=(type(m.views[0]).from_json(views[m.name]),)) if m.name in views else m
        for m in config.modalities
    )
    training = dataclasses.replace(config.training, epochs=10, learning_rate=0.02, batch_size=8, patience=0)
    return dataclasses.replace(config, modalities=found, floor=False, training=training)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("turns")


@pytest.fixture(scope="module")
def detector(folder: Path) -> IntentDetector:
    table = turns(folder, 24)
    return IntentDetector(config=quick(table), hierarchy="domain").fit(table, root=folder)


def test_any_of_them_answers_and_says_what_was_missing(detector: IntentDetector, folder: Path) -> None:
    audio = folder / "top_up-1.wav"
    found = detector.detect(audio=audio, text="top up the account please", behaviour={"waiting_seconds": 21})
    assert isinstance(found, Prediction)
    assert found.label == "top_up"
    assert set(found.shares) == {"speech", "text", "behaviour"}
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert found.top[0] == ("top_up", found.probabilities["top_up"])
    assert answer.headline(found).startswith("top up · ")
    assert detector.detect(text="block my card").missing == ("speech", "behaviour")
    assert detector.detect(audio=audio).missing == ("text", "behaviour")


def test_a_recording_that_nothing_reads_is_not_opened(folder: Path) -> None:
    table = turns(folder, 12).drop(columns=["audio", "domain"])
    reader = IntentDetector(config=quick(table)).fit(table)
    assert reader.detect(text="block my card", audio=folder / "nowhere.wav").label in TURNS


def test_domains_are_sums_of_their_intents(detector: IntentDetector) -> None:
    found = detector.detect(text="my card")
    assert sum(found.domains.values()) == pytest.approx(1)
    inside = dict(found.top)
    assert found.domains["card"] == pytest.approx(inside["lost_card"] + inside["change_pin"])


def test_an_intent_in_two_domains_is_no_hierarchy() -> None:
    table = pd.DataFrame({"intent": ["a", "a", "b"], "domain": ["x", "y", ""]})
    with pytest.raises(TableError) as told:
        hierarchy.read(table, "intent", "domain")
    assert [(f.row, f.reason.split(";")[0]) for f in told.value.faults] == [
        (2, "intent 'a' belongs to 'x' in an earlier row"),
        (3, "the domain is blank"),
    ]


def test_it_is_saved_with_its_domains(detector: IntentDetector, tmp_path: Path) -> None:
    detector.save(tmp_path / "bundle")
    again = IntentDetector.load(tmp_path / "bundle")
    one, other = (d.detect(text="how to set a pin", explain=False) for d in (detector, again))
    numbers: dict[str, Any] = {
        "probabilities": {},
        "top": (),
        "domains": {},
        "seconds": {},
    }  # a GPU's sums vary a little
    assert dataclasses.replace(one, **numbers) == dataclasses.replace(other, **numbers)
    assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
    assert one.domains == pytest.approx(other.domains, abs=1e-6)


@dataclass(frozen=True)
class Heard:
    """What a recogniser gives, as far as the detector reads it."""

    text: str
    confidence: float | None


class Ear:
    """A recogniser that always hears the same; the real ones have tests of their own."""

    def __init__(self, text: str, confidence: float | None) -> None:
        self.heard = Heard(text, confidence)

    def transcribe(self, path: Path) -> Heard:
        assert path.is_file()
        return self.heard


@pytest.mark.parametrize(
    ("confidence", "told"),
    [
        (0.9, "text: heard by a recogniser with confidence 0.90"),
        (0.3, "text: heard by a recogniser with confidence 0.30; words may be wrong, listen to the recording"),
        (None, "text: heard by a recogniser, words may be wrong"),
    ],
)
def test_recognised_text_is_marked(detector: IntentDetector, folder: Path, tmp_path: Path, confidence, told) -> None:
    detector.save(tmp_path / "bundle")
    hearing = IntentDetector.load(tmp_path / "bundle", recogniser=Ear("top up the account", confidence))
    found = hearing.detect(audio=folder / "top_up-1.wav")
    assert (found.text, found.recognised, found.confidence) == ("top up the account", True, confidence)
    assert told in found.warnings
    assert "text" not in found.missing
    typed = hearing.detect(audio=folder / "top_up-1.wav", text="add money")
    assert (typed.text, typed.recognised, typed.confidence) == ("add money", False, None)
    assert not any("recogniser" in w for w in typed.warnings)


@pytest.mark.parametrize("blank", ["  \n", float("nan")])
def test_a_blank_cell_is_no_text(detector: IntentDetector, folder: Path, tmp_path: Path, blank: Any) -> None:
    detector.save(tmp_path / "bundle")
    hearing = IntentDetector.load(tmp_path / "bundle", recogniser=Ear("top up the account", 0.9))
    found = hearing.detect(audio=folder / "top_up-1.wav", text=blank, recognised=blank, dialogue=blank)
    assert (found.text, found.recognised) == ("top up the account", True)
    unsure = float("nan")
    read = hearing.detect(audio=blank, text=blank, recognised="top up the account", confidence=unsure)
    assert (read.text, read.recognised) == ("top up the account", True)
    assert "text: heard by a recogniser, words may be wrong" in read.warnings
    with pytest.raises(ConfigError, match="nothing is given that this model reads"):
        hearing.detect(text=blank)
    helped = Desk(detector, recogniser=hearing.recogniser).help(audio=folder / "top_up-1.wav", text=blank)
    assert helped.found.text == "top up the account"


def test_what_is_no_text_and_no_path_is_refused(detector: IntentDetector) -> None:
    wrong: Any = 123
    with pytest.raises(ConfigError, match="text: expected a text, found int"):
        detector.detect(text=wrong)
    wrong = [0.0] * 100
    with pytest.raises(ConfigError, match="audio: expected the path of a recording, found list; samples are heard by"):
        detector.detect(audio=wrong)


def test_a_table_with_several_intents_in_a_cell_is_read_so() -> None:
    table = pd.DataFrame(
        [(text, intent) for intent, texts in TURNS.items() for text in texts * 3]
        + [(f"{TURNS['top_up'][i % 4]} and {TURNS['change_pin'][i % 4]}", "top_up|change_pin") for i in range(12)],
        columns=["text", "intent"],
    )
    found = IntentDetector(config=quick(table, target="intent:labels")).fit(table)
    both = found.detect(text="top up the account and change the pin code")
    assert set(both.labels) == {"top_up", "change_pin"}
    from domains.customer_service.intent import _several

    assert _several(table, None) == "intent:labels"
    assert _several(table[:20], None) == "intent"
    assert _several(table, "urgency") == "urgency"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("моя карта потеряна, пожалуйста, заблокируйте её", "text: unlike the training cases"),
        ("私のカードをなくしましたのですぐに止めてくださいお願いします", "text: unlike the training cases"),
        ("😀😡🎉" * 5, "text: no words in it, only marks or emoji"),
        ("?!…", "text: no words in it, only marks or emoji"),
    ],
)
def test_text_that_is_not_like_a_turn_is_told(detector: IntentDetector, text: str, told: str) -> None:
    found = detector.detect(text=text)
    assert any(w.startswith(told) for w in found.warnings), found.warnings


def test_a_text_of_a_hundred_thousand_words_is_answered_and_told(detector: IntentDetector) -> None:
    found = detector.detect(text="top up the account " * 25_000)
    assert found.label == "top_up"
    assert "text: 100,000 words, far longer than a turn; is it a whole conversation?" in found.warnings


def test_nothing_or_nothing_readable_is_refused(detector: IntentDetector, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="nothing is given that this model reads; give one of speech, text, behaviour"
    ):
        detector.detect(dialogue="customer: hello")
    with pytest.raises(ConfigError, match="unknown column of 'behaviour' 'waiting'"):
        detector.detect(behaviour={"waiting": 3})
    (tmp_path / "call.wav").write_text("no sound")
    with pytest.raises(FileError, match=r"call\.wav"):
        detector.detect(audio=tmp_path / "call.wav")
    with pytest.raises(ConfigError, match="this IntentDetector is not trained"):
        IntentDetector().detect(text="hello")


def test_a_detection_is_a_prediction_with_more() -> None:
    fields = {f.name for f in dataclasses.fields(Prediction)}
    assert fields < {f.name for f in dataclasses.fields(Detection)}
