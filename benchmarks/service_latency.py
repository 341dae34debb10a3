"""One turn, by stage: text alone, five seconds of speech with text and behaviour, a reply from 10,000 answers.

Wall time and the processor time of all threads, p50 and p95, on a model of the default recipe that was trained
for one epoch on a few sample turns: its size counts here, not what it learned. Then 1, 4 and 16 sessions at once.
Goals: without recognition 150 ms (p95), with text only 40 ms, a reply 50 ms. The load of the machine stands beside.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import torch

from benchmarks.report import save
from core.dataset import Sample, prepare_row
from core.predict import as_row
from core.retrieval import TextIndex
from domains.customer_service import IntentDetector, recipe

REPEATS, TURNS, ANSWERS = 40, 60, 10_000
SAMPLES = Path(__file__).parents[1] / "sample_data" / "customer_service"
TEXT = "hello, my parcel should have come on monday and I am still waiting, can you tell me where it is"
BEHAVIOUR = {"waiting_seconds": 80, "earlier_contacts": 2, "pages_seen": 4, "channel": "phone", "product": "fibre"}


def detector(folder: Path) -> IntentDetector:
    """The default recipe after one epoch, saved and opened again."""
    table = pd.read_csv(SAMPLES / "manifest.csv", dtype=str, keep_default_na=False)
    table = table[(table["audio"] != "") & (table["text"] + table["recognised"] != "")].head(TURNS)
    table = table[table.groupby("intent")["intent"].transform("size") > 1].drop(columns=["split", "group", "speaker"])
    config = recipe.build(list(table.columns), target="intent", modalities=("speech", "text", "behaviour"))
    training = dataclasses.replace(config.training, epochs=1)
    config = dataclasses.replace(config, floor=False, stack=False, folds=1, training=training)
    IntentDetector(config=config).fit(table, root=SAMPLES).save(folder / "bundle")
    return IntentDetector.load(folder / "bundle")


def speech(file: Path, seconds: float = 5.0, rate: int = 16000) -> Path:
    """Sound with the rhythm and the tone of speech; no recording of anybody."""
    t = np.arange(int(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * 120 * k * t + k) / k for k in range(1, 20))
    rng = np.random.default_rng(int(time.time_ns() % 2**32))  # new content each time, so that nothing is known already
    soundfile.write(file, 0.1 * voice * (1 + np.sin(2 * np.pi * 4 * t)) + 0.005 * rng.normal(size=len(t)), rate)
    return file


def measured(run: Callable[[int], Any], repeats: int = REPEATS) -> dict[str, float]:
    """Milliseconds: p50 and p95 of wall time, and of processor time of all threads."""
    times = []
    for i in range(-3, repeats):  # three to warm up
        wall, used = time.perf_counter(), time.process_time()
        run(i)
        times.append((time.perf_counter() - wall, time.process_time() - used))
    return quantiles(np.array(times[3:]))


def quantiles(times: np.ndarray) -> dict[str, float]:
    names = ("wall p50", "wall p95", "processor p50", "processor p95")
    found = [float(np.quantile(times[:, c], q)) * 1000 for c in (0, 1) for q in (0.5, 0.95)]
    return {n: round(v, 1) for n, v in zip(names, found)}


def stages(model: IntentDetector, folder: Path) -> dict[str, dict[str, float]]:
    """Each view by itself, then encoding and fusing."""
    predictor, found = model.predictor, dict[str, dict[str, float]]()
    case = {"speech": speech(folder / "stage.wav"), "text": TEXT, "behaviour": BEHAVIOUR}
    row = as_row(case, predictor.bundle.config.modalities)
    for name, view in predictor.bundle.views.items():
        cell = row.values[view.modality.name]

        def prepare(i: int, view: Any = view, cell: Any = cell) -> None:
            view.cache.clear()
            view.finish(view.prepare(cell))

        found[f"view {name} ({view.config.backbone or view.config.encoder})"] = measured(prepare)
    views = predictor.bundle.views
    sample = {n: views[n].finish(p) for n, p in prepare_row(row, views).items()}
    batch = predictor.collate([Sample("turn", 0, sample, None)])
    network = predictor.ensemble.experts[0].model  # type: ignore[attr-defined]
    with torch.inference_mode():
        found["encode"] = measured(lambda i: network.encode(batch.inputs))
        encoded = network.encode(batch.inputs)
        found["fuse"] = measured(lambda i: network.fuse(encoded))
    return found


def turns(model: IntentDetector, folder: Path) -> dict[str, dict[str, float]]:
    """Whole answers; every text and every recording is new to the model."""
    files, others = ([speech(folder / f"{kind}-{i}.wav") for i in range(REPEATS + 3)] for kind in ("turn", "fused"))
    detect = model.detect
    return {
        "text only": measured(lambda i: detect(text=f"{TEXT} {i}")),
        "text and behaviour": measured(lambda i: detect(text=f"{TEXT} again {i}", behaviour=BEHAVIOUR)),
        "5 s of speech": measured(lambda i: detect(audio=files[i])),
        "speech, text and behaviour": measured(
            lambda i: detect(audio=others[i], text=f"{TEXT} and {i}", behaviour=BEHAVIOUR)
        ),
    }


def sessions(model: IntentDetector, count: int, each: int = 12) -> dict[str, float]:
    """Text-only turns of so many sessions at once, one after another in each session."""

    def session(number: int) -> list[float]:
        times = []
        for i in range(each):
            start = time.perf_counter()
            model.detect(text=f"{TEXT} {number} {i}", explain=False)
            times.append(time.perf_counter() - start)
        return times

    start = time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        times = [t for part in pool.map(session, range(count)) for t in part]
    rate = count * each / (time.perf_counter() - start)
    p50, p95 = (round(float(np.quantile(times, q)) * 1000, 1) for q in (0.5, 0.95))
    return {"wall p50": p50, "wall p95": p95, "turns per second": round(rate, 1)}


def replies() -> dict[str, float]:
    """Ten of 10,000 generated answers by words and meaning, the question embedded each time."""
    things = ("order", "card", "router", "bill", "contract", "parcel", "refund", "login", "phone", "tariff")
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(things), (ANSWERS, 3))
    texts = [f"The {things[a]} of your {things[b]} {i} goes with the {things[c]}." for i, (a, b, c) in enumerate(picks)]
    vectors = rng.normal(size=(ANSWERS, 384)).astype(np.float32)  # their place does not matter to the time
    index = TextIndex(texts, vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return measured(lambda i: index.search(f"{TEXT} {i}", 10))


def main() -> None:
    """Measure all on two threads."""
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = detector(folder)
        found = {"turns": turns(model, folder), "stages": stages(model, folder), "reply": replies()}
        found["sessions, text only"] = {str(n): sessions(model, n) for n in (1, 4, 16)}
    save("service_latency", {"milliseconds": found, "repeats": REPEATS, "threads": 2, "load": os.getloadavg()})


if __name__ == "__main__":
    main()
