"""Which epoch of a network is kept, and which epoch answers the rows that chose it.

Rows that choose an epoch flatter it: their figures are the best of as many draws as there are epochs, the more so the
fewer they are (Cawley and Talbot, "On over-fitting in model selection", 2010). Few rows are therefore cut into parts,
and each part is answered by the epoch that the other parts chose. What is used in the end is the epoch that all chose.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from torch import Tensor, nn

from core.splits import folds

FEW = 200  # rows; more of them hardly flatter
PARTS = 4

Weights = dict[str, Tensor]
Model = TypeVar("Model", bound=nn.Module)


def worth(figures: Mapping[str, float], metric: str) -> float:
    """What an epoch is worth: the metric; where it is undefined, such as R² of one row, less loss is more."""
    value = figures[f"val_{metric}"]
    return -figures["val_loss"] if np.isnan(value) else value


def cut(targets: Sequence[Any], groups: Sequence[str | None], seed: int) -> list[list[int]]:
    """Positions of the parts of few judging rows, groups whole; none where rows are many, or too few to be cut."""
    distinct = len({i if g is None else g for i, g in enumerate(groups)})
    if len(targets) >= FEW or distinct < 2 * PARTS:
        return []
    return [part.tolist() for _, part in folds(targets, groups, PARTS, seed)]


@dataclass
class Best:
    """The best epoch to each judge: all rows, then all rows but those of each part. Epochs count from 1."""

    parts: Sequence[Sequence[int]]  # positions among the rows that judge
    worth: list[float]  # of each judge's best epoch
    epochs: list[int]
    weights: dict[int, Weights]  # of the epochs that are somebody's best

    @classmethod
    def start(cls, parts: Sequence[Sequence[int]], model: nn.Module) -> Self:
        """Nothing seen yet: the untrained model is the best one."""
        judges = 1 + len(parts)
        return cls(parts, [-np.inf] * judges, [0] * judges, {0: _copy(model)})

    def rest(self, rows: int) -> list[list[int]]:
        """Of each part the positions among so many rows that are not in it, which judge for it."""
        return [sorted(set(range(rows)) - set(part)) for part in self.parts]

    def see(self, epoch: int, worth: Sequence[float], model: nn.Module) -> None:
        """Keep the model's weights where a judge has seen none better."""
        better = [w > known for w, known in zip(worth, self.worth)]
        if not any(better):
            return
        self.worth = [w if b else known for w, b, known in zip(worth, better, self.worth)]
        self.epochs = [epoch if b else known for b, known in zip(better, self.epochs)]
        self.weights = {e: self.weights[e] for e in self.epochs if e != epoch} | {epoch: _copy(model)}

    def models(self, model: Model) -> list[Model]:
        """Of each judge the model with the weights of its best epoch: the first is ``model``.

        Judges of one epoch share one model, and all share what is not trained.
        """
        found = {self.epochs[0]: model}
        for epoch in self.epochs:
            if epoch not in found:
                frozen = {id(p): p for p in model.parameters() if not p.requires_grad}
                found[epoch] = copy.deepcopy(model, frozen)
        for epoch, one in found.items():
            one.load_state_dict(self.weights[epoch])
            one.eval()
        return [found[epoch] for epoch in self.epochs]


def _copy(model: nn.Module) -> Weights:
    return {k: v.detach().clone() for k, v in model.state_dict().items()}
