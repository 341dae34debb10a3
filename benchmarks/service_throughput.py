"""Turns per second of ``polyfuse predict`` over generated tables, and the most memory it took, by number of turns.

``python -m benchmarks service_throughput 1000 10000 100000``: the sizes; add 1000000 where there is the time. The
model is that of the preset ``fast`` (words and behaviour); ``default`` as the first argument adds the frozen sentence
encoder, whose speed is then what counts. Turns are new sentences, so nothing is known already.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report import save
from domains.customer_service import IntentDetector, recipe

SIZES = (1_000, 10_000, 100_000)
INTENTS = {
    "lost_card": ("my card is lost", "someone stole my card", "please block the card"),
    "top_up": ("add money to the account", "how do I top up", "the top up did not arrive"),
    "change_pin": ("I want a new pin code", "change the code of my card", "pin does not work"),
    "refund": ("when is my money back", "refund for the order", "I sent the parcel back"),
}
FILLERS = ("please", "today", "again", "thanks", "quickly", "as I said", "from my phone", "since monday", "in the app")
# Runs one command and tells its seconds and its largest resident set in KiB
MEASURE = (
    "import json, resource, subprocess, sys, time; s = time.perf_counter(); subprocess.run(sys.argv[1:], check=True);"
    "u = resource.getrusage(resource.RUSAGE_CHILDREN);"
    "print(json.dumps([time.perf_counter() - s, u.ru_utime + u.ru_stime, u.ru_maxrss]))"
)


def turns(count: int, seed: int = 0, part: int = 20_000) -> Iterator[pd.DataFrame]:
    """Generated turns, a part at a time."""
    names = list(INTENTS)
    for start in range(0, count, part):
        rng = np.random.default_rng((seed, start))
        size = min(part, count - start)
        kind, form = rng.integers(len(names), size=size), rng.integers(3, size=size)
        words = rng.choice(FILLERS, (size, 3))
        said = (f"{INTENTS[names[k]][f]} {' '.join(w)}" for k, f, w in zip(kind, form, words))
        yield pd.DataFrame({
            "turn_id": [f"turn-{start + i}" for i in range(size)],
            "text": [f"{text} {start + i}" for i, text in enumerate(said)],
            "waiting_seconds": rng.integers(0, 900, size) // (1 + kind),
            "channel": rng.choice(["web", "phone", "app"], size),
            "intent": [names[k] for k in kind],
        })  # fmt: skip


def write(path: Path, count: int) -> Path:
    for i, part in enumerate(turns(count)):
        part.to_csv(path, mode="a", header=i == 0, index=False)
    return path


def measured(bundle: Path, table: Path, count: int) -> dict[str, Any]:
    """One run of the command in a process of its own."""
    out = table.with_suffix(".jsonl")
    command = [sys.executable, "-m", "apps.cli", "predict", str(bundle), str(table), "--out", str(out)]
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, *command], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    wall, used, memory = json.loads(ran[-1])
    with out.open("rb") as file:
        assert sum(1 for _ in file) == count
    out.unlink()
    return {
        "turns": count,
        "seconds": round(wall, 1),
        "processor seconds": round(used, 1),
        "turns per second": round(count / wall, 1),
        "turns per processor second": round(count / used, 1),
        "largest memory, MiB": round(memory / 1024),
    }


def main() -> None:
    """Train once, then answer tables of every size."""
    preset = sys.argv[1] if sys.argv[1:2] in (["fast"], ["default"]) else "fast"
    sizes = [int(a) for a in sys.argv[1:] if a.isdigit()] or list(SIZES)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        table = next(turns(800, seed=1))
        config = recipe.build(list(table.columns), target="intent", preset=preset)
        training = dataclasses.replace(config.training, epochs=3)
        config = dataclasses.replace(config, folds=1, floor=False, stack=False, training=training)
        IntentDetector(config=config).fit(table).save(folder / "bundle")
        found = []
        for size in sizes:
            found.append(measured(folder / "bundle", write(folder / f"turns-{size}.csv", size), size))
            print(found[-1], flush=True)
    save(f"service_throughput_{preset}", found)


if __name__ == "__main__":
    main()
