"""Experiments of a second: tiny generated tables and the small encoders."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from core.cache import FeatureCache
from core.config import ExperimentConfig
from core.experiment import Experiment
from core.manifest import Manifest
from core.samples import make_table

VIEWS: dict[str, dict[str, Any]] = {
    "image": {"encoder": "cnn", "options": {"channels": [8, 16]}, "preprocess": {"size": 16}},
    "text": {"encoder": "lexical", "preprocess": {"tokens": "tfidf"}},
    "audio": {"encoder": "cnn", "options": {"channels": [8], "spatial_dims": 1}, "preprocess": {"mels": 24}},
    "tabular": {
        "encoder": "tabular",
        "options": {"hidden": 16, "blocks": 1},
        "preprocess": {"numbers": ["number_0", "number_1"], "categories": ["category"]},
    },
}
COLUMNS = {"tabular": ["number_0", "number_1", "category"]}


def config(*names: str, training: dict[str, Any] | None = None, **changes: Any) -> ExperimentConfig:
    """An experiment of a few epochs over a table of ``make_table``."""
    modalities = [{"name": n, "kind": n, "columns": COLUMNS.get(n, [n]), "views": [VIEWS[n]]} for n in names]
    base = {
        "modalities": modalities,
        "target": {"column": "label"},
        "table": {"id": "id"},
        "width": 16,
        "floor": False,
        "training": {"epochs": 4, "batch_size": 16, "learning_rate": 0.01} | (training or {}),
    }
    return ExperimentConfig.from_json(base | changes)


def table(folder: Path, *names: str, cases: int = 60, effect: str = "each", **options: Any) -> Path:
    """A new generated table below ``folder``."""
    return make_table(folder / f"table-{'-'.join(names)}", cases, names, effect=effect, **options)


def experiment(folder: Path, settings: ExperimentConfig, path: Path, out: Path | None = None) -> Experiment:
    """The experiment on a table; its cache and its result stay below ``folder``."""
    return Experiment(Manifest.open(path, settings), settings, out, cache=FeatureCache(folder / "cache"))


def change(settings: ExperimentConfig, **training: Any) -> ExperimentConfig:
    """The same experiment, trained otherwise."""
    return dataclasses.replace(settings, training=dataclasses.replace(settings.training, **training))
