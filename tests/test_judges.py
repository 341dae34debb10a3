"""Few rows that judge a network: none of them is answered by an epoch that it chose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import config, experiment, table
from torch import nn

from core.cache import FeatureCache
from core.dataset import CaseDataset
from core.experiment import Experiment
from core.manifest import Manifest
from core.model import FusionModel
from core.training.fit import Fitted, Job, Trainer
from core.training.judges import FEW, PARTS, Best, cut


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([None, *"rstuvwxyz"])), max_size=60), st.integers(0, 9)
)
def test_parts_hold_every_row_once_and_groups_whole(rows: list[tuple[str, str | None]], seed: int) -> None:
    groups = [g for _, g in rows]
    parts = cut([label for label, _ in rows], groups, seed)
    if not parts:
        assert len({*groups} - {None}) + groups.count(None) < 2 * PARTS
        return
    assert sorted(i for part in parts for i in part) == list(range(len(rows)))
    assert len(parts) == PARTS
    for group in {*groups} - {None}:
        assert sum(any(groups[i] == group for i in part) for part in parts) == 1


def test_many_rows_are_not_cut() -> None:
    assert cut(["a", "b"] * (FEW // 2 - 1), [None] * (FEW - 2), 0)
    assert cut(["a", "b"] * (FEW // 2), [None] * FEW, 0) == []


def test_each_judge_keeps_its_own_best_epoch_and_no_other_weights_are_held() -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    model[1].weight.requires_grad_(False)
    best = Best.start([[0], [1, 2]], model)
    assert best.rest(3) == [[1, 2], [0]]
    for epoch, worth in enumerate(([0.5, 0.1, 0.7], [0.6, 0.3, 0.7], [0.6, 0.2, 0.9], [0.1, 0.1, 0.1]), start=1):
        nn.init.constant_(model[0].weight, float(epoch))
        best.see(epoch, worth, model)
    assert (best.epochs, best.worth) == ([2, 2, 3], [0.6, 0.3, 0.9])
    assert sorted(best.weights) == [2, 3]
    everything, first, second = best.models(model)
    assert everything is model
    assert first is model  # the same epoch
    assert (model[0].weight.item(), second[0].weight.item()) == (2.0, 3.0)
    assert second[1].weight is model[1].weight  # what is not trained is there once


def test_a_model_that_was_never_worth_anything_is_the_untrained_one() -> None:
    model = nn.Linear(1, 1)
    best = Best.start([], model)
    before = model.weight.clone()
    nn.init.constant_(model.weight, 7.0)
    best.see(1, [float("nan")], model)
    assert torch.equal(best.models(model)[0].weight, before)


def _fit(folder: Path, path: Path, parts: list[list[int]]) -> Fitted:
    settings = config("tabular", training={"epochs": 12, "patience": 0, "learning_rate": 0.05})
    rows = {"train": range(40, 80), "val": range(40)}
    run = Experiment(Manifest.open(path, settings), settings, cache=FeatureCache(folder / "cache"), rows=rows)
    torch.manual_seed(0)
    model = FusionModel(run.config, {n: run.views[n].signature for n in run.places}, run.target.outputs)
    data = CaseDataset(run.manifest, run.views)
    job = Job(data, data, run.rows["train"], run.rows["val"], parts=parts)
    return Trainer(model, run.target, run.config.training, job).fit()


def _same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values()))


@pytest.mark.parametrize("part", [0, 3])
def test_the_labels_of_a_part_do_not_choose_the_epoch_that_answers_it(tmp_path: Path, part: int) -> None:
    path = table(tmp_path, "tabular", cases=80, noise=3.0)
    rows = pd.read_csv(path)
    parts = cut(rows["label"].tolist()[:40], [None] * 40, 0)
    first = _fit(tmp_path, path, parts)
    other = rows["label"].map(dict(zip(sorted(set(rows["label"])), sorted(set(rows["label"]))[::-1])))
    rows.loc[parts[part], "label"] = other[parts[part]]
    rows.to_csv(path, index=False)
    second = _fit(tmp_path, path, parts)
    assert _same(first.by_part[part], second.by_part[part])
    assert [h["train_loss"] for h in first.history] == [h["train_loss"] for h in second.history]
    assert [h["val_f1"] for h in first.history] != [h["val_f1"] for h in second.history]


def test_held_out_answers_come_from_epochs_that_other_rows_chose(tmp_path: Path) -> None:
    path = table(tmp_path, "tabular", cases=80, noise=3.0)
    run = experiment(tmp_path, config("tabular", training={"epochs": 12, "learning_rate": 0.05}), path)
    held = run.networks()
    answered = np.concatenate([at for _, at, _ in held.by])
    assert sorted(answered) == list(range(len(run.held)))
    assert len(held.by) == PARTS
    assert len(held.experts) == 1  # one network is kept
    found = run.answers(run.combine([held]), run.held)
    assert found.shape == held.answers.shape
