"""What it costs to read an upload in a process of its own first: milliseconds a file, with and without."""

import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.fuzzing import seeds
from benchmarks.fuzzing.run import PLAN
from benchmarks.report import save
from core.sandbox import Sandbox

READERS = ("png", "wav", "mp4", "dicom", "dicom_zip", "nifti_gz", "captions", "csv", "oneroster")
REPEATS = 30


def _milliseconds(call) -> float:
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def measure(folder: Path, name: str, sandbox: Sandbox) -> dict:
    reader, path = PLAN[name][0], sorted((folder / name).iterdir())[0]
    with tempfile.TemporaryDirectory() as scratch:  # one that writes beside its file writes here
        copy = Path(scratch) / path.name
        copy.write_bytes(path.read_bytes())
        first = _milliseconds(lambda: sandbox.call(reader, copy))
        reader(copy)
        own = [_milliseconds(lambda: reader(copy)) for _ in range(REPEATS)]
        apart = [_milliseconds(lambda: sandbox.call(reader, copy)) for _ in range(REPEATS)]
    return {
        "bytes": path.stat().st_size,
        "here_ms": round(statistics.median(own), 2),
        "in_the_sandbox_ms": round(statistics.median(apart), 2),
        "first_time_ms": round(first, 1),
    }


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    with tempfile.TemporaryDirectory() as made, Sandbox(workers=1) as one:
        found = Path(made)
        for reader_name in READERS:
            (found / reader_name).mkdir()
            seeds.WRITERS[reader_name](found / reader_name)
        start_ms = _milliseconds(lambda: one.call(os.path.basename, Path("a")))
        save("sandbox", {"start_ms": round(start_ms, 1)} | {n: measure(found, n, one) for n in READERS})
