"""Exact Shapley shares of modalities for one case, by switching them off through the mask.

Shapley 1953; for model inputs Lundberg and Lee 2017. 2^m fusion passes for m present modalities: exact up to a dozen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from math import factorial

import numpy as np


def subsets(present: tuple[str, ...]) -> list[frozenset[str]]:
    """All subsets of the present modalities, the empty one first."""
    return [frozenset(s) for size in range(len(present) + 1) for s in combinations(present, size)]


def shares(
    present: tuple[str, ...], value: Callable[[frozenset[str]], float] | Mapping[frozenset[str], float]
) -> dict[str, float]:
    """The share of each modality in value(all present) − value(nothing); they add up to exactly that."""
    worth = {s: value[s] if isinstance(value, Mapping) else value(s) for s in subsets(present)}
    n = len(present)
    found = {}
    for name in present:
        others = [s for s in worth if name not in s]
        weights = [factorial(len(s)) * factorial(n - len(s) - 1) / factorial(n) for s in others]
        found[name] = float(np.dot(weights, [worth[s | {name}] - worth[s] for s in others]))
    return found
