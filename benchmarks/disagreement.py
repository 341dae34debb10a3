"""The flag on cases whose report and scan contradict each other: how often it is raised rightly, and falsely.

    python -m benchmarks.disagreement        generated cases; ``report_agrees`` says how each report was made

"no": the report misses the finding or names another one; "yes": it tells what was planted. Two rules: modalities are
sure of different answers (``core.evaluation.disagreement``, set on held-out rows), and a report denies what the scan
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
from core.config import ViewConfig
from core.schema import Modality, Prediction
from core.table import StringTable
from domains.medical import Diagnosis, recipe, sample

CASES = 320
_SCAN = ViewConfig.from_json({
    "encoder": "resnet", "options": {"widths": [8, 16, 32]}, "preprocess": {"size": [12, 40, 40], "spacing": None},
})  # fmt: skip
_RULES = ("modalities sure of different answers", "report denies what the scan shows", "either")


def rates(answers: Sequence[Prediction], agrees: Sequence[str], truth: Sequence[str]) -> dict[str, Any]:
    """Share of cases with the flag, by what the report does; and where report and scan alone do differ."""
    flags = np.array([[bool(a.disagreeing), bool(a.contradictions)] for a in answers])  # (N, 2)
    flags = np.column_stack([flags, flags.any(axis=1)])  # (N, 3)
    kind, right = np.array(agrees), np.array([a.alone["ct"][0] == t for a, t in zip(answers, truth)])
    parts = {
        "report wrong": kind == "no", "report wrong, scan alone right": (kind == "no") & right,
        "report right": kind == "yes", "report right, scan alone right": (kind == "yes") & right,
        "report vague": kind == "vague",
    }  # fmt: skip
    return {
        name: {"cases": int(at.sum())} | {r: _share(flags[at, i]) for i, r in enumerate(_RULES)}
        for name, at in parts.items()
    }


def _share(flags: np.ndarray) -> dict[str, Any]:
    """A share with its 95 % interval (Wilson)."""
    n, p, z = max(len(flags), 1), float(flags.mean()) if len(flags) else 0.0, 1.96
    middle, half = (
        (p + z * z / 2 / n) / (1 + z * z / n),
        z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + (z / 2 / n) ** 2),
    )
    return {"share": round(p, 3), "interval": [round(float(middle - half), 3), round(float(middle + half), 3)]}


def main(cases: int = CASES) -> None:
    """Generate, train on scan and report, and ask about the test cases."""
    with tempfile.TemporaryDirectory() as scratch:
        table = sample.generate(Path(scratch) / "cases", cases, seed=11, look=sample.Look(shape=(12, 40, 40)))
        config = recipe.build(["ct", "report", "diagnosis", "split", "patient_id"], preset="fast")
        kinds = [dataclasses.replace(m, views=(_SCAN,)) if m.kind is Modality.VOLUME else m for m in config.modalities]
        training = dataclasses.replace(config.training, epochs=12, learning_rate=5e-3)
        model = Diagnosis(config=dataclasses.replace(config, modalities=tuple(kinds), training=training, floor=False))
        model.fit(table)
        opened = StringTable.open(table)
        rows = [row for row in map(opened.row, range(len(opened))) if row["split"] == "test" and row["report"]]
        answers = [model.diagnose(ct=table.parent / row["ct"], report=row["report"]) for row in rows]
        truth = [row["diagnosis"] for row in rows]
        rule = model.bundle.disagreement
        save("disagreement", {
            "cases": cases, "rule": rule and rule.to_json(),
            "fused accuracy": round(float(np.mean([a.label == t for a, t in zip(answers, truth)])), 3),
            "scan alone": round(float(np.mean([a.alone["ct"][0] == t for a, t in zip(answers, truth)])), 3),
            "report alone": round(float(np.mean([a.alone["report"][0] == t for a, t in zip(answers, truth)])), 3),
            "flagged": rates(answers, [row["report_agrees"] for row in rows], truth),
        })  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CASES)
