"""Who may import whom, and that importing does nothing."""

from __future__ import annotations

import ast
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(f for top in ("core", "domains", "apps") for f in (ROOT / top).rglob("*.py"))
HEAVY = ("torchaudio", "monai", "transformers", "SimpleITK", "highdicom", "av", "noisereduce", "streamlit", "lightgbm")


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _domain(name: str) -> str:
    return name.split(".")[1] if name.startswith("domains.") else ""


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_go_downwards(file: Path) -> None:
    place = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    ours = [n for n in _imported(ast.parse(file.read_text(encoding="utf-8"))) if n.split(".")[0] in ("domains", "apps")]
    if place.startswith("core"):
        assert not ours
    elif place.startswith("domains"):
        assert not [n for n in ours if n.startswith("apps")]
        assert {_domain(n) for n in ours} <= {_domain(place), ""}
    else:
        own = place.rsplit(".", 1)[0] if place.count(".") > 1 else place
        shared = ("apps.ui", "apps.cli") if place.startswith("apps.cli") else ("apps.ui",)
        foreign = [n for n in ours if n.startswith("apps.") and not n.startswith((own, *shared))]
        assert not foreign


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_files_define_and_do_nothing_on_import(file: Path) -> None:
    """At the top of a module: definitions, no call that is a statement of its own."""
    calls = [
        ast.unparse(node)
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assert not calls or file.name == "streamlit_app.py" or file.parent.name == "notebooks"


def test_importing_everything_loads_nothing_heavy_and_changes_nothing() -> None:
    names = sorted(
        m.name
        for m in pkgutil.walk_packages([str(ROOT / "core")], "core.")
        if not m.name.rpartition(".")[2].startswith("_") and m.name != "core.torchaudio_import"
    )
    script = f"""
import logging, os, socket, sys
import numpy, torch, accelerate, pandas, sklearn
before = (list(logging.root.handlers), logging.root.level, dict(os.environ),
          torch.get_default_dtype(), torch.get_num_threads(), torch.initial_seed())
loaded = set(sys.modules)
def refuse(*a, **k): raise AssertionError("network")
socket.socket.connect = refuse
import importlib
for name in {names!r}: importlib.import_module(name)
import apps.cli
after = (list(logging.root.handlers), logging.root.level, dict(os.environ),
         torch.get_default_dtype(), torch.get_num_threads(), torch.initial_seed())
print([i for i, (a, b) in enumerate(zip(before, after)) if a != b])
print(sorted(m for m in {HEAVY!r} if m in sys.modules and m not in loaded))
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
