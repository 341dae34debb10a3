"""Do held-out figures of few rows tell the truth? Generated tables of 80 rows, and 600 more to measure on.

    python -m benchmarks.few_rows          # ten tables each: labels of chance, and labels that the columns tell
    python -m benchmarks.few_rows whole    # the same, where judging rows are not cut into parts

Three numbers and a text of seven words, two classes, preset ``default``: three cross-validated networks and the floors.
Macro F1 of the networks on the rows that judged them, beside that on new rows; and how often the sets that promise 90 %
hold the truth of new rows. All are means over the tables.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report import save, timed
from core.config import TableConfig, TargetConfig
from core.evaluation.conformal import prediction_set
from core.experiment import Experiment
from core.manifest import Manifest
from core.metrics import score
from core.recipes import Columns, build_config
from core.schema import Modality
from core.training import judges

WORDS = (
    "red", "cat", "blue", "dog", "green", "bird", "tall", "tree", "old", "house", "small", "car", "fast", "boat",
    "lamp", "wire", "salt", "rain", "hill", "coin",
)  # fmt: skip
SIGNALS = {"chance": 0.0, "told by the columns": 0.8}
ROWS, NEW, TABLES = 80, 600, 10


def generated(signal: float, seed: int) -> pd.DataFrame:
    """The first number moves by ``signal`` between classes; in half of that share of texts a word names the class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, ROWS + NEW)
    numbers = rng.normal(size=(len(y), 3))
    numbers[:, 0] += signal * y
    texts = rng.choice(WORDS, (len(y), 7))
    named = np.flatnonzero(rng.random(len(y)) < signal / 2)
    texts[named, rng.integers(0, 7, len(named))] = np.where(y[named], "storm", "sunny")
    table = pd.DataFrame(numbers, columns=list("abc")).assign(
        text=[" ".join(words) for words in texts],
        label=np.where(y, "yes", "no"),
        split=["train"] * ROWS + ["test"] * NEW,
    )
    return table.astype(str)


def measure(table: pd.DataFrame, seed: int) -> dict[str, float]:
    """One table: held-out and new macro F1 of the networks, new macro F1 of the whole bundle, and coverage."""
    named = {
        "numbers": Columns(Modality.TABULAR, ("a", "b", "c"), ("a", "b", "c")),
        "text": Columns(Modality.TEXT, ("text",)),
    }
    config = build_config(named, TargetConfig("label"), TableConfig(split="split"), "default", seed=seed)
    experiment = Experiment(Manifest.open(table, config), config)
    groups = experiment.train_groups()
    rows, kind = experiment.rows["test"], experiment.target.kind
    y = experiment.target.decoded(experiment.target.encode([experiment.manifest.targets[i] for i in rows]))
    networks, whole = (experiment.combine(used, groups) for used in (groups[:1], groups))
    answers = experiment.answers(whole, rows)
    assert whole.threshold is not None
    sets = prediction_set(answers, whole.threshold)
    return {
        "networks_held_out": score(kind, None, experiment.held_y, groups[0].answers),
        "networks_new": score(kind, None, y, experiment.answers(networks, rows)),
        "bundle_new": score(kind, None, y, answers),
        "coverage": float(sets[np.arange(len(y)), y].mean()),
    }


if __name__ == "__main__":
    if whole := sys.argv[1:] == ["whole"]:
        judges.FEW = 0
    figures: dict[str, Any] = {}
    for words, signal in SIGNALS.items():
        seconds: dict[str, float] = {}
        with timed(seconds, "seconds"):
            found = [measure(generated(signal, 100 + i), i) for i in range(TABLES)]
        figures[words] = {n: float(np.mean([f[n] for f in found])) for n in found[0]} | {"tables": found} | seconds
        print(words, figures[words], flush=True)
    save("few_rows_whole" if whole else "few_rows", figures)
