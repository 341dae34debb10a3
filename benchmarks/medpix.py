"""MedPix 2.0: several images a case and a text, fused against each alone and the floor, grouped folds by case.

Tasks: body part on CT + MR (floors on 200 other images: pixels .56, history .61) and disease group on CT (five known
groups), with the history, the masked text or the full text. Pretrained: MiniLM and EfficientNet-Lite0, both frozen.

    python -m benchmarks.medpix "disease, masked" 1        # so many seeds
    python -m benchmarks.medpix "disease, masked" curve    # the same on a quarter, half and all of the training cases
"""

import dataclasses
import sys

import numpy as np
import pandas as pd

from benchmarks.report import public_data, save, timed
from core.compare import Comparison, compare
from core.config import ExperimentConfig, TableConfig, TargetConfig
from core.evaluation.intervals import interval
from core.learning_curve import learning_curve
from core.manifest import Manifest
from core.metrics import score
from core.progress import Bars
from core.recipes import Columns, build_config
from core.schema import Modality

TASKS = {
    "body part, history + images": ("location_category", "history_masked", False),
    "disease, history + images": ("label", "history_masked", True),
    "disease, masked text + images": ("label", "text_masked", True),
    "disease, full text + images": ("label", "text", True),
}


def table_of(folder, target: str, only_ct: bool) -> pd.DataFrame:
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    table = table[table["source"] == "MedPix 2.0"]
    if only_ct:
        table = table[(table["modality"] == "CT") & (table["label"] != "Other")]
    most = table.groupby("patient_id")[target].agg(lambda s: s.mode().iloc[0])  # a case has one answer
    return table.assign(**{target: table["patient_id"].map(most)}).reset_index(drop=True)


def opened(folder, target: str, text: str, only_ct: bool) -> tuple[Manifest, ExperimentConfig]:
    table = table_of(folder, target, only_ct)
    named = {
        "images": Columns(Modality.IMAGE, ("image",)),
        "text": Columns(Modality.TEXT, (text,)),
        "person": Columns(Modality.TABULAR, ("age", "sex"), ("age",), ("sex",)),
    }
    config = build_config(named, TargetConfig(target), TableConfig("patient_id", gather=True), drop=["[MASK]"])
    return Manifest.open(table, config, folder), config


def grown(manifest: Manifest, config: ExperimentConfig) -> dict:
    with Bars() as progress:
        found = learning_curve(manifest, config, eighths=(2, 4, 8), outer_folds=5, metric="accuracy", progress=progress)
    print(found.text(), flush=True)
    return found.to_json()


def measure(manifest: Manifest, config: ExperimentConfig, seeds: range) -> dict:
    seconds: dict[str, float] = {}
    runs: list[Comparison] = []
    with timed(seconds, "seconds"), Bars() as progress:
        for seed in seeds:
            one = dataclasses.replace(config, seed=seed)
            runs.append(compare(manifest, one, outer_folds=5, metric="accuracy", progress=progress))
            print(runs[-1].text(), flush=True)
    return {"cases": len(manifest)} | summary(runs) | seconds


def summary(runs: list[Comparison]) -> dict:
    """Means over the seeds, and the paired interval of fused against the best alone, cases resampled over all seeds."""
    found = {}
    for variant in runs[0].answers:
        scores = [score("label", "accuracy", r.truth, r.answers[variant]) for r in runs]
        f1 = [score("label", "f1", r.truth, r.answers[variant]) for r in runs]
        found[variant] = {"accuracy": float(np.mean(scores)), "f1": float(np.mean(f1))}
    alone = {v: f["accuracy"] for v, f in found.items() if v.endswith(" alone")}
    best = max(alone, key=lambda v: alone[v])
    ends = [
        interval("label", "accuracy", r.truth, r.answers["fused"], against=r.answers[best], times=2000) for r in runs
    ]
    lead = {
        "against": best,
        "difference": found["fused"]["accuracy"] - alone[best],
        "interval": np.mean(ends, axis=0).tolist(),
    }
    return {"variants": found, "lead": lead}


if __name__ == "__main__":
    medical = public_data("medical")
    how = sys.argv[2] if len(sys.argv) > 2 else "3"
    for task in (t for t in TASKS if len(sys.argv) < 2 or sys.argv[1] in t):
        name = task.split(" + ")[0].replace(",", "").replace(" ", "_")  # such as disease_masked_text
        asked = opened(medical, *TASKS[task])
        if how == "curve":
            save(f"medpix_{name}_curve", {task: grown(*asked)})
        else:
            save(f"medpix_{name}", {task: measure(*asked, range(int(how)))})
