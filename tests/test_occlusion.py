"""The planted region, word, column and second are found by taking parts out, also through trees and frozen features."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small import change, config, table

from apps.ui.parts import method as marked_by
from core.config import ExperimentConfig
from core.errors import ConfigError
from core.experiment import Experiment
from core.explanation.explain import explain
from core.explanation.occlusion import explain_parts
from core.explanation.parts import Part
from core.manifest import Manifest
from core.predict import Predictor
from core.samples import WORDS


def trained(path: Path, settings: ExperimentConfig) -> tuple[Predictor, Manifest, list[int]]:
    manifest = Manifest.open(path, settings)
    run = Experiment(manifest, settings)
    return Predictor(run.combine()), manifest, run.rows["test"]


def found(
    predictor: Predictor,
    manifest: Manifest,
    rows: list[int],
    modality: str,
    planted: Callable[[Part, int], bool],
    method: str = "occlusion",
) -> float:
    """Share of the rightly answered cases whose strongest part is a planted one."""
    hits = []
    for i in rows:
        row = manifest.row(i)
        row = dataclasses.replace(row, values={modality: row.values[modality]})  # alone: another kind could outweigh it
        if predictor.predict_rows([row], explain=False)[0].label == row.target:
            parts = explain(predictor, row, modality, method=method).parts
            hits.append(planted(max(parts, key=lambda p: p.share), i))
    assert len(hits) >= 15
    return float(np.mean(hits))


@pytest.mark.parametrize("floor", [False, True], ids=["network", "with trees"])
def test_the_planted_word_and_column_are_found(tmp_path: Path, floor: bool) -> None:
    path = table(tmp_path, "text", "tabular", cases=500, noise=0.0)
    settings = change(config("text", "tabular", floor=floor, stack=floor), epochs=15)
    predictor, manifest, rows = trained(path, settings)
    planted = {w for group in WORDS for w in group}
    assert found(predictor, manifest, rows, "text", lambda p, _: p.name in planted) >= 0.9
    assert (
        found(predictor, manifest, rows, "tabular", lambda p, _: p.name == "number_0") >= 0.8
    )  # near its median it says little


def test_words_stand_where_they_say_and_long_texts_are_cut_into_runs(tmp_path: Path) -> None:
    path = table(tmp_path, "text", "tabular", cases=60)
    predictor, manifest, _ = trained(path, config("text", "tabular"))
    row = manifest.row(0)
    text = "  The dog, " + "we saw it today. " * 60
    parts = explain_parts(predictor, dataclasses.replace(row, values={"text": text}), "text")
    assert len(parts) <= 80
    for part in parts:
        ((start, end),) = part.span
        assert text[int(start) : int(end)] == part.name


def test_the_planted_region_of_an_image_is_found(tmp_path: Path) -> None:
    path = table(tmp_path, "image", "text", cases=240, noise=0.0)
    settings = change(config("image"), epochs=25)
    predictor, manifest, rows = trained(path, settings)

    def near(part: Part, i: int) -> bool:
        (top, bottom), (left, right) = part.span
        return 0.15 < (top + bottom) / 2 < 0.85 and 0.15 < (left + right) / 2 < 0.85  # shapes lie in the middle

    for method in ("integrated gradients", "occlusion"):  # Grad-CAM's grid is too coarse for shapes of this size
        assert found(predictor, manifest, rows, "image", near, method) >= 0.9, method


def test_the_planted_second_of_a_sound_is_found(tmp_path: Path) -> None:
    rng, rows, where = np.random.default_rng(0), ["id,audio,label"], []
    for i in range(160):
        wave = rng.normal(0, 0.01, 16000)  # two seconds at 8 kHz
        start = int(rng.integers(0, 12000))
        tone = np.sin(2 * np.pi * (400 if i % 2 else 1500) * np.arange(3000) / 8000)
        wave[start : start + 3000] += 0.3 * tone
        where.append((start / 8000, (start + 3000) / 8000))
        soundfile.write(tmp_path / f"{i}.wav", wave, 8000)
        rows.append(f"c{i},{i}.wav,{'low' if i % 2 else 'high'}")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    settings = change(config("audio"), epochs=12, augment=False).to_json()
    settings["modalities"][0]["views"][0]["preprocess"] = {"mels": 20, "trim": False, "rate": 8000, "normalise": "mean"}
    predictor, manifest, tested = trained(tmp_path / "table.csv", ExperimentConfig.from_json(settings))

    def inside(part: Part, i: int) -> bool:
        ((start, end),) = part.span
        return start < where[i][1] and end > where[i][0]

    assert found(predictor, manifest, tested, "audio", inside) >= 0.9


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "text", "tabular", cases=60)
    predictor, manifest, _ = trained(path, config("text", "tabular"))
    row = dataclasses.replace(manifest.row(0), values={"text": "a dog"})
    with pytest.raises(ConfigError, match="unknown modality of this case 'tabular'"):
        explain_parts(predictor, row, "tabular")
    with pytest.raises(ConfigError, match=r"unknown label 'od'. Did you mean 'odd'"):
        explain_parts(predictor, row, "text", label="od")


def test_the_words_of_a_very_long_text_are_not_weighed_which_is_told(tmp_path: Path) -> None:
    predictor, manifest, _ = trained(table(tmp_path, "text", cases=60), config("text"))
    row = dataclasses.replace(manifest.row(0), values={"text": "a " * 600_000})
    for method in (None, "integrated gradients"):
        found = explain(predictor, row, "text", method=method)
        assert not found.parts
        assert marked_by(found) == (
            "Nothing is marked: the text has 1,200,000 characters, words are weighed up to 30,000."
        )
