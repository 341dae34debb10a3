"""A small table of generated chest scans with reports, for the tests of the medical app, and a model trained on it."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import nibabel
import numpy as np

FINDINGS = {
    "normal": "The lungs are clear.",
    "consolidation": "Dense airspace opacity at the right base.",
    "effusion": "Fluid along the posterior chest wall.",
}


def phantom(kind: str, seed: int) -> np.ndarray:
    """(16, 32, 32) Hounsfield units: a body with two lungs and, perhaps, something in them."""
    z, y, x = np.mgrid[:16, :32, :32]
    scan = np.full((16, 32, 32), -1000.0)
    scan[((y - 16) / 13) ** 2 + ((x - 16) / 15) ** 2 < 1] = 40
    for centre in (10, 22):
        scan[((y - 16) / 9) ** 2 + ((x - centre) / 4.5) ** 2 + ((z - 8) / 7) ** 2 < 1] = -850
    if kind == "consolidation":
        scan[(y - 18) ** 2 + (x - 10) ** 2 + (z - 6) ** 2 < 16] = 20
    if kind == "effusion":
        scan[(scan == -850) & (y > 20)] = 10
    return scan + np.random.default_rng(seed).normal(0, 15, scan.shape)


def write_table(folder: Path, cases: int = 30) -> Path:
    """Write scans and their manifest.csv; every fifth case has no report, case 4 has no scan."""
    rows = []
    for i in range(cases):
        kind = list(FINDINGS)[i % 3]
        voxels = phantom(kind, i).transpose(2, 1, 0).astype(np.int16)  # (W, H, Z)
        nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-10.0, -10.0, 15.0, 1.0])), folder / f"{i}.nii.gz")
        report = f"TECHNIQUE: CT of the chest.\nFINDINGS: {FINDINGS[kind]}\nIMPRESSION: As above."
        rows.append({
            "case_id": f"case-{i:02}", "patient_id": f"p{i}", "ct": "" if i == 4 else f"{i}.nii.gz",
            "report": "" if i % 5 == 3 else report, "history": "Cough for a week.", "age": 40 + i, "sex": "FM"[i % 2],
            "crp": 120 + i if kind == "consolidation" else 5 + i, "diagnosis": kind,
            "split": ("train", "train", "train", "val", "test", "train", "val", "test")[i % 8],
        })  # fmt: skip
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "manifest.csv"


def prepare(folder: Path) -> dict[str, str]:
    """A table and the sample model trained on it; returns the environment that the app needs to open both."""
    from domains.medical import starter

    (folder / "cases").mkdir()
    environment = {
        "POLYFUSE_HOME": str(folder / "home"),
        "POLYFUSE_SAMPLES": str(write_table(folder / "cases")),
        "POLYFUSE_SAMPLE_EPOCHS": "3",
        "OMP_NUM_THREADS": "1",
    }
    os.environ.update(environment)
    starter.ensure()
    return environment
