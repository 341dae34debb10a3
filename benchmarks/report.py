"""Where figures go, with the hardware that made them, and where the public data lies."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"


def public_data(part: str) -> Path:
    """A folder of the public data, or the end of this benchmark with a message."""
    folder = Path(os.environ.get("POLYFUSE_DATA", "")) / part
    if not os.environ.get("POLYFUSE_DATA") or not folder.is_dir():
        sys.exit(f"skipped: POLYFUSE_DATA does not name a folder with {part}/ (see the README)")
    return folder


def hardware() -> str:
    """The processor or GPU that this runs on."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{model}, {os.cpu_count()} cores"


def save(name: str, figures: Any) -> None:
    """Write and print the figures of one benchmark."""
    RESULTS.mkdir(exist_ok=True)
    content = {"hardware": hardware(), "torch": torch.__version__, "figures": figures}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps(content, indent=1))


@contextmanager
def timed(into: dict[str, float], name: str) -> Iterator[None]:
    """Put the seconds of a block into a dict."""
    start = time.perf_counter()
    yield
    into[name] = round(time.perf_counter() - start, 2)
