"""Outcomes in the covid-chestxray data (X-ray and CT): survival and intensive care, from image, masked notes and table.

A row is an image; all rows of a patient stay on one side of five folds. Floors: AUC of masked text / pixels, survival
.590 / .664, intensive care .707 / .689. Mixed sources and notes of different style: no claim beyond this table.
"""

import sys

import pandas as pd

from benchmarks.report import public_data, save, timed
from core.compare import compare
from core.config import TableConfig, TargetConfig
from core.manifest import Manifest
from core.progress import Bars
from core.recipes import Columns, build_config
from core.schema import Modality

NUMBERS = ("age", "temperature", "pO2_saturation", "leukocyte_count", "neutrophil_count", "lymphocyte_count")


def measure(folder, target: str) -> dict:
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    table = table[(table["source"] == "covid-chestxray-dataset") & table[target].isin(["Y", "N"])].reset_index(
        drop=True
    )
    named = {
        "image": Columns(Modality.IMAGE, ("image",)),
        "notes": Columns(Modality.TEXT, ("text_masked",)),
        "clinical": Columns(Modality.TABULAR, (*NUMBERS, "sex"), NUMBERS, ("sex",)),
    }
    answer = TargetConfig(target, classes=("N", "Y"))
    config = build_config(named, answer, TableConfig("case_id", "patient_id"), drop=["[MASK]"])
    manifest, seconds = Manifest.open(table, config, folder), {}
    with timed(seconds, "seconds"), Bars() as progress:
        found = compare(manifest, config, outer_folds=5, metric="auroc", progress=progress)
    print(found.text(), flush=True)
    return found.to_json() | seconds


if __name__ == "__main__":
    medical = public_data("medical")
    for target in sys.argv[1:] or ["survival", "went_icu"]:
        save(f"outcomes_{target}", {target: measure(medical, target)})
