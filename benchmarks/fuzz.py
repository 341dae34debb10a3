"""Damaged files for every reader: each must be read or refused in words, in bounded time and memory.

Readers run in the worker of ``core.sandbox``. A batch whose worker dies or takes too long is run again one by one, so
that the input is known. Input ``i`` of a reader is the same in every run; counts are saved after each batch, and a run
goes on where the last one stopped.

    python -m benchmarks fuzz [share of the inputs] [readers …]
"""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.fuzzing.run import PLAN, run
from benchmarks.fuzzing.seeds import make_seeds
from benchmarks.report import RESULTS, save
from core.sandbox import Sandbox, SandboxError

BATCH, SECONDS, MEMORY = 50, 20.0, 2 << 30  # seconds and bytes of one input


def watch(sandbox: Sandbox, seeds: Path, name: str, first: int, count: int) -> dict:
    """A batch; where its worker dies, its inputs one by one."""
    try:
        return sandbox.call(run, seeds, name=name, first=first, count=count, limit=SECONDS * (3 if count > 1 else 1))
    except SandboxError as error:
        if count == 1:
            return {"ends": {"died": 1}, "slow": {}, "faults": {str(first): str(error).split(": ", 1)[1]}, "peak_mb": 0}
    parts = [watch(sandbox, seeds, name, number, 1) for number in range(first, first + count)]
    return {
        "ends": dict(sum((Counter(p["ends"]) for p in parts), Counter())),
        "slow": {k: v for p in parts for k, v in p["slow"].items()},
        "faults": {k: v for p in parts for k, v in p["faults"].items()},
        "peak_mb": max(p["peak_mb"] for p in parts),
    }


def main(share: float = 1.0, names: list[str] | None = None) -> None:
    file = RESULTS / "fuzz.json"
    known = json.loads(file.read_text())["figures"] if file.is_file() else {}
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    with tempfile.TemporaryDirectory() as scratch, Sandbox(SECONDS, MEMORY) as sandbox:
        make_seeds(seeds := Path(scratch) / "seeds", names or ())
        saved = 0.0
        for name in names or PLAN:
            start = {"inputs": 0, "ends": {}, "slow": {}, "faults": {}, "peak_mb": 0, "seconds": 0.0}
            found = known.setdefault(name, start)
            while found["inputs"] < round(PLAN[name][2] * share):
                begun = time.perf_counter()
                part = watch(sandbox, seeds, name, found["inputs"], BATCH)
                found["inputs"] += BATCH
                found["ends"] = dict(Counter(found["ends"]) + Counter(part["ends"]))
                found["slow"] |= part["slow"]
                found["faults"] |= part["faults"]
                found["peak_mb"] = max(found["peak_mb"], part["peak_mb"])
                found["seconds"] = round(found["seconds"] + time.perf_counter() - begun, 2)
                if time.monotonic() - saved > 5 or found["inputs"] >= round(PLAN[name][2] * share):
                    save_quietly(known)
                    saved = time.monotonic()
            print(
                name, found["inputs"], found["ends"], f"{found['peak_mb']} MB", f"{found['seconds']:.0f} s", flush=True
            )
            for number, fault in list(found["faults"].items())[:10]:
                print(f"   {number}: {fault}")


def save_quietly(known: dict) -> None:
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        save("fuzz", known)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0, sys.argv[2:])
