"""The medical sample model; see ``core.starter``. ``POLYFUSE_SAMPLE_EPOCHS`` sets another number of epochs."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from core import starter
from core.config import ExperimentConfig, ViewConfig
from core.progress import Progress, silent
from core.recipes import image_model
from core.schema import Modality
from core.table import StringTable
from domains.medical import recipe

EPOCHS = 20
# Slices through a pretrained backbone: after so few epochs a network of its own saw in the CT alone no more than chance
_SLICES = {
    "encoder": "mlp",
    "options": {"dropout": 0.2, "pool": "mean"},
    "preprocess": {"size": [12, 96, 96], "spacing": None, "window": ["lung", "mediastinum", "wide"]},
}
_SMALL = {
    "encoder": "resnet",
    "options": {"widths": [8, 16, 32]},
    "preprocess": {"size": [16, 40, 48], "spacing": [18.0, 8.0, 8.0], "window": ["lung", "mediastinum"]},
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
    training = dataclasses.replace(config.training, epochs=epochs, learning_rate=2e-3, batch_size=16, patience=0)
    backbone = image_model()
    small = (ViewConfig.from_json(_SMALL if backbone is None else _SLICES | {"backbone": backbone}),)
    kinds = [dataclasses.replace(m, views=small) if m.kind is Modality.VOLUME else m for m in config.modalities]
    return dataclasses.replace(config, modalities=tuple(kinds), training=training, floor=False)


SAMPLE = starter.SampleModel("medical", sample_table, sample_config)


def ready() -> Path | None:
    """The bundle of the sample model, or None where it has not been trained yet."""
    return SAMPLE.ready()


def ensure(progress: Progress = silent) -> Path:
    """The bundle of the sample model, trained now where it is not there or does not open."""
    return SAMPLE.ensure(progress)
