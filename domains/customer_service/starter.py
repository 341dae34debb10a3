"""The sample model of customer service, see ``core.starter``; ``POLYFUSE_SAMPLE_EPOCHS`` sets other epochs."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from pathlib import Path

from core import starter
from core.config import ExperimentConfig, ModalityConfig
from core.progress import Progress, silent
from core.recipes import speech_model, speech_view
from core.schema import Modality
from core.table import StringTable
from domains.customer_service import recipe

DOMAIN = "customer_service"
EPOCHS = 25
BESIDE = ("urgency", "action")  # what further models of a turn tell, beside the one of its intent


def home() -> Path:
    """The user's folder for models, the record of decisions and the log of the app."""
    return starter.home(DOMAIN)


def record_file() -> Path:
    """Where decisions of agents are kept."""
    return home() / "decisions.sqlite"


def sample_table() -> Path:
    """The table of generated turns.

    Raises:
        FileError: if it is not there.
    """
    return starter.sample_table(DOMAIN)


def sample_config(target: str = "intent") -> ExperimentConfig:
    """What a sample model is: one seed, few epochs, so that it is there in about a minute.

    Speech is heard by the frozen backbone where that is installed (extra ``speech``), else by a small network.
    """
    table = sample_table()
    config = recipe.build(_columns(table, table.stat().st_mtime_ns), target=target, preset="fast")
    epochs = int(os.environ.get("POLYFUSE_SAMPLE_EPOCHS") or EPOCHS)
    training = dataclasses.replace(config.training, epochs=epochs, learning_rate=2e-3, batch_size=64, augment=False)
    kinds = tuple(_quick(m) if m.kind is Modality.AUDIO else m for m in config.modalities)
    return dataclasses.replace(config, modalities=kinds, training=training, floor=False)


@functools.lru_cache(maxsize=4)
def _columns(table: Path, changed: int) -> tuple[str, ...]:
    """The columns of a table that was changed then; asked for at every turn, as they are part of a model's name."""
    return StringTable.open(table).columns


def _quick(speech: ModalityConfig) -> ModalityConfig:
    """The frozen backbone, or half the frames and half the channels of the usual network."""
    if (backbone := speech_model()) is not None:
        return dataclasses.replace(speech, views=(speech_view(backbone),))
    view = speech.views[0]
    small = {"widths": [8, 16, 24], "size": 64, "time_blocks": 1}
    sound = dataclasses.replace(view, options=view.options | small, preprocess=view.preprocess | {"hop_ms": 20.0})
    return dataclasses.replace(speech, views=(sound,))


SAMPLE = starter.SampleModel(DOMAIN, sample_table, sample_config)
SAMPLES_BESIDE = {
    target: starter.SampleModel(DOMAIN, sample_table, functools.partial(sample_config, target), f"{target}-sample")
    for target in BESIDE
}


def ready() -> Path | None:
    """The bundle of the sample model, or None where it has not been trained yet."""
    return SAMPLE.ready()


def ensure(progress: Progress = silent) -> Path:
    """The bundle of the sample model, trained now with those beside it where they are not there or do not open."""
    found = SAMPLE.ensure(progress)
    for model in SAMPLES_BESIDE.values():
        model.ensure(progress)
    return found


def beside(target: str, model: Path) -> Path | None:
    """The bundle that tells ``target`` beside ``model``: the sample's, or the newest that the user trained.

    Args:
        target: one of ``BESIDE``.
        model: the bundle that tells the intent.
    """
    if model == ready():
        return SAMPLES_BESIDE[target].ready()
    samples = {m.folder() for m in SAMPLES_BESIDE.values()}
    found = (f for f in starter.models(DOMAIN).values() if f.parent not in samples and f != model)
    return next((f for f in found if target_of(f) == target), None)


def target_of(bundle: Path) -> str | None:
    """The column that a bundle predicts, read without its weights; None where that cannot be read."""
    try:
        return json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["config"]["target"]["column"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
