"""Calibration and conformal thresholds for each pattern of present modalities: without the report, another temperature.

A model is asked about held-out cases with modalities switched off through the mask, so each pattern has as many cases
as have at least its modalities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch

from core.dataset import CaseDataset, Collate
from core.ensemble import Ensemble, Expert, Pattern
from core.evaluation.calibration import fit_temperature, temper
from core.evaluation.conformal import Threshold, as_threshold, fit_threshold
from core.schema import TargetKind

LEAST, MOST = 50, 2000  # held-out cases that a pattern needs; of more, so many are asked
FEW = 4  # modalities of which all subsets are looked at


@dataclass(frozen=True)
class Calibration:
    """What was fitted on ``cases`` held-out cases that were cut down to a pattern."""

    pattern: Pattern
    temperature: float
    threshold: Threshold
    cases: int

    def to_json(self) -> dict[str, Any]:
        """As JSON that ``from_json`` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """What ``to_json`` wrote."""
        return cls(tuple(data["pattern"]), data["temperature"], as_threshold(data["threshold"]), data["cases"])


def each_alone(count: int) -> list[Pattern]:
    """The patterns of one modality of so many.

    >>> each_alone(2)
    [(True, False), (False, True)]
    """
    return [tuple(i == j for j in range(count)) for i in range(count)]


def patterns_of(present: np.ndarray) -> list[Pattern]:
    """The patterns to calibrate for: all subsets of up to ``FEW`` modalities; of more, those met and each alone.

    ``present``: (N, M). Where every case has everything, the pattern of everything needs no calibration of its own.
    """
    count = present.shape[1]
    every = (
        [tuple(bool(code >> i & 1) for i in range(count)) for code in range(1, 2**count - 1)] if count <= FEW else []
    )
    seen = [tuple(map(bool, row)) for row in np.unique(present, axis=0) if row.any()]
    whole = () if present.all() else ((True,) * count,)
    return sorted(({*every, *each_alone(count), *seen} - {(True,) * count}) | {*whole}) if count > 1 else []


def cut_down(
    experts: Sequence[tuple[Expert, np.ndarray, float]],
    cases: CaseDataset,
    rows: Sequence[int],
    patterns: Sequence[Pattern],
    outputs: int,
) -> np.ndarray:
    """(P, N, outputs): joint answers on ``rows`` with each pattern's modalities alone.

    ``experts``: each with the positions among the rows that it did not train on, and its weight.
    """
    found = np.zeros((len(patterns), len(rows), outputs))
    collate = Collate(cases.views, None)
    for expert, positions, weight in experts:
        for start in range(0, len(positions), 64):
            part = positions[start : start + 64]
            batch = collate([cases[int(rows[p])] for p in part])
            keeps = [torch.tensor([pattern] * len(part)) for pattern in patterns]
            found[:, part] += weight * np.stack(expert.answers(batch, keeps))
    return found


def fit_patterns(
    kind: TargetKind,
    y: np.ndarray,
    answers: np.ndarray,
    present: np.ndarray,
    patterns: Sequence[Pattern],
    coverage: float,
    by_class: bool,
    scale: str = "none",
) -> list[Calibration]:
    """One calibration a pattern, where ``LEAST`` of the cases (``present`` (N, M)) have its modalities.

    ``answers``: (P, N, outputs) of ``cut_down``; ``scale``: of intervals, see ``core.evaluation.conformal``.
    """
    found = []
    for pattern, cut in zip(patterns, answers):
        here = (present | ~np.array(pattern)).all(axis=1)  # has at least these
        if here.sum() < LEAST:
            continue
        temperature = fit_temperature(kind, y[here], cut[here])
        threshold = fit_threshold(kind, y[here], temper(kind, cut[here], temperature), coverage, by_class, scale)
        found.append(Calibration(pattern, temperature, threshold, int(here.sum())))
    return found


def apply_temperatures(ensemble: Ensemble, found: Sequence[Calibration]) -> None:
    """Let an ensemble answer each pattern at its own temperature."""
    ensemble.temperatures = {c.pattern: c.temperature for c in found}
