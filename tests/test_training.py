"""The training loop: every option does what its paper says, and learning happens."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import config, experiment, table
from torch import nn

from core.config import ExperimentConfig, TrainingConfig
from core.dataset import CaseDataset
from core.errors import ConfigError
from core.experiment import Experiment
from core.model import FusionModel
from core.schema import Encoded, TargetKind
from core.targets import Target
from core.training.fit import Fitted, Job, Trainer
from core.training.loss import Loss
from core.training.modality import balance_gradients, drop_modalities
from core.training.optimizer import build_optimizer, build_schedule, initialise

LABEL = Target(TargetKind.LABEL, ("a", "b"), (0.75, 0.25))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One table for all."""
    folder = tmp_path_factory.mktemp("training")
    table(folder, "text", "tabular", cases=90, noise=0.0, missing=0.2)
    return folder


def _run(folder: Path, settings: ExperimentConfig) -> Experiment:
    return experiment(folder, settings, folder / "table-text-tabular" / "table.csv")


def _trainer(run: Experiment, **changes: Any) -> Trainer:
    torch.manual_seed(run.config.seed)
    model = FusionModel(run.config, {n: run.views[n].signature for n in run.places}, run.target.outputs)
    initialise(model, run.config.training.initialisation)
    data = CaseDataset(run.manifest, run.views, augment=True), CaseDataset(run.manifest, run.views)
    job = Job(*data, run.rows["train"], run.rows["val"], run.config.seed, **changes)
    return Trainer(model, run.target, run.config.training, job)


def _fit(folder: Path, **training: Any) -> Fitted:
    return _trainer(_run(folder, config("text", "tabular", training=training))).fit()


@pytest.mark.parametrize(
    "training",
    [
        {"optimizer": "sgd", "learning_rate": 0.1},
        {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.3, "epochs": 16, "schedule": "constant"},
        {"optimizer": "adam", "warmup": 0.0},
        {"optimizer": "adamw", "unimodal_loss": 0.3, "modality_dropout": 0.5},
        {"initialisation": "xavier"},
        {"initialisation": "kaiming"},
        {"initialisation": "orthogonal"},
        {"initialisation": "truncated_normal", "learning_rate": 0.03, "warmup": 0.3},
        {"class_weights": True, "label_smoothing": 0.1, "focal_gamma": 2.0},
        {"balance": "ogm_ge"},
        {"precision": "bf16"},
        {"accumulate": 3, "clip_norm": 0.0},
        {"workers": 1},
    ],
    ids=str,
)
def test_every_option_learns(folder: Path, training: dict[str, Any]) -> None:
    """The text alone tells the label: training must find it."""
    history = _fit(folder, **({"epochs": 8} | training)).history
    assert history[-1]["train_loss"] < 0.8 * history[0]["train_loss"]
    assert max(h["val_accuracy"] for h in history) > 0.8


def test_compiled_training_gives_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced for real, and run without generating code, which takes minutes."""
    compile_for_real, parts = nn.Module.compile, list[str]()

    def traced(self: nn.Module, **options: Any) -> None:
        parts.append(type(self).__name__)
        compile_for_real(self, backend="eager", **options)

    monkeypatch.setattr(nn.Module, "compile", traced)
    plain, compiled = (_fit(folder, epochs=2, compile=c).history for c in (False, True))
    assert parts == ["Lexical", "Tabular", "Gated"]
    for a, b in zip(plain, compiled):
        assert a["val_loss"] == pytest.approx(b["val_loss"], abs=1e-3)


def test_what_cannot_be_compiled_runs_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_for_real, asked = nn.Module.compile, list[str]()

    def refuse(graph: object, given: object) -> None:
        asked.append("a graph")
        raise NotImplementedError("a kind of layer that this compiler does not know")

    monkeypatch.setattr(nn.Module, "compile", lambda self: compile_for_real(self, backend=refuse))
    plain, refused = (_fit(folder, epochs=1, compile=c).history for c in (False, True))
    assert asked
    assert refused[0]["val_loss"] == pytest.approx(plain[0]["val_loss"], abs=1e-6)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"optimizer": "adamm"}, "unknown optimizer 'adamm'. Did you mean 'adam"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'. Did you mean 'cosine'"),
        ({"initialisation": "xavir"}, "unknown initialisation 'xavir'. Did you mean 'xavier'"),
        ({"precision": "fp16"}, "unknown precision 'fp16'. Did you mean 'bf16'"),
        ({"balance": "ogm"}, "unknown balance 'ogm'"),
        ({"metric": "f2"}, "unknown metric for a label target 'f2'"),
        ({"metric": "r2"}, "unknown metric for a label target 'r2'"),
        (
            {"optimizer": "sgd", "learning_rate": 1e9, "clip_norm": 0.0},
            "the loss is .* in epoch .; lower learning_rate",
        ),
    ],
)
def test_refuses(folder: Path, training: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _fit(folder, **training)


def test_an_undefined_metric_is_refused_not_ignored(folder: Path) -> None:
    run = _run(folder, config("text", "tabular", training={"metric": "auroc"}))
    run.rows["val"] = [i for i in run.rows["val"] if run.manifest.targets[i] == "odd"]
    with pytest.raises(ConfigError, match=r"metric 'auroc' is not defined on the .* validation rows; choose another"):
        _trainer(run).fit()


def test_the_same_seed_repeats_and_another_differs(folder: Path) -> None:
    settings = config("text", "tabular", training={"epochs": 2})
    first, second = (_trainer(_run(folder, settings)).fit().history for _ in range(2))
    assert first == second
    other = _trainer(_run(folder, config("text", "tabular", training={"epochs": 2}, seed=1))).fit().history
    assert other[0]["train_loss"] != first[0]["train_loss"]


def test_early_stopping_gives_back_the_best_epoch(folder: Path) -> None:
    trainer = _trainer(_run(folder, config("text", "tabular", training={"epochs": 40, "patience": 2})))
    fitted = trainer.fit()
    values = [h["val_f1"] for h in fitted.history]
    assert len(values) - 1 - int(np.argmax(values)) == 2
    again = trainer.validate(0)
    assert again["val_f1"] == max(values)
    assert again["val_loss"] == pytest.approx(fitted.history[int(np.argmax(values))]["val_loss"])


def test_curves_are_written_for_people_and_for_tensorboard(folder: Path, tmp_path: Path) -> None:
    run = _run(folder, config("text", "tabular", training={"epochs": 3}))
    history = _trainer(run, logs=tmp_path).fit().history
    with (tmp_path / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(r["train_loss"]) for r in rows] == [h["train_loss"] for h in history]
    assert {"epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy", "val_f1"} <= set(rows[0])
    assert len(list(tmp_path.glob("events.*"))) == 1


def test_accumulated_gradients_equal_one_large_batch(folder: Path) -> None:
    calm = {"modality_dropout": 0.0, "epochs": 1, "clip_norm": 0.0, "optimizer": "sgd", "augment": False}
    weights = []
    for more in ({"batch_size": 8, "accumulate": 4}, {"batch_size": 32, "accumulate": 1}):
        run = _run(folder, config("text", "tabular", training=calm | more))
        run.rows["train"] = run.rows["train"][:60]  # 8 · 7 + 4 rows against 32 + 28
        trainer = _trainer(run)
        for module in trainer.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        trainer.fit_epoch(0)
        weights.append(trainer.model.state_dict())
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], rtol=1e-4, atol=1e-6)


def test_schedule_warms_up_and_falls_to_zero() -> None:
    model = nn.Linear(2, 2)
    settings = TrainingConfig(learning_rate=1.0, warmup=0.2, optimizer="sgd", momentum=0.0)
    optimizer = build_optimizer(model, settings)
    schedule, rates = build_schedule(optimizer, settings, 10), []
    for _ in range(10):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:3] == pytest.approx([0.5, 1.0, 1.0])
    assert rates[6] == pytest.approx(0.5)
    assert sorted(rates[2:], reverse=True) == rates[2:]
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)
    assert [g["weight_decay"] for g in optimizer.param_groups] == [0.01, 0.0]  # biases are not decayed


def test_initialisation_leaves_pretrained_weights_alone() -> None:
    mine, theirs = nn.Linear(8, 8), nn.Linear(8, 8)
    theirs.pretrained = True  # type: ignore[assignment]
    before = theirs.weight.detach().clone()
    initialise(nn.Sequential(mine, theirs), "orthogonal")
    torch.testing.assert_close(mine.weight @ mine.weight.T, torch.eye(8), rtol=1e-5, atol=1e-5)
    assert torch.equal(theirs.weight, before)


def test_losses_by_hand() -> None:
    logits, y = torch.tensor([[0.0, np.log(3)]]), torch.tensor([1])  # p(true) = 3/4

    def loss(target: Target = LABEL, x: torch.Tensor = logits, to: torch.Tensor = y, **options: Any) -> float:
        return float(Loss(target, TrainingConfig(**options))(x, to))

    plain = -np.log(0.75)
    assert loss() == pytest.approx(plain)
    assert loss(focal_gamma=2.0) == pytest.approx(plain / 16)
    assert loss(class_weights=True) == pytest.approx(plain * 4 / ((4 + 4 / 3) / 2))
    assert loss(label_smoothing=0.1) == pytest.approx(0.95 * plain - 0.05 * np.log(0.25))
    both = Target(TargetKind.LABELS, ("a", "b"), (0.5, 0.2))
    to = torch.tensor([[1.0, 0.0]])
    each = np.array([np.log(2), np.log(4)])  # p(a) = 1/2, p(b) = 3/4 and b is absent
    assert loss(both, to=to) == pytest.approx(each.mean())
    assert loss(both, to=to, focal_gamma=1.0) == pytest.approx((each * [0.5, 0.75]).mean())
    assert loss(both, to=torch.tensor([[1.0, 1.0]]), class_weights=True) == pytest.approx(
        (np.log(2) + 4 * np.log(4 / 3)) / 2
    )
    grade = Target(TargetKind.GRADE, ("1", "2", "3"), (0.5, 0.25, 0.25))
    assert loss(grade, to=torch.tensor([0])) == pytest.approx(np.log(2))  # the second step was never asked
    assert loss(grade, to=torch.tensor([1])) == pytest.approx(np.log(2) + np.log(4))
    assert loss(grade, to=torch.tensor([1]), class_weights=True) == pytest.approx(np.log(8) * 4 / (10 / 3))
    assert loss(grade, to=torch.tensor([0]), focal_gamma=1.0) == pytest.approx(np.log(2) / 2)
    number = Target(TargetKind.NUMBER)
    assert loss(number, torch.tensor([[0.5]]), torch.tensor([0.0])) == pytest.approx(0.125)
    assert loss(number, torch.tensor([[3.0]]), torch.tensor([0.0])) == pytest.approx(2.5)


def test_modality_dropout_never_empties_a_case_and_keeps_every_number() -> None:
    present = torch.rand(6000, 3, generator=torch.Generator().manual_seed(0)) < 0.7
    kept = drop_modalities(present, 1.0, torch.Generator().manual_seed(1))
    assert not (kept & ~present).any()
    assert (kept.any(1) == present.any(1)).all()
    full = kept[present.all(1)].sum(1)
    for count in (1, 2, 3):
        assert (full == count).float().mean() == pytest.approx(1 / 3, abs=0.04)
    for place in range(3):  # no modality is favoured
        assert kept[present.all(1)][:, place].float().mean() == pytest.approx(2 / 3, abs=0.04)
    half = drop_modalities(present, 0.5, torch.Generator().manual_seed(1))
    assert (half == present)[present.all(1)].all(1).float().mean() == pytest.approx(0.5 + 0.5 / 3, abs=0.04)
    assert torch.equal(drop_modalities(present, 0.0, torch.Generator()), present)


def _nine_and_three(model: FusionModel) -> torch.Tensor:
    """Scores .9 and .3 of ten cases each, where the model is."""
    return torch.tensor([[9.0, 3.0], [10.0, 10.0]], device=next(model.parameters()).device)


def test_ogm_ge_slows_the_faster_modality_and_spares_the_other(folder: Path) -> None:
    """Scores .9 and .3: ratio 3, so the faster one's gradient is scaled by 1 − tanh(.5 · 2)."""
    run = _run(folder, config("text", "tabular"))
    model = _trainer(run).model
    for p in model.parameters():
        p.grad = torch.full_like(p, 2.0)  # no spread, so no noise
    balance_gradients(model, _nine_and_three(model), seed=0)
    for p in model.encoder_parameters("text"):
        torch.testing.assert_close(p.grad, torch.full_like(p, 2 * (1 - np.tanh(1.0))))
    for p in [*model.encoder_parameters("tabular"), *model.fusion.parameters()]:
        torch.testing.assert_close(p.grad, torch.full_like(p, 2.0))


def test_ogm_ge_noise_is_as_wide_as_the_gradient_and_new_at_each_step(folder: Path) -> None:
    run = _run(folder, config("text", "tabular"))
    model = _trainer(run).model
    before = {
        n: torch.randn(p.shape, generator=torch.Generator().manual_seed(0)).to(p.device)
        for n, p in model.named_parameters()
    }

    def noise(seed: int) -> torch.Tensor:
        for name, p in model.named_parameters():
            p.grad = before[name].clone()
        balance_gradients(model, _nine_and_three(model), seed)
        name = "encoders.text.terms.weight"
        return dict(model.named_parameters())[name].grad - before[name] * (1 - np.tanh(1.0))

    assert noise(0).std() == pytest.approx(float(before["encoders.text.terms.weight"].std()), rel=0.2)
    assert torch.equal(noise(0), noise(0))
    assert not torch.equal(noise(0), noise(1))


def test_a_fusion_trains_on_rows_of_every_pattern(folder: Path) -> None:
    run = _run(folder, config("text", "tabular"))
    trainer = _trainer(run)
    batch = trainer.collate([trainer.job.plain[i] for i in (0, 1)]).to(next(trainer.model.parameters()).device)
    inputs = {n: Encoded(x.tokens, torch.zeros_like(x.mask)) for n, x in batch.inputs.items()}
    assert torch.isfinite(trainer.model(inputs)).all()
