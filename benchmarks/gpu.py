"""One config on GPU and CPU: equal results within tolerance, cases a second, utilisation and memory, bf16 and compile.

Without a GPU it says so and measures nothing.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import torch

from benchmarks.report import save
from core.config import ExperimentConfig, TableConfig, TargetConfig
from core.experiment import Experiment
from core.manifest import Manifest
from core.model import FusionModel
from core.recipes import Columns, build_config
from core.samples import make_table
from core.schema import Modality
from core.training.fit import Job, Trainer


def experiment(folder: Path, cases: int) -> Experiment:
    table = make_table(
        folder / "data", cases, ("image", "volume", "text", "audio", "tabular"), effect="each", noise=0.2
    )
    named = {k: Columns(Modality(k), (k,)) for k in ("image", "volume", "text", "audio")}
    named["tabular"] = Columns(Modality.TABULAR, ("number_0", "number_1"), ("number_0", "number_1"))
    config = build_config(named, TargetConfig("label"), TableConfig("id"), "fast")
    plain = dataclasses.replace(config.training, augment=False, modality_dropout=0.0, batch_size=64)
    return Experiment(Manifest.open(table, config), dataclasses.replace(config, floor=False, training=plain))


def model_of(one: Experiment, config: ExperimentConfig) -> FusionModel:
    torch.manual_seed(0)
    return FusionModel(config, {n: one.views[n].signature for n in one.places}, one.target.outputs)


def same_results(one: Experiment) -> float:
    """The largest difference between logits of one model on CPU and on GPU."""
    from core.dataset import CaseDataset, Collate

    model = model_of(one, one.config).eval()
    data, collate = CaseDataset(one.manifest, one.views), Collate(one.views, one.target)
    batch = collate([data[i] for i in range(32)])
    with torch.inference_mode():
        cpu = model(batch.inputs)
        gpu = model.to("cuda")(batch.to("cuda").inputs).cpu()
    return float((cpu - gpu).abs().max())


def train_speed(one: Experiment, precision: str, compiled: bool, epochs: int = 6) -> dict[str, float]:
    """Cases a second after the first two epochs, mean GPU utilisation and peak memory."""
    from core.dataset import CaseDataset

    training = dataclasses.replace(one.config.training, precision=precision, compile=compiled)
    data, rows = CaseDataset(one.manifest, one.views), one.rows["train"]
    trainer = Trainer(model_of(one, one.config), one.target, training, Job(data, data, rows, one.rows["val"]))
    torch.cuda.reset_peak_memory_stats()
    for epoch in range(2):
        trainer.fit_epoch(epoch)
    with _Utilisation() as used:
        torch.cuda.synchronize()
        start = time.perf_counter()
        for epoch in range(2, epochs):
            trainer.fit_epoch(epoch)
        torch.cuda.synchronize()
        seconds = time.perf_counter() - start
    return {
        "cases_per_s": len(rows) * (epochs - 2) / seconds,
        "utilisation_percent": used.mean,
        "peak_mib": torch.cuda.max_memory_allocated() / 2**20,
        "val_f1": trainer.validate()["val_f1"],
    }


class _Utilisation:
    """GPU utilisation by nvidia-smi, sampled while the block runs."""

    def __enter__(self) -> _Utilisation:
        self.samples: list[float] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._sample)
        self.thread.start()
        return self

    def _sample(self) -> None:
        ask = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not self.stop.wait(0.2):
            found = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
            if found:
                self.samples.append(float(found.splitlines()[0]))

    def __exit__(self, *details: object) -> None:
        self.stop.set()
        self.thread.join()

    @property
    def mean(self) -> float:
        return sum(self.samples) / len(self.samples) if self.samples else float("nan")


if __name__ == "__main__":
    if not torch.cuda.is_available():
        sys.exit("skipped: no GPU here")
    with tempfile.TemporaryDirectory() as scratch:
        one = experiment(Path(scratch), int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
        figures = {"largest_logit_difference": same_results(one)}
        for precision in ("float32", "bf16"):
            for compiled in (False, True):
                figures[f"{precision}{' compiled' if compiled else ''}"] = train_speed(one, precision, compiled)
    save("gpu", figures)
