"""The cheap experts beside the sequence network: logistic regression and boosted trees on the same features.

As for every model of Polyfuse: a network that does not add to them gets no weight.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp

from core.floor.trees_file import read_trees
from domains.education.mastery_data import Answers
from domains.education.mastery_net import Coder, ids

_TREES: dict[str, Any] = {
    "objective": "binary", "learning_rate": 0.03, "num_leaves": 8, "min_data_in_leaf": 20, "feature_fraction": 0.5,
    "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5.0, "verbose": -1, "deterministic": True,
    "force_row_wise": True,
}  # fmt: skip
_ROUNDS = 250


def fit_linear(coder: Coder, answers: Answers, features: np.ndarray, seed: int) -> np.ndarray:
    """Coefficients (F + questions + 2,): scaled features, questions (the first: unknown), intercept."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=0.1, max_iter=1000, random_state=seed)
    model.fit(_linear_rows(coder, answers, features), answers.y)
    return np.append(model.coef_[0], model.intercept_[0])


def linear(coefficients: np.ndarray, coder: Coder, answers: Answers, features: np.ndarray) -> np.ndarray:
    """The probability of a right answer: (N,)."""
    logits = _linear_rows(coder, answers, features) @ coefficients[:-1] + coefficients[-1]
    return 1 / (1 + np.exp(-logits))


def _linear_rows(coder: Coder, answers: Answers, features: np.ndarray) -> sp.csr_matrix:
    place, n = ids(answers.question, coder.questions), len(answers)
    asked = sp.csr_matrix((np.ones(n), (np.arange(n), place)), shape=(n, len(coder.questions) + 1))
    return sp.hstack([sp.csr_matrix((features - coder.center) / coder.scale), asked], format="csr")


def fit_trees(answers: Answers, features: np.ndarray, seed: int) -> str:
    """A LightGBM model as text."""
    import lightgbm as lgb

    return lgb.train(_TREES | {"seed": seed}, lgb.Dataset(features, answers.y), _ROUNDS).model_to_string()


def trees(text: str, features: np.ndarray) -> np.ndarray:
    """The probability of a right answer: (N,)."""
    return np.asarray(_booster(text).predict(features))


@lru_cache(maxsize=4)
def _booster(text: str) -> Any:
    return read_trees(text)
