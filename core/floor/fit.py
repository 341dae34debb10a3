"""Fit the floor of an experiment on the rows that its networks are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import scipy.sparse as sp

from core.cache import FeatureCache
from core.config import ExperimentConfig, ViewConfig
from core.dataset import CaseDataset, Collate
from core.floor.features import Block, blocks_of, matrix
from core.floor.forest import Forest
from core.floor.late import Late
from core.floor.linear import Linear, unscale
from core.floor.tree_input import TreeInput
from core.floor.trees import Trees
from core.schema import Modality, TargetKind
from core.splits import folds
from core.view import View

if TYPE_CHECKING:
    from core.experiment import Experiment

MOST_ROWS = 50_000  # the floor holds its rows in memory, so a larger table is sampled
MOST_CLASSES = 20  # a tree for each class and round, a value for each class and leaf: more takes too long
Floor = Linear | Trees | Forest | Late
_Held: TypeAlias = tuple[np.ndarray, list[tuple[Floor, np.ndarray]]]


class FittedFloor(NamedTuple):
    """A floor, its answers on the held-out rows, and the models that gave them, each with positions among the rows."""

    model: Floor
    answers: np.ndarray  # (N, classes) or (N, 1)
    by: list[tuple[Floor, np.ndarray]]


def floor_views(config: ExperimentConfig, cache: FeatureCache) -> dict[str, View]:
    """Term weights for every text modality that has none among its own views; named ``modality~``."""
    terms = ViewConfig("lexical", preprocess={"tokens": "tfidf", "ngrams": 2, "characters": True})
    return {
        f"{m.name}~": View(f"{m.name}~", m, terms, cache)
        for m in config.modalities
        if m.kind is Modality.TEXT and not any(v.preprocess.get("tokens") == "tfidf" for v in m.views)
    }


def floor_blocks(config: ExperimentConfig, views: dict[str, View]) -> list[Block]:
    """What the floor reads of the views."""
    places = {m.name: i for i, m in enumerate(config.modalities)}
    return blocks_of(views, places)


def fit_floor(experiment: Experiment) -> list[FittedFloor]:
    """Linear, boosted, forest and, of few rows, late floor, each with its answers on the held-out rows.

    None without readable views.
    """
    blocks = floor_blocks(experiment.config, experiment.views)
    if not blocks:
        return []
    target, seed = experiment.target, experiment.config.seed
    rows = np.random.default_rng(seed).permutation(experiment.fitted_on)[:MOST_ROWS].tolist()
    x, y = _matrices(experiment, rows, blocks), _targets(experiment, rows)
    if experiment.config.folds > 1:
        held = _out_of_fold(experiment, rows, blocks, x, y)
        fitted = _fit(experiment, blocks, x, y, _groups(experiment, rows))
        _answer_rest(experiment, rows, blocks, fitted, held)
        return [FittedFloor(model, *found) for model, found in zip(fitted, held)]
    held_x, every = _matrices(experiment, experiment.held, blocks), np.arange(len(experiment.held))
    fitted = _fit(experiment, blocks, x, y, _groups(experiment, rows))
    return [FittedFloor(f, unscale(target, _scores(f, held_x)), [(f, every)]) for f in fitted]


def _out_of_fold(
    experiment: Experiment,
    rows: Sequence[int],
    blocks: list[Block],
    x: tuple[sp.csr_matrix, sp.csr_matrix],
    y: np.ndarray,
) -> list[_Held]:
    """For each floor its answers on the held-out rows, and the models of the folds."""
    manifest, place = experiment.manifest, {row: i for i, row in enumerate(experiment.held)}
    parts = folds(
        [manifest.targets[i] for i in rows],
        [manifest.groups[i] for i in rows],
        experiment.config.folds,
        experiment.config.seed,
    )
    outputs = len(experiment.target.classes) or 1
    held: list[_Held] = [(np.full((len(experiment.held), outputs), np.nan), []) for _ in range(4)]
    for f, (a, b) in enumerate(parts):
        experiment.progress("floor", f, len(parts))
        at = np.array([place[rows[r]] for r in b])
        groups = _groups(experiment, [rows[r] for r in a])
        for (answers, by), model in zip(held, _fit(experiment, blocks, (x[0][a], x[1][a]), y[a], groups)):
            answers[at] = unscale(experiment.target, _scores(model, (x[0][b], x[1][b])))
            by.append((model, at))
    experiment.progress("floor", len(parts), len(parts))
    tried = [place[row] for row in rows]
    return [h for h in held if np.isfinite(h[0][tried]).all()]


def _answer_rest(
    experiment: Experiment, rows: Sequence[int], blocks: list[Block], fitted: list[Floor], held: list[_Held]
) -> None:
    """Held-out rows of a long table that the floor was not fitted on at all are answered by the final models."""
    place, fitted_on = {row: i for i, row in enumerate(experiment.held)}, set(rows)
    rest = [row for row in experiment.held if row not in fitted_on]
    for start in range(0, len(rest), MOST_ROWS):
        part = rest[start : start + MOST_ROWS]
        x = _matrices(experiment, part, blocks)
        at = np.array([place[row] for row in part])
        for model, (answers, by) in zip(fitted, held):
            answers[at] = unscale(experiment.target, _scores(model, x))
            by.append((model, at))


def _groups(experiment: Experiment, rows: Sequence[int]) -> np.ndarray | None:
    """A code for the group of each row; None where no row has one."""
    names = [experiment.manifest.groups[i] for i in rows]
    if all(name is None for name in names):
        return None
    return np.unique([f"\0{i}" if g is None else g for i, g in enumerate(names)], return_inverse=True)[1]


def _fit(
    experiment: Experiment,
    blocks: list[Block],
    x: tuple[sp.csr_matrix, sp.csr_matrix],
    y: np.ndarray,
    groups: np.ndarray | None,
) -> list[Floor]:
    target, seed = experiment.target, experiment.config.seed
    linear = Linear.fit(target, blocks, x[0], y, groups=groups)
    if target.kind is TargetKind.LABELS or len(target.classes) > MOST_CLASSES:
        return [linear]
    reads = TreeInput.choose(linear, x[1])
    rows = reads.join(x[1], reads.out_of_fold(x[0], y, seed, groups))
    found: list[Floor] = [linear, Trees.fit(target, reads, rows, y, seed), Forest.fit(target, reads, rows, y, seed)]
    if Late.suits(target, blocks, len(experiment.fitted_on)):
        found.append(Late.fit(target, blocks, x[0], y, seed, groups))
    return found


def _scores(model: Floor, x: tuple[sp.csr_matrix, sp.csr_matrix]) -> np.ndarray:
    if isinstance(model, Linear | Late):
        return model.scores(x[0])
    return model.scores(model.reads.join(x[1], model.reads.linear.scores(x[0])))


def _targets(experiment: Experiment, rows: Sequence[int]) -> np.ndarray:
    return experiment.target.encode([experiment.manifest.targets[i] for i in rows]).numpy()


def _matrices(experiment: Experiment, rows: Sequence[int], blocks: list[Block]) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """One-hot rows for the linear model and coded rows for trees."""
    views = {b.view: experiment.views[b.view] for b in blocks}
    data, collate = CaseDataset(experiment.manifest, views, room=0), Collate(views, None)
    batches = (collate([data[int(i)] for i in rows[s : s + 256]]) for s in range(0, len(rows), 256))
    found = [(matrix(b, blocks, None, one_hot=True), matrix(b, blocks, None, one_hot=False)) for b in batches]
    return sp.vstack([f[0] for f in found], format="csr"), sp.vstack([f[1] for f in found], format="csr")
