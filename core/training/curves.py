"""The curves of a run, an entry an epoch: a CSV for people and TensorBoard files for its viewer."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any


class Curves:
    """Writes ``curves.csv`` and TensorBoard files into a folder; without one, nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._board: Any = None

    def write(self, history: Sequence[Mapping[str, float]]) -> None:
        """Rewrite the CSV and add the last epoch to the TensorBoard file of this run."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "curves.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(history[0]))
            writer.writeheader()
            writer.writerows(history)
        if self._board is None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(self.folder), purge_step=len(history))
        for name, value in history[-1].items():
            self._board.add_scalar(name, value, len(history))
        self._board.flush()

    def __enter__(self) -> Curves:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._board is not None:
            self._board.close()
