"""Paths of a table that start from another folder: ``--root``, and what is said where not one file is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small import table

from apps.cli import main

TOLD = ("--target", "label", "--id", "id", "--image", "image")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A table in a folder of its own, whose paths start two folders above it, as when several are kept together."""
    made = table(tmp_path / "data", "image", "text", cases=30)
    lower = made.parent / "sets" / "one"
    lower.mkdir(parents=True)
    return made.rename(lower / "table.csv")


def _said(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    capsys.readouterr()
    assert main(arguments) == code
    found = capsys.readouterr()
    return found.out + found.err


def test_a_column_without_a_single_file_is_told_once_with_the_folder_that_has_them(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = source.parents[2]
    said = _said(capsys, 1, "check", str(source), *TOLD)
    assert f"column 'image': none of 30 files is there; paths start from {source.parent}" in said
    assert f"they are there from {home}: give --root {home}" in said
    assert "no such file" not in said
    assert "1 fault\n" in said
    told = json.loads(_said(capsys, 1, "check", str(source), *TOLD, "--json"))
    assert [(f["row"], f["column"]) for f in told["faults"]] == [(0, "image")]
    assert "no faults" in _said(capsys, 0, "check", str(source), *TOLD, "--root", str(home))


def test_where_no_folder_above_has_them_one_is_asked_for(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source.write_text(source.read_text().replace(".png", ".gone"))
    assert "give that folder with --root FOLDER" in _said(capsys, 1, "check", str(source), *TOLD)


def test_single_files_that_are_missing_are_told_by_row(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = source.parents[2]
    images = sorted(p for p in home.rglob("*") if p.is_file() and p != source)
    images[0].unlink()
    said = _said(capsys, 1, "check", str(source), *TOLD, "--root", str(home))
    assert said.count("no such file") == 1
    assert "none of" not in said


def test_rows_whose_file_is_missing_can_still_be_set_aside(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = source.read_text().splitlines()
    header, image = lines[0].split(","), lines[0].split(",").index("image")
    blank = [",".join("" if i == image else c for i, c in enumerate(row.split(","))) for row in lines[3:]]
    source.write_text("\n".join([",".join(header), *lines[1:3], *blank]))
    told = [*TOLD, "--text", "text", "--rejected", str(source.parent / "rejected.csv")]
    assert "none of 2 files" in _said(capsys, 1, "check", str(source), *told)
    assert len((source.parent / "rejected.csv").read_text().splitlines()) == 3
    with_all = _said(capsys, 1, "train", str(source), *TOLD, "--out", str(source.parent / "run"))
    assert "none of 2 files" in with_all


def test_a_model_is_trained_measured_and_asked_with_a_root(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, out = str(source.parents[2]), source.parent / "run"
    fast: list[Any] = ["--preset", "fast", "--set", "epochs=1", "--set", "floor=false"]
    _said(capsys, 0, "train", str(source), *TOLD, *fast, "--root", home, "--out", str(out))
    for command in ("evaluate", "predict"):
        asked = [command, str(out / "bundle"), str(source)]
        assert "none of 30 files is there" in _said(capsys, 1, *asked)
        _said(capsys, 0, *asked, "--root", home)
    assert "leave --root out" in _said(capsys, 1, "predict", str(out / "bundle"), home, "--root", home)


def test_a_root_that_is_not_there_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such folder" in _said(capsys, 1, "check", str(source), *TOLD, "--root", str(source.parent / "none"))


def test_identity_is_taken_out_of_files_from_a_root(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = source.parent / "clean"
    told = ["deidentify", str(source), *TOLD, "--root", str(source.parents[2]), "--skip-pixels", "--out", str(out)]
    main(told)
    assert len([p for p in (out / "files").rglob("*") if p.is_file()]) == 30
