"""Curves of robustness as figures: points with intervals, the area under each as one number, JSON, CSV and text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.evaluation.intervals import Resamples, ends_of
from core.metrics import score
from core.schema import TargetKind

FUSED = "fused"
FACTORS = (2.0, 4.0, 8.0, 16.0)  # how many times commoner one class is made


@dataclass(frozen=True)
class Curve:
    """One model over the steps of one damage; step 0 is the data as it is.

    ``area``: the mean height of the curve, the steps evenly spaced, over its height at step 0: 1 is untouched. NaN
    where that height is not above 0.
    """

    modality: str
    damage: str
    unit: str
    model: str
    steps: tuple[float, ...]
    values: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    area: float
    area_interval: tuple[float, float]


@dataclass(frozen=True)
class Missing:
    """The fused model with only some modalities, on the ``cases`` that have at least these."""

    present: tuple[str, ...]
    cases: int
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Stress:
    """All curves of a bundle on some cases."""

    metric: str
    cases: int
    seed: int
    curves: list[Curve]
    missing: list[Missing]
    trained_alone: tuple[str, ...]  # modalities whose curve alone is of a model of their own
    model: dict[str, str]  # when the bundle was made, and from which table

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON."""
        return asdict(self)

    def to_csv(self) -> str:
        """One line a point."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["modality", "damage", "unit", "model", "step", self.metric, "low", "high", "area", "cases"])
        for c in self.curves:
            for step, value, (low, high) in zip(c.steps, c.values, c.intervals):
                writer.writerow([c.modality, c.damage, c.unit, c.model, step, value, low, high, c.area, self.cases])
        for m in self.missing:
            writer.writerow([" + ".join(m.present), "given alone", "", FUSED, "", m.value, *m.interval, "", m.cases])
        return out.getvalue()

    def text(self) -> str:
        """A table for people."""
        lines = [f"{self.metric} on {self.cases} cases; area: mean over the steps, as a share of the undamaged figure"]
        shown = ""
        for c in self.curves:
            if (head := f"{c.modality}: {c.damage} ({c.unit})") != shown:
                lines.append(f"{head:58}" + "".join(f"{s:>8g}" for s in c.steps) + "    area")
                shown = head
            points = "".join(f"{v:8.3f}" for v in c.values)
            low, high = c.area_interval
            lines.append(f"  {c.model:56}{points}   {c.area:.3f} ({low:.3f} to {high:.3f})")
        if len(self.missing) > 1:
            lines.append("given only:")
        for m in self.missing[: len(self.missing) if len(self.missing) > 1 else 0]:
            low, high = m.interval
            lines.append(f"  {' + '.join(m.present):56}{m.value:8.3f} ({low:.3f} to {high:.3f}), {m.cases} cases")
        return "\n".join(lines)

    def summary(self) -> dict[str, Any]:
        """What the card says: the area of the fused curve by modality and damage, and how many cases."""
        areas = {f"{c.modality}: {c.damage}": c.area for c in self.curves if c.model == FUSED}
        return {"metric": self.metric, "cases": self.cases, "areas": areas}


class Ruler:
    """Measures answers on the same rows and the same bootstrap ``samples`` of them; what was measured once is kept."""

    def __init__(self, kind: TargetKind, metric: str, y: np.ndarray, samples: Resamples | Sequence[np.ndarray]) -> None:
        self.kind, self.metric, self.y, self.samples = kind, metric, y, samples
        self._known: dict[int, tuple[np.ndarray, float, np.ndarray]] = {}  # by array, which is kept with its figures

    def curve(
        self, modality: str, damage: str, unit: str, steps: Sequence[float], model: str, answers: Sequence[np.ndarray]
    ) -> Curve:
        """A curve from the answers (N, outputs) at each step."""
        found = [self._measured(a) for a in answers]
        draws = np.stack([drawn for _, drawn in found], axis=1)  # (times, steps)
        return _made(modality, damage, unit, model, steps, [value for value, _ in found], draws)

    def _measured(self, answers: np.ndarray) -> tuple[float, np.ndarray]:
        """The figure, and (times,) of it on the samples."""
        if id(answers) not in self._known:
            drawn = np.array([self._score(rows, answers) for rows in self.samples])
            self._known[id(answers)] = answers, self._score(np.arange(len(self.y)), answers), drawn
        return self._known[id(answers)][1:]

    def _score(self, rows: np.ndarray, answers: np.ndarray) -> float:
        return score(self.kind, self.metric, self.y[rows], answers[rows])

    def shifted(self, model: str, answers: np.ndarray, seed: int) -> Curve:
        """The same answers where one class, another in every draw, is so many times commoner than in the table."""
        rng, known = np.random.default_rng(seed), np.unique(self.y)

        def drawn(rows: np.ndarray, times: float, common: int) -> float:
            weight = np.where(self.y[rows] == known[common % len(known)], times, 1.0)
            taken = rng.choice(rows, len(rows), p=weight / weight.sum()) if times > 1 else rows
            return self._score(taken, answers)

        every, steps = np.arange(len(self.y)), (1.0, *FACTORS)
        values = [float(np.nanmean([drawn(every, s, i) for i in range(len(self.samples))])) for s in steps]
        draws = np.array([[drawn(rows, s, i) for s in steps] for i, rows in enumerate(self.samples)])  # (times, steps)
        return _made("all", "class balance", "times commoner, one class", model, steps, values, draws)


def _made(
    modality: str,
    damage: str,
    unit: str,
    model: str,
    steps: Sequence[float],
    values: Sequence[float],
    draws: np.ndarray,
) -> Curve:
    areas = np.array([_area(d) for d in draws])
    ends = tuple(ends_of(draws[:, i]) for i in range(len(values)))
    area = _area(np.array(values))
    return Curve(modality, damage, unit, model, tuple(steps), tuple(values), ends, area, ends_of(areas))


def _area(heights: np.ndarray) -> float:
    """The trapezoid mean over evenly spaced steps, over the first height."""
    mean = float(np.trapezoid(heights) / (len(heights) - 1))
    return mean / float(heights[0]) if heights[0] > 0 else float("nan")
