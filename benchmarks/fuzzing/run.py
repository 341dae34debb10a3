"""One batch of damaged files: how each reader ends on them. Runs in the worker that ``benchmarks.fuzz`` watches."""

import contextlib
import random
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.fuzzing import change, readers
from core.errors import PolyfuseError

SLOW = 2.0  # seconds of the processor; what takes longer is counted and listed
Change = Callable[[random.Random, bytes, bytes], bytes]
PLAN: dict[str, tuple[Callable[[Path], object], Change, int]] = {  # reader, damage, inputs
    "dicom": (readers.scan, change.change_bytes, 5000),
    "dicom_zip": (readers.scan, change.change_zip, 2000),
    "nifti": (readers.scan, change.change_bytes, 6000),
    "nifti_gz": (readers.scan, change.change_gzip, 4000),
    "mha_nrrd": (readers.scan, change.change_bytes, 6000),
    "png": (readers.image, change.change_png, 8000),
    "jpeg": (readers.image, change.change_bytes, 8000),
    "wav": (readers.sound, change.change_bytes, 6000),
    "flac": (readers.sound, change.change_bytes, 5000),
    "ogg": (readers.sound, change.change_bytes, 5000),
    "mp3": (readers.sound, change.change_bytes, 5000),
    "mp4": (readers.video, change.change_bytes, 3000),
    "webm": (readers.video, change.change_bytes, 2500),
    "captions": (readers.captions, change.change_text, 8000),
    "csv": (readers.table, change.change_text, 3000),
    "csv_gz": (readers.table, change.change_gzip, 2000),
    "parquet": (readers.table, change.change_bytes, 5000),
    "xapi": (readers.records, change.change_text, 3000),
    "records": (readers.records, change.change_text, 3000),
    "oneroster": (readers.records, change.change_zip, 3000),
    "answers": (readers.answers, change.change_text, 4000),
    "routing": (readers.routing, change.change_text, 5000),
    "knowledge": (readers.knowledge, change.change_text, 8000),
    "config": (readers.config, change.change_text, 6000),
    "bundle": (readers.bundle, change.change_bytes, 2000),
}


def damaged(seeds: Path, name: str, number: int, into: Path) -> Path:
    """Write input ``number`` of a reader into a folder; the file, or the bundle's folder."""
    rng, how = random.Random(f"{name} {number}"), PLAN[name][1]
    if name == "bundle":
        return readers.damage_bundle(rng, seeds / name, into)
    files = sorted((seeds / name).iterdir())
    seed, other = rng.choice(files), rng.choice(files)
    path = into / f"input{''.join(seed.suffixes)}"
    path.write_bytes(how(rng, seed.read_bytes(), other.read_bytes()))
    return path


def run(seeds: Path, name: str, first: int, count: int) -> dict:
    """In a worker: read so many damaged inputs; how each ended, the slow ones, and the faults with their place."""
    ends, slow, faults = Counter(), {}, {}
    _read_sound(seeds, name)
    _forget_peak()
    for number in range(first, first + count):
        with tempfile.TemporaryDirectory() as scratch:
            path, start = damaged(seeds, name, number, Path(scratch)), time.process_time()
            try:
                PLAN[name][0](path)
                ends["read"] += 1
            except PolyfuseError as error:
                ends["refused" if str(error) else "without a word"] += 1
            except Exception as error:
                ends["failed"] += 1
                last = [f for f in traceback.extract_tb(error.__traceback__) if "/fuzzing/" not in f.filename]
                where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(last[-7:]))
                faults[str(number)] = f"{type(error).__name__} {where}"
            if (taken := time.process_time() - start) > SLOW:
                slow[str(number)] = round(taken, 1)
    return {"ends": dict(ends), "slow": slow, "faults": faults, "peak_mb": _peak()}


def _read_sound(seeds: Path, name: str) -> None:
    """One sound file first: it must be read, and it imports the reader's libraries before anything is timed."""
    with tempfile.TemporaryDirectory() as scratch:
        seed = seeds / name if name == "bundle" else sorted((seeds / name).iterdir())[0]
        path = Path(shutil.copytree(seed, Path(scratch) / "b") if name == "bundle" else shutil.copy(seed, scratch))
        PLAN[name][0](path)


def _forget_peak() -> None:
    with contextlib.suppress(OSError):  # Linux alone
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Most memory held since then, in MB, libraries and all."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
