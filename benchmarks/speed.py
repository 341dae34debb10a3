"""Cost of the engine as ratios in one run: loop against plain torch, cached features, memory against table length."""

from __future__ import annotations

import csv
import dataclasses
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks.report import save
from core.cache import FeatureCache
from core.config import TableConfig, TargetConfig
from core.dataset import Batches, CaseDataset, Collate
from core.experiment import Experiment
from core.manifest import Manifest
from core.model import FusionModel
from core.predict import Predictor
from core.recipes import Columns, build_config
from core.samples import make_table
from core.schema import Modality
from core.training.fit import Job, Trainer

LENGTHS = (10_000, 100_000, 400_000)  # rows


def loop_ratio(folder: Path, epochs: int = 4) -> dict[str, float]:
    """Seconds of ``Trainer.fit_epoch`` over the same model, data and optimiser in a plain loop, best of ``epochs``."""
    table = make_table(folder / "loop", 600, ("image", "tabular"), effect="each")
    named = {
        "image": Columns(Modality.IMAGE, ("image",)),
        "tabular": Columns(Modality.TABULAR, ("number_0", "number_1"), ("number_0", "number_1")),
    }
    config = build_config(named, TargetConfig("label"), TableConfig("id"), "fast")
    config = dataclasses.replace(
        config,
        floor=False,
        training=dataclasses.replace(config.training, modality_dropout=0.0, unimodal_loss=0.0, label_smoothing=0.0),
    )
    experiment = Experiment(Manifest.open(table, config), config)
    rows, views = experiment.rows["train"], experiment.views

    def parts() -> tuple[FusionModel, CaseDataset]:
        torch.manual_seed(0)
        model = FusionModel(config, {n: v.signature for n, v in views.items()}, experiment.target.outputs)
        return model, CaseDataset(experiment.manifest, views, augment=True)

    model, data = parts()
    trainer = Trainer(model, experiment.target, config.training, Job(data, data, rows, rows[:1]))
    plain_model, plain_data = parts()
    batches, collate = Batches(rows, config.training.batch_size, shuffle=True), Collate(views, experiment.target)
    optimizer = torch.optim.AdamW(plain_model.parameters(), lr=1e-3)

    def plain_epoch(epoch: int) -> None:
        plain_model.train()
        batches.epoch = plain_data.epoch = epoch
        for batch in DataLoader(plain_data, batch_sampler=batches, collate_fn=collate):
            loss = torch.nn.functional.cross_entropy(plain_model(batch.inputs), batch.target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(plain_model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()

    times: dict[str, list[float]] = {"engine": [], "plain": []}
    for epoch in range(epochs + 1):
        for name, run in (("engine", trainer.fit_epoch), ("plain", plain_epoch)):
            start = time.process_time()
            run(epoch)
            times[name].append(time.process_time() - start)
    engine, plain = min(times["engine"][1:]), min(times["plain"][1:])  # the first epoch fills the caches
    return {"engine_s": engine, "plain_s": plain, "ratio": engine / plain}


def cache_ratio(folder: Path) -> dict[str, float]:
    """Seconds to make the features of a frozen VGG16 the first time over the second time."""
    from core.config import ViewConfig
    from core.view import View

    table = make_table(folder / "cache", 100, ("image",))
    named = {"image": Columns(Modality.IMAGE, ("image",))}
    config = build_config(named, TargetConfig("label"), TableConfig("id"), "fast")
    manifest = Manifest.open(table, config)
    cells = [manifest.row(i).values["image"] for i in range(len(manifest))]
    look = ViewConfig("mlp", {}, {"size": 64, "channels": 3}, "vgg16", {"pool": True})
    view = View("image", config.modalities[0], look, FeatureCache(folder / "features"))
    view.fit(cells)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        view.warm(cells, lambda n: None)
        seconds.append(time.perf_counter() - start)
    return {"first_s": seconds[0], "second_s": seconds[1], "ratio": seconds[0] / seconds[1]}


def _train_and_predict(path: Path, results: object) -> None:
    """In a process of its own: its peak memory is that of this table."""
    numbers = tuple(f"n{i}" for i in range(20))
    named = {"row": Columns(Modality.TABULAR, numbers, numbers), "note": Columns(Modality.TEXT, ("note",))}
    config = build_config(named, TargetConfig("label"), preset="fast")
    config = dataclasses.replace(
        config, floor=False, training=dataclasses.replace(config.training, epochs=1, batch_size=256)
    )
    manifest = Manifest.open(path, config)
    bundle = Experiment(manifest, config).combine()
    for _ in Predictor(bundle).predict_table(manifest.select(range(2000))):
        pass
    results.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # type: ignore[attr-defined]


def memory(folder: Path) -> dict[str, float]:
    """Peak MiB of training an epoch and predicting, for three lengths of table."""
    found = {}
    words = np.array(["red", "green", "blue", "one", "two", "three", "house", "tree", "river", "stone"])
    for rows in LENGTHS:
        rng, path = np.random.default_rng(0), folder / f"{rows}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*(f"n{i}" for i in range(20)), "note", "label"])
            for _ in range(rows):
                label = rng.integers(2)
                note = " ".join(rng.choice(words, 12))
                writer.writerow([*np.round(rng.normal(label, 1, 20), 3), note, "ab"[label]])
        context = multiprocessing.get_context("spawn")
        results = context.Queue()
        process = context.Process(target=_train_and_predict, args=(path, results))
        process.start()
        found[f"peak_mib_{rows}_rows"] = results.get()
        found[f"table_mib_{rows}_rows"] = path.stat().st_size / 2**20
        process.join()
    shorter, longest = (found[f"peak_mib_{rows}_rows"] for rows in LENGTHS[1:])
    return found | {"ratio": longest / shorter}


if __name__ == "__main__":
    torch.set_num_threads(1)
    parts = {"loop": loop_ratio, "cache": cache_ratio, "memory": memory}
    wanted = sys.argv[1:] or list(parts)
    with tempfile.TemporaryDirectory() as scratch:
        figures = {name: parts[name](Path(scratch)) for name in wanted}
    save("speed" if len(wanted) == len(parts) else f"speed_{wanted[0]}", figures)
