"""How often each segment of a lecture was watched, and watched again, from the learners' records.

Never from faces: see ``domains.education.engagement``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from domains.education.topics import Segment

STEP = 1.0  # seconds


@dataclass(frozen=True)
class Views:
    """Learners who watched a segment (at least half of it), and who watched at least half of it twice."""

    watched: frozenset[str]
    again: frozenset[str]

    @property
    def share_again(self) -> float:
        """Of those who watched; NaN where nobody did."""
        return len(self.again) / len(self.watched) if self.watched else float("nan")


def views(stretches: pd.DataFrame, lecture: str, segments: Sequence[Segment]) -> list[Views]:
    """The views of each segment.

    ``stretches``: the table of ``engagement.watched``: student_id, lecture, start_s, end_s.
    """
    own = stretches[stretches["lecture"] == lecture]
    found: list[tuple[set[str], set[str]]] = [(set(), set()) for _ in segments]
    edges = np.array([[s.start, s.end] for s in segments]) / STEP  # (N, 2)
    length = int(np.ceil(edges.max())) if len(segments) else 0
    for student, rows in own.groupby("student_id"):
        times = np.zeros(length + 1, int)
        np.add.at(times, _at(rows["start_s"], length), 1)
        np.add.at(times, _at(rows["end_s"], length), -1)
        played = times.cumsum()  # (length + 1,) how often each second was played
        for (watched, again), (start, end) in zip(found, edges.round().astype(int), strict=True):
            part = played[start : max(end, start + 1)]
            if (part >= 1).mean() >= 0.5:
                watched.add(str(student))
            if (part >= 2).mean() >= 0.5:
                again.add(str(student))
    return [Views(frozenset(w), frozenset(a)) for w, a in found]


def _at(seconds: pd.Series, length: int) -> np.ndarray:
    return np.clip((seconds.to_numpy(float) / STEP).round().astype(int), 0, length)
