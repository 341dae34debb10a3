"""Hyperparameter search: Optuna's TPE over what matters most, on held-out rows, kept in a file so that it goes on.

Akiba et al., "Optuna", 2019; Bergstra et al., "Algorithms for Hyper-Parameter Optimization", 2011.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import fusion
from core.config import ExperimentConfig
from core.errors import ConfigError, unknown
from core.experiment import Experiment
from core.metrics import DEFAULT, score
from core.progress import Progress, silent
from core.training.judges import worth

Suggest = Callable[[Any], Any]

SPACE: dict[str, Suggest] = {
    "fusion": lambda t: t.suggest_categorical("fusion", fusion.names()),
    "width": lambda t: t.suggest_categorical("width", [32, 64, 128]),
    "learning_rate": lambda t: t.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
    "weight_decay": lambda t: t.suggest_float("weight_decay", 1e-4, 1.0, log=True),
    "optimizer": lambda t: t.suggest_categorical("optimizer", ["adamw", "adam", "sgd"]),
    "batch_size": lambda t: t.suggest_categorical("batch_size", [16, 32, 64, 128]),
    "modality_dropout": lambda t: t.suggest_float("modality_dropout", 0.0, 0.8),
    "unimodal_loss": lambda t: t.suggest_float("unimodal_loss", 0.0, 1.0),
    "label_smoothing": lambda t: t.suggest_float("label_smoothing", 0.0, 0.2),
    "initialisation": lambda t: t.suggest_categorical(
        "initialisation", ["default", "xavier", "kaiming", "orthogonal", "truncated_normal"]
    ),
}
DEFAULT_SPACE = ("fusion", "width", "learning_rate", "weight_decay", "modality_dropout", "unimodal_loss")


@dataclass(frozen=True)
class Tuned:
    """The best config found, its held-out score, and every trial."""

    config: ExperimentConfig
    score: float
    trials: list[dict[str, Any]]


def tune(
    experiment: Experiment,
    trials: int,
    folder: Path,
    *,
    space: tuple[str, ...] = DEFAULT_SPACE,
    storage: str | None = None,
    progress: Progress = silent,
) -> Tuned:
    """Search ``trials`` settings; what ``folder`` already holds of the same search counts.

    A setting is given up early when it falls behind the median of those before it. ``storage`` is the URL of a
    database (``postgresql://…``) where several machines share one search; None: a file in ``folder``.

    Raises:
        ConfigError: for a name that is not in ``SPACE``, no trial at all, or a folder that holds another search.
    """
    import optuna

    if trials < 1:
        raise ConfigError(f"a search tries at least 1 setting, found {trials}")
    for wanted in space:
        if wanted not in SPACE:
            raise unknown("hyperparameter", wanted, SPACE)
    if experiment.config.training.privacy is not None:
        raise ConfigError(
            "training.privacy: each trial of a search would spend ε anew; search without it, on other rows"
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    identity = json.dumps([experiment.config.to_json(), experiment.manifest.fingerprint, list(space)], sort_keys=True)
    study = optuna.create_study(
        study_name="polyfuse" if storage is None else hashlib.sha256(identity.encode()).hexdigest()[:16],
        storage=storage or f"sqlite:///{folder / 'search.sqlite'}",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=5),
        direction="maximize",
        load_if_exists=True,
    )
    if study.user_attrs.get("identity", identity) != identity:
        raise ConfigError(f"{folder}: holds a search of another table, config or space; choose another folder")
    study.set_user_attr("identity", identity)
    while (done := sum(t.state.is_finished() for t in study.trials)) < trials:
        # a sampler of its own for each trial: a search that goes on does not draw its first settings again
        study.sampler = optuna.samplers.TPESampler(seed=experiment.config.seed + len(study.trials))
        study.optimize(lambda t: _trial(experiment, t, space), n_trials=1)
        progress("search", done + 1, trials, {"best": _best(study)})
    tried = [{"score": t.value} | t.params for t in _complete(study)]
    if not np.isfinite(_best(study)):
        raise ConfigError(f"{folder}: no setting could be trained to the end; search other hyperparameters")
    return Tuned(_with(experiment.config, study.best_params), study.best_value, tried)


def _trial(experiment: Experiment, trial: Any, space: tuple[str, ...]) -> float:
    import optuna

    candidate = copy.copy(experiment)  # preprocessing is fitted once and shared
    candidate.folder = None
    candidate.config = _with(experiment.config, {name: SPACE[name](trial) for name in space})
    kind = experiment.target.kind
    metric = experiment.config.training.metric or DEFAULT[kind]
    first: list[str] = []

    def watch(stage: str, done: int, total: int, figures: Mapping[str, float] | None = None) -> None:
        first[:] = first or [stage]
        if figures and stage == first[0]:  # the first of several seeds or folds decides
            trial.report(worth(figures, metric), done)
            if trial.should_prune():
                raise optuna.TrialPruned

    candidate.progress = watch
    try:
        held = candidate.networks()
    except ConfigError as error:  # training that does not converge is a bad setting, not the end of the search
        if "lower learning_rate" in str(error):
            raise optuna.TrialPruned from error
        raise
    if np.isnan(found := score(kind, metric, experiment.held_y, held.answers)):
        raise ConfigError(
            f"metric {metric!r} is not defined on the {len(experiment.held_y)} held-out rows, so settings cannot be "
            "compared; hold out more rows, or set metric to another"
        )
    return found


def _best(study: Any) -> float:
    return max((t.value for t in _complete(study)), default=float("nan"))


def _complete(study: Any) -> list[Any]:
    """Trials that were trained to the end; one given up keeps the value that it had then."""
    return [t for t in study.trials if t.state.name == "COMPLETE"]


def _with(config: ExperimentConfig, chosen: dict[str, Any]) -> ExperimentConfig:
    top = {k: v for k, v in chosen.items() if k in ("fusion", "width")}
    if "fusion" in top:
        top["fusion_options"] = {}  # options of one method mean nothing to another
    training = {k: v for k, v in chosen.items() if k not in top}
    return dataclasses.replace(config, training=dataclasses.replace(config.training, **training), **top)
