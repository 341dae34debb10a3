"""Did fusion beat each kind alone, and the cheap floor? The same cases, the same splits, paired intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core import fusion
from core.cache import FeatureCache
from core.config import ExperimentConfig
from core.errors import ConfigError, unknown
from core.evaluation.curves import FUSED
from core.evaluation.intervals import interval
from core.experiment import Experiment, Held
from core.manifest import Manifest
from core.metrics import known_metric, score, scores
from core.progress import Progress, silent
from core.splits import folds, split
from core.targets import Target

VALIDATED = 6  # one of so many parts of the rows that a fold learns from chooses the epoch and calibrates


@dataclass(frozen=True)
class Result:
    """One variant on the compared cases: all metrics, the default one's interval, and its lead over the best alone."""

    name: str
    metrics: dict[str, float]
    interval: tuple[float, float]
    lead: tuple[float, float, float] | None = None  # difference to the best single modality, and its paired interval


@dataclass(frozen=True)
class Comparison:
    """Results of all variants, and every variant's answers for whoever wants to look closer."""

    metric: str
    cases: int
    results: list[Result]
    answers: dict[str, np.ndarray] = field(repr=False, default_factory=dict)
    truth: np.ndarray = field(repr=False, default_factory=lambda: np.zeros(0))
    left_out: tuple[str, ...] = ()  # variants that some fold has too few rows for

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON; answers are left out."""
        shown = [asdict(r) for r in self.results]
        found = {"metric": self.metric, "cases": self.cases, "results": shown, "verdict": self.verdict()}
        return found | ({"left_out": list(self.left_out)} if self.left_out else {})

    def text(self) -> str:
        """A table for people."""
        lines = [
            f"{self.metric} on {self.cases} cases",
            f"{'':24} {'value':>7}  95 % interval    lead over the best alone",
        ]
        for r in self.results:
            lead = "" if r.lead is None else f"{r.lead[0]:+.3f} ({r.lead[1]:+.3f} to {r.lead[2]:+.3f})"
            value = r.metrics.get(self.metric, float("nan"))
            lines.append(f"{r.name:24} {value:7.3f}  {r.interval[0]:.3f} to {r.interval[1]:.3f}  {lead}")
        if self.left_out:
            lines.append(f"not measured, for want of rows to learn from or to judge by: {', '.join(self.left_out)}")
        return "\n".join([*lines, self.verdict()])

    def verdict(self) -> str:
        """Whether fusion gained, in a sentence; empty for a single modality."""
        fused = next(r for r in self.results if r.name == FUSED)
        if fused.lead is None:
            return ""
        difference, low, high = fused.lead
        found = f"{difference:+.3f} (95 % interval {low:+.3f} to {high:+.3f}, paired) against the best modality alone"
        return f"gain: fusion {found}" if low > 0 else f"no gain: fusion {found}"


def compare(
    manifest: Manifest,
    config: ExperimentConfig,
    *,
    outer_folds: int = 0,
    fusions: Sequence[str] = (),
    metric: str | None = None,
    progress: Progress = silent,
    cache: FeatureCache | None = None,
    folder: Path | None = None,
) -> Comparison:
    """Train the fused model, each modality alone and the floor; measure all on cases that none was trained on.

    ``outer_folds`` > 1 pools the test parts of a grouped cross-validation, else the configured test rows are used; as
    many folds as there are groups leave one out at a time. ``fusions`` names further fusion methods to try; ``folder``
    keeps the models of single modalities, as bundles in ``alone/NAME``.

    Raises:
        ConfigError: if there are no test rows, or too few groups for the folds, or for a ``folder`` together with
            folds.
    """
    manifest.raise_faults()
    check_names(config, fusions, metric)
    if folder is not None and outer_folds > 1:
        raise ConfigError("compare: of folds no model is kept; leave --folds or --out out")
    parts = parts_of(manifest, config, outer_folds)
    found: dict[str, list[np.ndarray]] = {}
    for rows in parts:
        for name, answers in answers_of(manifest, config, rows, fusions, progress, cache, folder).items():
            found.setdefault(name, []).append(answers)
    tested = [i for rows in parts for i in rows["test"]]
    pooled, left_out = pool(found, len(parts))
    if len(config.modalities) > 1:
        left_out += [name for m in config.modalities if (name := f"{m.name} alone") not in found]
    return dataclasses.replace(_measure(manifest, config, tested, pooled, metric), left_out=tuple(left_out))


def pool(found: Mapping[str, Sequence[np.ndarray]], parts: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """Answers of the variants that answered all test parts, joined; and the names of the others."""
    whole = {name: np.concatenate(a) for name, a in found.items() if len(a) == parts}
    return whole, [name for name in found if name not in whole]


def check_names(config: ExperimentConfig, fusions: Sequence[str], metric: str | None) -> None:
    """Refuse early what would show only after training."""
    for name in fusions:
        if name not in fusion.names():
            raise unknown("fusion", name, fusion.names())
    known_metric(config.target.kind, metric)


def parts_of(manifest: Manifest, config: ExperimentConfig, outer_folds: int) -> list[dict[str, list[int]]]:
    """Train, val and test rows of each fold, or of the one configured split where ``outer_folds`` is below 2.

    Of the rows that a fold learns from a sixth is its val, or one group of them where they are fewer than six.

    Raises:
        ConfigError: if there are no test rows, or too few groups for the folds.
    """
    if outer_folds < 2:
        rows = {k: [int(i) for i in v] for k, v in split(manifest, config, config.seed).items()}
        if not rows["test"]:
            raise ConfigError("compare: the table has no test rows; name a split with test rows, or ask for --folds 5")
        return [rows]
    parts, every = [], manifest.count_groups(range(len(manifest)))
    if every < max(3, outer_folds):
        raise _too_few(config, every, outer_folds)
    for train, test in folds(manifest.targets, manifest.groups, outer_folds, config.seed):
        learned = manifest.count_groups(train)
        if learned < 2:
            raise _too_few(config, every, outer_folds)
        targets, groups = [manifest.targets[i] for i in train], [manifest.groups[i] for i in train]
        inner = folds(targets, groups, min(VALIDATED, learned), config.seed)[0]
        pick = {"train": train[inner[0]], "val": train[inner[1]], "test": test}
        parts.append({k: [int(i) for i in v] for k, v in pick.items()})
    return parts


def _too_few(config: ExperimentConfig, groups: int, asked: int) -> ConfigError:
    what = f"groups (column {config.table.group!r})" if config.table.group else "cases"
    found = f"compare: --folds {asked} of {groups} {what}"
    if groups < 3:
        return ConfigError(f"{found}: one to test, one to choose on and one to learn from are needed; add more")
    if groups < asked:
        return ConfigError(f"{found}: each is tested once as a whole; ask for at most --folds {groups}, or add more")
    return ConfigError(f"{found}: a fold would learn from one alone, with none to choose on; ask for --folds {groups}")


def answers_of(
    manifest: Manifest,
    config: ExperimentConfig,
    rows: Mapping[str, Sequence[int]],
    fusions: Sequence[str] = (),
    progress: Progress = silent,
    cache: FeatureCache | None = None,
    folder: Path | None = None,
) -> dict[str, np.ndarray]:
    """Answers of every variant on the test rows of one split: fused, floors, each alone, further ``fusions``.

    A modality that too few rows have to be trained alone is left out.
    """
    experiment = Experiment(manifest, config, progress=progress, cache=cache, rows=rows)
    groups = experiment.train_groups()
    found = {FUSED: experiment.answers(experiment.combine(groups if config.stack else groups[:1]), rows["test"])}
    found |= {g.name: _alone(experiment, g) for g in groups if config.stack or g.name != "network"}
    if len(config.modalities) > 1:
        for m in config.modalities:
            single = dataclasses.replace(config.only(m.name), floor=False)
            variant = Experiment(manifest, single, progress=progress, cache=cache, rows=rows)
            if variant.lacks:
                continue
            bundle = variant.combine()
            found[f"{m.name} alone"] = variant.answers(bundle, rows["test"])
            if folder is not None:
                bundle.save(folder / "alone" / m.name)
    for name in fusions:
        other = dataclasses.replace(config, fusion=name, fusion_options={}, floor=False, stack=False)
        variant = Experiment(manifest, other, progress=progress, cache=cache, rows=rows)
        found[f"fusion {name}"] = variant.answers(variant.combine(), rows["test"])
    return found


def _alone(experiment: Experiment, group: Held) -> np.ndarray:
    return experiment.answers(experiment.combine([group]), experiment.rows["test"])


def _measure(
    manifest: Manifest, config: ExperimentConfig, rows: Sequence[int], pooled: dict[str, np.ndarray], metric: str | None
) -> Comparison:
    target = Target.fit(config.target, manifest.targets)
    kind, name = target.kind, known_metric(target.kind, metric)
    y = target.decoded(target.encode([manifest.targets[i] for i in rows]))
    group = [manifest.groups[i] for i in rows]
    alone = {n: score(kind, name, y, a) for n, a in pooled.items() if n.endswith(" alone")}
    best = max(alone, key=lambda n: alone[n]) if alone else None
    results = []
    for variant, answers in pooled.items():
        lead = None
        if best is not None and variant != best:
            ends = interval(kind, name, y, answers, group, against=pooled[best])
            lead = (score(kind, name, y, answers) - alone[best], *ends)
        results.append(Result(variant, scores(kind, y, answers), interval(kind, name, y, answers, group), lead))
    return Comparison(name, len(rows), results, pooled, y)
