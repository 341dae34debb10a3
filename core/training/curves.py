"""The curves of a run, an entry an epoch: a CSV for people and TensorBoard files for its viewer."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_curves(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Rewrite ``curves.csv`` and add the last epoch to the TensorBoard files."""
    from torch.utils.tensorboard import SummaryWriter

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "curves.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
    with SummaryWriter(str(folder), purge_step=len(history)) as board:
        for name, value in history[-1].items():
            board.add_scalar(name, value, len(history))
