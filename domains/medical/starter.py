"""The sample model: trained on the generated sample cases into the user's folder, once; opened ever after.

The folder is ``$POLYFUSE_HOME`` or ``~/.local/share/polyfuse``. A training that was killed goes on from its last epoch.
``POLYFUSE_SAMPLES`` names another table of sample cases, ``POLYFUSE_SAMPLE_EPOCHS`` another number of epochs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import threading
from pathlib import Path

from core.config import ExperimentConfig, ViewConfig
from core.errors import BundleError, FileError
from core.progress import Progress, silent
from core.schema import Modality
from core.table import StringTable
from domains.medical import recipe
from domains.medical.diagnosis import Diagnosis

EPOCHS = 12
_SMALL = {
    "encoder": "resnet",
    "options": {"widths": [8, 16, 32]},
    "preprocess": {"size": [16, 48, 48], "spacing": None},
}
_training = threading.Lock()  # two sessions of one server train once


def home() -> Path:
    """The user's folder for models and the log of the app."""
    return Path(os.environ.get("POLYFUSE_HOME") or Path.home() / ".local" / "share" / "polyfuse") / "medical"


def models() -> dict[str, Path]:
    """Bundles of the user's folder by name, the newest first."""
    found = [f.parent for f in home().glob("*/bundle/bundle.json")]
    return {f.parent.name: f for f in sorted(found, key=lambda f: -f.stat().st_mtime)}


def sample_table() -> Path:
    """The table of sample cases: the repository's, or ``$POLYFUSE_SAMPLES``, such as a larger set of the generator.

    Raises:
        FileError: if it is not there.
    """
    ours = Path(__file__).resolve().parents[2] / "sample_data" / "medical" / "manifest.csv"
    path = Path(os.environ.get("POLYFUSE_SAMPLES") or ours)
    if not path.is_file():
        raise FileError(f"{path}: the sample cases are missing; clone the repository again, or open your own model")
    return path


def sample_config() -> ExperimentConfig:
    """What the sample model is: small views of everything, few epochs, so that it is there within a minute."""
    config = recipe.build(StringTable.open(sample_table()).columns, target="diagnosis", preset="fast")
    epochs = int(os.environ.get("POLYFUSE_SAMPLE_EPOCHS") or EPOCHS)
    training = dataclasses.replace(config.training, epochs=epochs, learning_rate=5e-3, batch_size=16)
    small = (ViewConfig.from_json(_SMALL),)
    kinds = [dataclasses.replace(m, views=small) if m.kind is Modality.VOLUME else m for m in config.modalities]
    return dataclasses.replace(config, modalities=tuple(kinds), training=training, floor=False)


def sample_folder(config: ExperimentConfig) -> Path:
    """Where the sample model of these cases and this config lies; other cases or settings have another folder."""
    made_by = json.dumps(config.to_json(), sort_keys=True).encode() + sample_table().read_bytes()
    return home() / f"sample-{hashlib.sha256(made_by).hexdigest()[:8]}"


def ready(config: ExperimentConfig | None = None) -> Path | None:
    """The bundle of the sample model, or None where it has not been trained yet."""
    bundle = sample_folder(config or sample_config()) / "bundle"
    return bundle if (bundle / "bundle.json").is_file() else None


def ensure(progress: Progress = silent, config: ExperimentConfig | None = None) -> Path:
    """The bundle of the sample model, trained now where it is not there or does not open."""
    config = config or sample_config()
    with _training:
        if (found := ready(config)) is not None:
            try:
                Diagnosis.load(found)
                return found
            except BundleError:
                shutil.rmtree(found.parent)
        folder = sample_folder(config)
        Diagnosis(config=config).fit(sample_table(), out=folder, progress=progress)
        return folder / "bundle"
