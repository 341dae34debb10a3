"""From ``streamlit run`` to the first page drawn in a headless Chromium: the very first time, when the sample model is
trained, and again with that model there.

    python -m benchmarks.app_start medical        # or education, customer_service; needs the extra test and Chromium
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import save
from tests.browser import at_rest, chromium, served

APPS = Path(__file__).parents[1] / "apps"
REPEATS = 5


def seconds(app: str, home: str, browser: Any) -> float:
    """Seconds from the command until the first page stands still."""
    start = time.perf_counter()
    with served(f"apps/{app}", {"POLYFUSE_HOME": home, "POLYFUSE_CACHE": f"{home}/cache"}) as address:
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.set_default_timeout(1_800_000)
        page.goto(address)
        page.locator("h1, h2").first.wait_for()
        at_rest(page)
        drawn = time.perf_counter() - start
        page.close()
    return round(drawn, 2)


def measure(app: str) -> dict[str, Any]:
    """The first start of all, and the median and the longest of the next ones."""
    with tempfile.TemporaryDirectory() as home, chromium() as browser:
        first = seconds(app, home, browser)
        again = [seconds(app, home, browser) for _ in range(REPEATS)]
    return {"first, trains the sample model": first, "again": {"p50": float(np.median(again)), "longest": max(again)}}


if __name__ == "__main__":
    for app in sys.argv[1:] or ["medical"]:
        if not (APPS / app / "streamlit_app.py").is_file():
            sys.exit(f"no app {app!r}; there are medical, education, customer_service")
        save(f"app_start_{app}", measure(app))
