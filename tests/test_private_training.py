"""Differentially private training: what it bounds, counts and refuses, and that it goes on after a kill."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import VIEWS, change, config, experiment, table

from core.bundle import Bundle
from core.config import ExperimentConfig, PrivacyConfig
from core.errors import ConfigError
from core.manifest import Manifest
from core.model import FusionModel
from core.training.private import Poisson, PrivateSteps, made_private

pytest.importorskip("opacus", reason="the extra private is not installed")
PRIVACY = {"epsilon": 4.0, "delta": 1e-3, "reproducible": True}


def private(*names: str, **changes: Any) -> ExperimentConfig:
    return config(*names, training={"privacy": PRIVACY | changes, "epochs": 3})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Path]:
    folder = tmp_path_factory.mktemp("private")
    path = table(folder, "tabular", "image", cases=60)
    bundle = experiment(folder, private("tabular", "image"), path, folder / "run").run()
    return bundle, folder / "run" / "bundle"


def test_what_is_spent_stands_on_the_card_and_is_within_the_promise(trained: tuple[Bundle, Path]) -> None:
    spent = trained[0].facts["privacy"]
    assert 0 < spent["epsilon"] <= 4.0
    rows = trained[0].facts["rows"]["train"]
    assert spent["steps"] == 3 * round(rows / 16)
    assert spent["sampling_rate"] == pytest.approx(16 / rows)
    assert f"ε {spent['epsilon']:.2f} at δ 0.001" in trained[0].card
    assert "no privacy against whoever knows it" in trained[0].card  # reproducible
    assert "the scales and the known categories of 'tabular'" in trained[0].card
    assert not trained[0].novelty


def test_a_private_bundle_opens_and_has_no_running_statistics(trained: tuple[Bundle, Path]) -> None:
    opened = Bundle.load(trained[1])
    names = opened.ensemble.experts[0].model.state_dict()
    assert not [n for n in names if "running" in n]
    assert opened.facts["privacy"] == trained[0].facts["privacy"]


def test_the_same_seed_gives_the_same_weights_and_a_kill_changes_nothing(tmp_path: Path) -> None:
    path = table(tmp_path, "tabular", cases=60)
    settings = private("tabular")
    whole = experiment(tmp_path, settings, path, tmp_path / "a").networks()

    class StopError(Exception):
        pass

    def kill(stage: str, done: int, total: int, figures: object = None) -> None:
        if done == 2:
            raise StopError

    cut = experiment(tmp_path, settings, path, tmp_path / "b")
    cut.progress = kill
    with pytest.raises(StopError):
        cut.networks()
    resumed = experiment(tmp_path, settings, path, tmp_path / "b")
    found = resumed.networks()
    for name, weight in whole.experts[0].model.state_dict().items():
        assert torch.equal(weight, found.experts[0].model.state_dict()[name])
    assert resumed.privacy is not None
    assert resumed.privacy["steps"] == 3 * round(len(resumed.rows["train"]) / 16)


def test_without_a_seed_the_noise_is_nobodys_to_know(tmp_path: Path) -> None:
    path = table(tmp_path, "tabular", cases=60)
    settings = private("tabular", reproducible=False)
    first, second = (experiment(tmp_path, settings, path).networks().experts[0].model for _ in range(2))
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters()))


def _steps(privacy: dict[str, Any], clip: float) -> tuple[PrivateSteps, FusionModel, torch.optim.Optimizer]:
    settings = change(config("tabular"), privacy=PrivacyConfig(**(privacy | {"clip": clip})))
    from core.schema import Signature

    torch.manual_seed(0)
    model = FusionModel(settings, {"tabular": Signature((3,), None, (4,))}, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    batches = Poisson(range(100), 10, settings.training.privacy, 0)
    return PrivateSteps(optimizer, settings.training, batches, 30), model, optimizer


def _batch(cases: int) -> Any:
    from core.schema import Batch, Encoded

    rng = torch.Generator().manual_seed(1)
    tokens = torch.cat([torch.randn(cases, 1, 2, generator=rng) * 50, torch.ones(cases, 1, 1)], dim=2)
    here = torch.ones(cases, 1, dtype=torch.bool)
    return Batch(
        [str(i) for i in range(cases)], {"tabular": Encoded(tokens, here)}, torch.arange(cases) % 2,
        torch.ones(cases), torch.arange(cases),
    )  # fmt: skip


def test_no_case_moves_the_weights_further_than_the_clip_and_noise_has_the_size_stated() -> None:
    """With the noise taken off, the change of one step is the mean of gradients of at most ``clip`` each."""
    from core.targets import Target
    from core.training.fit import _Step
    from core.training.loss import Loss

    steps, model, _ = _steps(PRIVACY, 0.5)
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    settings = config("tabular")
    target = Target.fit(settings.target, ["a", "b"], ["a", "b"])
    losses = _Step(model, Loss(target, settings.training), settings.training)
    model.train()
    batch, keep = _batch(4), torch.ones(4, 1, dtype=torch.bool)
    noise = steps.optimizer.noise_multiplier
    steps.optimizer.noise_multiplier = 0.0
    steps.step(losses, batch, keep, 0)
    moved = before - torch.cat([p.detach().flatten() for p in model.parameters()])
    assert 0 < float(moved.norm()) <= 4 * 0.5 / 10 + 1e-6
    batch.weight[:] = 0  # a batch of nobody: noise alone
    steps.optimizer.noise_multiplier = noise
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    steps.step(losses, batch, keep, 1)
    moved = before - torch.cat([p.detach().flatten() for p in model.parameters()])
    assert float(moved.std()) == pytest.approx(noise * 0.5 / 10, rel=0.15)


def test_every_row_is_drawn_with_the_same_chance_and_sizes_differ() -> None:
    batches = Poisson(range(200), 20, PrivacyConfig(**PRIVACY), 3)
    sizes, count = [], np.zeros(200)
    for epoch in range(100):
        batches.epoch = epoch
        for batch in batches:
            sizes.append(len(batch))
            for row, weight in batch:
                count[row] += weight
    assert len(batches) == 10
    assert batches.totals() == [20] * 10
    assert np.std(sizes) == pytest.approx(np.sqrt(200 * 0.1 * 0.9), rel=0.1)
    assert count.mean() == pytest.approx(100, rel=0.02)
    assert count.max() < 150


def test_smaller_epsilon_means_more_noise_and_the_count_adds_up() -> None:
    strict, loose = (_steps(PRIVACY | {"epsilon": e}, 1.0)[0] for e in (1.0, 8.0))
    assert strict.noise > loose.noise
    assert strict.spent(30)["epsilon"] == pytest.approx(1.0, abs=0.02)
    assert strict.spent(30)["epsilon"] <= 1.0
    assert strict.spent(10)["epsilon"] < strict.spent(30)["epsilon"]
    assert strict.spent(0)["epsilon"] == 0


def test_what_does_not_go_together_is_refused_all_at_once(tmp_path: Path) -> None:
    path = table(tmp_path, "text", cases=30)
    settings = dataclasses.replace(change(private("text"), balance="ogm_ge"), seeds=2, floor=True, keep_cases="ids")
    with pytest.raises(ConfigError) as told:
        experiment(tmp_path, settings, path)
    for said in (
        "seeds: each further model",
        "floor: the floor learns",
        "keep_cases: it keeps",
        "training.balance",
        "modality 'text': a view",
    ):
        assert said in str(told.value)


def test_made_private_takes_out_what_would_be_refused_and_keeps_pretrained_views() -> None:
    words = VIEWS["text"]
    meaning = {"encoder": "mlp", "preprocess": {"tokens": "pretrained", "model": "somewhere"}}
    two = {"name": "text", "kind": "text", "columns": ["text"], "views": [words, meaning]}
    data = config("text", seeds=3, floor=True).to_json() | {"modalities": [two]}
    found = made_private(ExperimentConfig.from_json(data), PrivacyConfig(2.0))
    assert (found.seeds, found.floor, found.training.privacy) == (1, False, PrivacyConfig(2.0))
    assert [v.encoder for v in found.modalities[0].views] == ["mlp"]


@pytest.mark.parametrize(
    ("privacy", "said"),
    [
        ({"delta": 0.1}, "training.privacy.delta: 0.1 would let whole rows out among 100 training rows"),
        ({"epsilon": 1e-6, "delta": 1e-9}, "training.privacy.epsilon: 1e-06 cannot be met in 30 steps"),
    ],
)
def test_a_promise_that_says_nothing_or_cannot_be_kept_is_refused(privacy: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        _steps(PRIVACY | privacy, 1.0)


def test_config_refuses_numbers_out_of_range_and_reads_back() -> None:
    with pytest.raises(ConfigError, match=r"training\.privacy\.epsilon: expected a number from"):
        private("tabular", epsilon=0)
    settings = private("tabular")
    assert ExperimentConfig.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_the_command_line_trains_privately(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from apps.cli import main

    path = table(tmp_path, "tabular", cases=60)
    options = ["--target", "label", "--number", "number_0,number_1", "--preset", "fast", "--set", "epochs=1"]
    assert main(["train", str(path), *options, "--epsilon", "3", "--out", str(tmp_path / "run")]) == 0
    assert "at δ 1e-05" in capsys.readouterr().out
    facts = json.loads((tmp_path / "run/bundle/bundle.json").read_text())["facts"]
    assert facts["privacy"]["epsilon"] <= 3


def test_a_manifest_of_groups_is_told_that_the_unit_is_the_row(tmp_path: Path) -> None:
    import pandas as pd

    path = table(tmp_path, "tabular", cases=60)
    frame = pd.read_csv(path)
    frame.assign(person=frame.index // 2).to_csv(path, index=False)
    data = private("tabular").to_json()
    data["table"]["group"] = "person"
    settings = ExperimentConfig.from_json(data)
    bundle = experiment(tmp_path, settings, path).run()
    assert isinstance(Manifest.open(path, settings).groups[0], str)
    assert "who has k rows of a group is protected by k times this ε only" in bundle.card
