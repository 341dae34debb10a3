"""What an explanation costs beside one prediction, on the sample models of the three domains.

    python -m benchmarks.explanation                              medical, customer_service, grading, early_warning
    python -m benchmarks.explanation medical                      only this

A prediction is the answer to one case from its files, with nothing in any cache, as a user waits for it. An explanation
is the parts of one modality by its default method, from the same files. Median over several test cases, one thread.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.report import save
from core.cache import MemoryCache
from core.explanation.explain import METHODS, explain
from core.explanation.gradients import unreachable
from core.manifest import Manifest
from core.predict import Predictor
from core.schema import Row
from domains.customer_service import starter as service
from domains.education import starter as education
from domains.medical import starter as medical

CASES = 5
MODELS: dict[str, tuple[Callable[[], Path], Callable[[], Path]]] = {
    "medical": (medical.ensure, medical.sample_table),
    "customer_service": (service.ensure, service.sample_table),
    "grading": (education.GRADING.ensure, education.GRADING.table),
    "early_warning": (education.RISK.ensure, education.RISK.table),
}


def cold(predictor: Predictor) -> None:
    """Forget the features of every case."""
    memory = MemoryCache()
    for view in predictor.bundle.views.values():
        view.cache = memory


def seconds(predictor: Predictor, rows: Sequence[Row], run: Callable[[Row], Any]) -> float:
    """The median time of one call, after one that is not counted."""
    run(rows[0])
    found = []
    for row in rows:
        cold(predictor)
        start = time.perf_counter()
        run(row)
        found.append(time.perf_counter() - start)
    return float(np.median(found))


def measure(folder: Path, table: Path) -> dict[str, Any]:
    """Seconds of a prediction, and what each modality's explanation costs as a multiple of it, by every method."""
    predictor = Predictor.load(folder, MemoryCache())
    manifest = Manifest.open(table, predictor.bundle.config, need_target=False)
    rows = [manifest.row(i) for i in range(len(manifest))]
    most = max(len(r.values) for r in rows)
    rows = [r for r in rows if len(r.values) == most][-CASES:]
    answer = seconds(predictor, rows, lambda row: predictor.predict_rows([row]))
    found: dict[str, Any] = {"prediction_seconds": round(answer, 4)}
    for name in rows[0].values:
        costs: dict[str, Any] = {}
        for method in (None, *METHODS):
            cam = method == "Grad-CAM"
            if method in METHODS[:2] and unreachable(predictor, name, cam=cam):
                continue
            took = seconds(predictor, rows, partial(_explain, predictor, name, method))
            costs[method or "default"] = round(took / answer, 2)
        found[name] = costs
    return found


def _explain(predictor: Predictor, name: str, method: str | None, row: Row) -> None:
    explain(predictor, row, name, method=method)


def main(names: Sequence[str]) -> None:
    """The sample models that are named, all of them where none is; a file of results each."""
    torch.set_num_threads(1)
    for name in names or MODELS:
        ensure, table = MODELS[name]
        save(f"explanation_{name}", measure(ensure(), table()))


if __name__ == "__main__":
    main(sys.argv[1:])
