"""Generated tables: what is planted is there, and alone it tells nothing."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError
from core.samples import WORDS, make_table


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _said(row: dict[str, str]) -> int:
    return int(any(w in row["text"].split() for w in WORDS[1]))


def test_effect_both_needs_both(tmp_path: Path) -> None:
    rows = _rows(make_table(tmp_path / "t", 400, ("tabular", "text")))
    bits = np.array([[float(r["number_0"]) > 0, _said(r)] for r in rows]).astype(int)
    odd = np.array([r["label"] == "odd" for r in rows])
    assert ((bits.sum(1) % 2 == 1) == odd).mean() > 0.98
    for bit in bits.T:
        assert abs((bit == odd).mean() - 0.5) < 0.08


def test_effect_each_shows_the_label_in_every_modality(tmp_path: Path) -> None:
    rows = _rows(make_table(tmp_path / "t", 400, ("tabular", "text"), effect="each", noise=0.1))
    odd = np.array([r["label"] == "odd" for r in rows])
    for bit in (np.array([float(r["number_0"]) > 0 for r in rows]), np.array([_said(r) for r in rows])):
        assert 0.85 < (bit == odd).mean() < 0.95


def test_missing_cells_leave_one_modality(tmp_path: Path) -> None:
    rows = _rows(make_table(tmp_path / "t", 300, ("tabular", "text"), missing=0.5))
    here = np.array([[bool(r["number_0"]), bool(r["text"])] for r in rows])
    assert here.any(axis=1).all()
    assert 0.3 < here[:, 0].mean() < 0.8


def test_all_kinds_write_readable_files_and_the_seed_decides(tmp_path: Path) -> None:
    kinds = ("image", "volume", "text", "audio", "video", "tabular")
    first, second = (make_table(tmp_path / n, 2, kinds, seed=3) for n in "ab")
    assert first.read_bytes() == second.read_bytes()
    for row in _rows(first):
        for kind in ("image", "volume", "audio", "video"):
            file = first.parent / row[kind]
            assert file.stat().st_size > 100
            if kind != "volume":  # gzip writes the time
                assert file.read_bytes() == (second.parent / row[kind]).read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modalities": ["imag"]}, "unknown modality 'imag'. Did you mean 'image'"),
        ({"effect": "bth"}, "unknown effect 'bth'. Did you mean 'both'"),
    ],
)
def test_refuses(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_table(tmp_path / "t", 2, **change)  # type: ignore[arg-type]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(ConfigError, match="is not empty; choose another folder"):
        make_table(tmp_path / "full", 2)
