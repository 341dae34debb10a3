"""Rows to batches: each row once, padding masked, memory bounded, augmentation that a seed repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small import config, experiment, table

from core.cache import FeatureCache
from core.dataset import Batches, CaseDataset, Collate, to_device
from core.errors import FileError
from core.manifest import Manifest
from core.schema import Batch, Encoded
from core.view import build_views


@given(st.integers(1, 70), st.integers(1, 20), st.integers(1, 4), st.booleans(), st.integers(0, 3), st.integers(0, 2))
def test_each_row_once_an_epoch_over_all_processes(
    rows: int, size: int, of: int, shuffle: bool, seed: int, epoch: int
) -> None:
    numbers = [7 + 2 * i for i in range(rows)]
    shares = [Batches(numbers, size, shuffle=shuffle, seed=seed, rank=r, of=of) for r in range(of)]
    for share in shares:
        share.epoch = epoch
    drawn = [list(share) for share in shares]
    assert len({len(d) for d in drawn}) == 1  # as many steps in every process
    counts = Counter(row for d in drawn for batch in d for row, weight in batch if weight)
    assert counts == Counter(numbers)
    for step, total in enumerate(shares[0].totals()):
        parts = [d[step] for d in drawn]
        assert len({len(p) for p in parts}) == 1
        assert sum(weight for p in parts for _, weight in p) == total
        assert len(parts[0]) == -(-total // of)
    if not shuffle and of == 1:
        assert [row for batch in drawn[0] for row, _ in batch] == numbers


def test_epochs_differ_and_repeat() -> None:
    batches = Batches(range(40), 8, shuffle=True, seed=1)
    first = list(batches)
    batches.epoch = 1
    assert list(batches) != first
    batches.epoch = 0
    assert list(batches) == first


def test_a_single_last_row_joins_the_batch_before() -> None:
    assert Batches(range(9), 8, shuffle=True).totals() == [9]
    assert Batches(range(9), 8, shuffle=False).totals() == [8, 1]
    assert Batches(range(1), 8, shuffle=True).totals() == [1]


def test_padding_and_mask(tmp_path: Path) -> None:
    settings = config("image", "tabular")
    path = table(tmp_path, "image", "tabular", cases=20, missing=0.0)
    lines = path.read_text().splitlines()
    first, second = lines[1].split(","), lines[2].split(",")
    first[1] = f"{first[1]}|{second[1]}"  # two images
    second[1] = ""  # none
    lines[1:3] = [",".join(first), ",".join(second)]
    path.write_text("\n".join(lines) + "\n")
    run = experiment(tmp_path, settings, path)
    data = CaseDataset(run.manifest, run.views)
    batch = Collate(run.views, run.target)([data[i] for i in (0, 1, 2)])
    assert batch.inputs["image"].tokens.shape == (3, 2, 1, 16, 16)
    assert batch.inputs["image"].mask.tolist() == [[True, True], [False, False], [True, False]]
    assert batch.inputs["image"].tokens[1].abs().sum() == 0
    assert batch.inputs["tabular"].mask.tolist() == [[True]] * 3
    assert batch.target is not None
    assert batch.weight.tolist() == [1, 1, 1]
    assert batch.index.tolist() == [0, 1, 2]
    alone = Collate(run.views, run.target)([data[(1, 0.0)]])
    assert alone.inputs["image"].tokens.shape == (1, 1, 1, 16, 16)  # a legal shape where nothing is
    assert alone.weight.tolist() == [0]


def test_a_case_is_read_once_while_there_is_room(tmp_path: Path) -> None:
    path = table(tmp_path, "image", "text", "tabular", cases=12, missing=0.4)
    run = experiment(tmp_path, config("image", "text", "tabular"), path)
    read: list[int] = []
    original = run.manifest.row
    run.manifest.row = lambda i: (read.append(i), original(i))[1]  # type: ignore[method-assign]
    data, nothing = CaseDataset(run.manifest, run.views), CaseDataset(run.manifest, run.views, room=0)
    first, again, anew = ([found[i] for i in range(12)] for found in (data, data, nothing))
    assert read == [*range(12)] * 2
    for a, b, c in zip(first, again, anew):
        assert (a.id, a.index, a.target) == (b.id, b.index, b.target) == (c.id, c.index, c.target)
        assert a.views.keys() == b.views.keys()
        for name in a.views:
            assert a.views[name].dtype == b.views[name].dtype
            assert torch.equal(a.views[name], b.views[name])
            assert torch.equal(a.views[name], c.views[name])


def test_augmentation_repeats_with_seed_and_epoch(tmp_path: Path) -> None:
    settings = config("image")
    path = table(tmp_path, "image", cases=10, missing=0.0)
    run = experiment(tmp_path, settings, path)

    def sample(seed: int, epoch: int, augment: bool = True) -> torch.Tensor:
        data = CaseDataset(run.manifest, run.views, augment=augment, seed=seed)
        data.epoch = epoch
        return data[3].views["image"]

    torch.testing.assert_close(sample(1, 2), sample(1, 2), rtol=0, atol=0)
    assert not torch.equal(sample(1, 2), sample(1, 3))
    assert not torch.equal(sample(1, 2), sample(2, 2))
    torch.testing.assert_close(sample(1, 2, augment=False), sample(5, 7, augment=False), rtol=0, atol=0)


def test_an_unreadable_file_is_named_with_its_case_and_never_replaced(tmp_path: Path) -> None:
    path = table(tmp_path, "image", cases=4, missing=0.0)
    (path.parent / "00002.png").write_bytes(b"no image at all")
    settings = config("image")
    manifest = Manifest.open(path, settings)
    views = build_views(settings.modalities, FeatureCache(tmp_path / "cache"))
    views["image"].fit(iter([manifest.row(0).values["image"]]))
    with pytest.raises(FileError, match=r"case 'case-00002', image: .*00002\.png"):
        CaseDataset(manifest, views)[2]
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(path.parent / "00002.png")
    assert CaseDataset(manifest, views)[2].views["image"].shape == (1, 1, 16, 16)


def test_reading_ahead_keeps_the_order_and_the_error() -> None:
    """A device that is no CPU is read for in a thread; the meta device stands for a GPU, it holds shapes alone."""

    def batches() -> Iterator[Batch]:
        for i in range(5):
            yield Batch(
                [str(i)],
                {"x": Encoded(torch.zeros(1, i + 1), torch.ones(1, i + 1))},
                None,
                torch.ones(1),
                torch.ones(1),
            )
        raise FileError("case 'five', image: cannot be read")

    found = to_device(batches(), torch.device("meta"))
    met = [next(found) for _ in range(4)]
    assert [b.ids for b in met] == [["0"], ["1"], ["2"], ["3"]]
    assert [tuple(b.inputs["x"].tokens.shape) for b in met] == [(1, 1), (1, 2), (1, 3), (1, 4)]
    assert met[0].inputs["x"].tokens.device.type == "meta"
    with pytest.raises(FileError, match="case 'five', image: cannot be read"):
        list(found)
