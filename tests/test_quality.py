"""The data-quality report on tables with planted faults."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.config import ExperimentConfig, TableConfig, TargetConfig
from core.errors import TableError
from core.manifest import Manifest
from core.quality.columns import column_facts, guess
from core.quality.duplicates import difference_hash, find_duplicates, like_texts
from core.quality.report import inspect
from core.recipes import Columns, build_config
from core.schema import Modality
from core.table import StringTable


def picture(path: Path, seed: int, shift: int = 0) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 200, (8, 8), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC)
    image = Image.fromarray(np.clip(np.asarray(image).astype(int) + shift, 0, 255).astype(np.uint8))
    image.save(path)
    return image


def write(folder: Path, rows: list[dict[str, str]]) -> Path:
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "table.csv"


def settings(group: str | None = None) -> ExperimentConfig:
    named = {
        "picture": Columns(Modality.IMAGE, ("picture",)),
        "note": Columns(Modality.TEXT, ("note",)),
        "row": Columns(Modality.TABULAR, ("age", "code"), ("age",), ("code",)),
    }
    return build_config(named, TargetConfig("label"), TableConfig("id", group=group), "fast")


def rows(folder: Path, cases: int = 40, change: Callable[[int, dict[str, str]], None] = lambda i, r: None) -> Path:
    found = []
    rng = np.random.default_rng(0)
    for i in range(cases):
        picture(folder / f"{i}.png", seed=i)
        words = " ".join(rng.permutation(["walks", "sits", "reads", "sleeps", "eats", "waits", "sings", "runs"]))
        row = {
            "id": f"c{i}", "person": f"p{i}", "picture": f"{i}.png", "note": f"number {i}: {words}",
            "age": str(20 + i), "code": ("x", "y")[i % 2], "label": ("yes", "no")[i // 2 % 2],
        }  # fmt: skip
        change(i, row)
        found.append(row)
    return write(folder, found)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-2.5", "3e4"], "number"),
        (["2024-01-31", "2023-12-01 10:00"], "date"),
        (["a/b.png", "c.nii.gz|d.nii.gz"], "file"),
        (['37" wide', "12 in", "2.5 lbs"], "quantity"),
        (["red", "blue", "red", "red"], "category"),
        ([f"user-{i:05d}" for i in range(50)], "identifier"),
        (["the same", "the same"], "constant"),
        ([], "blank"),
        (["a sentence of words", "and another one here"] * 30, "text"),
    ],
)
def test_a_column_is_what_most_of_its_cells_are(cells: list[str], kind: str) -> None:
    assert guess(cells) == kind


def test_a_use_that_does_not_fit_is_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path, [{"id": f"user-{i}", "age": str(i), "note": "1.5", "label": "ab"[i % 2]} for i in range(30)])
    named = {"row": Columns(Modality.TABULAR, ("age",), (), ("age",)), "note": Columns(Modality.TEXT, ("note",))}
    config = build_config(named, TargetConfig("label"), TableConfig("id"), "fast")
    asked = {f.name: f.question for f in column_facts(StringTable.open(path), config) if f.question}
    assert asked == {
        "age": "it seems to hold numbers: is category meant?",
        "note": "it seems to hold one value only: is text meant?",
    }


def test_like_texts_and_images_are_found_and_others_are_not(tmp_path: Path) -> None:
    texts = ["The lungs are clear.", "the lungs ARE clear", "A nodule is seen on the left side of the chest.", "x"]
    assert like_texts(texts).tolist() == [[0, 1]]
    picture(tmp_path / "a.png", 1)
    picture(tmp_path / "b.jpg", 1, shift=20)  # brighter, and compressed
    picture(tmp_path / "c.png", 2)
    a, b, c = (difference_hash(tmp_path / n) for n in ("a.png", "b.jpg", "c.png"))
    assert a is not None
    assert b is not None
    assert c is not None
    assert (a != b).sum() <= 3
    assert (a != c).sum() > 10
    Image.new("L", (50, 50), 7).save(tmp_path / "flat.png")
    assert difference_hash(tmp_path / "flat.png") is None


def test_duplicates_are_counted_across_groups_and_splits_with_their_answers(tmp_path: Path) -> None:
    def copy(i: int, row: dict[str, str]) -> None:
        if i == 1:
            row["picture"], row["label"] = "0.png", "no"
        if i == 3:
            row["note"], row["person"] = "number 2 is here again to be found", "p2"
        if i == 2:
            row["note"] = "number 2 is here again to be found!"

    manifest = Manifest.open(rows(tmp_path, change=copy), settings("person"))
    found = {d.modality: d for d in find_duplicates(manifest, ["train", "test"] * 20)}
    assert (found["picture"].pairs, found["picture"].across_groups, found["picture"].across_splits) == (1, 1, 1)
    assert found["picture"].other_answer == 1
    assert found["picture"].examples == (("c0", "c1"),)
    assert (found["note"].pairs, found["note"].across_groups) == (1, 0)


def test_unreadable_files_are_counted_and_stop_the_work_above_the_limit(tmp_path: Path) -> None:
    def damage(i: int, row: dict[str, str]) -> None:
        if i in (4, 9):
            (tmp_path / f"{i}.png").write_bytes(b"no picture")

    manifest = Manifest.open(rows(tmp_path, change=damage), settings())
    found = inspect(manifest, manifest.config, limit=0.1)
    assert [(u.modality, u.read, [f.row for f in u.faults]) for u in found.unreadable] == [("picture", 40, [5, 10])]
    assert "picture: 2 of 40 sampled cells cannot be read" in found.lines()
    with pytest.raises(TableError, match=r"2 faults") as caught:
        inspect(manifest, manifest.config, limit=0.01)
    assert "row 5, column 'picture'" in str(caught.value)
    assert "neither PNG, JPEG nor DICOM" in str(caught.value)


def test_an_answer_that_file_facts_tell_is_a_shortcut(tmp_path: Path) -> None:
    def shrink(i: int, row: dict[str, str]) -> None:
        if row["label"] == "yes":
            row["note"] = ""  # text exists for one answer only

    plain = Manifest.open(rows(tmp_path, 60), settings())
    assert (inspect(plain, plain.config).shortcut or 0.5) < 0.65
    told = Manifest.open(rows(tmp_path, 60, shrink), settings())
    found = inspect(told, told.config)
    assert found.shortcut is not None
    assert found.shortcut > 0.95
    assert any("a shortcut: make these facts alike" in line for line in found.lines())
