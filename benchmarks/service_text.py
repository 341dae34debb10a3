"""Intents from text alone, by the customer-service recipe; the pretrained sentence encoder stays frozen.

banking77   official test part; members trained on five folds of the training part
few_shot    ten turns an intent drawn from the training part, three draws, the same test part
clinc150    cross-validated on the given part (its test part is kept apart); the out-of-scope threshold is chosen on
            the training folds, never on the evaluated one
hint3       three bots, version 1; out of scope is known from the test rows only
multidogo   several intents a turn, and slots, on two service domains
heard       Banking77 spoken by synthetic voices: what learning from recognised text does to recognised text

Run one with ``python -m benchmarks service_text NAME``. Its seconds leave out the sentence vectors that the cache has
already; all of Banking77 took 101 s on one thread.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report import public_data, save, timed
from core.config import ExperimentConfig
from core.evaluation.evaluate import evaluate
from core.experiment import Experiment
from core.manifest import Manifest
from core.splits import folds
from domains.customer_service import recipe
from domains.customer_service.slots import SlotTagger, read_labelled, span_f1

OUT = recipe.OUT_OF_SCOPE


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def members(config: ExperimentConfig, count: int = 5) -> ExperimentConfig:
    """Members on folds of the training rows, without the linear floor, whose figures stand in the data's README."""
    return dataclasses.replace(config, folds=count, floor=False, stack=False)


def measure(train: pd.DataFrame, test: pd.DataFrame, count: int = 5, **options: Any) -> dict[str, Any]:
    """Train ``count`` members on one table, a part of it held out of each in turn, and evaluate on the other."""
    table = train.assign(split=np.where(np.arange(len(train)) % 5 == 0, "val", "train"))
    config = members(recipe.build(list(table.columns), target="intent", **options), count)
    found: dict[str, Any] = {}
    with timed(found, "train_seconds"):
        bundle = Experiment(Manifest.open(table, config), config).combine()
    with timed(found, "test_seconds"):
        figures = evaluate(bundle, Manifest.open(test, config))
    kept = {k: round(figures.metrics[k], 4) for k in ("accuracy", "f1")}
    held = {k: round(v, 4) for k, v in bundle.facts["held_out"].items() if k in ("accuracy", "f1")}
    return {
        "rows": [len(train), len(test)],
        "members": count,
        "test": kept | {"calibration_error": round(figures.calibration_error or 0, 4)} | _round(figures.scope),
        "intervals": {k: [round(x, 4) for x in v] for k, v in figures.intervals.items()},
        "held_out": held,
    } | found


def _round(figures: dict[str, float]) -> dict[str, float]:
    return {k: round(v, 4) for k, v in figures.items()}


def banking(root: Path) -> dict[str, Any]:
    table = read(root / "text/banking77.csv")[["text", "intent", "split"]]
    return measure(*(table[table["split"] == part].drop(columns="split") for part in ("train", "test")))


def few_shot(root: Path) -> dict[str, Any]:
    table, found = read(root / "text/banking77.csv")[["text", "intent", "split"]], []
    train, test = (table[table["split"] == part].drop(columns="split") for part in ("train", "test"))
    for seed in range(3):
        ten = train.groupby("intent").sample(10, random_state=seed).sample(frac=1, random_state=seed)
        found.append(measure(ten, test, few_shot=True))
        print(seed, found[-1]["test"], flush=True)
    return {"accuracy": round(float(np.mean([f["test"]["accuracy"] for f in found])), 4), "draws": found}


def clinc(root: Path, count: int = 5, most: int = 1) -> dict[str, Any]:
    table = read(root / "text/clinc150.csv")
    table["intent"] = np.where(table["is_oos"] == "1", OUT, table["intent"])
    table = table[["text", "intent"]]
    found: dict[str, list[dict[str, Any]]] = {"labelled": [], "unlabelled": []}
    parts = folds(list(table["intent"]), [None] * len(table), count, seed=0)
    for a, b in parts[:most]:
        for name, train in (("labelled", table.iloc[a]), ("unlabelled", table.iloc[a].query("intent != @OUT"))):
            found[name].append(measure(train.sample(frac=1, random_state=0), table.iloc[b], 3, false_alarm=0.02))
            print(name, found[name][-1]["test"], flush=True)
    names = ("inside_accuracy", "outside_recall", "outside_auroc", "false_alarms")
    means = {k: {n: round(float(np.mean([f["test"][n] for f in v])), 4) for n in names} for k, v in found.items()}
    return {"false_alarm_stated": 0.02, "folds_run": most, "of_folds": count, "mean": means, "each": found}


def hint3(root: Path) -> dict[str, Any]:
    table, found = read(root / "text/hint3_v1.csv"), {}
    table["intent"] = np.where(table["is_oos"] == "1", OUT, table["intent"])
    for bot, rows in table.groupby("bot"):
        train, test = (rows[rows["split"] == part][["text", "intent"]] for part in ("train", "test"))
        train = train[train.groupby("intent")["intent"].transform("size") > 1]
        test = test[test["intent"].isin([*train["intent"], OUT])]
        left_out = len(rows[rows["split"] == "test"]) - len(test)
        found[str(bot)] = measure(train, test, 3) | {"test rows of intents with one training turn, left out": left_out}
        print(bot, found[str(bot)]["test"], flush=True)
    return found


def multidogo(root: Path, domains: tuple[str, ...] = ("fastfood", "airline")) -> dict[str, Any]:
    table, found = read(root / "text/multidogo_turn.csv.gz"), {}
    table["intent"] = table["intent"].str.replace("<div>", "|")
    for domain in domains:
        of_domain = table[table["domain"] == domain]
        rows = _known(of_domain)
        left_out = len(of_domain) - len(rows)
        found[domain] = {"intents": _several(rows), "slots": _slots(rows), "turns left out": left_out}
        print(domain, found[domain], flush=True)
    return found


def _known(rows: pd.DataFrame) -> pd.DataFrame:
    """Without the few turns that are blank, have no intent, or one that training has not met twice."""
    rows = rows[(rows["text"].str.strip() != "") & (rows["intent"] != "")]
    count = rows.loc[rows["split"] == "train", "intent"].str.get_dummies("|").sum()
    known = set(count.index[count > 1])
    return rows[[set(cell.split("|")) <= known for cell in rows["intent"]]]


def _several(rows: pd.DataFrame) -> dict[str, Any]:
    """Several intents a turn: exact sets, and the accuracy of turns with one intent as the floor counts it."""
    table = rows[["text", "intent"]].assign(split=rows["split"].replace({"valid": "val"}))
    config = recipe.build(list(table.columns), target="intent:labels")
    config = dataclasses.replace(config, folds=1, floor=False, stack=False)
    found: dict[str, float] = {}
    with timed(found, "train_seconds"):
        bundle = Experiment(Manifest.open(table, config), config).combine()
    test = bundle.facts["test"]
    return {k: round(test[k], 4) for k in ("exact_match", "f1", "accuracy")} | {"rows": test["cases"]} | found


def _slots(rows: pd.DataFrame) -> dict[str, Any]:
    """Whole slots, micro F1; turns whose labels do not fit their words are left out and counted."""
    fits = rows["text"].str.split().str.len() == rows["slot_labels"].str.split().str.len()
    train, test = (read_labelled(rows[fits & (rows["split"] == part)]) for part in ("train", "test"))
    found: dict[str, Any] = {}
    with timed(found, "train_seconds"):
        tagger = SlotTagger(epochs=8).fit(train)
    return {
        "span_f1": round(span_f1(test, [tagger.labels(t.words) for t in test]), 4),
        "turns": [len(train), len(test)],
        "left_out": int((~fits).sum()),
    } | found


def heard(root: Path) -> dict[str, Any]:
    """Trained on typed text alone, or on typed and recognised text of the training voices; tested on unheard voices."""
    typed = read(root / "text/banking77.csv").query("split == 'train'")[["text", "intent"]]
    spoken = read(root / "speech/banking77_tts/manifest.csv")
    spoken = spoken[spoken["asr_tiny_en"].str.strip() != ""]
    train, test = (spoken[spoken["split"] == p][["asr_tiny_en", "intent"]] for p in ("train", "valid"))
    train, test = (part.rename(columns={"asr_tiny_en": "text"}) for part in (train, test))
    both = pd.concat([typed, train]).sample(frac=1, random_state=0)
    return {"typed": measure(typed, test), "typed_and_recognised": measure(both, test)}


PARTS = {
    "banking77": banking,
    "few_shot": few_shot,
    "clinc150": clinc,
    "hint3": hint3,
    "multidogo": multidogo,
    "heard": heard,
}

if __name__ == "__main__":
    service = public_data("service")
    for part in sys.argv[1:] or PARTS:
        save(f"service_text_{part}", PARTS[part](service))
