"""How much of what the modalities tell about the target is redundant, unique to one, or told only by them jointly.

The information that a model draws from a modality is the gain of its held-out log probability over the prior (usable
information: Xu et al. 2020; Ethayarajh et al. 2022), in bits. It is split outcome by outcome, as Williams and Beer
(2010) split mutual information: of an outcome, what the second most informative modality tells is redundant, what the
most informative one tells beyond is unique to it, and what all together tell beyond that is synergy. So the parts add
up to what all tell. Two independent noisy hints have synergy, too; whether a fusion needs to express interactions is
told by what an additive model of all misses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.schema import TargetKind


@dataclass(frozen=True)
class Information:
    """Bits about the target a case, on average: ``redundant + sum(unique) + synergy = total``."""

    total: float
    redundant: float
    unique: dict[str, float]
    synergy: float
    interaction: float  # of the synergy, what an additive model of all modalities does not reach

    def lines(self) -> list[str]:
        """The parts for people."""
        told = ", ".join(f"{v:.3f} only in {name}" for name, v in self.unique.items())
        return [
            f"information about the target: {self.total:.3f} bits a case; {self.redundant:.3f} told by several kinds, "
            f"{told}, {self.synergy:.3f} only by them together ({self.interaction:.3f} through interactions)"
        ]


def decompose(
    outcome: np.ndarray, alone: Mapping[str, np.ndarray], joint: np.ndarray, additive: np.ndarray
) -> Information:
    """Split the information of ``joint`` (N,) bits, given each modality's ``alone`` and an ``additive`` model's of all.

    ``outcome`` (N,) is the code of each case's outcome, see ``outcomes``.

    An outcome of which a modality tells less than nothing counts as nothing told.
    """
    redundant, synergy = 0.0, 0.0
    unique = dict.fromkeys(alone, 0.0)
    for value in np.unique(outcome):
        here = outcome == value
        weight = float(here.mean())
        told = {name: max(0.0, float(bits[here].mean())) for name, bits in alone.items()}
        best, *rest = sorted(told, key=lambda n: -told[n])
        second = told[rest[0]] if rest else 0.0
        redundant += weight * second
        unique[best] += weight * (told[best] - second)
        synergy += weight * max(0.0, float(joint[here].mean()) - told[best])
    missed = min(synergy, max(0.0, float((joint - additive).mean())))
    return Information(redundant + sum(unique.values()) + synergy, redundant, unique, synergy, missed)


def gains(kind: TargetKind, y: np.ndarray, answers: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """(N,) bits: log probability of the truth under held-out ``answers`` less that under the ``prior``.

    For a number both are normal densities with the spread of their own residuals; ``prior`` (1,) is the mean.
    """
    if kind is TargetKind.NUMBER:
        return _log_density(y, answers[:, 0]) - _log_density(y, np.full(len(y), float(prior[0])))
    p, q = answers.clip(1e-6, 1 - 1e-6), np.broadcast_to(prior, answers.shape).clip(1e-6, 1 - 1e-6)
    if kind is TargetKind.LABELS:
        each = y * np.log2(p / q) + (1 - y) * np.log2((1 - p) / (1 - q))  # (N, K)
        return each.sum(axis=1)
    at = np.arange(len(y)), y.astype(int)
    return np.log2(p[at] / q[at])


def outcomes(kind: TargetKind, y: np.ndarray) -> np.ndarray:
    """(N,) the code of each case's outcome: its label, the tenth that its number is in, or 0 for several labels."""
    if kind is TargetKind.LABELS:
        return np.zeros(len(y), dtype=int)
    if kind is TargetKind.NUMBER:
        return np.searchsorted(np.quantile(y, np.linspace(0.1, 0.9, 9)), y)
    return y.astype(int)


def _log_density(y: np.ndarray, mean: np.ndarray) -> np.ndarray:
    spread = max(float(np.std(y - mean)), 1e-9)
    return (-0.5 * ((y - mean) / spread) ** 2 - np.log(spread)) / np.log(2)
