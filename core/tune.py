"""Hyperparameter search: Optuna's TPE over what matters most, on held-out rows, kept in a file so that it goes on.

Akiba et al., "Optuna", 2019; Bergstra et al., "Algorithms for Hyper-Parameter Optimization", 2011.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import fusion
from core.config import ExperimentConfig
from core.errors import ConfigError, unknown
from core.experiment import Experiment
from core.metrics import score
from core.progress import Progress, silent

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
    progress: Progress = silent,
) -> Tuned:
    """Search ``trials`` settings; what ``folder`` already holds of the same search counts.

    Raises:
        ConfigError: for a name that is not in ``SPACE``, or a folder that holds another search.
    """
    import optuna

    for name in space:
        if name not in SPACE:
            raise unknown("hyperparameter", name, SPACE)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name="polyfuse",
        storage=f"sqlite:///{folder / 'search.sqlite'}",
        sampler=optuna.samplers.TPESampler(seed=experiment.config.seed),
        direction="maximize",
        load_if_exists=True,
    )
    identity = json.dumps([experiment.config.to_json(), experiment.manifest.fingerprint, list(space)], sort_keys=True)
    if study.user_attrs.get("identity", identity) != identity:
        raise ConfigError(f"{folder}: holds a search of another table, config or space; choose another folder")
    study.set_user_attr("identity", identity)
    while (done := sum(t.state.is_finished() for t in study.trials)) < trials:
        study.optimize(lambda t: _trial(experiment, t, space), n_trials=1)
        progress("search", done + 1, trials, {"best": study.best_value})
    tried = [{"score": t.value} | t.params for t in study.trials if t.value is not None]
    return Tuned(_with(experiment.config, study.best_params), study.best_value, tried)


def _trial(experiment: Experiment, trial: Any, space: tuple[str, ...]) -> float:
    candidate = copy.copy(experiment)  # preprocessing is fitted once and shared
    candidate.folder = None
    candidate.config = _with(experiment.config, {name: SPACE[name](trial) for name in space})
    held = candidate.networks()
    return score(experiment.target.kind, experiment.config.training.metric, experiment.held_y, held.answers)


def _with(config: ExperimentConfig, chosen: dict[str, Any]) -> ExperimentConfig:
    top = {k: v for k, v in chosen.items() if k in ("fusion", "width")}
    if "fusion" in top:
        top["fusion_options"] = {}  # options of one method mean nothing to another
    training = {k: v for k, v in chosen.items() if k not in top}
    return dataclasses.replace(config, training=dataclasses.replace(config.training, **training), **top)
