"""One case end to end: a generated 64-slice 512 x 512 DICOM series and its report, by stage; and one slice scrolled."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.report import save
from core.dataset import Sample
from core.predict import Predictor, as_row
from core.preprocess.volume import VolumePreprocessor
from core.preprocess.windows import WINDOWS
from core.table import StringTable
from domains.medical import Diagnosis, ct_files, recipe, sample, viewer
from domains.medical.phantom import phantom

REPEATS = 12
SHAPE, SPACING = (64, 512, 512), (4.0, 0.72, 0.72)
REPORT = "HISTORY: Cough and fever.\nTECHNIQUE: CT of the chest.\nFINDINGS: Patchy ground-glass opacities, bilateral."


def trained(folder: Path, cases: int = 40) -> Path:
    """The bundle of a short training on sample cases, with the views that the recipe gives."""
    table = sample.generate(folder / "cases", cases, seed=3, look=sample.Look(shape=(16, 48, 48)))
    config = recipe.build(StringTable.open(table).columns, target="diagnosis", preset="fast")
    config = dataclasses.replace(config, floor=False, training=dataclasses.replace(config.training, epochs=1))
    Diagnosis(config=config).fit(table, out=folder / "run")
    return folder / "run" / "bundle"


def stages(predictor: Predictor, series: Path) -> dict[str, float]:
    """Seconds of each stage of one case, taken one by one."""
    found: dict[str, float] = {}

    def timed(name: str, run: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = run()
        found[name] = time.perf_counter() - start
        return result

    reader = predictor.view("ct").preprocessor
    assert isinstance(reader, VolumePreprocessor)
    row = as_row({"ct": series, "report": REPORT, "age": 61}, predictor.bundle.config.modalities)
    volumes = timed("read", lambda: reader.read(row.values["ct"]))
    grid = timed("resample", lambda: reader.on_grid(volumes))
    views = predictor.bundle.views
    others = {
        n: timed(f"prepare {n}", lambda v=v: v.finish(v.prepare(row.values[v.modality.name])))  # type: ignore[misc]
        for n, v in views.items()
        if n != "ct" and v.modality.name in row.values
    }
    batch = predictor.collate([Sample("case", 0, others | {"ct": reader.finish(grid)}, None)])
    model = predictor.ensemble.experts[0].model  # type: ignore[attr-defined]  # the network
    with torch.inference_mode():
        encoded = timed("encode", lambda: model.encode(batch.inputs))
        timed("fuse", lambda: model.fuse(encoded))
    whole = {"ct": volumes, "report": REPORT, "age": 61}
    plain = timed("read already, answered", lambda: predictor.predict(whole, explain=False))
    full = timed("read already, answered and explained", lambda: predictor.predict(whole))
    assert plain.probabilities == full.probabilities
    timed("whole case from files", lambda: predictor.predict({**whole, "ct": series}))
    return found


def summary(runs: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """The middle and the 95 % quantile of each stage in seconds."""
    values = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    return {
        n: {"p50": round(float(np.median(v)), 4), "p95": round(float(np.quantile(v, 0.95)), 4)}
        for n, v in values.items()
    }


def scrolled(series: Path) -> dict[str, float]:
    """Seconds to draw the next slice of an open scan, in each plane."""
    volume = viewer.open_scan(series).volume
    return {plane: _draw(volume, plane) for plane in viewer.PLANES}


def _draw(volume: Any, plane: str) -> float:
    times = []
    for index in range(20, 20 + REPEATS):
        start = time.perf_counter()
        viewer.slice_image(volume, plane, index, WINDOWS["lung"])
        times.append(time.perf_counter() - start)
    return round(float(np.quantile(times, 0.95)), 4)


def main() -> None:
    """Train a small model, then time it on two threads."""
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        bundle = trained(folder)
        voxels = phantom("ground_glass", np.random.default_rng(0), SHAPE, SPACING).hounsfield
        series = ct_files.write_dicom(folder / "series", voxels, SPACING)
        start = time.perf_counter()
        predictor = Predictor.load(bundle)
        cold = time.perf_counter() - start
        first = stages(predictor, series)
        runs = [stages(predictor, series) for _ in range(REPEATS)]
        save("medical_case", {
            "series": f"{SHAPE[0]} slices of {SHAPE[1]} x {SHAPE[2]}, uncompressed", "threads": 2, "repeats": REPEATS,
            "open the bundle, seconds": round(cold, 3),
            "first whole case, seconds": round(first["whole case from files"], 3),
            "seconds": summary(runs), "next slice p95, seconds": scrolled(series),
        })  # fmt: skip


if __name__ == "__main__":
    main()
