"""What more training rows would bring: fused, each kind alone and the floor on growing parts of them.

The parts are nested, keep groups whole and the shares of classes; fewer than eight groups make fewer parts, and a part
too small to be learned from, as one of a single class, is passed over and told. Test rows stay as they are, and
validation rows too, but where members are cross-validated (``folds``), which train on them as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.cache import FeatureCache
from core.compare import FUSED, answers_of, check_names, parts_of, pool
from core.config import ExperimentConfig
from core.errors import ConfigError
from core.evaluation.intervals import interval
from core.manifest import Manifest
from core.metrics import known_metric, score
from core.progress import Progress, silent
from core.splits import folds
from core.targets import Target

EIGHTHS = (1, 2, 4, 8)  # of the training rows


@dataclass(frozen=True)
class Point:
    """One model trained on ``rows`` rows, of several folds their mean."""

    model: str
    rows: int
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class LearningCurve:
    """Points of all models, by rising rows; ``cases`` test cases; ``small``: rows of parts that were passed over."""

    metric: str
    cases: int
    points: list[Point]
    small: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The points as JSON."""
        return asdict(self)

    def text(self) -> str:
        """A table for people: a line a model, a column a number of rows."""
        sizes = sorted({p.rows for p in self.points})
        lines = [f"{self.metric} on {self.cases} test cases by number of training rows (95 % interval)"]
        lines.append(f"{'':24}" + "".join(f"{n:>24}" for n in sizes))
        for model in dict.fromkeys(p.model for p in self.points):
            told = {p.rows: f"{p.value:.3f} ({p.interval[0]:.3f} to {p.interval[1]:.3f})" for p in self.of(model)}
            lines.append(f"{model:24}" + "".join(f"{told.get(n, ''):>24}" for n in sizes))
        return "\n".join([*lines, self.verdict()])

    def of(self, model: str) -> list[Point]:
        """The points of one model, by rising rows."""
        return sorted((p for p in self.points if p.model == model), key=lambda p: p.rows)

    def verdict(self) -> str:
        """What the last step brought the fused model, and which parts could not be learned from, in words."""
        last, told = self.of(FUSED)[-2:], list[str]()
        if len(last) == 2:
            gain = last[1].value - last[0].value
            told.append(f"from {last[0].rows} to {last[1].rows} training rows the fused model gained {gain:+.3f}")
        if self.small:
            told.append(f"parts of {', '.join(map(str, self.small))} rows were too small to be learned from")
        return "; ".join(told)


def learning_curve(
    manifest: Manifest,
    config: ExperimentConfig,
    *,
    eighths: Sequence[int] = EIGHTHS,
    outer_folds: int = 0,
    metric: str | None = None,
    progress: Progress = silent,
    cache: FeatureCache | None = None,
) -> LearningCurve:
    """Train every variant of ``core.compare`` on growing parts of the training rows.

    ``outer_folds`` > 1 pools the test parts of a grouped cross-validation, as ``compare`` does: with few cases one test
    part alone tells little.

    Raises:
        ConfigError: without test rows, or with too few groups for the folds.
    """
    manifest.raise_faults()
    check_names(config, (), metric)
    cut = ("train", "val") if config.folds > 1 else ("train",)
    splits = parts_of(manifest, config, outer_folds)
    target = Target.fit(config.target, manifest.targets)
    kind, name = target.kind, known_metric(target.kind, metric)
    tested = [i for rows in splits for i in rows["test"]]
    y = target.decoded(target.encode([manifest.targets[i] for i in tested]))
    group = [manifest.groups[i] for i in tested]
    points, small = list[Point](), list[int]()
    sizes = [
        [{part: _nested(manifest, s[part], many, config.seed) for part in cut} for s in splits] for many in eighths
    ]
    for at, several in enumerate(sizes):
        if several in sizes[:at]:  # few groups cannot be cut so finely
            continue
        pooled: dict[str, list[np.ndarray]] = {}
        learned = round(sum(len(part) for fewer in several for part in fewer.values()) / len(splits))
        try:
            for rows, fewer in zip(splits, several):
                for model, answers in answers_of(manifest, config, rows | fewer, (), progress, cache).items():
                    pooled.setdefault(model, []).append(answers)
        except ConfigError:
            if eighths[at] == max(eighths):
                raise
            small.append(learned)  # too few rows, or of one class alone
            continue
        for model, p in pool(pooled, len(splits))[0].items():
            ends = interval(kind, name, y, p, group)
            points.append(Point(model, learned, score(kind, name, y, p), ends))
    return LearningCurve(name, len(y), points, tuple(small))


def _nested(manifest: Manifest, rows: Sequence[int], eighths: int, seed: int) -> list[int]:
    """So many eighths of the rows, of fewer than eight groups the next larger part; more of them hold the fewer."""
    parts = min(8, manifest.count_groups(rows))
    if parts < 2:
        return sorted(rows)
    cut = folds([manifest.targets[i] for i in rows], [manifest.groups[i] for i in rows], parts, seed)
    return sorted(rows[i] for _, part in cut[: math.ceil(eighths * parts / 8)] for i in part)
