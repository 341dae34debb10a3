"""The sample model of customer service, see ``core.starter``; ``POLYFUSE_SAMPLE_EPOCHS`` sets other epochs."""

from __future__ import annotations

import dataclasses
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


def sample_config() -> ExperimentConfig:
    """What the sample model is: one seed, few epochs, so that it is there in about a minute.

    Speech is heard by the frozen backbone where that is installed (extra ``speech``), else by a small network.
    """
    config = recipe.build(StringTable.open(sample_table()).columns, target="intent", preset="fast")
    epochs = int(os.environ.get("POLYFUSE_SAMPLE_EPOCHS") or EPOCHS)
    training = dataclasses.replace(config.training, epochs=epochs, learning_rate=2e-3, batch_size=64, augment=False)
    kinds = tuple(_quick(m) if m.kind is Modality.AUDIO else m for m in config.modalities)
    return dataclasses.replace(config, modalities=kinds, training=training, floor=False)


def _quick(speech: ModalityConfig) -> ModalityConfig:
    """The frozen backbone, or half the frames and half the channels of the usual network."""
    if (backbone := speech_model()) is not None:
        return dataclasses.replace(speech, views=(speech_view(backbone),))
    view = speech.views[0]
    small = {"widths": [8, 16, 24], "size": 64, "time_blocks": 1}
    sound = dataclasses.replace(view, options=view.options | small, preprocess=view.preprocess | {"hop_ms": 20.0})
    return dataclasses.replace(speech, views=(sound,))


SAMPLE = starter.SampleModel(DOMAIN, sample_table, sample_config)


def ready() -> Path | None:
    """The bundle of the sample model, or None where it has not been trained yet."""
    return SAMPLE.ready()


def ensure(progress: Progress = silent) -> Path:
    """The bundle of the sample model, trained now where it is not there or does not open."""
    return SAMPLE.ensure(progress)
