"""Bundles: what is loaded answers as what was saved, and anything else than a whole bundle is refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
from small import COLUMNS, VIEWS, config, table

from core import bundle as bundle_module
from core.bundle import Bundle
from core.cache import FeatureCache
from core.config import ExperimentConfig
from core.errors import BundleError
from core.experiment import Experiment
from core.manifest import Manifest
from core.predict import Predictor
from core.table_answers import table_answers


def _experiment(folder: Path, kind: str, **changes: Any) -> tuple[Manifest, ExperimentConfig]:
    frame = pd.read_csv(table(folder, "text", "tabular", cases=70, missing=0.2), dtype=str, keep_default_na=False)
    rng = np.random.default_rng(0)
    odd = frame["label"] == "odd"
    frame["label"] = {
        "label": frame["label"],
        "labels": np.where(odd, np.where(rng.random(70) < 0.5, "a|b", "a"), "|"),
        "grade": np.where(odd, rng.choice(["2", "3"], 70), "1"),
        "number": (odd * 5 + rng.random(70)).round(3).astype(str),
    }[kind]
    target = {"column": "label", "kind": kind} | ({"transform": "log1p"} if kind == "number" else {})
    settings = config("text", "tabular", target=target, training={"epochs": 2}, **changes)
    return Manifest.open(frame, settings), settings


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("label", {"stack": True, "seeds": 2}),
        ("labels", {}),
        ("grade", {"folds": 2}),
        ("number", {"floor": True}),
    ],
)
def test_a_loaded_bundle_answers_as_the_saved_one(tmp_path: Path, kind: str, changes: dict[str, Any]) -> None:
    manifest, settings = _experiment(tmp_path, kind, **changes)
    saved = Experiment(manifest, settings, tmp_path / "out", cache=FeatureCache(tmp_path / "cache")).run("polyfuse x")
    loaded = Bundle.load(tmp_path / "out" / "bundle")
    rows = list(range(len(manifest)))
    np.testing.assert_allclose(table_answers(loaded, manifest, rows), table_answers(saved, manifest, rows), rtol=1e-6)
    assert loaded.config == saved.config
    assert loaded.card == saved.card
    assert json.dumps(loaded.facts) == json.dumps(saved.facts)
    assert loaded.threshold == saved.threshold
    assert loaded.ensemble.target == saved.ensemble.target
    names = {f.name for f in (tmp_path / "out").rglob("*") if f.is_file() and "logs" not in f.parts}
    assert {n.rpartition(".")[2] for n in names} <= {"json", "safetensors", "md", "txt"}
    umask = os.umask(0)
    os.umask(umask)
    modes = {f.stat().st_mode & 0o777 for f in (tmp_path / "out" / "bundle").rglob("*") if f.is_file()}
    assert modes == {0o666 & ~umask}  # a colleague can read it where the folder is shared
    if changes.keys() & {"floor", "stack"}:
        floor = Bundle.load(tmp_path / "out" / "floor")
        assert {e.kind for e in floor.ensemble.experts}.isdisjoint({"network"})
        assert len(table_answers(floor, manifest, rows)) == len(rows)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle with a frozen backbone."""
    folder = tmp_path_factory.mktemp("good")
    view = {"encoder": "mlp", "backbone": "cnn", "backbone_options": {"channels": [4]}, "preprocess": {"size": 16}}
    names = ("image", "tabular")
    views = {"image": view, "tabular": VIEWS["tabular"]}
    modalities = [{"name": n, "kind": n, "columns": COLUMNS.get(n, [n]), "views": [views[n]]} for n in names]
    settings = config(*names, modalities=modalities, training={"epochs": 1})
    manifest = Manifest.open(table(folder, *names, cases=40), settings)
    Experiment(manifest, settings, folder / "out", cache=FeatureCache(folder / "cache")).run()
    return folder / "out" / "bundle"


@pytest.fixture
def mine(good: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(good, tmp_path / "bundle"))


def test_the_frozen_backbone_travels(good: Path) -> None:
    assert (good / "views" / "image.safetensors").is_file()
    loaded = Bundle.load(good)
    assert loaded.views["image"].backbone is not None
    assert not any(p.requires_grad for p in loaded.views["image"].backbone.parameters())


def _edit(file: Path, **changes: Any) -> None:
    content = json.loads(file.read_text()) | changes
    content["digest"] = bundle_module._digest(content)
    file.write_text(json.dumps(content))


def _damage(folder: Path, how: str) -> None:
    weights, main = folder / "experts" / "0" / "weights.safetensors", folder / "bundle.json"
    content = bytearray(weights.read_bytes())
    match how:
        case "byte":
            content[-1] ^= 1
            weights.write_bytes(content)
        case "cut off":
            weights.write_bytes(content[: len(content) // 2])
        case "consistent junk":
            weights.write_bytes(b"junk")
            files = json.loads(main.read_text())["files"]
            _edit(main, files=files | {"experts/0/weights.safetensors": bundle_module._sha256(weights)})
        case "missing":
            (folder / "views" / "image.json").unlink()
        case "no main file":
            main.unlink()
        case "main file cut off":
            main.write_text(main.read_text()[:500])
        case "a figure edited":
            main.write_text(main.read_text().replace('"temperature": ', '"temperature": 1'))
        case "newer":
            _edit(main, format=bundle_module.FORMAT + 1)
        case "pickle":
            (folder / "views" / "model.pkl").write_bytes(b"\x80\x04.")
        case "code":
            (folder / "views" / "tabular").mkdir()
            (folder / "views" / "tabular" / "modeling.py").write_text("raise SystemExit('run')")
        case "extra JSON":
            (folder / "views" / "image").mkdir(exist_ok=True)
            (folder / "views" / "image" / "config.json").write_text("{}")
        case "link":
            target = folder.parent / "elsewhere.json"
            shutil.move(folder / "views" / "image.json", target)
            (folder / "views" / "image.json").symlink_to(target)
        case "linked folder":
            shutil.move(folder / "views", folder.parent / "views")
            (folder / "views").symlink_to(folder.parent / "views")
        case "unknown encoder":
            settings = json.loads(main.read_text())["config"]
            settings["modalities"][1]["views"][0]["encoder"] = "os"
            _edit(main, config=settings)
        case "no weights listed":
            _edit(main, experts=["network", "network"])


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("byte", "weights.safetensors has changed since it was saved; save or copy the bundle again"),
        ("cut off", "weights.safetensors has changed since it was saved"),
        ("consistent junk", "the bundle is corrupt"),
        ("missing", "views/image.json is missing; save or copy the bundle again"),
        ("no main file", r"no bundle here \(bundle.json is missing\); name the folder that `train` wrote"),
        ("main file cut off", "bundle.json: the bundle is corrupt"),
        ("a figure edited", "bundle.json has changed since it was saved"),
        (
            "newer",
            r"made by a newer Polyfuse \(format 3, this one reads up to 2\); update with pip install -U polyfuse",
        ),
        ("pickle", r"holds 'views/model.pkl', which is no part of this bundle; take it out"),
        ("code", "holds 'views/tabular/modeling.py', which is no part of this bundle"),
        ("extra JSON", "holds 'views/image/config.json', which is no part"),
        ("link", "holds 'views/image.json', which is no part"),
        ("linked folder", "is missing"),
        ("unknown encoder", "the bundle is corrupt .unknown encoder 'os'"),
        ("no weights listed", "the bundle is corrupt"),
    ],
)
def test_refuses(mine: Path, how: str, message: str) -> None:
    _damage(mine, how)
    with pytest.raises(BundleError, match=message):
        Bundle.load(mine)


def test_the_folder_of_a_run_leads_to_its_bundle(mine: Path, tmp_path: Path) -> None:
    mine.rename(tmp_path / "bundle")
    with pytest.raises(BundleError, match=r"the bundle is the folder in it, .*bundle; name that one"):
        Predictor.load(tmp_path)
    (tmp_path / "table.csv").write_text("a,b\n")
    with pytest.raises(BundleError, match=r"table.csv: a file, not the folder of a bundle"):
        Predictor.load(tmp_path / "table.csv")


def test_a_place_that_cannot_be_written_asks_for_another(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(BundleError, match=r"Not a directory.*Choose another folder"):
        Bundle.load(mine).save(tmp_path / "notes.txt" / "bundle")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle here"):
        Predictor.load(tmp_path / "none")


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        safetensors.SafetensorError("Error while serializing: IoError(StorageFull, 'No space left on device')"),
    ],
)
def test_a_full_disk_leaves_the_old_bundle(mine: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    loaded = Bundle.load(mine)
    before = (mine / "bundle.json").read_bytes()

    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr("core.ensemble.save_file", full)
    loaded.card = "changed"
    with pytest.raises(BundleError, match=r"No space left on device.*What was there before is unchanged. Free space"):
        loaded.save(mine)
    assert (mine / "bundle.json").read_bytes() == before
    assert Bundle.load(mine).card != "changed"
    assert [p.name for p in mine.parent.iterdir() if p.name.startswith("bundle")] == ["bundle"]
    monkeypatch.undo()
    loaded.save(mine)
    assert Bundle.load(mine).card == "changed"


def test_a_kill_between_the_renames_of_a_save(mine: Path) -> None:
    new = Path(shutil.copytree(mine, mine.with_name("bundle.new")))
    mine.rename(mine.with_name("bundle.old"))
    assert Bundle.load(mine).card
    assert not new.exists()
