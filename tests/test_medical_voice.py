"""A recording of the patient's voice as one more kind of data: in a table, in Python and uploaded in the app."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from core.errors import FileError
from core.schema import Modality
from domains.medical import Diagnosis, recipe

COLUMNS = ["case_id", "voice", "age", "diagnosis", "split"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one epoch on tones and ages."""
    folder = tmp_path_factory.mktemp("voices")
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i in range(16):
            tone = np.sin(np.arange(4000) * (0.2 + 0.2 * (i % 2))) * 0.3
            soundfile.write(folder / f"{i}.wav", tone, 8000)
            writer.writerow([i, f"{i}.wav", 40 + i, ("hoarse", "clear")[i % 2], "val" if i > 11 else "train"])
    config = recipe.build(COLUMNS, preset="fast")
    training = dataclasses.replace(config.training, epochs=1)
    Diagnosis(config=dataclasses.replace(config, training=training, floor=False)).fit(folder / "cases.csv").save(
        folder / "bundle"
    )
    return folder / "bundle"


def test_a_voice_is_a_kind_of_data_that_may_be_missing(bundle: Path) -> None:
    model = Diagnosis.load(bundle)
    assert [(m.name, m.kind) for m in model.bundle.config.modalities] == [
        ("voice", Modality.AUDIO), ("clinical", Modality.TABULAR),
    ]  # fmt: skip
    voice = bundle.parent / "3.wav"
    assert set(model.diagnose(voice=voice, age=50).shares) == {"voice", "clinical"}
    assert model.diagnose(age=50).missing == ("voice",)
    (bundle.parent / "note.wav").write_text("no sound", encoding="utf-8")
    with pytest.raises(FileError, match=r"note\.wav"):
        model.diagnose(voice=bundle.parent / "note.wav")


def test_an_uploaded_recording_is_played_and_answered(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYFUSE_HOME", str(bundle.parent / "home"))
    at = AppTest.from_string(
        "from pathlib import Path\nimport streamlit as st\nfrom apps.medical import page_case, session\n"
        f"bundle = Path({str(bundle)!r})\n"
        "if 'case' not in st.session_state:\n    session.use_model(bundle)\n"
        "    session.open_upload('one', (bundle.parent / '3.wav',), session.model())\npage_case.show()",
        default_timeout=60,
    ).run()
    assert not at.exception
    assert not at.error
    assert [p.name for p in at.session_state["case"].files["voice"]] == ["3.wav"]
    assert any("Voice: 3" in c.value for c in at.caption)
    (found,) = at.session_state["answers"].values()
    assert found.missing == ("clinical",)
