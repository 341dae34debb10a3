"""An app on a real server, and headless Chromium, the system's, to open it with; tests skip where there is none."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-renderer-backgrounding", "--disable-component-update",
    "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
needs_chromium = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium: apt-get install chromium")


@contextmanager
def served(app: str | Path, environment: Mapping[str, str], *options: str, cwd: Path = ROOT) -> Iterator[str]:
    """The address of an app that a server of its own shows, until the block ends."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.headless=true", f"--server.port={port}"]
    with subprocess.Popen([*command, *options], cwd=cwd, env=dict(os.environ) | dict(environment)) as server:
        try:
            _wait(f"http://localhost:{port}")
            yield f"http://localhost:{port}"
        finally:  # else a failed test waits for the server for ever
            server.terminate()


def _wait(url: str) -> None:
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
        except OSError:
            time.sleep(0.25)
        else:
            return
    raise AssertionError("the app did not start")


def listening(address: str) -> set[str]:
    """The network addresses on which the server of an app can be reached."""
    import psutil

    port = int(address.rpartition(":")[2])
    return {
        c.laddr.ip for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port
    }


@contextmanager
def chromium() -> Iterator[Any]:
    """The running browser."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as run:
        found = run.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


def at_rest(page: Any) -> Any:
    """The page, drawn to its end: until then a field may be drawn anew, and what is typed into the old one is lost."""
    page.locator("[data-test-script-state=notRunning]").wait_for()
    return page


def give(page: Any, files: Sequence[Path], field: Any) -> None:
    """Put files into an upload field of a page at rest: Streamlit loses what is sent as a new run of a page begins."""
    at_rest(page)
    field.set_input_files([str(f) for f in files])


@contextmanager
def visit(browser: Any, address: str, seconds: int = 120) -> Iterator[Any]:
    """A page of a user of its own, who sees nothing of others; it must show no traceback and ask no other machine."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(1000 * seconds)
    page.goto(address)
    yield page
    assert "Traceback" not in page.content()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    context.close()
