"""The generated service: what it promises about itself; and what a supervisor is told of answered turns."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.manifest import Manifest
from core.record import Entry
from core.schema import Prediction
from domains.customer_service import recipe, sample, sample_voices, sample_words, supervise
from domains.customer_service.sample_words import intents, phrases

COMMITTED = Path(__file__).parents[1] / "sample_data" / "customer_service"
needs_voices = pytest.mark.skipif(
    not (shutil.which("espeak-ng") and shutil.which("flite")), reason="apt-get install espeak-ng flite"
)


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return read(sample.generate(tmp_path_factory.mktemp("sample") / "service", 900, 3, speech=False))


# --- the generator


def test_the_seed_decides_and_a_small_set_is_the_start_of_a_large_one(tmp_path: Path, table: pd.DataFrame) -> None:
    small = read(sample.generate(tmp_path / "small", 40, 3, speech=False))
    pd.testing.assert_frame_equal(small, table.head(40))
    other = read(sample.generate(tmp_path / "other", 40, 4, speech=False))
    assert not small.text.equals(other.text)


def test_all_intents_occur_in_every_split_and_groups_stay_together(table: pd.DataFrame) -> None:
    assert len(intents()) == 13
    assert intents()[-1] == recipe.OUT_OF_SCOPE
    for _, part in table.groupby("split"):
        assert set(part.intent) == set(intents())
    for column in ("group", "customer_id", "dialogue_id"):
        assert table.groupby(column).split.nunique().max() == 1
    assert table[table.speaker != ""].groupby("speaker").split.nunique().max() == 1


def test_the_table_is_read_without_a_fault_by_the_documented_columns(table: pd.DataFrame, tmp_path: Path) -> None:
    targets = [t for t in recipe.TARGETS if t in table]
    assert targets == ["intent", "urgency", "queue", "action"]
    for target in targets:
        config = recipe.build(list(table.columns), target=target)
        used = {c for m in config.modalities for c in m.columns}
        assert not used & {*sample.NEVER_INPUTS, "reply"}
        manifest = Manifest.open(table, config, tmp_path)
        assert not manifest.faults


def test_some_wordings_are_of_test_rows_only(table: pd.DataFrame) -> None:
    held = phrases()["intents"]["internet_down"]["says"][sample_words._HELD_BACK - 1]
    start = held.split("{")[0][:24].lower()
    seen = table[table.text.str.lower().str.contains(start, regex=False)]
    assert set(seen.split) == {"test"}


def test_behaviour_carries_signal_and_is_missing_at_times(table: pd.DataFrame) -> None:
    top = table[table.last_page != ""].groupby("last_page").intent.agg(lambda i: i.value_counts(normalize=True).iloc[0])
    assert top["login"] > 0.5
    assert top.max() < 0.95
    assert 0.03 < (table.account_age_days == "").mean() < 0.15


def test_turns_that_follow_have_a_dialogue_and_the_first_only_a_greeting(table: pd.DataFrame) -> None:
    later = table[table.turn_number.isin(["2", "3"])]
    assert later.dialogue.str.contains("\ncustomer: ").all()
    first = table[table.turn_number == "1"]
    assert not first.dialogue.str.contains("customer:").any()
    for row in later.head(50).itertuples():
        assert row.reply not in row.dialogue or row.intent == "out_of_scope"  # which has two answers for three turns


def test_a_folder_with_other_things_is_left_alone_and_the_routing_table_is_kept(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"did not make \(letter.txt\)"):
        sample.generate(tmp_path, 3, speech=False)
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "routing.toml").write_text("# ours")
    sample.generate(folder, 3, speech=False)
    sample.generate(folder, 4, speech=False)
    assert (folder / "routing.toml").read_text() == "# ours"
    assert len(read(folder / "manifest.csv")) == 4


def test_less_than_one_turn_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="turns: at least 1 is needed, found 0"):
        sample.main([str(tmp_path / "x"), "--turns", "0", "--text-only"])


def test_without_speech_programs_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="apt-get install espeak-ng flite, or pass --text-only"):
        sample.generate(tmp_path / "x", 3)
    assert not (tmp_path / "x").exists()


@needs_voices
def test_calls_are_spoken_the_same_way_every_time(tmp_path: Path) -> None:
    first, second = (read(sample.generate(tmp_path / name, 8, 5)) for name in "ab")
    pd.testing.assert_frame_equal(first, second)
    calls = [row for row in first.itertuples() if row.audio]
    assert calls
    assert all(bool(row.audio) == (row.channel == "phone") for row in first.itertuples())
    for row in calls:
        waves = [soundfile.read(tmp_path / name / row.audio) for name in "ab"]
        assert waves[0][1] == (8000 if json.loads(row.line)[1] else 16000)
        np.testing.assert_array_equal(waves[0][0], waves[1][0])
        assert 0.5 < len(waves[0][0]) / waves[0][1] < 30
        assert 0.3 < np.abs(waves[0][0]).max() < 0.8


@needs_voices
def test_noise_has_the_stated_level(tmp_path: Path) -> None:
    voice, text = sample_voices.VOICES["train"][0], "my internet is down"
    clean, noisy = (
        soundfile.read(
            sample_voices.speak(
                text, voice, sample_voices.Line(1.0, False, db), tmp_path / f"{db}.ogg", np.random.default_rng(1)
            )
        )[0]
        for db in (None, 15.0)
    )
    quiet = slice(0, 1600)  # before the voice begins
    assert np.abs(clean[quiet]).max() < 0.02
    assert np.square(noisy[quiet]).mean() > 10 * np.square(clean[quiet]).mean()


# --- the committed set


def test_the_committed_set_is_what_it_says() -> None:
    table, made = read(COMMITTED / "manifest.csv"), json.loads((COMMITTED / "sample.json").read_text())
    again = [row for _, rows in zip(range(made["turns"]), sample.dialogues(made["seed"])) for row in rows]
    for kept in ("turn_id", "intent", "spoken", "speaker", "last_page"):
        assert table[kept].tolist() == [row[kept] for row in again[: made["turns"]]]
    assert (table.synthetic == "true").all()
    size = sum(f.stat().st_size for f in COMMITTED.rglob("*") if f.is_file())
    assert size < 12e6
    files = {f.relative_to(COMMITTED).as_posix() for f in (COMMITTED / "audio").iterdir()}
    assert files == set(table.audio) - {""}


def test_the_committed_calls_were_heard_with_real_errors() -> None:
    table = read(COMMITTED / "manifest.csv")
    calls = table[table.audio != ""]
    assert (calls.recognised != "").mean() > 0.95
    plain = [" ".join(w.strip(".,?!").lower() for w in text.split()) for text in calls.recognised]
    said = [" ".join(w.strip(".,?!").lower() for w in text.split()) for text in calls.spoken]
    exact = np.mean([a == b for a, b in zip(plain, said, strict=True)])
    assert 0.05 < exact < 0.9  # neither the truth copied, nor noise
    confidence = calls[calls.recognised != ""].recognised_confidence.astype(float)
    assert confidence.between(0, 1).all()
    assert confidence.nunique() > 50


def test_the_knowledge_base_covers_every_intent() -> None:
    with (COMMITTED / "knowledge" / "answers.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["intent"] for row in rows} == set(intents())
    pages = sorted(f.stem for f in (COMMITTED / "knowledge").glob("*.md"))
    assert pages == ["account", "billing", "contract", "faults"]


# --- what a supervisor is told


def answer(label: str, sure: float = 0.8, classes: str = "abc") -> Prediction:
    rest = (1 - sure) / (len(classes) - 1)
    return Prediction("x", label, {c: sure if c == label else rest for c in classes})


def test_volumes_count_every_period_also_the_empty_ones() -> None:
    times = ["2025-03-03T09:00:00+00:00", "2025-03-03T23:30:00-02:00", "2025-03-06T09:00:00Z"]
    found = supervise.volumes(times, ["a", "b", "a"])
    assert found.index.strftime("%d").tolist() == ["03", "04", "05", "06"]
    assert found["a"].tolist() == [1, 0, 0, 1]
    assert found["b"].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("times", "every", "words"),
    [
        (["soon"], "day", "expected ISO 8601"),
        (["2025-03-03"], "moon", "one of hour, day, week"),
        ([None], "day", "1 of 1 are blank"),
    ],
)
def test_volumes_refuse_what_is_no_time(times: list[str], every: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        supervise.volumes(times, ["a"] * len(times), every)


def test_moments_are_in_order_whatever_their_offsets() -> None:
    early, late = supervise.moments(["2025-03-03T23:30:00+02:00", "2025-03-03T22:00:00Z"])
    assert early < late
    with pytest.raises(ConfigError, match="expected ISO 8601"):
        supervise.moments(["03.02.2025 08:00"])


def test_confusions_are_counted_by_pair() -> None:
    answers = [answer(label) for label in "aabbc"]
    assert supervise.confusions(answers, list("aaaac")) == [("a", "b", 2, 0.5)]


def test_drift_is_told_from_chance() -> None:
    rng = np.random.default_rng(0)
    names = np.array(["bill", "line", "phone"])
    before = rng.choice(names, 400, p=[0.5, 0.3, 0.2]).tolist()
    same, other = (rng.choice(names, 200, p=p).tolist() for p in ([0.5, 0.3, 0.2], [0.2, 0.6, 0.2]))
    assert not supervise.drift(before, same).more_than_chance
    found = supervise.drift(before, other)
    assert found.more_than_chance
    assert found.interval[0] <= found.distance <= found.interval[1]
    assert set(list(found.changes)[:2]) == {"bill", "line"}
    assert found.stability > 0.25  # the usual mark of a shift that calls for action
    assert sum(found.changes.values()) == pytest.approx(0, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.lists(st.sampled_from("abc"), min_size=1, max_size=30)
)
def test_drift_is_symmetric_and_bounded(before: list[str], after: list[str]) -> None:
    there, back = supervise.drift(before, after), supervise.drift(after, before)
    assert there.distance == pytest.approx(back.distance, abs=1e-12)
    assert 0 <= there.distance <= 1
    assert supervise.drift(before, before).distance == pytest.approx(0, abs=1e-12)


def test_drift_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="found 0 before and 1 after"):
        supervise.drift([], ["a"])


def test_the_worst_calibrated_intents_come_first() -> None:
    answers = [answer("a", 0.95)] * 40 + [answer("b", 0.7)] * 40 + [answer("c", 0.9)]
    truth = ["a"] * 20 + ["b"] * 20 + ["b"] * 28 + ["c"] * 12 + ["a"]
    worst, *rest = supervise.calibration_by_intent(answers, truth)
    assert (worst.intent, worst.off, worst.turns) == ("a", True, 40)
    assert worst.gap == pytest.approx(0.45)
    assert not any(h.off and h.intent == "b" for h in rest)
    assert next(h for h in rest if h.intent == "c").interval[1] > 0.7  # one turn says little


def test_what_to_label_first_is_unsure_and_diverse() -> None:
    unsure, sure = answer("a", 0.34), answer("a", 0.99)
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    assert supervise.label_first([unsure, unsure, unsure, sure], vectors, 2) == [0, 2]
    assert supervise.label_first([], np.zeros((0, 2)), 3) == []
    assert sorted(supervise.label_first([unsure] * 3, vectors[:3], 9)) == [0, 1, 2]


def test_how_unsure_an_answer_of_several_intents_is() -> None:
    several = [Prediction("t", None, p) for p in ({"a": 0.5, "b": 0.5}, {"a": 1.0, "b": 0.0}, {"a": 0.9, "b": 0.5})]
    one = -(0.9 * np.log2(0.9) + 0.1 * np.log2(0.1))
    assert supervise.uncertainty(several) == pytest.approx([1, 0, (one + 1) / 2])


def test_decisions_are_counted() -> None:
    entries = [Entry(i, "", "reply", {}, {}, {"decision": d}) for i, d in enumerate(["approved", "edited", "approved"])]
    assert supervise.decided([*entries, Entry(9, "", "reply", {}, {}, {})]) == {"approved": 2, "edited": 1}
