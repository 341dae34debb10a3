"""The medical sample model; see ``core.starter``. ``POLYFUSE_SAMPLE_EPOCHS`` sets another number of epochs."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from core import starter
from core.config import ExperimentConfig, ViewConfig
from core.progress import Progress, silent
from core.schema import Modality
from core.table import StringTable
from domains.medical import recipe

EPOCHS = 12
_SMALL = {
    "encoder": "resnet",
    "options": {"widths": [8, 16, 32]},
    "preprocess": {"size": [16, 48, 48], "spacing": None},
}


def home() -> Path:
    """The user's folder for models and the log of the app."""
    return starter.home("medical")


def sample_table() -> Path:
    """The table of sample cases.

    Raises:
        FileError: if it is not there.
    """
    return starter.sample_table("medical")


def sample_config() -> ExperimentConfig:
    """What the sample model is: small views of everything, few epochs, so that it is there within a minute."""
    config = recipe.build(StringTable.open(sample_table()).columns, target="diagnosis", preset="fast")
    epochs = int(os.environ.get("POLYFUSE_SAMPLE_EPOCHS") or EPOCHS)
    training = dataclasses.replace(config.training, epochs=epochs, learning_rate=5e-3, batch_size=16)
    small = (ViewConfig.from_json(_SMALL),)
    kinds = [dataclasses.replace(m, views=small) if m.kind is Modality.VOLUME else m for m in config.modalities]
    return dataclasses.replace(config, modalities=tuple(kinds), training=training, floor=False)


SAMPLE = starter.SampleModel("medical", sample_table, sample_config)


def ready() -> Path | None:
    """The bundle of the sample model, or None where it has not been trained yet."""
    return SAMPLE.ready()


def ensure(progress: Progress = silent) -> Path:
    """The bundle of the sample model, trained now where it is not there or does not open."""
    return SAMPLE.ensure(progress)
