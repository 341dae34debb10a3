"""Frozen features: keyed by content, made once, made again when anything that they depend on changes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from small import config, table

from core.cache import FeatureCache, content_key, weights_key
from core.config import ModalityConfig, ViewConfig
from core.errors import FileError
from core.manifest import Manifest
from core.schema import Modality
from core.view import View


def _view(cache: FeatureCache, **changes: Any) -> View:
    settings: dict[str, Any] = {"preprocess": {"size": 16, "channels": 3}, "backbone": "cnn"} | changes
    settings["backbone_options"] = {"channels": [4, 8]} | changes.get("backbone_options", {})
    modality = ModalityConfig("image", Modality.IMAGE, ("image",), (ViewConfig("mlp"),))
    return View("image", modality, ViewConfig("mlp", **settings), cache)


def _cells(path: Path) -> list[Any]:
    manifest = Manifest.open(path, config("image"))
    return [manifest.cell(i, "image") for i in range(len(manifest))]


def _count(view: View) -> list[int]:
    """Lengths of the batches that its backbone gets from now on."""
    assert view.backbone is not None
    seen: list[int] = []
    view.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    return seen


def test_the_key_is_of_the_content(tmp_path: Path) -> None:
    a, b, folder = tmp_path / "a.bin", tmp_path / "b.bin", tmp_path / "series"
    a.write_bytes(b"one")
    b.write_bytes(b"one")
    assert content_key((a,)) == content_key((b,))
    assert content_key((a,)) != content_key((a, b))
    b.write_bytes(b"two")
    assert content_key((a,)) != content_key((b,))
    assert content_key((a, b)) != content_key((b, a))
    folder.mkdir()
    (folder / "0").write_bytes(b"one")
    before = content_key((folder,))
    (folder / "1").write_bytes(b"two")
    assert content_key((folder,)) != before
    assert content_key("text") != content_key("texts")
    assert content_key({"x": "1", "y": "2"}) == content_key({"y": "2", "x": "1"})
    assert content_key({"x": "1"}) != content_key({"x": "2"})


def test_a_file_that_went_missing_is_not_left_out_of_the_key(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    with pytest.raises(FileError, match="gone: cannot be read"):
        content_key((tmp_path / "a", tmp_path / "gone"))


def test_a_second_run_does_not_call_the_backbone(tmp_path: Path) -> None:
    cells, done = _cells(table(tmp_path, "image", cases=40, missing=0.0)), list[int]()
    first = _view(FeatureCache(tmp_path / "cache"))
    first.fit(cells)
    called = _count(first)
    first.warm(cells, done.append, chunk=10)
    assert sum(called) == 40
    assert sum(done) == 40
    second = _view(FeatureCache(tmp_path / "cache"))
    second.fit(cells)
    called = _count(second)
    second.warm(cells, done.append)
    features = [second.prepare(cell) for cell in cells]
    assert called == []
    assert sum(done) == 80
    for cell, found in zip(cells, features):
        alone = second.embed([second.preprocessor.finish(second.preprocessor.prepare(cell))])[0]
        torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-5)
        assert found.shape == (1, *second.signature.shape)


def test_large_samples_are_not_all_held_at_once(tmp_path: Path) -> None:
    cells = _cells(table(tmp_path, "image", cases=12, missing=0.0))
    view = _view(FeatureCache(tmp_path / "cache"))
    view.fit(cells)
    called = _count(view)
    view.warm(cells, lambda n: None, most=2 * 4 * 3 * 16 * 16)  # bytes of two samples
    assert called == [3, 3, 3, 3]


@pytest.mark.parametrize(
    "change",
    [
        {"preprocess": {"size": 20, "channels": 3}},
        {"backbone_options": {"kernel": 5}},
        {"backbone_options": {"pool": 1}},
    ],
)
def test_the_key_changes_with_preprocessing_and_backbone(tmp_path: Path, change: dict[str, Any]) -> None:
    cells = _cells(table(tmp_path, "image", cases=2, missing=0.0))
    keys = []
    for changes in ({}, {}, change):
        view = _view(FeatureCache(tmp_path / "cache"), **changes)
        view.fit(cells)
        keys.append(view._cell_key(cells[0]))
    assert keys[0] == keys[1] != keys[2]


def test_the_key_changes_with_a_single_weight(tmp_path: Path) -> None:
    view = _view(FeatureCache(tmp_path / "cache"))
    view.fit(_cells(table(tmp_path, "image", cases=2, missing=0.0)))
    assert view.backbone is not None
    before = weights_key(view.backbone)
    next(iter(view.backbone.parameters())).data.view(-1)[0] += 1e-3
    assert weights_key(view.backbone) != before


def test_several_threads_and_processes_share_it(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    faults: list[BaseException] = []

    def work(i: int) -> None:
        try:
            cache.put({str(i): torch.full((2, 3), float(i))})
            assert str(i) in cache
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    other = FeatureCache(tmp_path)
    for i in range(8):
        torch.testing.assert_close(other.get(str(i)), torch.full((2, 3), float(i)))
    assert other.get("none") is None


def test_a_cache_that_cannot_be_used_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "features.sqlite").write_bytes(b"this is no database, but long enough to be looked at" * 20)
    with pytest.raises(FileError, match=r"the feature cache cannot be used .*POLYFUSE_CACHE"):
        FeatureCache(tmp_path).get("x")
    with pytest.raises(FileError, match="POLYFUSE_CACHE"):
        FeatureCache(tmp_path / "features.sqlite" / "below").put({"x": torch.zeros(1)})
