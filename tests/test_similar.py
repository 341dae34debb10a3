"""A bundle holds no training case unless it was allowed; then the nearest ones are shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from small import change, config, experiment, table

from core.errors import ConfigError
from core.predict import Predictor, as_row
from core.schema import Row
from core.table import StringTable


def bundle(folder: Path, path: Path, keep: str) -> Path:
    settings = dataclasses.replace(change(config("text", "tabular"), epochs=3), keep_cases=keep)
    experiment(folder, settings, path, folder / keep).run()
    return folder / keep / "bundle"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table(tmp_path_factory.mktemp("similar"), "text", "tabular", cases=80, noise=0.0)


def test_a_bundle_holds_no_id_and_no_text_of_a_training_case_by_default(tmp_path: Path, path: Path) -> None:
    folder = bundle(tmp_path, path, "none")
    opened = StringTable.open(path)
    rows = [opened.row(i) for i in range(len(opened))]
    held = b"\n".join(f.read_bytes() for f in folder.rglob("*") if f.is_file())
    assert not [r["id"] for r in rows if r["id"].encode() in held]
    assert not [r["text"] for r in rows if r["text"].encode() in held]
    predictor = Predictor.load(folder)
    assert predictor.bundle.similar is None
    assert predictor.neighbours(_row(predictor, rows[0])) == []


def test_what_is_allowed_is_kept_and_the_case_itself_is_nearest(tmp_path: Path, path: Path) -> None:
    folder = bundle(tmp_path, path, "texts")
    predictor = Predictor.load(folder)
    opened = StringTable.open(path)
    rows = {r["id"]: r for r in map(opened.row, range(len(opened)))}
    kept = predictor.bundle.similar
    assert kept is not None
    assert len(kept.ids) == predictor.bundle.facts["rows"]["train"]  # no held-out and no test case
    first = rows[kept.ids[0]]
    found = predictor.neighbours(_row(predictor, first), k=3)
    assert found[0].id == first["id"]
    assert (found[0].answer, found[0].text) == (first["label"], first["text"])
    assert found[0].likeness == pytest.approx(1, abs=0.01)
    assert found[0].likeness >= found[1].likeness >= found[2].likeness


def test_of_ids_alone_no_text_is_kept(tmp_path: Path, path: Path) -> None:
    folder = bundle(tmp_path, path, "ids")
    kept = Predictor.load(folder).bundle.similar
    assert kept is not None
    assert kept.ids
    assert set(kept.texts) == {""}


def test_another_choice_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown keep_cases 'rows'"):
        dataclasses.replace(config("text"), keep_cases="rows")


def _row(predictor: Predictor, cells: dict[str, str]) -> Row:
    given = {c: cells[c] for m in predictor.bundle.config.modalities for c in m.columns}
    return as_row(given, predictor.bundle.config.modalities)
