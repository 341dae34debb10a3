"""The sample model of a domain: trained on its generated cases into the user's folder, once; opened ever after.

The folder is ``$POLYFUSE_HOME`` or ``~/.local/share/polyfuse``. A training that was killed goes on from its last epoch.
``POLYFUSE_SAMPLES`` names another table of sample cases, such as a larger set of the domain's generator.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.config import ExperimentConfig
from core.errors import BundleError, FileError
from core.estimator import Estimator
from core.progress import Progress, silent

_training = threading.Lock()  # two sessions of one server train once


def home(domain: str) -> Path:
    """The user's folder for models of a domain and the log of its app."""
    return Path(os.environ.get("POLYFUSE_HOME") or Path.home() / ".local" / "share" / "polyfuse") / domain


def models(domain: str) -> dict[str, Path]:
    """Bundles of the user's folder by name, the newest first."""
    found = [f.parent for f in home(domain).glob("*/bundle/bundle.json")]
    return {f.parent.name: f for f in sorted(found, key=lambda f: -f.stat().st_mtime)}


def sample_table(domain: str, name: str = "manifest.csv") -> Path:
    """A table of sample cases: the repository's, or that of ``$POLYFUSE_SAMPLES`` (a table, or a folder of tables).

    Raises:
        FileError: if it is not there.
    """
    ours = Path(__file__).resolve().parents[1] / "sample_data" / domain
    path = Path(os.environ.get("POLYFUSE_SAMPLES") or ours)
    path = path / name if path.is_dir() else path
    if not path.is_file():
        raise FileError(f"{path}: the sample cases are missing; clone the repository again, or open your own model")
    return path


@dataclass(frozen=True)
class SampleModel:
    """One model on sample cases: where its table lies, and what experiment it is."""

    domain: str
    table: Callable[[], Path]
    config: Callable[[], ExperimentConfig]
    name: str = "sample"
    estimator: Callable[[ExperimentConfig], Estimator] = lambda config: Estimator(config=config)

    def folder(self) -> Path:
        """Where the model of these cases and this config lies; other cases or settings have another folder."""
        made_by = json.dumps(self.config().to_json(), sort_keys=True).encode() + self.table().read_bytes()
        return home(self.domain) / f"{self.name}-{hashlib.sha256(made_by).hexdigest()[:8]}"

    def ready(self) -> Path | None:
        """The bundle, or None where it has not been trained yet."""
        bundle = self.folder() / "bundle"
        return bundle if (bundle / "bundle.json").is_file() else None

    def ensure(self, progress: Progress = silent) -> Path:
        """The bundle, trained now where it is not there or does not open."""
        with _training:
            if (found := self.ready()) is not None:
                try:
                    Estimator.load(found)
                    return found
                except BundleError:
                    shutil.rmtree(found.parent)
            folder = self.folder()
            self.estimator(self.config()).fit(self.table(), out=folder, progress=progress)
            return folder / "bundle"
