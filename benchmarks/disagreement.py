"""The flag on cases whose report and scan contradict each other: how often it is raised rightly, and falsely.

    python -m benchmarks.disagreement

Generated test cases whose report tells what was planted ("agree"); the same scans with the report of another case of
another diagnosis ("contradict"); and reports that the generator made wrong. Two rules: modalities are sure of different
answers (``core.evaluation.disagreement``, set on held-out rows for a stated rate), and a report denies what the scan
alone shows (``domains.medical.denial``).
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import save
from core.config import ExperimentConfig, ModalityConfig
from core.schema import Modality, Prediction
from core.table import StringTable
from domains.medical import Diagnosis, recipe, sample

CASES = 200
_RULES = ("modalities sure of different answers", "report denies what the scan shows", "either")


def config() -> ExperimentConfig:
    """Scan by its slices through the frozen backbone, report by its words; one seed."""
    found = recipe.build(["ct", "report", "diagnosis", "split", "patient_id"], preset="default")
    kinds = [
        _small(m) if m.kind is Modality.VOLUME else dataclasses.replace(m, views=m.views[:1]) for m in found.modalities
    ]
    training = dataclasses.replace(found.training, epochs=25, patience=0)
    return dataclasses.replace(found, modalities=tuple(kinds), training=training, floor=False, stack=False, folds=1)


def _small(scan: ModalityConfig) -> ModalityConfig:
    sight = {"size": [12, 64, 64], "spacing": None}
    return dataclasses.replace(scan, views=tuple(dataclasses.replace(v, preprocess=sight) for v in scan.views))


def rates(answers: Sequence[Prediction], truth: Sequence[str]) -> dict[str, Any]:
    """Share of cases with the flag by each rule, in all and where the scan alone is right."""
    flags = np.array([[bool(a.disagreeing), bool(a.contradictions)] for a in answers]).reshape(-1, 2)
    flags = np.column_stack([flags, flags.any(axis=1)])  # (N, 3)
    right = np.array([a.alone["ct"][0] == t for a, t in zip(answers, truth)], dtype=bool)
    parts = {"all": np.ones(len(answers), bool), "scan alone right": right}
    parts["scan alone right, not normal"] = right & (np.array(truth) != "normal")
    return {
        name: {"cases": int(at.sum())} | {r: _share(flags[at, i]) for i, r in enumerate(_RULES)}
        for name, at in parts.items()
    }


def _share(flags: np.ndarray) -> dict[str, Any]:
    """A share with its 95 % interval (Wilson)."""
    n, p, z = max(len(flags), 1), float(flags.mean()) if len(flags) else 0.0, 1.96
    middle, width = (p + z * z / 2 / n) / (1 + z * z / n), np.sqrt(p * (1 - p) / n + (z / 2 / n) ** 2)
    half = z / (1 + z * z / n) * width
    return {"share": round(p, 3), "interval": [round(max(float(middle - half), 0), 3), round(float(middle + half), 3)]}


def main(cases: int = CASES) -> None:
    """Generate, train on scan and report, and ask about the test cases."""
    with tempfile.TemporaryDirectory() as scratch:
        table = sample.generate(Path(scratch) / "cases", cases, seed=11, look=sample.Look(shape=(12, 64, 64)))
        model = Diagnosis(config=config()).fit(table)
        opened = StringTable.open(table)
        rows = [row for row in map(opened.row, range(len(opened))) if row["split"] == "test"]
        right = [row for row in rows if row["report_agrees"] == "yes"]
        others = [
            next(o for o in right[i:] + right[:i] if o["diagnosis"] != r["diagnosis"]) for i, r in enumerate(right)
        ]
        wrong = [row for row in rows if row["report_agrees"] == "no"]

        def ask(scans: Sequence[dict[str, str]], reports: Sequence[dict[str, str]]) -> list[Prediction]:
            return [model.diagnose(ct=table.parent / s["ct"], report=r["report"]) for s, r in zip(scans, reports)]

        groups = {"agree": (right, right), "contradict": (right, others), "made wrong": (wrong, wrong)}
        answers = {name: ask(*pair) for name, pair in groups.items()}
        agree, truth, rule = answers["agree"], [r["diagnosis"] for r in right], model.bundle.disagreement
        save("disagreement", {
            "cases": cases, "rule": rule and rule.to_json(),
            "right": {
                "fused": _right([a.label for a in agree], truth),
                **{m: _right([a.alone[m][0] for a in agree], truth) for m in ("ct", "report")},
            },
            "flagged": {n: rates(a, [r["diagnosis"] for r in groups[n][0]]) for n, a in answers.items()},
        })  # fmt: skip


def _right(answers: Sequence[str | None], truth: Sequence[str]) -> float:
    return round(float(np.mean([a == t for a, t in zip(answers, truth)])), 3)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CASES)
