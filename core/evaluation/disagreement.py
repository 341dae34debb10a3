"""Whether the modalities of a case contradict each other: each alone gives another answer, and is sure of it.

A case clashes as much as the less sure of two modalities that answer differently is sure. From which clash on the flag
is raised is set on held-out cases that the fused model answers rightly: at most ``rate`` of such cases raise it, as in
split-conformal prediction (Vovk et al., 2005).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self, TypeAlias

import numpy as np

from core.schema import Prediction

FALSE_ALARM = 0.1
CONTRADICTED = "the kinds of data contradict each other"
_SURE = 0.5  # below, a modality alone has no answer that could be contradicted

Alone: TypeAlias = Mapping[str, tuple[str, float]]  # by modality: what it answers alone, and how probable that is


@dataclass(frozen=True)
class Disagreement:
    """From which clash on the flag is raised, for which share of rightly answered cases, and on how many that was set.

    >>> rule = Disagreement(threshold=0.7, rate=0.1, cases=40)
    >>> rule.between({"ct": ("effusion", 0.9), "report": ("normal", 0.8), "age": ("normal", 0.4)})
    ('ct', 'report')
    >>> rule.between({"ct": ("effusion", 0.9), "report": ("normal", 0.6)})
    ()
    """

    threshold: float
    rate: float
    cases: int

    @classmethod
    def fit(cls, clashes: Sequence[float], rate: float = FALSE_ALARM) -> Self | None:
        """From the clashes of held-out cases that were answered rightly; None where they are too few for the rate."""
        place = math.ceil((len(clashes) + 1) * (1 - rate))
        if place > len(clashes):
            return None
        return cls(max(_SURE, float(np.sort(clashes)[place - 1])), rate, len(clashes))

    def between(self, alone: Alone) -> tuple[str, ...]:
        """The modalities that contradict each other in a case, the surest first; none where they agree."""
        if clash(alone) <= self.threshold:
            return ()
        sure = [m for m, (_, p) in alone.items() if p > self.threshold]
        return tuple(sorted(sure, key=lambda m: -alone[m][1]))

    def to_json(self) -> dict[str, Any]:
        """As JSON for ``Disagreement(**data)``."""
        return asdict(self)


def clash(alone: Alone) -> float:
    """How sure the less sure of two modalities is that answer differently; 0 where all answer alike.

    >>> clash({"ct": ("effusion", 0.9), "report": ("normal", 0.8), "history": ("nodule", 0.3)})
    0.8
    """
    surest: dict[str, float] = {}
    for answer, p in alone.values():
        surest[answer] = max(p, surest.get(answer, 0.0))
    return sorted(surest.values())[-2] if len(surest) > 1 else 0.0


def contradicted(found: Prediction) -> tuple[str, ...]:
    """Why a person should decide a case whose modalities contradict each other; empty where they do not."""
    return (CONTRADICTED,) if found.disagreeing or found.contradictions else ()


def answers_alone(classes: Sequence[str], by: Mapping[str, np.ndarray]) -> dict[str, tuple[str, float]]:
    """What each modality answers, from its (K,) probabilities alone."""
    return {m: (classes[int(p.argmax())], float(p.max())) for m, p in by.items()}
