"""What more training rows would bring: fused, each kind alone and the floor on growing parts of them.

The parts are nested, keep groups whole and the shares of classes; validation and test rows stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.cache import FeatureCache
from core.compare import FUSED, answers_of, check_names
from core.config import ExperimentConfig
from core.errors import ConfigError
from core.evaluation.intervals import interval
from core.manifest import Manifest
from core.metrics import known_metric, score
from core.progress import Progress, silent
from core.splits import folds, split
from core.targets import Target

EIGHTHS = (1, 2, 4, 8)  # of the training rows


@dataclass(frozen=True)
class Point:
    """One model trained on ``rows`` rows."""

    model: str
    rows: int
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class LearningCurve:
    """Points of all models, by rising rows; ``cases`` test cases."""

    metric: str
    cases: int
    points: list[Point]

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
        """What the last step brought the fused model, in a sentence."""
        last = self.of(FUSED)[-2:]
        if len(last) < 2:
            return ""
        gain = last[1].value - last[0].value
        return f"from {last[0].rows} to {last[1].rows} training rows the fused model gained {gain:+.3f}"


def learning_curve(
    manifest: Manifest,
    config: ExperimentConfig,
    *,
    eighths: Sequence[int] = EIGHTHS,
    metric: str | None = None,
    progress: Progress = silent,
    cache: FeatureCache | None = None,
) -> LearningCurve:
    """Train every variant of ``core.compare`` on growing parts of the training rows.

    Raises:
        ConfigError: without test rows, or with fewer than eight groups of training rows.
    """
    manifest.raise_faults()
    check_names(config, (), metric)
    rows = {part: [int(i) for i in found] for part, found in split(manifest, config, config.seed).items()}
    if not rows["test"]:
        raise ConfigError("learning curve: the table has no test rows; name a split with test rows")
    targets = [manifest.targets[i] for i in rows["train"]]
    parts = folds(targets, [manifest.groups[i] for i in rows["train"]], 8, config.seed)
    target = Target.fit(config.target, manifest.targets)
    kind, name = target.kind, known_metric(target.kind, metric)
    y = target.decoded(target.encode([manifest.targets[i] for i in rows["test"]]))
    group = [manifest.groups[i] for i in rows["test"]]
    points = []
    for many in eighths:
        train = sorted(rows["train"][i] for _, part in parts[:many] for i in part)
        found = answers_of(manifest, config, rows | {"train": train}, (), progress, cache)
        for model, answers in found.items():
            ends = interval(kind, name, y, answers, group)
            points.append(Point(model, len(train), score(kind, name, y, answers), ends))
    return LearningCurve(name, len(y), points)
