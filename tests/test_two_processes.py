"""Training by torchrun on two processes gives what one process gives."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from small import config, table

CALM = {"epochs": 3, "modality_dropout": 0.0, "augment": False, "batch_size": 14}
SETTINGS = config(
    "image",
    "tabular",
    training=CALM,
    modalities=[
        {
            "name": "image",
            "kind": "image",
            "columns": ["image"],
            "views": [
                {"encoder": "mlp", "options": {"dropout": 0.0}, "backbone": "cnn", "preprocess": {"size": 16}},
            ],
        },
        {
            "name": "tabular",
            "kind": "tabular",
            "columns": ["number_0", "number_1", "category"],
            "views": [
                {
                    "encoder": "tabular",
                    "options": {"hidden": 16, "blocks": 1, "dropout": 0.0},
                    "preprocess": {"numbers": ["number_0", "number_1"], "categories": ["category"]},
                }
            ],
        },
    ],
    fusion_options={"dropout": 0.0},
    table={"id": "id"},
)


def _train(folder: Path, name: str, processes: int) -> Path:
    port = socket.socket()
    port.bind(("127.0.0.1", 0))
    launch = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--master_port"]
    command = [*launch, str(port.getsockname()[1]), "-m", "apps.cli"] if processes > 1 else ["-m", "apps.cli"]
    port.close()
    arguments = [
        "train",
        str(folder / "t" / "table.csv"),
        "--config",
        str(folder / "c.json"),
        "--out",
        str(folder / name),
    ]
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "POLYFUSE_CACHE": str(folder / f"cache-{name}"),
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, *command, *arguments, "--json"], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["rows"]["train"] > 0  # printed once, not by both
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    table(folder, "image", "tabular", cases=60, missing=0.2).parent.rename(folder / "t")
    (folder / "c.json").write_text(json.dumps(SETTINGS.to_json()))
    return folder


def test_two_processes_follow_the_curve_of_one(folder: Path) -> None:
    one, two = _train(folder, "one", 1), _train(folder, "two", 2)
    curves = []
    for place in (one, two):
        with (place / "logs" / "seed-0" / "curves.csv").open() as file:
            curves.append([{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)])
    assert len(curves[0]) == len(curves[1]) == 3
    for a, b in zip(*curves):
        for name, value in a.items():
            assert b[name] == pytest.approx(value, abs=2e-3), name
    facts = [json.loads((p / "bundle" / "bundle.json").read_text())["facts"] for p in (one, two)]
    for part in ("held_out", "test"):
        for name in ("cases", "accuracy", "f1", "neg_log_loss"):
            assert facts[0][part][name] == pytest.approx(facts[1][part][name], abs=5e-3)
    assert not list(two.rglob("*.new"))
