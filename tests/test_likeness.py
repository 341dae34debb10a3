"""Planted near-duplicates across splits: a sentence in other words, a cut picture, sound and scans made anew."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import soundfile
from PIL import Image

from apps.cli import main
from core.cache import FeatureCache
from core.config import ExperimentConfig, TargetConfig
from core.manifest import Manifest
from core.quality.likeness import LEAST, alike
from core.quality.report import leaks
from core.recipes import Columns, build_config, text_model
from core.schema import Modality

CASES = 30
SUBJECTS = ["lung", "heart", "liver", "kidney", "spleen", "bone", "brain", "skin", "eye", "ear"]
SIGNS = ["swollen", "clear", "scarred"]


def config(kind: Modality, preset: str = "fast") -> ExperimentConfig:
    return build_config({"x": Columns(kind, ("x",))}, TargetConfig("label"), preset=preset)


def write(folder: Path, cells: list[str]) -> Path:
    """A table with one more row than ``cells`` names, which are on both sides of the split."""
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "label"])
        writer.writerows([cell, "ab"[i % 2]] for i, cell in enumerate(cells))
    return folder / "table.csv"


def found(folder: Path, kind: Modality, cells: list[str], preset: str = "fast") -> dict[str, int]:
    """Pairs of content, and how many of them are across the split between the first 30 cases and the others."""
    settings = config(kind, preset)
    manifest = Manifest.open(write(folder, cells), settings)
    rows = {"train": np.arange(CASES), "val": np.arange(0), "test": np.arange(CASES, len(cells))}
    told = [d for d in leaks(manifest, rows, cache=FeatureCache(folder / "cache")) if d.how.startswith("alike")]
    return {"pairs": sum(d.pairs for d in told), "across": sum(d.across_splits for d in told)}


def sentences() -> list[str]:
    return [f"The {s} of this person looks {g} in case number {i}." for i, (s, g) in enumerate(
        (s, g) for s in SUBJECTS for g in SIGNS)]  # fmt: skip


def smooth(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """A smooth random field in [0, 1]."""
    from scipy.ndimage import zoom

    coarse = np.random.default_rng(seed).random((5,) * len(shape))
    field = zoom(coarse, [n / 5 for n in shape], order=3)
    return (field - field.min()) / (field.max() - field.min())


def test_a_sentence_in_another_order_is_found(tmp_path: Path) -> None:
    texts = [f"{' '.join(np.random.default_rng(i).permutation([f'{w}{i}' for w in SUBJECTS]))}." for i in range(CASES)]
    turned = " ".join(reversed(texts[4].strip(".").split()))
    assert found(tmp_path, Modality.TEXT, [*texts, turned]) == {"pairs": 1, "across": 1}


@pytest.mark.skipif(text_model() is None, reason="no sentence model: the extra weights is not installed")
def test_a_paraphrase_is_found_by_the_experiment_s_sentence_model(tmp_path: Path) -> None:
    topics = ["parcel", "invoice", "router", "password", "refund", "delivery", "phone", "contract", "holiday", "garden"]
    verbs = ["buy a new", "return my", "ask about the"]
    texts = [f"I would like to {v} {t} today please." for t in topics for v in verbs]
    texts[7] = "My internet has been down since yesterday evening."
    told = found(tmp_path, Modality.TEXT, [*texts, "Since yesterday evening my internet is down."], "default")
    assert told["across"] == 1


def test_a_cut_and_compressed_picture_is_found(tmp_path: Path) -> None:
    names = []
    for i in range(CASES):
        Image.fromarray((255 * smooth(i, (80, 80))).astype(np.uint8)).save(tmp_path / f"{i}.png")
        names.append(f"{i}.png")
    cut = Image.open(tmp_path / "6.png").crop((3, 3, 77, 77)).resize((60, 60))
    cut.save(tmp_path / "cut.jpg", quality=30)
    told = found(tmp_path, Modality.IMAGE, [*names, "cut.jpg"])
    assert told == {"pairs": 1, "across": 1}


def test_sound_encoded_anew_is_found(tmp_path: Path) -> None:
    names = []
    for i in range(CASES):
        rng = np.random.default_rng(i)
        tones = rng.uniform(200, 3000, 8)
        wave = np.concatenate([np.sin(2 * np.pi * f * np.arange(1600) / 16000) for f in tones])
        soundfile.write(tmp_path / f"{i}.wav", 0.3 * wave + rng.normal(0, 0.01, len(wave)), 16000)
        names.append(f"{i}.wav")
    wave, _ = soundfile.read(tmp_path / "3.wav")
    soundfile.write(tmp_path / "again.ogg", 0.6 * wave[::2], 8000)
    assert found(tmp_path, Modality.AUDIO, [*names, "again.ogg"]) == {"pairs": 1, "across": 1}


def test_a_resampled_volume_is_found(tmp_path: Path) -> None:
    def save(name: str, field: np.ndarray, mm: float) -> str:
        nibabel.save(
            nibabel.Nifti1Image((field * 1000 - 800).astype(np.int16), np.diag([mm, mm, mm, 1.0])), tmp_path / name
        )
        return name

    names = [save(f"{i}.nii.gz", smooth(i, (24, 24, 24)), 2.0) for i in range(CASES)]
    again = save("again.nii.gz", smooth(9, (24, 24, 24))[::2, ::2, ::2], 4.0)
    assert found(tmp_path, Modality.VOLUME, [*names, again]) == {"pairs": 1, "across": 1}


def test_what_all_cases_share_is_no_likeness_and_few_cases_are_not_judged() -> None:
    rng = np.random.default_rng(0)
    shared = 100 + rng.normal(size=(40, 30))
    assert len(alike(shared, 0.9)) == 0
    shared[7] = shared[3] + 0.01
    assert alike(shared, 0.9).tolist() == [[3, 7]]
    assert len(alike(shared[: LEAST - 1], -1.0)) == 0


def test_the_command_tells_leaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = sentences()
    path = write(tmp_path, [*texts, texts[2].replace(".", "!")])
    arguments = ["check", str(path), "--target", "label", "--text", "x", "--preset", "fast", "--leaks"]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["leaks"]
    assert any(d["how"] == "of (nearly) the same" for d in told)
    assert main(arguments) == 0
    assert "like cases in x: " in capsys.readouterr().out
