"""One config on GPU and CPU: equal results within tolerance, cases a second, utilisation and memory, bf16 and compile.

    python -m benchmarks gpu [CASES]

same     one model's logits on both devices, and the curve of one run of training on both (no dropout, no tf32)
small    the preset ``fast`` over image, volume, text, sound and a table
large    VGG16, a 3D ResNet-18 and a Transformer trained from scratch on the same cases
frozen   features of a VGG16 that is not trained, as a first run computes them

Without a GPU it says so and measures nothing. CPU figures are of the same machine, all its cores, in a process of its
own. Data are generated.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.report import save
from core.cache import FeatureCache
from core.config import TableConfig, TargetConfig, ViewConfig
from core.dataset import CaseDataset, Collate
from core.experiment import Experiment
from core.manifest import Manifest
from core.model import FusionModel
from core.processes import processes
from core.recipes import Columns, build_config
from core.samples import make_table
from core.schema import Modality
from core.training.fit import Job, Trainer

KINDS = ("image", "volume", "text", "audio", "tabular")
LARGE = {
    "image": ViewConfig("vgg16", {"pool": True, "batch_norm": True}, {"size": 128}),
    "volume": ViewConfig("monai_net", {"architecture": "resnet18"}, {"size": [32, 64, 64], "spacing": None}),
    "text": ViewConfig("transformer", {"layers": 4}, {"tokens": "words"}),
}
CURVE = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
ROWS_ON_CPU = {"small": 448, "large": 64}  # of an epoch: enough to see its speed


def experiment(folder: Path, cases: int, size: str) -> Experiment:
    """A generated table of five modalities, as networks to be trained from scratch without chance in them."""
    table = folder / "data" / "table.csv"
    if not table.is_file():
        make_table(folder / "data", cases, KINDS, effect="each", noise=0.2)
    named = {k: Columns(Modality(k), (k,)) for k in KINDS[:-1]}
    named["tabular"] = Columns(Modality.TABULAR, ("number_0", "number_1"), ("number_0", "number_1"))
    config = build_config(named, TargetConfig("label"), TableConfig("id"), "fast")
    modalities = [dataclasses.replace(m, views=tuple(_without_dropout(v) for v in m.views)) for m in config.modalities]
    if size == "large":
        modalities = [dataclasses.replace(m, views=(LARGE[m.name],)) if m.name in LARGE else m for m in modalities]
    training = dataclasses.replace(
        config.training, augment=False, modality_dropout=0.0, batch_size=64, learning_rate=5e-4, patience=0
    )
    config = dataclasses.replace(config, modalities=tuple(modalities), floor=False, training=training)
    return Experiment(Manifest.open(table, config), config)


def _without_dropout(view: ViewConfig) -> ViewConfig:
    return dataclasses.replace(view, options=view.options | {"dropout": 0.0})


def model_of(one: Experiment) -> FusionModel:
    torch.manual_seed(0)
    return FusionModel(one.config, {n: one.views[n].signature for n in one.places}, one.target.outputs)


def trainer(one: Experiment, data: CaseDataset, rows: Sequence[int], **options: Any) -> Trainer:
    training = dataclasses.replace(one.config.training, **options)
    return Trainer(model_of(one), one.target, training, Job(data, data, rows, one.rows["val"]))


def logits(one: Experiment) -> list[list[float]]:
    """Of 32 cases by a fresh model, on this process's device."""
    data, collate = CaseDataset(one.manifest, one.views), Collate(one.views, one.target)
    batch, device = collate([data[i] for i in range(32)]), processes().device
    model = model_of(one).eval().to(device)
    with torch.inference_mode():
        return model(batch.to(device).inputs).float().cpu().tolist()


def curve(one: Experiment, epochs: int = 6) -> list[list[float]]:
    """An epoch a row, columns as in ``CURVE``."""
    run = trainer(one, CaseDataset(one.manifest, one.views), one.rows["train"], epochs=epochs)
    found = [run.fit_epoch(e) | run.validate(e) for e in range(epochs)]
    return [[epoch[k] for k in CURVE] for epoch in found]


def train_speed(one: Experiment, data: CaseDataset, rows: int, epochs: int, **options: Any) -> dict[str, float]:
    """Cases a second after a first epoch, how long that took, mean GPU utilisation and peak memory.

    ``rows``: how many of the training rows an epoch has.
    """
    run, on_gpu = trainer(one, data, one.rows["train"][:rows], **options), torch.cuda.is_available()
    start = time.perf_counter()
    run.fit_epoch(0)  # reads the cases and compiles
    found = {"rows": rows, "first_epoch_s": time.perf_counter() - start}
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    with _Utilisation() as used:
        start = time.perf_counter()
        for epoch in range(1, 1 + epochs):
            run.fit_epoch(epoch)  # ends with figures on the CPU: the device has finished
        seconds = time.perf_counter() - start
    found["cases_per_s"] = rows * epochs / seconds
    if on_gpu:
        found |= {"utilisation_percent": used.mean, "peak_mib": torch.cuda.max_memory_allocated() / 2**20}
    return found


def frozen(folder: Path, cases: int = 400) -> dict[str, float]:
    """Pictures a second through a frozen VGG16 on this process's device, reading and keeping them included."""
    named = {"image": Columns(Modality.IMAGE, ("image",))}
    config = build_config(named, TargetConfig("label"), TableConfig("id"), "fast")
    view = ViewConfig("mlp", {}, {"size": 224, "channels": 3, "intensity": "imagenet"}, "vgg16", {"pool": True})
    modality = dataclasses.replace(config.modalities[0], views=(view,))
    config = dataclasses.replace(config, modalities=(modality,), floor=False)
    own = folder / f"frozen on {processes().device.type}"
    manifest = Manifest.open(make_table(own / "data", cases, ("image",), effect="each"), config)
    start = time.perf_counter()
    Experiment(manifest, config, cache=FeatureCache(own / "cache"))
    return {"cases_per_s": cases / (time.perf_counter() - start)}


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
        while torch.cuda.is_available() and not self.stop.wait(0.2):
            found = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
            if found:
                self.samples.append(float(found.splitlines()[0]))

    def __exit__(self, *details: object) -> None:
        self.stop.set()
        self.thread.join()

    @property
    def mean(self) -> float:
        return sum(self.samples) / len(self.samples) if self.samples else float("nan")


def on_this_device(folder: Path, cases: int, part: str) -> dict[str, Any]:
    """One part on the device of this process: "plain", or a precision whose networks are compiled."""
    gpu, found = torch.cuda.is_available(), {}
    if part == "plain":
        torch.backends.cudnn.allow_tf32 = False
        one = experiment(folder, cases, "small")
        found |= {"logits": logits(one), "curve": curve(one)}
        torch.backends.cudnn.allow_tf32 = True  # torch's default
        found["frozen"] = frozen(folder)
    ways = [("large", part)]  # networks and precisions
    if part == "plain":
        ways = [(size, precision) for size in ROWS_ON_CPU for precision in ("float32", "bf16")[: 1 + gpu]]
    for size, precision in ways:
        one = experiment(folder, cases, size)
        data = CaseDataset(one.manifest, one.views)
        rows, epochs = (640, 6) if gpu else (ROWS_ON_CPU[size], 1)
        speed = train_speed(one, data, rows, epochs, precision=precision, compile=part != "plain")
        found[f"{size} {precision}"] = speed
    return found


def main(cases: int) -> None:
    """Each device and way in a process of its own; figures are saved as they come."""
    with tempfile.TemporaryDirectory() as scratch:
        experiment(Path(scratch), cases, "small")  # writes the table

        def measured(part: str, *, gpu: bool) -> dict[str, Any]:
            own = os.environ | ({} if gpu else {"CUDA_VISIBLE_DEVICES": ""})
            command = [sys.executable, "-m", "benchmarks.gpu", str(cases), scratch, part]
            return json.loads(subprocess.run(command, env=own, stdout=subprocess.PIPE, check=True).stdout)

        gpu = measured("plain", gpu=True)
        drawn, curves = [torch.tensor(gpu.pop("logits"))], [torch.tensor(gpu.pop("curve"))]
        figures: dict[str, Any] = {"cases": cases, "processors": os.cpu_count(), "gpu": gpu}
        save("gpu", figures)
        cpu = measured("plain", gpu=False)
        drawn.append(torch.tensor(cpu.pop("logits")))
        curves.append(torch.tensor(cpu.pop("curve")))
        apart = dict(zip(CURVE, (curves[0] - curves[1]).abs().amax(dim=0).tolist()))
        apart["logit"] = float((drawn[0] - drawn[1]).abs().max())
        curve_of = {"columns": CURVE, "gpu": curves[0].tolist(), "cpu": curves[1].tolist()}
        figures |= {"largest_difference": apart, "curves": curve_of, "cpu": cpu}
        save("gpu", figures)
        for precision in ("float32", "bf16"):
            figures["gpu"] |= {f"{k} compiled": v for k, v in measured(precision, gpu=True).items()}
            save("gpu", figures)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(on_this_device(Path(sys.argv[2]), int(sys.argv[1]), sys.argv[3])))
    elif not torch.cuda.is_available():
        sys.exit("skipped: no GPU here")
    else:
        main(int((sys.argv[1:] or ["1000"])[0]))
