"""Train, validation and test rows: groups stay whole, classes and the range of numbers keep their shares."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from core.config import ExperimentConfig
from core.errors import ConfigError, unknown
from core.manifest import Manifest

_MOST_FOLDS = 20  # so that 0.15 of all rows is 3 of 20 folds, exactly


def split(manifest: Manifest, config: ExperimentConfig, seed: int) -> dict[str, np.ndarray]:
    """Row numbers of "train", "val" and "test", each sorted: the table's own split, or one by seed and fractions.

    Where the table's split has no val, it is cut from train at the share that ``fractions`` gives it.

    Raises:
        ConfigError: for fractions that do not add up to 1, or too few groups to cut.
    """
    train, val, test = _fractions(config.table.fractions)
    every = np.arange(len(manifest))
    if config.table.split is None:
        rest, tested = _cut(manifest, every, test, seed)
    else:
        own = np.array([part or "" for part in manifest.splits])
        rest, tested = np.flatnonzero(own == "train"), np.flatnonzero(own == "test")
        if (own == "val").any():
            return {"train": rest, "val": np.flatnonzero(own == "val"), "test": tested}
    kept, held = _cut(manifest, rest, val / (train + val), seed + 1)
    return {"train": kept, "val": held, "test": tested}


def rows_to_measure(
    manifest: Manifest, part: str | None, config: ExperimentConfig, trained_on: str | None, learned: np.ndarray
) -> tuple[list[int], int]:
    """The rows that a trained model is measured on, and how many of them it was trained or chosen on.

    Args:
        part: train, val, test or "all"; None: of the table that it was trained on its own test rows, of others all.
        config: the model's.
        trained_on: the fingerprint of that table. Its parts are the model's own, also where it names no splits.
        learned: ``Manifest.case_hashes`` of the cases that it was trained or chosen on, by which another table's rows
            are known; empty where the bundle keeps none.

    Raises:
        ConfigError: for a part that the table does not have.
    """
    if manifest.fingerprint != trained_on:
        found = rows_of(manifest, None if part == "all" else part)
        return found, int(np.isin(manifest.case_hashes(config)[found], learned).sum()) if len(learned) else 0
    own = split(manifest, config, config.seed)
    known = {*own["train"].tolist(), *own["val"].tolist()}
    rows = own.get(part or "test", np.zeros(0, int)).tolist() or rows_of(
        manifest, None if part in (None, "all") else part
    )
    return rows, len(known.intersection(rows))


def rows_of(manifest: Manifest, part: str | None) -> list[int]:
    """The rows of a part of the table's own split, or all for None.

    Raises:
        ConfigError: for a part that the table does not have.
    """
    if part is None:
        return list(range(len(manifest)))
    rows = [i for i, s in enumerate(manifest.splits) if s == part]
    if not rows:
        known = sorted({s for s in manifest.splits if s})
        if not known:
            raise ConfigError(f"split {part!r}: the table names no splits; leave --split out")
        raise unknown("split of the table", part, known)
    return rows


def some_of(rows: Sequence[int], most: int, seed: int = 0) -> list[int]:
    """All of the rows as they come where they are few; of more than ``most``, so many drawn by ``seed``, sorted.

    >>> some_of([3, 5, 8], 5), len(some_of(range(100), 5))
    ([3, 5, 8], 5)
    """
    if len(rows) <= most:
        return [int(i) for i in rows]
    return np.sort(np.random.default_rng(seed).choice(np.asarray(rows), most, replace=False)).tolist()


def folds(
    targets: Sequence[Any], groups: Sequence[str | None], n: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions (train, test) of each of ``n`` folds; every position is in one test part, a group in one fold.

    Labels and grades keep their shares, numbers those of their tenths, several labels those of their combinations;
    with groups as far as these allow it. A group of None is a case of its own.

    Raises:
        ConfigError: if ``n`` is below 2 or there are fewer groups than folds.
    """
    own = np.array([f"\0{i}" if g is None else g for i, g in enumerate(groups)], dtype=object)
    unique, code = np.unique(own, return_inverse=True)
    if not 2 <= n <= len(unique):
        what = "groups" if len(unique) < len(own) else "cases"
        raise ConfigError(f"{n} folds of {len(unique)} {what}: choose 2 to {len(unique)} folds, or add {what}")
    strata = _strata(targets)
    fold = _deal(strata, n, seed) if len(unique) == len(own) else _deal_groups(strata, code, n, seed)
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n)]


def _deal(strata: np.ndarray, n: int, seed: int) -> np.ndarray:
    """The fold of each case, dealt like cards class after class: as StratifiedKFold, for classes of any size."""
    order = np.random.default_rng(seed).permutation(len(strata))
    fold = np.empty(len(strata), dtype=int)
    fold[order[np.argsort(strata[order], kind="stable")]] = np.arange(len(strata)) % n
    return fold


def _deal_groups(strata: np.ndarray, groups: np.ndarray, n: int, seed: int) -> np.ndarray:
    """The fold of each case with groups whole: large groups first, each to the fold that has least of its classes.

    This lessens the same spread over folds as StratifiedGroupKFold, for classes of any size and in linear time.
    """
    held = np.zeros((groups.max() + 1, strata.max() + 1))  # cases by group and class
    np.add.at(held, (groups, strata), 1)
    order = np.random.default_rng(seed).permutation(len(held))
    order = order[np.argsort(-held[order].sum(axis=1), kind="stable")]
    weight, filled = 1 / held.sum(axis=0) ** 2, np.zeros((n, held.shape[1]))  # cases by fold and class
    fold = np.empty(len(held), dtype=int)
    for group in order:
        least = np.lexsort((filled.sum(axis=1), filled @ (held[group] * weight)))[0]  # ties: the smallest fold
        fold[group] = least
        filled[least] += held[group]
    return fold[groups]


def _fractions(shares: Sequence[float]) -> tuple[float, float, float]:
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6 or not shares[0] > 0:
        rule = "three shares for train, val and test that add up to 1, train above 0"
        raise ConfigError(f"table.fractions: {rule}, found {list(shares)}")
    return shares[0], shares[1], shares[2]


def _cut(manifest: Manifest, rows: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows without and with a share of them: k of n folds, k / n the nearest fraction to the share."""
    if share <= 0 or not len(rows):
        return rows, rows[:0]
    part = manifest.select(rows)
    targets, groups = part.targets, part.groups
    count = sum(g is None for g in groups) + len(set(groups) - {None})
    if count < 2:
        raise ConfigError(f"{len(rows)} cases in one group cannot be split; add groups or name a split column")
    most = min(_MOST_FOLDS, count)
    near = Fraction(share).limit_denominator(most)
    k, n = (near.numerator, near.denominator) if 0 < near < 1 else (1 if near == 0 else most - 1, most)
    parts = folds(targets, groups, n, seed)
    chosen = [parts[i * n // k][1] for i in range(k)]  # far apart: neighbours are dealt from the same class
    held = np.sort(np.concatenate(chosen))
    return np.delete(rows, held), rows[held]


def _strata(targets: Sequence[Any]) -> np.ndarray:
    """A class code for every case: a number's tenth, else the label or the set of labels."""
    if all(isinstance(t, float) for t in targets):
        edges = np.unique(np.quantile(targets, np.linspace(0.1, 0.9, 9)))
        return np.unique(np.searchsorted(edges, targets, side="right"), return_inverse=True)[1]
    names = [repr(sorted(t)) if isinstance(t, tuple) else repr(t) for t in targets]
    return np.unique(names, return_inverse=True)[1]
