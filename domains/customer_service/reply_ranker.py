"""The learned order of answers: boosted trees that rank (LambdaMART by LightGBM, Burges 2010), or stated weights.

The model file is plain text. Where too few answered turns are there to learn from, fixed weights take its place, and
``about`` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from core.floor.trees_file import read_trees
from domains.customer_service.answers import FEATURES

FEWEST = 40  # turns to learn an order from
FIXED = {
    "asked_words": 2.0, "asked_meaning": 4.0, "says_words": 1.0, "says_meaning": 2.0, "intent": 2.0, "last_line": 0.2,
    "action": 0.2, "behaviour": 0.05, "habit": 0.0, "said_already": -1.5, "rejected": -1.0, "used": 0.1,
}  # fmt: skip
_PARAMETERS: dict[str, Any] = {
    "objective": "lambdarank", "learning_rate": 0.06, "num_leaves": 15, "min_data_in_leaf": 30, "lambda_l2": 1.0,
    "lambdarank_truncation_level": 5, "feature_fraction": 0.8, "bagging_fraction": 0.8, "bagging_freq": 1,
    "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbose": -1,
    "monotone_constraints": [-1 if name == "rejected" else 0 for name in FEATURES],
}  # fmt: skip
ROUNDS = 120


class Ranker:
    """Scores answers by their features; see ``domains.customer_service.answers.FEATURES``."""

    def __init__(self, booster: Any = None, turns: int = 0) -> None:
        self.booster, self.turns = booster, turns

    @property
    def about(self) -> str:
        """What decides the order, in words."""
        if self.booster is not None:
            return f"learned from {self.turns} answered turns"
        return f"fixed weights: {self.turns} answered turns are too few to learn from, {FEWEST} are needed"

    @classmethod
    def fit(cls, groups: Sequence[tuple[np.ndarray, np.ndarray]], seed: int = 0) -> Ranker:
        """Learn from turns: features (N, F) of the answers of each, and how right each answer is (N,), 0 to 2."""
        useful = [(x, y) for x, y in groups if y.max(initial=0) > 0]
        if len(useful) < FEWEST:
            return cls(None, len(useful))
        import lightgbm as lgb

        data = lgb.Dataset(
            np.concatenate([x for x, _ in useful]), np.concatenate([y for _, y in useful]),
            group=[len(y) for _, y in useful], feature_name=list(FEATURES),
        )  # fmt: skip
        return cls(lgb.train(_PARAMETERS | {"seed": seed}, data, ROUNDS), len(useful))

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(N, F) to scores (N,) in (0, 1): an order, not a probability."""
        if self.booster is not None:
            return expit(np.asarray(self.booster.predict(features, num_threads=1)))
        weights = np.array([FIXED.get(name, 0.0) for name in FEATURES])
        return expit(features @ weights - 3.0)

    def save(self, folder: Path) -> None:
        """Write ``ranker.txt`` where an order was learned."""
        if self.booster is not None:
            (folder / "ranker.txt").write_text(self.booster.model_to_string(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, turns: int) -> Ranker:
        """Open what ``save`` wrote."""
        file = folder / "ranker.txt"
        if not file.is_file():
            return cls(None, turns)
        return cls(read_trees(file.read_text(encoding="utf-8")), turns)
