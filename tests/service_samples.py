"""A few turns of the generated service with some of its calls, and the sample model trained on them, for app tests."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from core.schema import TargetKind
from domains.customer_service import Detection, IntentDetector, patterns

SAMPLES = Path(__file__).parents[1] / "sample_data" / "customer_service"
CALLS = 16  # that keep their sound; reading sound takes most of the time
TURNS = 140


def steady_detector(found: Detection, kind: TargetKind = TargetKind.LABEL, outside: str | None = None) -> Any:
    """A detector that reads text and always finds the same, for tests of the desk around it."""
    config = SimpleNamespace(target=SimpleNamespace(kind=kind, outside=outside), modalities=())
    bundle = SimpleNamespace(config=config)
    tells = kind in (TargetKind.LABEL, TargetKind.LABELS)
    steady = SimpleNamespace(bundle=bundle, detect=lambda **_: found, slots=patterns.find, tells_intent=tells)
    steady.intent_of = partial(IntentDetector.intent_of, steady)
    return steady


def write_table(folder: Path) -> Path:
    """Write a manifest of whole turns, with the first calls of every split and one turn that nobody has heard yet."""
    table = pd.read_csv(SAMPLES / "manifest.csv", dtype=str, keep_default_na=False)
    table = pd.concat([part.head(int(TURNS * len(part) / len(table))) for _, part in table.groupby("split")])
    kept = table[table.audio != ""].groupby("split").head(CALLS // 3).index
    table.loc[~table.index.isin(kept), "audio"] = ""
    (folder / "audio").mkdir(parents=True)
    for path in table.audio[table.audio != ""]:
        shutil.copy(SAMPLES / path, folder / path)
    table.to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


def prepare(folder: Path) -> dict[str, str]:
    """A table, the sample model and the replies made of it; returns the environment that the app needs to open them."""
    from apps.customer_service import files
    from domains.customer_service import starter

    environment = {
        "POLYFUSE_HOME": str(folder / "home"),
        "POLYFUSE_CACHE": str(folder / "cache"),
        "POLYFUSE_SAMPLES": str(write_table(folder / "turns").parent),
        "POLYFUSE_SAMPLE_EPOCHS": "8",
        "OMP_NUM_THREADS": "1",
    }
    os.environ.update(environment)
    starter.ensure()
    files.learn()
    return environment
