"""Splits: every row once, groups whole, classes in proportion, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import ExperimentConfig
from core.errors import ConfigError
from core.manifest import Manifest
from core.splits import folds, split


def config(kind: str = "label", **table: Any) -> ExperimentConfig:
    text = {"name": "text", "kind": "text", "columns": ["text"], "views": [{"encoder": "lexical"}]}
    return ExperimentConfig.from_json(
        {"modalities": [text], "target": {"column": "label", "kind": kind}, "table": table}
    )


def frame(labels: list[str], **columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"text": ["x"] * len(labels), "label": labels, **columns})


GROUPS = st.none() | st.sampled_from("abcdefgh")
CASES = st.lists(st.tuples(st.sampled_from(["u", "v", "w"]), GROUPS), min_size=2, max_size=60)


@settings(max_examples=60, deadline=None)
@given(CASES, st.integers(2, 6), st.integers(0, 3))
def test_folds_cover_every_case_once_and_keep_groups_whole(
    cases: list[tuple[str, str | None]], n: int, seed: int
) -> None:
    targets, groups = [c[0] for c in cases], [c[1] for c in cases]
    if n > sum(g is None for g in groups) + len(set(groups) - {None}):
        with pytest.raises(ConfigError, match=rf"{n} folds of \d+ (groups|cases): choose 2 to"):
            folds(targets, groups, n, seed)
        return
    found = folds(targets, groups, n, seed)
    assert sorted(np.concatenate([test for _, test in found])) == list(range(len(cases)))
    for train, test in found:
        assert len(test)
        assert sorted([*train, *test]) == list(range(len(cases)))
        assert not {groups[i] for i in train} & {groups[i] for i in test} - {None}
    again = folds(targets, groups, n, seed)
    assert all((a[1] == b[1]).all() for a, b in zip(found, again))


def test_folds_keep_the_shares_of_labels_and_numbers() -> None:
    labels = ["rare"] * 4 + ["often"] * 36
    for _, test in folds(labels, [None] * 40, 4, 0):
        assert Counter(labels[i] for i in test) == {"rare": 1, "often": 9}
    numbers = [float(i) for i in range(100)]
    for _, test in folds(numbers, [None] * 100, 5, 0):
        assert Counter(int(i) // 10 for i in test) == dict.fromkeys(range(10), 2)
    sets = [("a", "b"), ("b", "a"), (), ()] * 4
    for _, test in folds(sets, [None] * 16, 4, 0):
        assert Counter(len(sets[i]) for i in test) == {2: 2, 0: 2}
    grouped = [f"g{i // 2}" for i in range(40)]
    for _, test in folds(["a" if i % 8 < 2 else "b" for i in range(40)], grouped, 5, 0):
        assert Counter(int(i) % 8 < 2 for i in test) == {True: 2, False: 6}


def test_other_seeds_split_otherwise() -> None:
    first, second = (folds(["a"] * 50, [None] * 50, 2, seed)[0][1].tolist() for seed in (0, 1))
    assert first != second


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 5), st.booleans())
def test_a_split_by_seed_has_the_fractions(seed: int, grouped: bool) -> None:
    groups = [str(i // 2) for i in range(200)]
    table = frame(["a", "a", "b", "c"] * 50, who=groups)
    chosen = config(group="who" if grouped else None)
    manifest = Manifest.open(table, chosen)
    parts = split(manifest, chosen, seed)
    assert {k: len(v) for k, v in parts.items()} == pytest.approx({"train": 140, "val": 30, "test": 30}, abs=4)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(200))
    again = split(manifest, chosen, seed)
    assert all((parts[k] == again[k]).all() for k in parts)
    if grouped:
        seen = [{groups[i] for i in rows} for rows in parts.values()]
        assert sum(map(len, seen)) == len(set().union(*seen))
    assert Counter(table["label"][parts["test"]])["a"] == pytest.approx(15, abs=3)


def test_the_tables_own_split_is_kept() -> None:
    own = ["test", "train", "val", "train", "train", "test"]
    chosen = config(split="part")
    found = split(Manifest.open(frame(["a", "b"] * 3, part=own), chosen), chosen, 0)
    assert {k: v.tolist() for k, v in found.items()} == {"train": [1, 3, 4], "val": [2], "test": [0, 5]}


def test_a_missing_val_is_cut_from_train() -> None:
    own = ["train"] * 34 + ["test"] * 6
    chosen = config(split="part")
    found = split(Manifest.open(frame(["a", "b"] * 20, part=own), chosen), chosen, 0)
    assert found["test"].tolist() == list(range(34, 40))
    assert len(found["val"]) == 6  # 0.15 of 0.85
    assert sorted([*found["train"], *found["val"]]) == list(range(34))


def test_no_test_share_leaves_no_test_rows() -> None:
    chosen = config(fractions=[0.5, 0.5, 0.0])
    found = split(Manifest.open(frame(["a", "b"] * 4), chosen), chosen, 0)
    assert {k: len(v) for k, v in found.items()} == {"train": 4, "val": 4, "test": 0}


@pytest.mark.parametrize("shares", [[0.7, 0.3], [0.7, 0.2, 0.2], [0.0, 0.5, 0.5], [1.2, -0.1, -0.1]])
def test_wrong_fractions_are_refused(shares: list[float]) -> None:
    chosen = config(fractions=shares)
    with pytest.raises(ConfigError, match="three shares for train, val and test that add up to 1"):
        split(Manifest.open(frame(["a", "b"] * 4), chosen), chosen, 0)


def test_groups_of_uneven_size_and_many_classes_are_balanced() -> None:
    sizes = [40, 20, 20, 10, 10, 10, 10, *[1] * 40]
    groups = [f"g{i}" for i, size in enumerate(sizes) for _ in range(size)]
    targets = [str(i % 4) for i in range(len(groups))]
    for _, test in folds(targets, groups, 4, 0):
        assert len(test) == 40
        assert all(9 <= count <= 11 for count in Counter(targets[i] for i in test).values())


def test_one_group_cannot_be_split() -> None:
    chosen = config(group="who")
    with pytest.raises(ConfigError, match="8 cases in one group cannot be split"):
        split(Manifest.open(frame(["a", "b"] * 4, who=["g"] * 8), chosen), chosen, 0)
