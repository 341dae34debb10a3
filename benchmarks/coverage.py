"""Is the promised coverage of conformal sets and intervals held? 100 random splits, overall and by modality pattern.

generated       text and two groups of numbers with overlapping classes, four classes
number          the same data, a number to predict, so intervals
digits          three weak views of handwritten digits (UCI Multiple Features)
banking77       intents from text, the official test part; words alone (preset fast)
anew            ``generated``, everything drawn and trained anew at each split: the rows that chose the epoch also
                calibrate, as in every training; the others share one trained model

Of the first four the model is trained once, its epoch chosen on rows of its own; then the other rows are dealt out 100
times, half to fit temperatures and thresholds (the engine's own functions), half to count how often the set holds the
truth; at each split every row loses each modality with chance .3 (as the training rows did), at least one is kept. So
the two halves differ by chance alone, for each pattern too. A first version kept the missing modalities fixed over the
splits: then a pattern's 130 rows are the same in all of them, and their own chance (2.6 points) stays in the mean.
The promise is 90 %; ``held`` says whether the mean over the splits lies within two points of it. A pattern's rows have
exactly those modalities. ``by_class``: the same splits with a threshold a class.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report import public_data, save, timed
from core.config import ExperimentConfig, TableConfig, TargetConfig
from core.dataset import CaseDataset
from core.evaluation.calibration import fit_temperature, temper
from core.evaluation.conformal import Threshold, fit_threshold, prediction_set
from core.evaluation.patterns import cut_down, fit_patterns, patterns_of
from core.evaluation.trust import coverage_figures
from core.experiment import Experiment
from core.manifest import Manifest
from core.recipes import Columns, build_config
from core.schema import Modality, TargetKind
from core.table_answers import table_answers

PROMISE, SPLITS, WITHIN, GONE = 0.9, 100, 0.02, 0.3
LEAST = 5  # rows of a pattern or class that a split needs to count


@dataclass
class Answered:
    """Uncalibrated answers of one model on N rows with every modality, cut down to each pattern: (P, N, classes)."""

    kind: TargetKind
    names: tuple[str, ...]
    y: np.ndarray
    patterns: list[tuple[bool, ...]]
    answers: np.ndarray

    def of(self, present: np.ndarray) -> np.ndarray:
        """The answer on each row with these modalities: (N, M) -> (N, classes)."""
        place = np.array([self.patterns.index(tuple(map(bool, row))) for row in present])
        found: np.ndarray = self.answers[place, np.arange(len(place))]
        return found


def answered(table: pd.DataFrame, config: ExperimentConfig) -> Answered:
    """Train on the rows ``train`` and ``val``, answer the rows ``test``, which have every modality."""
    known, fresh = apart(table)
    bundle = Experiment(Manifest.open(known, config), config).combine()
    manifest, ensemble = Manifest.open(fresh, config, for_training=False), bundle.ensemble
    rows = range(len(manifest))
    y = ensemble.target.decoded(ensemble.target.encode(manifest.targets))
    patterns = [p for p in product((False, True), repeat=len(ensemble.modalities)) if any(p)]
    experts = [(e, np.arange(len(rows)), w) for e, w in zip(ensemble.experts, ensemble.weights) if w > 0]
    found = cut_down(experts, CaseDataset(manifest, bundle.views), rows, patterns, len(ensemble.target.nothing))
    return Answered(ensemble.target.kind, ensemble.modalities, y, patterns, found)


def apart(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows to learn from, and the others."""
    late = table["split"] == "test"
    return table[~late].reset_index(drop=True), table[late].reset_index(drop=True)


def lost(cases: int, modalities: int, rng: np.random.Generator) -> np.ndarray:
    """(N, M) bool: what each case lacks; at least one modality is kept."""
    gone = rng.random((cases, modalities)) < GONE
    gone[np.arange(cases), rng.integers(0, modalities, cases)] &= ~gone.all(axis=1)
    return gone


def held(kind: TargetKind, y: np.ndarray, answers: np.ndarray, threshold: Threshold) -> tuple[np.ndarray, np.ndarray]:
    """Whether each set or interval holds the truth, and its size: (N,) each."""
    if threshold is None:
        raise SystemExit("too few calibration rows for this promise")
    if kind is TargetKind.NUMBER:
        assert isinstance(threshold, float)
        return np.abs(y - answers[:, 0]) <= threshold, np.full(len(y), 2 * threshold)
    kept = prediction_set(answers, threshold)
    return kept[np.arange(len(y)), y.astype(int)], kept.sum(axis=1)


@dataclass
class Split:
    """What one split gave on its test half: the rows, what they had, whether each set held, and its size."""

    test: np.ndarray
    present: np.ndarray
    inside: np.ndarray
    size: np.ndarray


def one_split(a: Answered, rng: np.random.Generator, by_class: bool) -> Split:
    """Calibrate on half of the rows and count on the other half."""
    order = rng.permutation(len(a.y))
    fit, test = order[: len(order) // 2], order[len(order) // 2 :]
    present = ~lost(len(a.y), len(a.names), rng)
    whole = a.of(present)
    temperature = fit_temperature(a.kind, a.y[fit], whole[fit])
    threshold = fit_threshold(a.kind, a.y[fit], temper(a.kind, whole[fit], temperature), PROMISE, by_class)
    patterns = patterns_of(present[fit])
    cut = a.answers[[a.patterns.index(p) for p in patterns]][:, fit] if patterns else a.answers[:0, fit]
    found = fit_patterns(a.kind, a.y[fit], cut, present[fit], patterns, PROMISE, by_class)
    own = {c.pattern: (c.temperature, c.threshold) for c in found}
    inside, size = np.zeros(len(test), bool), np.zeros(len(test))
    for pattern in np.unique(present[test], axis=0):
        here = (present[test] == pattern).all(axis=1)
        t, limit = own.get(tuple(map(bool, pattern)), (temperature, threshold))
        rows = test[here]
        inside[here], size[here] = held(a.kind, a.y[rows], temper(a.kind, whole[rows], t), limit)
    return Split(test, present[test], inside, size)


def summary(shares: list[float], **more: float) -> dict[str, Any]:
    """Coverage over the splits: its mean, the middle nine tenths, and whether the mean is within two points."""
    mean = float(np.mean(shares))
    ends = [round(float(q), 4) for q in np.quantile(shares, [0.05, 0.95])]
    kept = bool(abs(mean - PROMISE) <= WITHIN)
    return {"coverage": round(mean, 4), "p5_p95": ends, "held": kept} | {k: round(v, 2) for k, v in more.items()}


def over_splits(a: Answered, by_class: bool) -> dict[str, Any]:
    """Coverage overall, by pattern and, with a threshold a class, by class."""
    rng, overall, sizes = np.random.default_rng(0), list[float](), list[float]()
    parts: dict[str, list[tuple[float, int, float]]] = {}
    for _ in range(SPLITS):
        one = one_split(a, rng, by_class)
        inside, size = one.inside, one.size
        overall.append(float(inside.mean()))
        sizes.append(float(size.mean()))
        named = np.array([" + ".join(n for n, p in zip(a.names, row) if p) for row in one.present])
        told = {f"pattern {n}": named == n for n in np.unique(named)} if len(a.names) > 1 else {}
        if by_class:
            told |= {f"class {int(k)}": a.y[one.test] == k for k in np.unique(a.y)}
        for name, here in told.items():
            if here.sum() >= LEAST:
                parts.setdefault(name, []).append((inside[here].mean(), int(here.sum()), size[here].mean()))
    found = {
        name: summary([c for c, _, _ in v], cases=np.mean([n for _, n, _ in v]), size=np.mean([s for _, _, s in v]))
        for name, v in sorted(parts.items())
    }
    missed = [name for name, one in found.items() if not one["held"]]
    return {"overall": summary(overall, size=float(np.mean(sizes))), "parts": len(found), "missed": missed} | found


def generated(cases: int, seed: int) -> pd.DataFrame:
    """Four classes that overlap in a text and two pairs of numbers, and a number that goes with them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, cases)
    words = [[f"word{k}{i}" for i in range(12)] for k in range(4)]
    common = [f"common{i}" for i in range(30)]
    text = []
    for k in y:
        told = rng.random(9) < 0.16
        text.append(" ".join(str(rng.choice(words[k] if t else common)) for t in told))
    corner = np.stack([y % 2, y // 2], axis=1) * 2.0
    first, second = (corner + rng.normal(0, s, (cases, 2)) for s in (1.1, 1.5))
    price = y * 3 + first[:, 0] + rng.normal(0, 1, cases) * (1 + y / 3)
    table = pd.DataFrame({"text": text, "label": [f"c{k}" for k in y], "price": price.round(3).astype(str)})
    for name, values in (("first", first), ("second", second)):
        table[[f"{name}_0", f"{name}_1"]] = values.round(3).astype(str)
    return table


GROUPS = {"text": ["text"], "first": ["first_0", "first_1"], "second": ["second_0", "second_1"]}


def with_missing(table: pd.DataFrame, groups: dict[str, list[str]], rows: np.ndarray, seed: int) -> pd.DataFrame:
    """The table with groups of columns blanked in the given rows."""
    gone = lost(len(table), len(groups), np.random.default_rng(seed)) & rows[:, None]
    found = table.copy()
    for i, columns in enumerate(groups.values()):
        found.loc[gone[:, i], columns] = ""
    return found


def generated_config(target: TargetConfig) -> ExperimentConfig:
    pairs = {n: Columns(Modality.TABULAR, (f"{n}_0", f"{n}_1"), (f"{n}_0", f"{n}_1")) for n in ("first", "second")}
    return build_config({"text": Columns(Modality.TEXT, ("text",))} | pairs, target, TableConfig(split="split"), "fast")


def cheap(config: ExperimentConfig, epochs: int) -> ExperimentConfig:
    training = dataclasses.replace(config.training, epochs=epochs)
    return dataclasses.replace(config, floor=False, seeds=1, training=training)


def split_rows(table: pd.DataFrame, train: int, val: int, seed: int = 0) -> pd.DataFrame:
    """The table with a column ``split``: so many rows to train on and to choose the epoch on, the others ``test``."""
    parts = np.array(["train"] * train + ["val"] * val + ["test"] * (len(table) - train - val))
    return table.assign(split=np.random.default_rng(seed).permutation(parts))


def learned(table: pd.DataFrame, groups: dict[str, list[str]]) -> pd.DataFrame:
    """Modalities are missing in the rows to learn from alone."""
    return with_missing(table, groups, (table["split"] != "test").to_numpy(), 0)


def of_generated() -> Answered:
    table = learned(split_rows(generated(2600, 1), 600, 200), GROUPS)
    return answered(table, cheap(generated_config(TargetConfig("label")), 15))


def of_number() -> Answered:
    table = learned(split_rows(generated(2600, 1), 600, 200), GROUPS)
    return answered(table, cheap(generated_config(TargetConfig("price", TargetKind.NUMBER)), 15))


def of_digits() -> Answered:
    table = pd.read_csv(public_data("engine") / "digits_six_views.csv.gz", dtype=str, keep_default_na=False)
    views = {v: [c for c in table.columns if c.startswith(v + "_")] for v in ("fou", "mor", "zer")}
    named = {v: Columns(Modality.TABULAR, tuple(c), tuple(c)) for v, c in views.items()}
    config = build_config(named, TargetConfig("digit"), TableConfig(split="split"), "fast")
    return answered(learned(split_rows(table, 500, 200), views), cheap(config, 20))


def of_banking() -> Answered:
    table = pd.read_csv(public_data("service") / "text/banking77.csv", dtype=str, keep_default_na=False)
    rest, test = (table[table["split"] == p].reset_index(drop=True) for p in ("train", "test"))
    rest["split"] = np.where(np.random.default_rng(0).random(len(rest)) < 0.15, "val", "train")
    config = build_config(
        {"text": Columns(Modality.TEXT, ("text",))}, TargetConfig("intent"), TableConfig(split="split"), "fast"
    )
    return answered(pd.concat([rest, test])[["text", "intent", "split"]], cheap(config, 8))


def anew() -> dict[str, Any]:
    """Trained 100 times on fresh rows, briefly, each time measured on 350 others; saved after every tenth time."""
    overall, parts, found = list[float](), dict[str, list[float]](), dict[str, Any]()
    for seed in range(SPLITS):
        every = np.ones(900, dtype=bool)
        table = with_missing(split_rows(generated(900, 100 + seed), 300, 250, seed), GROUPS, every, seed)
        config = dataclasses.replace(cheap(generated_config(TargetConfig("label")), 5), seed=seed)
        known, fresh = apart(table)
        bundle = Experiment(Manifest.open(known, config), config).combine()
        manifest = Manifest.open(fresh, config, for_training=False)
        answers = table_answers(bundle, manifest, range(len(manifest)))
        y = bundle.ensemble.target.decoded(bundle.ensemble.target.encode(manifest.targets))
        overall.append(coverage_figures(bundle, manifest.present, y, answers)["found"])
        for pattern in np.unique(manifest.present, axis=0):
            here = (manifest.present == pattern).all(axis=1)
            name = "pattern " + " + ".join(n for n, p in zip(bundle.ensemble.modalities, pattern) if p)
            if here.sum() >= LEAST:
                one = coverage_figures(bundle, manifest.present[here], y[here], answers[here])
                parts.setdefault(name, []).append(one["found"])
        if (seed + 1) % 10 == 0:
            told = {name: summary(shares) for name, shares in sorted(parts.items())}
            missed = [name for name, one in told.items() if not one["held"]]
            found = {"overall": summary(overall), "parts": len(told), "missed": missed} | told
            save("coverage_anew", {"promised": PROMISE, "splits": len(overall)} | found)
    return found


STUDIES: dict[str, Callable[[], Answered]] = {
    "generated": of_generated, "number": of_number, "digits": of_digits, "banking77": of_banking,
}  # fmt: skip


def study(name: str) -> dict[str, Any]:
    if name == "anew":
        return anew()
    a = STUDIES[name]()
    right = (
        {} if a.kind is TargetKind.NUMBER else {"accuracy": round(float((a.answers[-1].argmax(1) == a.y).mean()), 4)}
    )
    found = {"rows": len(a.y), **right, "sets": over_splits(a, False)}
    return found if a.kind is TargetKind.NUMBER else found | {"by_class": over_splits(a, True)}


if __name__ == "__main__":
    for chosen in sys.argv[1:] or [*STUDIES, "anew"]:
        seconds: dict[str, float] = {}
        with timed(seconds, "seconds"):
            figures = study(chosen)
        save(f"coverage_{chosen}", {"promised": PROMISE, "splits": SPLITS} | figures | seconds)
