"""Who is trained on and who is measured: splits and folds that keep groups whole and classes in proportion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold

from core.config import ExperimentConfig
from core.errors import ConfigError
from core.manifest import Manifest

Pair = tuple[np.ndarray, np.ndarray]


def split(manifest: Manifest, config: ExperimentConfig, seed: int) -> dict[str, np.ndarray]:
    """Row numbers of train, val and test: the table's own split where one is named, else by ``fractions``.

    A table split without val gets one cut from train, in the proportion of the configured fractions.
    """
    part_train, part_val, part_test = config.table.fractions
    if config.table.split is not None:
        named = np.array([s or "" for s in manifest.splits])
        rows = {part: np.flatnonzero(named == part) for part in ("train", "val", "test")}
        if not len(rows["val"]):
            rows["train"], rows["val"] = _cut(manifest, rows["train"], part_val / (part_train + part_val), seed)
        return rows
    rest, test = _cut(manifest, np.arange(len(manifest)), part_test, seed)
    train, val = _cut(manifest, rest, part_val / (part_train + part_val), seed)
    return {"train": train, "val": val, "test": test}


def folds(targets: Sequence[Any], groups: Sequence[str | None], n: int, seed: int) -> list[Pair]:
    """``n`` pairs of train and test rows: every row is tested once, groups stay whole, classes keep their share.

    Raises:
        ConfigError: if there are fewer groups or cases than folds.
    """
    strata, members = _strata(targets), _members(groups)
    available = len(set(members)) if members is not None else len(targets)
    if available < n:
        raise ConfigError(f"{n} folds need at least {n} groups or cases, found {available}")
    blank = np.zeros(len(targets))
    if members is not None:
        return list(StratifiedGroupKFold(n, shuffle=True, random_state=seed).split(blank, strata, members))
    counts = np.unique(strata, return_counts=True)[1]
    chosen = StratifiedKFold if counts.max() >= n else KFold
    return list(chosen(n, shuffle=True, random_state=seed).split(blank, strata))


def _cut(manifest: Manifest, rows: np.ndarray, share: float, seed: int) -> Pair:
    """Rows without, and with, about ``share`` of them."""
    if share <= 0 or len(rows) < 2:
        return rows, rows[:0]
    n = max(2, round(1 / share))
    keep, cut = folds([manifest.targets[i] for i in rows], [manifest.groups[i] for i in rows], n, seed)[0]
    return rows[keep], rows[cut]


def _strata(targets: Sequence[Any]) -> np.ndarray:
    """A class code a row: the label, the rarest of several labels, or the tenth of a number."""
    if all(isinstance(t, float) for t in targets):
        edges = np.unique(np.quantile(np.asarray(targets), np.linspace(0.1, 0.9, 9)))
        return np.digitize(np.asarray(targets), edges)
    names = ["|".join(t) if isinstance(t, tuple) else str(t) for t in targets]
    return np.unique(names, return_inverse=True)[1]


def _members(groups: Sequence[str | None]) -> np.ndarray | None:
    if all(g is None for g in groups):
        return None
    return np.unique([f"g{g}" if g is not None else f"r{i}" for i, g in enumerate(groups)], return_inverse=True)[1]
