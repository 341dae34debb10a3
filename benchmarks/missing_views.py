"""Six views of handwritten digits, some of them missing: accuracy of the default fusion and of the best view alone.

Multiple Features (UCI). Views are removed at random with the given share, at least one is kept; three splits.
"""

import dataclasses
import sys

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from benchmarks.report import public_data, save, timed
from core.config import TableConfig, TargetConfig
from core.experiment import Experiment
from core.manifest import Manifest
from core.recipes import Columns, build_config
from core.schema import Modality

VIEWS = ("fac", "fou", "kar", "mor", "pix", "zer")
SHARES = ((0.0, 0.5), (0.5, 0.5), (0.0, 0.8), (0.8, 0.8))


def with_missing(table: pd.DataFrame, rows: np.ndarray, share: float, rng: np.random.Generator) -> None:
    """Blank whole views of rows, keeping at least one."""
    gone = rng.random((len(rows), len(VIEWS))) < share
    gone[np.arange(len(rows)), rng.integers(0, len(VIEWS), len(rows))] &= ~gone.all(axis=1)
    for i, view in enumerate(VIEWS):
        table.loc[rows[gone[:, i]], [c for c in table.columns if c.startswith(view + "_")]] = ""


def measure(plain: pd.DataFrame, shares: tuple[float, float], seed: int) -> dict[str, float]:
    table = plain.copy()
    train, test = train_test_split(np.arange(len(table)), test_size=600, stratify=table["digit"], random_state=seed)
    rng = np.random.default_rng(seed)
    with_missing(table, train, shares[0], rng)
    with_missing(table, test, shares[1], rng)
    table["split"] = "train"
    table.loc[test, "split"] = "test"
    columns = {v: tuple(c for c in table.columns if c.startswith(v + "_")) for v in VIEWS}
    named = {v: Columns(Modality.TABULAR, c, c) for v, c in columns.items()}
    config = build_config(named, TargetConfig("digit"), TableConfig(split="split"), "default", seed=seed)
    config = dataclasses.replace(config, floor=False)
    seconds: dict[str, float] = {}
    with timed(seconds, "seconds"):
        bundle = Experiment(Manifest.open(table, config), config).combine()
    return {"accuracy": bundle.facts["test"]["accuracy"]} | seconds


if __name__ == "__main__":
    digits = pd.read_csv(public_data("engine") / "digits_six_views.csv.gz", dtype=str, keep_default_na=False)
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    figures = {}
    for shares in SHARES:
        runs = [measure(digits, shares, seed) for seed in seeds]
        figures[f"{shares[0]}/{shares[1]}"] = {"accuracy": float(np.mean([r["accuracy"] for r in runs])), "runs": runs}
        print(shares, figures[f"{shares[0]}/{shares[1]}"], flush=True)
    save("missing_views", figures)
