"""From a table to a saved, calibrated ensemble: split, fit preprocessing, train, combine, measure, save."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core import fusion
from core.bundle import Bundle
from core.cache import FeatureCache
from core.combine import combine
from core.config import ExperimentConfig
from core.dataset import CaseDataset, cells_of
from core.ensemble import Expert, Network, learn_weights
from core.errors import ConfigError, unknown
from core.evaluation.novelty import Novelty, fit_all
from core.evaluation.patterns import cut_down, each_alone
from core.floor.fit import fit_floor, floor_views
from core.manifest import Manifest
from core.members import Member, train_member
from core.metrics import known_metric, score
from core.processes import processes
from core.progress import Progress, silent
from core.splits import folds, split
from core.table_answers import table_answers
from core.targets import Target
from core.training.private import check_private, uncovered
from core.view import View, build_views

Rows = Sequence[int]


@dataclass
class Held:
    """An expert group's answers on rows that it was not trained on, in the order of ``Experiment.held``."""

    name: str
    experts: Sequence[Expert]
    answers: np.ndarray  # (N, classes) or (N, 1)
    by: Sequence[tuple[Expert, np.ndarray, float]]  # who gave them: positions among those rows, and weight
    by_seed: list[float] = field(default_factory=list)  # each seed's score on those rows, networks only


class Experiment:
    """One config on one checked table."""

    def __init__(
        self,
        manifest: Manifest,
        config: ExperimentConfig,
        folder: Path | None = None,
        *,
        progress: Progress = silent,
        cache: FeatureCache | None = None,
        rows: Mapping[str, Rows] | None = None,
    ) -> None:
        """``rows``: train, val and test row numbers, where the caller splits (cross-validation); else as configured.

        Members that are cross-validated have no more folds than these rows have groups.
        """
        manifest.raise_faults()
        _check_names(config)
        check_private(config)
        found = rows if rows is not None else split(manifest, config, config.seed)
        self.rows = {part: [int(i) for i in found.get(part, ())] for part in ("train", "val", "test")}
        most = manifest.count_groups(self.rows["train"] + self.rows["val"])
        config = dataclasses.replace(config, folds=min(config.folds, most))
        self.manifest, self.config, self.folder, self.progress = manifest, config, folder, progress
        self.fitted_on = self.rows["train"] + (self.rows["val"] if config.folds > 1 else [])
        self._check_rows()
        targets = manifest.targets
        self.target = Target.fit(config.target, [targets[i] for i in self.fitted_on], targets)
        self.has: np.ndarray = np.any(self.present(range(len(manifest))), axis=1)  # (cases,): has one of the modalities
        self.places = {v: i for i, m in enumerate(config.modalities) for v in m.view_names()}
        self.views = self._fit_views(cache or FeatureCache())
        self.cases = CaseDataset(manifest, {n: self.views[n] for n in self.places})
        self.novelty: tuple[dict[str, Novelty], dict[str, Any]] = ({}, {})  # by modality, and figures of it
        self.privacy: dict[str, Any] | None = None  # what private training has spent
        self.held_y = self.target.decoded(self.target.encode([targets[i] for i in self.held]))

    @property
    def held(self) -> list[int]:
        """The rows whose answers come from models that did not train on them."""
        return self.fitted_on if self.config.folds > 1 else self.rows["val"]

    @cached_property
    def learned(self) -> np.ndarray:
        """``Manifest.case_hashes`` of train and val rows; none in private training, which a hash would give away."""
        if self.config.training.privacy is not None:
            return np.zeros(0, dtype=np.int64)
        return self.manifest.case_hashes(self.config)[self.rows["train"] + self.rows["val"]]

    def _check_rows(self) -> None:
        for part in ("train", "val") if self.config.folds < 2 else ("train",):
            if not self.rows[part]:
                found = f"{len(self.manifest)} cases with table.fractions {list(self.config.table.fractions)}"
                raise ConfigError(f"no {part} rows among {found}; add cases, or give {part} a larger share")

    def _fit_views(self, cache: FeatureCache) -> dict[str, View]:
        views = build_views(self.config.modalities, cache)
        if self.config.floor or self.config.stack:
            views |= floor_views(self.config, cache)
        everything = [i for part in self.rows.values() for i in part]
        for name, view in views.items():
            view.fit(cells_of(self.manifest, view.modality.name, self.fitted_on)())
            self._warm(name, view, everything)
        return views

    def _warm(self, name: str, view: View, rows: Rows) -> None:
        if view.backbone is None:
            return
        view.device = processes().device
        cells, done = cells_of(self.manifest, view.modality.name, rows), 0

        def tick(count: int) -> None:
            nonlocal done
            done += count
            self.progress(f"features of {name}", min(done, len(rows)), len(rows))

        with processes().main_process_first():
            view.warm(cells(), tick)
            self.progress(f"features of {name}", len(rows), len(rows))

    def run(self, command: str = "") -> Bundle:
        """Train everything, combine, measure on the test rows, and save to the folder where one was given."""
        groups = self.train_groups()
        views = {m.name: self.views[m.name] for m in self.config.modalities}
        if self.config.training.privacy is None:  # it keeps what training cases look like
            self.novelty = fit_all(self.manifest, views, self.fitted_on, self.rows["test"], self.progress)
        bundle = self.combine(groups if self.config.stack else groups[:1], groups, command)
        if self.folder is not None and processes().is_main_process:
            if len(groups) > 1:
                best = max(groups[1:], key=lambda g: score(self.target.kind, None, self.held_y, g.answers))
                self.combine([best], groups, command).save(self.folder / "floor")
            else:
                shutil.rmtree(self.folder / "floor", ignore_errors=True)  # of the model that is overwritten
            bundle.save(self.folder / "bundle")  # the last to be written: where it is, the run is finished
            shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        return bundle

    def train_groups(self) -> list[Held]:
        """The fused networks, then the linear and the tree floor where they are asked for."""
        groups = [self.networks()]
        if self.config.floor or self.config.stack:
            for model, answers, by in fit_floor(self):
                groups.append(Held(model.kind, [model], answers, [(m, rows, 1.0) for m, rows in by]))
        return groups

    @cached_property
    def members(self) -> list[tuple[list[int], list[int]]]:
        """Of each member the rows that it learns from, and those that judge it."""
        if self.config.folds < 2:
            return [(self.rows["train"], self.rows["val"])]
        rows, manifest = self.fitted_on, self.manifest
        targets, groups = [manifest.targets[i] for i in rows], [manifest.groups[i] for i in rows]
        cut = folds(targets, groups, self.config.folds, self.config.seed)
        return [([rows[i] for i in a], [rows[i] for i in b]) for a, b in cut]

    @property
    def lacks(self) -> str:
        """Why a member cannot be trained for want of rows with any of the modalities; empty where all can."""
        names = " or ".join(m.name for m in self.config.modalities)
        for parts in self.members:
            for what, rows, least in zip(("learn from", "judge by"), parts, (2, 1)):
                if (found := int(self.has[rows].sum())) < least:
                    return (
                        f"a member finds {found} of the {len(rows)} rows to {what} with {names}, and needs {least}; "
                        "add cases or groups of them"
                    )
        return ""

    def networks(self) -> Held:
        """All seeds (and folds) of the fused network, and their mean answers on held-out rows.

        Raises:
            ConfigError: if a member lacks rows.
        """
        if lacks := self.lacks:
            raise ConfigError(lacks)
        config, place = self.config, {row: i for i, row in enumerate(self.held)}
        networks: list[Network] = []
        by: list[tuple[Network, np.ndarray, float]] = []
        each = []  # of every seed (1 + M, N, outputs)
        for seed in range(config.seed, config.seed + config.seeds):
            members = [train_member(self, seed, f, *rows) for f, rows in enumerate(self.members)]
            networks += [m.network for m in members]
            told = [(network, np.array([place[r] for r in rows], dtype=int)) for m in members for network, rows in m.by]
            each.append(self._answers_with_and_alone(told))
            by += [(network, at, 1 / config.seeds) for network, at in told]
            self._note_privacy(members)
        trust = self._trust(np.mean(each, axis=0))
        for network in (*networks, *(network for network, _, _ in by)):
            network.model.trust.copy_(torch.from_numpy(trust))
        joint = np.stack([np.tensordot(trust, one, axes=1) for one in each])  # (S, N, outputs)
        by_seed = [score(self.target.kind, config.training.metric, self.held_y, one) for one in joint]
        return Held("network", networks, joint.mean(axis=0), by, by_seed)

    def _note_privacy(self, members: Sequence[Member]) -> None:
        for spent in (m.privacy for m in members if m.privacy is not None):
            self.privacy = spent | {
                "grouped": self.config.table.group is not None,
                "not_covered": uncovered(self.config),
            }

    def _answers_with_and_alone(self, members: Sequence[tuple[Network, np.ndarray]]) -> np.ndarray:
        """(1 + M, N, outputs) of held-out rows: with everything, and with each modality alone where it is present."""
        many, nothing = len(self.config.modalities), self.target.nothing
        patterns = [(True,) * many, *each_alone(many)]
        experts = [(network, at, 1.0) for network, at in members]
        found = cut_down(experts, self.cases, self.held, patterns, len(nothing)).astype(np.float32)
        present = self.present(self.held).T[..., None]  # (M, N, 1)
        found[0] = np.where(present.any(axis=0), found[0], nothing)
        found[1:] = np.where(present, found[1:], found[0])
        return found

    def _trust(self, answers: np.ndarray) -> np.ndarray:
        """(1 + M,) how far to trust the networks' answers (1 + M, N, outputs) with everything and with each alone.

        A network that remembers its training cases by a modality which says little of new ones still listens to that
        modality; answers to held-out rows show it. Few of them leave most of the trust in everything.
        """
        many = len(answers) - 1
        if many < 2:
            return np.eye(1 + many, dtype=np.float32)[0]
        groups = [self.manifest.groups[i] for i in self.held]
        towards = [0.8, *[0.2 / many] * many]
        return learn_weights(self.target.kind, self.held_y, list(answers), groups, towards).astype(np.float32)

    def combine(self, used: Sequence[Held] = (), measured: Sequence[Held] = (), command: str = "") -> Bundle:
        """One calibrated ensemble of the ``used`` expert groups.

        Where none are given they are trained now: the networks, with ``stack`` also the floor.
        """
        if not used:
            used = self.train_groups() if self.config.stack else [self.networks()]
        return combine(self, used, measured or used, command)

    def present(self, rows: Rows) -> np.ndarray:
        """(N, M) bool: the modalities of this experiment that rows have."""
        columns = [m.name for m in self.manifest.config.modalities]
        return self.manifest.present[np.ix_(list(rows), [columns.index(m.name) for m in self.config.modalities])]

    def used_views(self, used: Sequence[Held]) -> dict[str, View]:
        """The views that some expert groups read."""
        floors = any(g.name != "network" for g in used)
        return {n: v for n, v in self.views.items() if floors or n in self.places}

    def answers(self, bundle: Bundle, rows: Rows) -> np.ndarray:
        """The bundle's answers on rows of this table: (N, classes) or (N, 1)."""
        return table_answers(bundle, self.manifest, rows)


def _check_names(config: ExperimentConfig) -> None:
    """Refuse early what would show only after preprocessing."""
    if config.fusion not in fusion.names():
        raise unknown("fusion", config.fusion, fusion.names())
    known_metric(config.target.kind, config.training.metric)


def train(
    manifest: Manifest,
    config: ExperimentConfig,
    folder: Path,
    *,
    progress: Progress = silent,
    cache: FeatureCache | None = None,
    command: str = "",
    overwrite: bool = False,
) -> Bundle:
    """Train and save to ``folder``: ``bundle/``, ``floor/`` where it stands apart, ``logs/`` with the curves.

    A run that was killed goes on when it is started again with the same table and config.

    Raises:
        TableError: with all faults of the table.
        ConfigError: if ``folder`` holds a finished bundle and ``overwrite`` is not set.
    """
    if (folder / "bundle").exists() and not overwrite:
        raise ConfigError(f"{folder}: holds a trained bundle already; choose another folder or pass --overwrite")
    return Experiment(manifest, config, folder, progress=progress, cache=cache).run(command)
