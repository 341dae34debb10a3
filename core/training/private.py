"""Differentially private training: DP-SGD (Abadi et al. 2016) with the optimiser and the accountant of Opacus.

Each step draws every training row with the same chance, cuts the gradient of each case to a norm and adds noise. What
anybody can find out about one row from the weights is then bounded by (ε, δ). Gradients are computed case by case:
exact for every encoder and fusion, where the hooks of Opacus know single layers; it costs some times more.

Not promised: anything for a person with several rows beyond k times the ε of one; for what ``uncovered`` lists; against
whoever knows the seed of a ``reproducible`` run. Noise is drawn by torch, not by a cryptographic generator (the
``secure_mode`` of Opacus is off).
"""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
import warnings
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.config import ExperimentConfig, ModalityConfig, PrivacyConfig, TrainingConfig, ViewConfig
from core.dataset import Batches
from core.errors import ConfigError, MissingExtraError
from core.processes import processes
from core.schema import Batch, Encoded, Modality

_ORDERS = [*range(2, 64), 80, 128, 256, 512]  # of the Rényi divergence; whole ones are counted in milliseconds

_TOGETHER = 16  # cases whose gradients are held at once


def made_private(config: ExperimentConfig, privacy: PrivacyConfig) -> ExperimentConfig:
    """The experiment trained with privacy: one network, without what would tell of the training rows past the noise.

    Views that keep words of the rows are left out where a modality has another.
    """
    training = dataclasses.replace(config.training, privacy=privacy, balance="none", accumulate=1, precision="float32")
    modalities = tuple(dataclasses.replace(m, views=_wordless(m) or m.views) for m in config.modalities)
    return dataclasses.replace(
        config, modalities=modalities, training=training, seeds=1, folds=1, floor=False, stack=False, keep_cases="none"
    )


def check_private(config: ExperimentConfig) -> None:
    """Refuse what does not go together with private training, all of it at once.

    Raises:
        ConfigError: with each reason.
        MissingExtraError: without the extra ``private``.
    """
    if config.training.privacy is None:
        return
    if not find_spec("opacus"):
        raise MissingExtraError("opacus", "private", "Training with differential privacy")
    t = config.training
    faults = {
        "seeds": config.seeds > 1 and "each further model would spend the same ε again; set it to 1",
        "folds": config.folds > 1 and "each further model would spend the same ε again; set it to 1",
        "floor": (config.floor or config.stack)
        and "the floor learns from the rows without noise; set floor and stack to false",
        "keep_cases": config.keep_cases != "none" and "it keeps training cases in the bundle; set it to 'none'",
        "target.outside": config.target.outside and "its detector keeps what training cases look like; leave it out",
        "training.balance": t.balance != "none" and "it reads the gradients before the noise; set it to 'none'",
        "training.accumulate": t.accumulate > 1 and "a step is one batch; raise batch_size instead",
        "training.precision": t.precision != "float32" and "gradients are cut in float32; set it to 'float32'",
    } | {f"modality {m.name!r}": _words_alone(m) for m in config.modalities}
    told = [f"{name}: {fault}" for name, fault in faults.items() if fault]
    if processes().num_processes > 1:
        told.append("several processes: each would add its own noise; start one")
    if told:
        raise ConfigError("training.privacy does not go together with\n  " + "\n  ".join(told))


def _words_alone(modality: ModalityConfig) -> str:
    if len(_wordless(modality)) == len(modality.views):
        return ""
    return (
        "a view keeps words of the training rows as they stand; use pretrained tokens (preset default with the extra "
        "weights), or leave the modality out"
    )


def _wordless(modality: ModalityConfig) -> tuple[ViewConfig, ...]:
    """The views that learn no vocabulary from the rows."""
    usual = {Modality.TEXT: ("tokens", "words", "pretrained"), Modality.PAIR: ("features", "overlap", "sentences")}
    if modality.kind not in usual:
        return modality.views
    option, default, pretrained = usual[modality.kind]
    return tuple(v for v in modality.views if v.preprocess.get(option, default) == pretrained)


def uncovered(config: ExperimentConfig) -> list[str]:
    """What a bundle tells of the rows past the noise, in words."""
    tables = [m.name for m in config.modalities if m.kind is Modality.TABULAR]
    return [
        "the classes and their shares, or the mean, of the training rows",
        *(f"the scales and the known categories of {name!r}" for name in tables),
        "the held-out rows, which chose the epoch, the temperature and the bounds of sets",
        "the figures of held-out and test rows",
    ]


class Poisson(Batches):
    """Batches into which every row is drawn with the same chance, as the accountant assumes: they differ in size.

    ``seed`` must stay unknown to others. A batch that nothing was drawn into is a row of weight 0: noise alone.
    """

    def __init__(self, rows: Sequence[int], size: int, privacy: PrivacyConfig, seed: int) -> None:
        known = privacy.reproducible
        super().__init__(rows, min(size, len(rows)), shuffle=True, seed=seed if known else secrets.randbits(62))

    @property
    def rate(self) -> float:
        """The chance of a row."""
        return self.size / len(self.rows)

    def totals(self) -> list[int]:
        """Rows of each batch as expected: how many there are in truth is not used."""
        return [self.size] * len(self)

    def __len__(self) -> int:
        return max(1, round(1 / self.rate))

    def __iter__(self) -> Iterator[list[tuple[int, float]]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        for _ in range(len(self)):
            drawn = np.flatnonzero(rng.random(len(self.rows)) < self.rate)
            yield [(self.rows[i], 1.0) for i in drawn] or [(self.rows[0], 0.0)]


class PrivateSteps:
    """Cuts, adds noise, and counts what is spent."""

    def __init__(self, optimizer: torch.optim.Optimizer, config: TrainingConfig, batches: Poisson, steps: int) -> None:
        """``steps``: of the whole run, for which the noise is chosen.

        Raises:
            ConfigError: if δ is not below one in the training rows, or no noise meets ε.
        """
        from opacus.accountants.utils import get_noise_multiplier
        from opacus.optimizers import DPOptimizer

        assert config.privacy is not None
        self.privacy, self.batches = config.privacy, batches
        rows = len(batches.rows)
        if self.privacy.delta * rows >= 1:
            raise ConfigError(
                f"training.privacy.delta: {self.privacy.delta:g} would let whole rows out among {rows} training rows; "
                f"set it well below {1 / rows:.1e}"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on the orders that the search tries
                self.noise = float(
                    get_noise_multiplier(
                        target_epsilon=self.privacy.epsilon, target_delta=self.privacy.delta,
                        sample_rate=batches.rate, steps=steps, accountant="rdp", alphas=_ORDERS,
                    )
                )  # fmt: skip
        except ValueError as error:
            raise ConfigError(
                f"training.privacy.epsilon: {self.privacy.epsilon:g} cannot be met in {steps} steps; raise it, or "
                "lower epochs or batch_size"
            ) from error
        self.optimizer = DPOptimizer(
            optimizer, noise_multiplier=self.noise, max_grad_norm=self.privacy.clip, expected_batch_size=batches.size
        )

    def step(self, losses: nn.Module, batch: Batch, keep: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """One step of the optimiser, the run's ``number``-th: the summed loss and the logits (B, K) of its batch."""
        seed = int.from_bytes(hashlib.sha256(repr((self.batches.seed, number)).encode()).digest()[:7], "big")
        self.optimizer.generator = torch.Generator(keep.device).manual_seed(seed)
        total, logits, cases = keep.new_zeros((), dtype=torch.float32), list[Tensor](), len(batch.ids)
        weights = self.optimizer.params
        kept: list[list[Tensor]] = [[] for _ in weights]
        for i in range(cases):
            loss, answer, _ = losses(_case(batch, i), keep[i : i + 1])
            loss.backward()
            for p, grads in zip(weights, kept):
                grads.append(torch.zeros_like(p) if p.grad is None else p.grad)
                p.grad = None
            last = i == cases - 1
            if last or len(kept[0]) == _TOGETHER:
                self._accumulate(kept, last)
            total += loss.detach()
            logits.append(answer.detach().float())
        return total, torch.cat(logits)

    def _accumulate(self, kept: list[list[Tensor]], last: bool) -> None:
        """Cut the gradients of some cases and add them up; with ``last``, add the noise and move the weights."""
        for p, grads in zip(self.optimizer.params, kept):
            p.grad_sample = torch.stack(grads)  # (cases, *shape)
            grads.clear()
        self.optimizer.signal_skip_step(not last)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def spent(self, steps: int) -> dict[str, Any]:
        """What so many steps have spent, and how it was counted."""
        from opacus.accountants import RDPAccountant

        accountant = RDPAccountant()
        accountant.history = [(self.noise, self.batches.rate, steps)] if steps else []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            epsilon = float(accountant.get_epsilon(self.privacy.delta, _ORDERS)) if steps else 0.0
        return {
            "epsilon": epsilon, "delta": self.privacy.delta, "clip": self.privacy.clip, "noise": self.noise,
            "sampling_rate": self.batches.rate, "steps": steps, "training_rows": len(self.batches.rows),
            "accountant": "rdp", "reproducible": self.privacy.reproducible,
        }  # fmt: skip


def _case(batch: Batch, i: int) -> Batch:
    """One case of a batch, without the padding that others made necessary."""
    at = slice(i, i + 1)
    inputs = {}
    for name, (tokens, mask) in batch.inputs.items():
        longest = max(1, int(mask[i].sum()))  # real items come first
        inputs[name] = Encoded(tokens[at, :longest], mask[at, :longest])
    assert batch.target is not None
    return Batch(batch.ids[at], inputs, batch.target[at], batch.weight[at], batch.index[at])
