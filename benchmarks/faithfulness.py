"""Whether explanations tell the truth: planted parts are found, and what is ranked first matters.

    python -m benchmarks.faithfulness                        every kind of data, and Banking77
    python -m benchmarks.faithfulness image text banking77   only these

For each method and kind of data, on rightly answered test cases:

found      share of cases whose strongest part is a planted one (``core.explanation.planted``), with 95 % interval
deletion   log-odds of the answer lost when the top tenth of the parts is taken out, less those lost when a random tenth
           is (mean of five draws); mean over cases with 95 % interval; and in which share of cases it is above 0
adds_up    integrated gradients: how far the shares are from what the whole modality gives, as a part of it (median)

The networks are small and trained here; each case is explained alone, so that no other kind of data speaks.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report import public_data, save
from core.config import ExperimentConfig
from core.experiment import Experiment
from core.explanation.explain import METHODS, explain
from core.explanation.gradients import unexplained, unreachable
from core.explanation.occlusion import losses
from core.explanation.parts import Part
from core.explanation.planted import COLUMNS, is_planted, make_planted
from core.manifest import Manifest
from core.predict import Predictor
from core.schema import Modality, Row

CASES, EXPLAINED, DRAWS = 300, 30, 5
VIEWS: dict[str, dict[str, Any]] = {
    "image": {"encoder": "resnet", "options": {"widths": [8, 16, 32]}, "preprocess": {"size": 32}},
    "volume": {"encoder": "resnet", "options": {"widths": [8, 16]},
               "preprocess": {"size": [24, 24, 24], "spacing": None, "window": [-300, 1200]}},
    "text": {"encoder": "lexical", "preprocess": {"tokens": "tfidf", "characters": True}},
    "audio": {"encoder": "conv_speech", "options": {"widths": [8, 16, 24], "size": 48, "time_blocks": 1},
              "preprocess": {"mels": 20, "trim": False, "rate": 8000, "normalise": "mean"}},
    "video": {"encoder": "cnn", "options": {"channels": [8, 16], "spatial_dims": 2},
              "preprocess": {"size": 32, "frames": 8, "channels": 1}},
    "tabular": {"encoder": "tabular", "options": {"hidden": 32, "blocks": 1},
                "preprocess": {"numbers": list(COLUMNS[:4]), "categories": list(COLUMNS[4:])}},
}  # fmt: skip
Case = tuple[Row, Any]  # a row of one modality, and where its planted part lies


def config(kind: str, column: str | None = None, target: str = "label") -> ExperimentConfig:
    """A small network over one kind of data."""
    columns = list(COLUMNS) if kind == "tabular" else [column or kind]
    return ExperimentConfig.from_json({
        "modalities": [{"name": kind, "kind": kind, "columns": columns, "views": [VIEWS[kind]]}],
        "target": {"column": target}, "width": 32, "floor": False,
        "training": {"epochs": 15, "batch_size": 32, "learning_rate": 0.005, "augment": False, "patience": 0},
    })  # fmt: skip


def trained(table: Any, settings: ExperimentConfig) -> tuple[Predictor, list[Row], float]:
    """A model, and its rightly answered test rows."""
    manifest = Manifest.open(table, settings)
    run = Experiment(manifest, settings)
    predictor = Predictor(run.combine())
    rows = [manifest.row(i) for i in run.rows["test"]]
    right = [r for r, a in zip(rows, predictor.predict_rows(rows, explain=False)) if a.label == r.target]
    return predictor, right[:EXPLAINED], len(right) / len(rows)


def measure(predictor: Predictor, cases: Sequence[Case], kind: str, planted: bool) -> dict[str, Any]:
    """Every method on the same cases."""
    found: dict[str, Any] = {}
    for method in METHODS:
        cam = method == "Grad-CAM"
        if method != "occlusion" and (why := unreachable(predictor, kind, cam=cam)):
            found[method] = why
            continue
        explained = [explain(predictor, row, kind, method=method).parts for row, _ in cases]
        found[method] = deletion(predictor, kind, cases, explained)
        if planted:
            hits = [is_planted(max(p, key=lambda q: q.share), place) for p, (_, place) in zip(explained, cases)]
            found[method]["found"] = _mean(np.array(hits, dtype=float))
    if not unreachable(predictor, kind):
        found["adds_up"] = _round(np.median([unexplained(predictor, row, kind) for row, _ in cases[:20]]))
    return found


def deletion(
    predictor: Predictor, kind: str, cases: Sequence[Case], explained: Sequence[Sequence[Part]]
) -> dict[str, Any]:
    """What the answer loses without its top tenth, less what it loses without a random tenth."""
    rng, leads = np.random.default_rng(0), []
    for (row, _), parts in zip(cases, explained):
        count = max(1, round(len(parts) / 10))
        top = sorted(parts, key=lambda p: -p.share)[:count]
        drawn = [[parts[i] for i in rng.choice(len(parts), count, replace=False)] for _ in range(DRAWS)]
        lost = losses(predictor, row, kind, [[(p.name, p.span) for p in s] for s in (top, *drawn)])
        leads.append(lost[0] - float(np.mean(lost[1:])))
    return {"cases": len(leads), "lead": _mean(np.array(leads)), "above_random": _round(np.mean(np.array(leads) > 0))}


def _mean(values: np.ndarray) -> dict[str, Any]:
    drawn = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    return {"mean": _round(values.mean()), "interval": [_round(q) for q in np.quantile(drawn, (0.025, 0.975))]}


def _round(value: Any) -> float:
    return round(float(value), 3)


def planted(kind: str) -> dict[str, Any]:
    """A generated table of one kind of data."""
    with tempfile.TemporaryDirectory() as scratch:
        table, places = make_planted(Path(scratch) / kind, Modality(kind), CASES)
        predictor, rows, accuracy = trained(table, config(kind))
        return {"accuracy": _round(accuracy)} | measure(predictor, [(r, places[r.index]) for r in rows], kind, True)


def banking77() -> dict[str, Any]:
    """Ten intents of Banking77: its training part to learn, its test part to explain."""
    whole = pd.read_csv(public_data("service") / "text" / "banking77.csv", dtype=str, keep_default_na=False)
    chosen = sorted(whole["intent"].unique())[::8][:10]
    table = whole[whole["intent"].isin(chosen)].reset_index(drop=True)
    table.loc[(table.index % 6 == 0) & (table["split"] == "train"), "split"] = "val"
    settings = config("text", target="intent")
    settings = dataclasses.replace(settings, table=dataclasses.replace(settings.table, split="split"))
    predictor, rows, accuracy = trained(table[["text", "intent", "split"]], settings)
    return {"accuracy": _round(accuracy)} | measure(predictor, [(r, None) for r in rows], "text", False)


def main(names: Sequence[str]) -> None:
    """Run what is named, all of it where nothing is; a file of results each."""
    runs: dict[str, Callable[[], dict[str, Any]]] = {k: (lambda k=k: planted(k)) for k in VIEWS}  # type: ignore[misc]
    runs["banking77"] = banking77
    for name in names or runs:
        save(f"faithfulness_{name}", runs[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
