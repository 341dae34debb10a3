"""From ``streamlit run`` to the first page drawn in a headless Chromium: the very first time, when the sample model is
trained, and again with that model there.

    python -m benchmarks.app_start medical        # or education, customer_service; needs the extra test and Chromium
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.report import save

ROOT = Path(__file__).parents[1]
REPEATS = 5


def seconds(app: str, home: str, browser: Any) -> dict[str, float]:
    """Seconds until the server answers, and until the first page stands still, both from the command on."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", f"apps/{app}", "--server.headless=true"]
    environment = dict(os.environ) | {"POLYFUSE_HOME": home, "POLYFUSE_CACHE": f"{home}/cache"}
    start = time.perf_counter()
    with subprocess.Popen([*command, f"--server.port={port}"], cwd=ROOT, env=environment) as server:
        try:
            answers = _wait(f"http://localhost:{port}/_stcore/health", start)
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.set_default_timeout(1_800_000)
            page.goto(f"http://localhost:{port}")
            page.locator("h1, h2").first.wait_for()
            page.locator("[data-test-script-state=notRunning]").wait_for()
            drawn = time.perf_counter() - start
            page.close()
        finally:
            server.terminate()
    return {"server answers": answers, "first page drawn": drawn}


def _wait(address: str, start: float) -> float:
    while True:
        try:
            urllib.request.urlopen(address, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return time.perf_counter() - start


def measure(app: str) -> dict[str, Any]:
    """The first start of all, and the median and the longest of the next ones."""
    with tempfile.TemporaryDirectory() as home, sync_playwright() as run:
        browser = run.chromium.launch(executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"])
        first = seconds(app, home, browser)
        again = [seconds(app, home, browser) for _ in range(REPEATS)]
        browser.close()
    later = {name: [one[name] for one in again] for name in first}
    figures = {name: {"p50": float(np.median(found)), "longest": max(found)} for name, found in later.items()}
    return {"first, trains the sample model": first, "again": figures, "repeats": REPEATS}


if __name__ == "__main__":
    for app in sys.argv[1:] or ["medical"]:
        if not (ROOT / "apps" / app / "streamlit_app.py").is_file():
            sys.exit(f"no app {app!r}; there are medical, education, customer_service")
        save(f"app_start_{app}", measure(app))
