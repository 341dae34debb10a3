"""One network of an experiment: trained on its rows, and which network answers which of the rows that judged it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from core.ensemble import Network
from core.model import FusionModel
from core.training.fit import Job, Trainer
from core.training.judges import cut
from core.training.optimizer import initialise

if TYPE_CHECKING:
    from core.experiment import Experiment


class Member(NamedTuple):
    """A trained network, and who answers its held-out rows: of few, networks whose epoch other rows chose."""

    network: Network
    by: list[tuple[Network, list[int]]]
    privacy: dict[str, Any] | None  # what a private run has spent


def train_member(experiment: Experiment, seed: int, fold: int, train: Sequence[int], val: Sequence[int]) -> Member:
    """Train one network on ``train`` rows; ``val`` rows choose its epoch. Rows without any modality are left out."""
    config, manifest, target = experiment.config, experiment.manifest, experiment.target
    torch.manual_seed(seed)
    model = FusionModel(config, {n: v.signature for n, v in experiment.cases.views.items()}, target.outputs)
    initialise(model, config.training.initialisation)
    name = f"seed-{seed}-fold-{fold}" if config.folds > 1 else f"seed-{seed}"
    learned, judged = ([r for r in rows if experiment.has[r]] for rows in (train, val))
    parts = cut([manifest.targets[r] for r in judged], [manifest.groups[r] for r in judged], seed)
    identity = json.dumps([config.to_json(), manifest.fingerprint, learned, judged, parts, seed], sort_keys=True)
    job = Job(
        experiment.cases.augmented(seed) if config.training.augment else experiment.cases,
        experiment.cases,
        learned,
        judged,
        seed,
        experiment.folder / "checkpoints" / name if experiment.folder else None,
        experiment.folder / "logs" / name if experiment.folder else None,
        hashlib.sha256(identity.encode()).hexdigest(),
        experiment.progress,
        name,
        parts,
    )
    fitted = Trainer(model, target, config.training, job).fit()
    networks = {id(m): Network(m, target) for m in (fitted.model, *fitted.by_part)}
    network = networks[id(fitted.model)]
    by = [(networks[id(m)], [judged[i] for i in part]) for m, part in zip(fitted.by_part, parts)]
    answered = {row for _, rows in by for row in rows}
    if rest := [row for row in val if row not in answered]:
        by.append((network, rest))
    return Member(network, by, fitted.privacy)
