"""What differential privacy costs: accuracy on real handwritten digits at ε = 1, 3, 8 and without it.

The 1,797 digits of scikit-learn (8 x 8 pixels, the test part of the set of Alpaydin and Kaynak 1998) as a table of 64
numbers; a fifth is held out, a fifth is the test. One network, the same settings for each ε; the unit is a digit.
"""

import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_digits

from benchmarks.report import RESULTS, save
from core.cache import MemoryCache
from core.config import ExperimentConfig, PrivacyConfig
from core.experiment import Experiment
from core.manifest import Manifest

EPSILONS = ("1", "3", "8", "inf")
DELTA = 1e-4


def digits() -> pd.DataFrame:
    found = load_digits()
    frame = pd.DataFrame(found.data.astype(int), columns=[f"p{i}" for i in range(64)]).astype(str)
    return frame.assign(label=[f"digit {n}" for n in found.target])


def config(epsilon: str) -> ExperimentConfig:
    pixels = [f"p{i}" for i in range(64)]
    view = {"encoder": "tabular", "options": {"hidden": 64, "blocks": 1}, "preprocess": {"numbers": pixels}}
    found = ExperimentConfig.from_json({
        "modalities": [{"name": "pixels", "kind": "tabular", "columns": pixels, "views": [view]}],
        "target": {"column": "label"}, "table": {"fractions": [0.6, 0.2, 0.2]}, "width": 64, "floor": False,
        "training": {
            "epochs": 10, "batch_size": 128, "learning_rate": 0.005, "schedule": "constant", "modality_dropout": 0.0,
            "metric": "accuracy", "patience": 0,
        },
    })  # fmt: skip
    if epsilon == "inf":
        return found
    privacy = PrivacyConfig(float(epsilon), DELTA, 1.0, reproducible=True)
    return dataclasses.replace(found, training=dataclasses.replace(found.training, privacy=privacy))


def measure(epsilon: str) -> dict:
    settings, start = config(epsilon), time.perf_counter()
    manifest = Manifest.open(digits(), settings, Path())
    with tempfile.TemporaryDirectory() as scratch:
        facts = Experiment(manifest, settings, Path(scratch) / "run", cache=MemoryCache()).run().facts
    test, spent = facts["test"], facts["privacy"] or {}
    return {
        "accuracy": round(test["accuracy"], 4),
        "macro_f1": round(test["f1"], 4),
        "macro_f1_interval": [round(float(x), 4) for x in test["interval"]["f1"]],
        "cases": test["cases"],
        "spent": {k: spent[k] for k in ("epsilon", "delta", "noise", "steps", "sampling_rate")} if spent else None,
        "seconds": round(time.perf_counter() - start, 1),
    }


if __name__ == "__main__":
    file = RESULTS / "private_training.json"
    for epsilon in sys.argv[1:] or EPSILONS:
        found = measure(epsilon)
        known = json.loads(file.read_text())["figures"] if file.is_file() else {}
        save("private_training", known | {epsilon: found})
