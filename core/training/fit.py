"""The training loop: fit → fit_epoch → step. Runs on CPU, one GPU, or several processes by ``torchrun``.

Not promised: bit-equal results on another machine, another number of processes or threads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, gather_object
from torch import Tensor, nn
from torch.utils.data import DataLoader

from core.atomic import recover
from core.config import TrainingConfig
from core.dataset import Batches, CaseDataset, Collate, to_device
from core.errors import ConfigError, unknown
from core.metrics import METRICS, known_metric, score
from core.model import FusionModel
from core.nn import choice
from core.processes import on_cpu, processes
from core.progress import Progress, silent
from core.schema import Batch, TargetKind
from core.targets import Target
from core.training import checkpoint
from core.training.curves import Curves
from core.training.judges import Best, worth
from core.training.loss import Loss
from core.training.modality import alone_losses, balance_gradients, drop_modalities
from core.training.optimizer import build_optimizer, build_schedule
from core.training.private import Poisson, PrivateSteps


@dataclass
class Fitted:
    """A trained model (its best epoch) and its curve: one entry an epoch.

    ``by_part``: of each part of the rows that judged, the model of the epoch that the other parts chose.
    """

    model: FusionModel
    history: list[dict[str, float]] = field(default_factory=list)
    privacy: dict[str, Any] | None = None  # what a private run has spent
    by_part: list[FusionModel] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """What one model is trained on: rows are numbers in both datasets, ``train`` augments and ``plain`` does not."""

    train: CaseDataset
    plain: CaseDataset
    train_rows: Sequence[int]
    val_rows: Sequence[int]
    seed: int = 0
    checkpoint: Path | None = None  # where to go on from; None keeps nothing
    logs: Path | None = None  # curves as CSV and TensorBoard files
    identity: str = ""  # what a checkpoint must agree with: config and data
    progress: Progress = silent
    stage: str = "training"
    parts: Sequence[Sequence[int]] = ()  # positions among the val rows, see ``core.training.judges``


def make_accelerator(config: TrainingConfig) -> Accelerator:
    """The device and the processes to train on.

    Raises:
        ConfigError: for an unknown precision.
    """
    if config.precision not in ("float32", "bf16"):
        raise unknown("precision", config.precision, ["float32", "bf16"])
    AcceleratorState._reset_state()  # one process may train several models, each with its own precision
    precision = "bf16" if config.precision == "bf16" else "no"
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # a batch may lack a modality
    processes()
    return Accelerator(cpu=on_cpu(), mixed_precision=precision, kwargs_handlers=[unused])


class Trainer:
    """Trains one model on one job."""

    def __init__(self, model: FusionModel, target: Target, config: TrainingConfig, job: Job) -> None:
        self.accelerator = make_accelerator(config)
        self.device = self.accelerator.device
        self.config, self.target, self.job = config, target, job
        choice("balance", config.balance, ("none", "ogm_ge"))
        self.metric = known_metric(target.kind, config.metric)
        self.model = model.to(self.device)
        self.loss = Loss(target, config, self.device)
        self.collate = Collate(job.train.views, target)
        self.batches = self._batches(job.train_rows, shuffle=True)
        if config.privacy is not None:
            self.batches = Poisson(job.train_rows, config.batch_size, config.privacy, job.seed)
        steps = -(-len(self.batches) // config.accumulate)  # an epoch
        self.epochs = min(config.epochs, -(-config.most_steps // steps)) if config.most_steps else config.epochs
        self.optimizer = build_optimizer(self.model, config)
        self.schedule = build_schedule(self.optimizer, config, steps * self.epochs)
        self.private: PrivateSteps | None = None
        if isinstance(self.batches, Poisson):
            self.private = PrivateSteps(self.optimizer, config, self.batches, steps * self.epochs)
        if config.compile:
            torch._dynamo.config.suppress_errors = True  # what a compiler cannot do, such as 3D on a CPU, runs as it is
            for part in (*self.model.encoders.values(), self.model.fusion):
                part.compile()  # what changes between batches is made dynamic when it does; image sizes stay constants
        step: nn.Module = _Step(self.model, self.loss, config)
        self.losses = self.accelerator.prepare_model(step) if self.accelerator.num_processes > 1 else step

    def fit(self) -> Fitted:
        """Train to the last epoch or until the metric stops rising; goes on from a checkpoint of the same run."""
        history, best = self._resume()
        rest = best.rest(len(self.job.val_rows))
        with Curves(self.job.logs if self.accelerator.is_main_process else None) as curves:
            while len(history) < self.epochs and not self._stalled(history):
                epoch = len(history)
                learned = self.fit_epoch(epoch)
                figures, *without = self._judged(epoch, rest)
                facts = {"epoch": epoch + 1.0} | learned | figures
                best.see(epoch + 1, [worth(f, self.metric) for f in (figures, *without)], self.model)
                history.append(facts)
                self._save(history, best)
                curves.write(history)
                self.job.progress(self.job.stage, len(history), self.epochs, facts)
        model, *by_part = best.models(self.model)
        spent = self.private.spent(self.schedule.last_epoch) if self.private is not None else None
        return Fitted(model, history, spent, by_part)

    def fit_epoch(self, epoch: int) -> dict[str, float]:
        """One pass over the training rows; returns its mean loss and metrics, as met while training."""
        self.model.train()
        self.job.train.epoch = self.batches.epoch = epoch
        sizes, group = self.batches.totals(), self.config.accumulate
        generator = torch.Generator().manual_seed(self._number(epoch, self.accelerator.process_index))
        torch.manual_seed(generator.initial_seed())  # dropout: an epoch after a kill is the epoch without one
        total, seen = torch.zeros((), device=self.device), list[tuple[Tensor, Tensor, Tensor]]()
        for i, batch in enumerate(self._loaded(self.job.train, self.batches)):
            assert batch.target is not None
            first = i - i % group
            cases = sum(sizes[first : first + group])  # of the whole optimiser step, over all processes
            last = i % group == group - 1 or i == len(sizes) - 1
            loss, logits = self.step(batch, cases, generator, last)
            total += loss
            seen.append((logits, batch.target, batch.weight))  # fetched at the end: a GPU is not waited for
        self._share_buffers()
        logits, targets, weight = self._gathered(seen)
        mean = float(self.accelerator.reduce(total)) / sum(sizes)
        return {"train_loss": self._finite(mean, epoch)} | self._figures(
            "train", logits[weight > 0], targets[weight > 0]
        )

    def step(self, batch: Batch, cases: int, generator: torch.Generator, last: bool) -> tuple[Tensor, Tensor]:
        """Gradients of one batch; with ``last``, the optimiser's step. Returns the summed loss and the logits."""
        keep = drop_modalities(self.model.present(batch.inputs), self.config.modality_dropout, generator)
        if self.private is not None:
            found = self.private.step(self.losses, batch, keep, self.schedule.last_epoch)
            self.schedule.step()
            return found
        with self.accelerator.autocast():
            loss, logits, alone = self.losses(batch, keep)
        self.accelerator.backward(loss * (self.accelerator.num_processes / cases))
        if last:
            if self.config.balance == "ogm_ge":
                seed = self._number(self.schedule.last_epoch)  # the same in every process
                balance_gradients(self.model, self.accelerator.reduce(alone), seed)
            if self.config.clip_norm:
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
            self.optimizer.step()
            self.schedule.step()
            self.optimizer.zero_grad()
        return loss.detach(), logits.detach().float()

    def validate(self, epoch: int) -> dict[str, float]:
        """Loss and metrics on the validation rows.

        Raises:
            ConfigError: if the loss is no number any more, or a metric that was asked for is not defined on these rows.
        """
        return self._judged(epoch, ())[0]

    def _judged(self, epoch: int, some: Sequence[Sequence[int]]) -> list[dict[str, float]]:
        """The figures of all validation rows, then those of ``some`` positions among them, each."""
        logits, targets = self.predict(self.job.val_rows)
        each = self.loss(logits.to(self.device), targets.to(self.device))
        figures = {"val_loss": self._finite(float(each.mean()), epoch)} | self._figures("val", logits, targets)
        if self.config.metric is not None and np.isnan(figures[f"val_{self.metric}"]):
            others = sorted(METRICS[self.target.kind].keys() - {self.metric})
            raise ConfigError(
                f"metric {self.metric!r} is not defined on the {len(targets)} validation rows; "
                f"choose another: {', '.join(others)}"
            )
        parts = ({"val_loss": float(each[at].mean())} | self._figures("val", logits[at], targets[at]) for at in some)
        return [figures, *parts]

    def predict(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and encoded targets of rows, in their order, on every process."""
        self.model.eval()
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        with torch.inference_mode(), self.accelerator.autocast():
            for batch in self._loaded(self.job.plain, self._batches(rows, shuffle=False)):
                assert batch.target is not None
                found.append((batch.index, self.model(batch.inputs).float(), batch.target))
        index, logits, targets = self._gathered(found)
        place = {int(row): i for i, row in enumerate(index)}  # rows that fill up a share are met twice
        order = torch.tensor([place[int(row)] for row in rows])
        return logits[order], targets[order]

    def _gathered(self, found: list[tuple[Tensor, Tensor, Tensor]]) -> list[Tensor]:
        """The batches of all processes joined on the CPU, each of the three kinds of tensor."""
        own = [torch.cat([f[k] for f in found]).cpu() for k in (0, 1, 2)]
        everywhere = gather_object([own]) if self.accelerator.num_processes > 1 else [own]
        return [torch.cat([f[k] for f in everywhere]) for k in (0, 1, 2)]

    def _share_buffers(self) -> None:
        """Running statistics are of each process's rows; their mean is of all."""
        if self.accelerator.num_processes > 1:
            for buffer in self.model.buffers():
                if buffer.is_floating_point():
                    buffer.copy_(self.accelerator.reduce(buffer, "mean"))

    def _finite(self, loss: float, epoch: int) -> float:
        if not np.isfinite(loss):
            raise ConfigError(
                f"{self.job.stage}: the loss is {loss} in epoch {epoch + 1}; lower learning_rate, or set clip_norm to 1"
            )
        return loss

    def _figures(self, part: str, logits: Tensor, targets: Tensor) -> dict[str, float]:
        y, answers = self.target.decoded(targets), self.target.answers(logits)
        wanted = {self.metric} | ({"accuracy"} if self.target.kind is not TargetKind.NUMBER else set())
        return {f"{part}_{name}": score(self.target.kind, name, y, answers) for name in sorted(wanted)}

    def _batches(self, rows: Sequence[int], *, shuffle: bool) -> Batches:
        rank, of = self.accelerator.process_index, self.accelerator.num_processes
        return Batches(rows, self.config.batch_size, shuffle=shuffle, seed=self.job.seed, rank=rank, of=of)

    def _loaded(self, data: CaseDataset, batches: Batches) -> Iterator[Batch]:
        loader: DataLoader[Any] = DataLoader(
            data, batch_sampler=batches, collate_fn=self.collate, num_workers=self.config.workers
        )
        return to_device(loader, self.device)

    def _stalled(self, history: list[dict[str, float]]) -> bool:
        values = [worth(facts, self.metric) for facts in history]
        return bool(
            values and self.config.patience and len(values) - 1 - int(np.argmax(values)) >= self.config.patience
        )

    def _number(self, *parts: int) -> int:
        """A seed that depends on the run's seed and ``parts``, the same in every process and on every machine."""
        return int.from_bytes(hashlib.sha256(repr((self.job.seed, *parts)).encode()).digest()[:7], "big")

    def _resume(self) -> tuple[list[dict[str, float]], Best]:
        found, best = None, Best.start(self.job.parts, self.model)
        if self.job.checkpoint is not None:
            if self.accelerator.is_main_process:
                recover(self.job.checkpoint)
            self.accelerator.wait_for_everyone()
            found = checkpoint.load(self.job.checkpoint, self.model, self.optimizer, self.job.identity)
        if found is None:
            return [], best
        facts, weights = found
        self.schedule.load_state_dict(facts["schedule"])
        self.batches.seed = facts.get("batches", self.batches.seed)
        best.worth, best.epochs = facts["worth"], facts["epochs"]
        best.weights = {e: {k: v.to(self.device) for k, v in kept.items()} for e, kept in weights.items()}
        return facts["history"], best

    def _save(self, history: list[dict[str, float]], best: Best) -> None:
        if self.job.checkpoint is not None and self.accelerator.is_main_process:
            facts = {
                "identity": self.job.identity,
                "history": history,
                "schedule": self.schedule.state_dict(),
                "batches": self.batches.seed,
                "worth": best.worth,
                "epochs": best.epochs,
            }
            checkpoint.save(self.job.checkpoint, self.model, best.weights, self.optimizer, facts)


class _Step(nn.Module):
    """Model and loss as one module, so that several processes synchronise the gradients of both forward passes."""

    def __init__(self, model: FusionModel, loss: Loss, config: TrainingConfig) -> None:
        super().__init__()
        self.model, self.loss, self.config = model, loss, config

    def forward(self, batch: Batch, keep: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A batch and ``keep`` (B, M) to the summed loss (), logits (B, K), and each modality's own score (2, M)."""
        assert batch.target is not None
        encoded = self.model.encode(self.model.restrict(batch.inputs, keep))
        logits = self.model.fuse(encoded)  # (B, K)
        total = (self.loss(logits, batch.target) * batch.weight).sum()
        if not self.config.unimodal_loss and self.config.balance == "none":
            return total, logits, keep.new_zeros((2, keep.shape[1]), dtype=torch.float32)
        alone = alone_losses(self.model, encoded, keep, batch.target, self.loss)  # (B, M)
        here = keep * batch.weight[:, None]  # (B, M)
        total = total + self.config.unimodal_loss * (alone * here).sum()
        scores = torch.stack([((-alone.detach()).exp() * here).sum(dim=0), here.sum(dim=0)])  # (2, M)
        return total, logits, scores
