"""A prepared sample with its model: made once a test run, and copied for each module, so that none sees another's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from filelock import FileLock

Prepare = Callable[[Path], dict[str, str]]


@contextmanager
def prepared(prepare: Prepare, factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that the app needs to open a copy of what ``prepare`` makes; it is set, and goes again."""
    with mock.patch.dict(os.environ):
        yield _copied(prepare, factory)


def _copied(prepare: Prepare, factory: pytest.TempPathFactory) -> dict[str, str]:
    place = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()
    made, own = place / f"made-{prepare.__module__}", factory.mktemp("own") / "sample"
    names = made.with_suffix(".env")
    with FileLock(made.with_suffix(".lock")):
        if not names.exists():
            made.mkdir()
            names.write_text("\n".join(f"{k}={v}" for k, v in prepare(made).items()), encoding="utf-8")
    shutil.copytree(made, own)
    lines = names.read_text(encoding="utf-8").replace(str(made), str(own)).splitlines()
    environment = dict(line.split("=", 1) for line in lines)
    os.environ.update(environment)
    return environment
