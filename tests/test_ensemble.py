"""Weights of a stack: near equal where rows are few, the better expert's where they are many; trust in modalities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small import change, config, experiment

from core.ensemble import Network, learn_weights
from core.model import FusionModel
from core.schema import TargetKind


def labels(rows: int, sure: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels of two classes and answers that give the right one the probability ``sure``."""
    y = np.arange(rows) % 2
    return y, np.where(np.eye(2)[y] > 0, sure, 1 - sure)


@pytest.mark.parametrize("kind", [TargetKind.LABEL, TargetKind.LABELS, TargetKind.NUMBER])
def test_alike_experts_weigh_alike(kind: TargetKind) -> None:
    y, p = labels(40, 0.7)
    truth = {TargetKind.LABEL: y, TargetKind.LABELS: np.eye(2)[y], TargetKind.NUMBER: y.astype(float)}[kind]
    answers = p[:, 1:] if kind is TargetKind.NUMBER else p
    np.testing.assert_allclose(learn_weights(kind, truth, [answers] * 4), 0.25, atol=1e-4)
    assert learn_weights(kind, truth, [answers]).tolist() == [1.0]


def test_few_rows_do_not_silence_an_expert_and_many_do() -> None:
    """One expert is right with .9, the other one knows nothing; rows of one group say little more than one."""
    for rows, groups, least, most in ((4, None, 0.5, 0.8), (4000, None, 0.99, 1.0), (4000, ["one"] * 4000, 0.8, 0.99)):
        (y, good), (_, idle) = labels(rows, 0.9), labels(rows, 0.5)
        assert least < learn_weights(TargetKind.LABEL, y, [good, idle], groups)[0] <= most
    np.testing.assert_array_equal(
        learn_weights(TargetKind.LABEL, y, [good, idle], [None] * 4000),  # each a group of its own
        learn_weights(TargetKind.LABEL, y, [good, idle]),
    )


def test_numbers_weigh_alike_in_any_unit() -> None:
    draw = np.random.default_rng(0)
    y = draw.normal(size=300)
    answers = [y[:, None] + draw.normal(0, s, (300, 1)) for s in (0.1, 0.3)]
    in_grams = learn_weights(TargetKind.NUMBER, y * 1000, [a * 1000 for a in answers])
    np.testing.assert_allclose(in_grams, learn_weights(TargetKind.NUMBER, y, answers), atol=1e-3)
    assert in_grams[0] > 0.7


def test_weights_are_pulled_towards_what_is_asked_for() -> None:
    y, p = labels(4, 0.6)
    found = learn_weights(TargetKind.LABEL, y, [p, p, p], towards=[0.5, 0.3, 0.2])
    np.testing.assert_allclose(found, [0.5, 0.3, 0.2], atol=1e-3)


def test_the_trust_in_an_absent_modality_goes_to_everything() -> None:
    model = FusionModel.__new__(FusionModel)
    torch.nn.Module.__init__(model)
    model.trust = torch.tensor([0.5, 0.3, 0.2])
    present, keep = torch.tensor([[True, True], [True, False]]), torch.tensor([[True, True], [True, True]])
    (whole, w), (first, u), (second, v) = model.asked(present, keep)
    assert whole.tolist() == keep.tolist()
    assert (first.tolist(), second.tolist()) == ([[True, False]] * 2, [[False, True]] * 2)
    np.testing.assert_allclose(torch.stack([w, u, v], dim=1), [[0.5, 0.3, 0.2], [0.7, 0.3, 0.0]], atol=1e-6)


def test_a_modality_that_is_only_remembered_loses_trust(tmp_path: Path) -> None:
    """The signal tells what a case is; by 80 columns of noise a network can tell the training cases as well."""
    draw = np.random.default_rng(0)
    y = draw.integers(0, 2, 360)
    columns = {"signal": y - 0.5 + draw.normal(0, 0.4, 360)}
    columns |= {f"noise_{i}": draw.normal(0, 1, 360) for i in range(80)}
    part = np.repeat(["train", "val", "test"], 120)
    pd.DataFrame(columns | {"label": y, "split": part}).round(3).to_csv(tmp_path / "t.csv", index=False)
    kinds = {"signal": ["signal"], "noise": [c for c in columns if c != "signal"]}
    modalities = [
        {
            "name": name, "kind": "tabular", "columns": own,
            "views": [{"encoder": "tabular", "options": {"hidden": 32}, "preprocess": {"numbers": own}}],
        }
        for name, own in kinds.items()
    ]  # fmt: skip
    settings = change(config(modalities=modalities, table={"split": "split"}), epochs=30, unimodal_loss=1.0)
    run = experiment(tmp_path, settings, tmp_path / "t.csv")
    (network,) = run.networks().experts
    assert isinstance(network, Network)
    _, signal, noise = network.model.trust.tolist()
    assert signal > 0.3  # .55 on a CPU, .41 on a GPU
    assert noise < 0.1
