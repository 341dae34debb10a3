"""Six views of handwritten digits, some of them missing: accuracy of the default fusion.

Multiple Features (UCI). Views are removed at random with the given share, at least one is kept; three splits.

    python -m benchmarks.missing_views default           # the preset
    python -m benchmarks.missing_views best 0.8/0.8      # five members instead of three; one pair of shares
    python -m benchmarks.missing_views network           # three seeds of the network alone
    python -m benchmarks.missing_views svm               # support-vector machines: views added; the best view
"""

import dataclasses
import sys
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.report import public_data, save, timed
from core.bundle import Bundle
from core.config import TableConfig, TargetConfig
from core.dataset import CaseDataset
from core.evaluation.patterns import cut_down, each_alone
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
        table.loc[rows[gone[:, i]], list(columns_of(table, view))] = ""


def removed(plain: pd.DataFrame, shares: tuple[float, float], seed: int) -> pd.DataFrame:
    """The table with views removed, and which rows are for training."""
    table = plain.copy()
    train, test = train_test_split(np.arange(len(table)), test_size=600, stratify=table["digit"], random_state=seed)
    rng = np.random.default_rng(seed)
    with_missing(table, train, shares[0], rng)
    with_missing(table, test, shares[1], rng)
    table["split"] = "train"
    table.loc[test, "split"] = "test"
    return table


def measure(plain: pd.DataFrame, shares: tuple[float, float], seed: int, how: str) -> dict[str, Any]:
    """The default fusion, as a preset trains it or as networks alone."""
    table = removed(plain, shares, seed)
    columns = {v: columns_of(table, v) for v in VIEWS}
    named = {v: Columns(Modality.TABULAR, c, c) for v, c in columns.items()}
    preset = "default" if how == "network" else how
    config = build_config(named, TargetConfig("digit"), TableConfig(split="split"), preset, seed=seed)
    if how == "network":
        config = dataclasses.replace(config, seeds=3, folds=1, floor=False, stack=False)
    seconds: dict[str, float] = {}
    experiment = Experiment(Manifest.open(table, config), config)
    with timed(seconds, "seconds"):
        bundle = experiment.combine()
    return {
        "accuracy": bundle.facts["test"]["accuracy"],
        "best_present_view": best_view(experiment, bundle),
        "experts": bundle.facts["expert_weights"],
    } | seconds


def best_view(experiment: Experiment, bundle: Bundle) -> float:
    """Accuracy on the test rows where the same model is given the best view alone of those that a row has.

    Which view is better is measured on these very rows, in favour of the views.
    """
    rows, ensemble = experiment.rows["test"], bundle.ensemble
    every = CaseDataset(experiment.manifest, bundle.views, room=0)
    experts = [(e, np.arange(len(rows)), w) for e, w in zip(ensemble.experts, ensemble.weights) if w > 0]
    answers = cut_down(experts, every, rows, each_alone(len(VIEWS)), 10).argmax(axis=2)  # (V, N)
    y = experiment.target.encode([experiment.manifest.targets[i] for i in rows]).numpy()
    right, here = answers == y, experiment.present(rows).T  # (V, N)
    order = np.argsort([-right[v, here[v]].mean() for v in range(len(VIEWS))])
    best = order[np.argmax(here[order], axis=0)]
    return float(right[best, np.arange(len(rows))].mean())


def machines(plain: pd.DataFrame, shares: tuple[float, float], seed: int) -> dict[str, float]:
    """Support-vector machines: all views of a row together, and the best one of those that the row has.

    Which view is better is measured on the training rows, five folds.
    """
    table = removed(plain, shares, seed)
    is_test, digit = (table["split"] == "test").to_numpy(), table["digit"].to_numpy()
    found, best = np.zeros((is_test.sum(), 10)), np.zeros((is_test.sum(), 10))  # log-probabilities
    worth = np.full(is_test.sum(), -1.0)  # of the view that ``best`` holds
    for view in VIEWS:
        cells = table[list(columns_of(table, view))]
        here = (cells != "").all(axis=1).to_numpy()
        x = cells[here].astype(float).to_numpy()
        machine = make_pipeline(StandardScaler(), SVC(C=10, probability=True, random_state=0))
        x_train, y_train = x[~is_test[here]], digit[here & ~is_test]
        alone = float(cross_val_score(machine, x_train, y_train, cv=5).mean())
        answers = np.zeros_like(found)
        answers[here[is_test]] = np.log(machine.fit(x_train, y_train).predict_proba(x[is_test[here]]) + 1e-6)
        found += answers
        better = here[is_test] & (alone > worth)
        best[better], worth[better] = answers[better], alone
    right = {"accuracy": found, "best_present_view": best}
    return {n: float((machine.classes_[a.argmax(axis=1)] == digit[is_test]).mean()) for n, a in right.items()}


def columns_of(table: pd.DataFrame, view: str) -> tuple[str, ...]:
    return tuple(c for c in table.columns if c.startswith(view + "_"))


if __name__ == "__main__":
    digits = pd.read_csv(public_data("engine") / "digits_six_views.csv.gz", dtype=str, keep_default_na=False)
    how, *asked = sys.argv[1:] or ["default"]
    name = "_".join(["missing_views", *([] if how == "default" else [how]), *(a.replace("/", "_") for a in asked)])
    figures = {}
    known = {f"{train:g}/{test:g}": (train, test) for train, test in SHARES}
    for named in asked or known:
        shares = known[named]
        runs: list[dict[str, Any]] = []
        for seed in range(3):
            runs.append(machines(digits, shares, seed) if how == "svm" else measure(digits, shares, seed, how))
            print(shares, seed, runs[-1], flush=True)
        means = {n: float(np.mean([r[n] for r in runs])) for n in ("accuracy", "best_present_view") if n in runs[0]}
        figures[named] = {**means, "runs": runs}
        save(name, figures)
