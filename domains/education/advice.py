"""What a course says to its teacher and learners: lines with their evidence, in words and as a table."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domains.education.join import Link

SMALLEST_GROUP = 5  # learners; figures of fewer are not shown
FEW_LEARNERS, FEW_ANSWERS = 10, 3  # with fewer the evidence is called thin


@dataclass(frozen=True)
class WeakPoint:
    """A concept that a learner, or the class, has not mastered.

    ``probability``: of mastery; of the class, the mean over its learners. ``evidence``: answers; of the class,
    learners.
    ``share``: of the class's learners below the limit; None for one learner, or where they are too few to be shown.
    ``basis``: where the probability comes from. ``links``: where the concept is taught, best first.
    """

    concept: str
    probability: float
    evidence: int
    thin: bool
    basis: str
    share: float | None
    links: tuple[Link, ...]
    rows: tuple[str, ...]  # answer ids


@dataclass(frozen=True)
class Recommendation:
    """What one learner should do: watch ``start`` to ``end`` again, then try the exercise; ``reason`` says why."""

    student_id: str
    concept: str
    lecture: str
    start: float
    end: float
    slide: int | None
    title: str
    exercise: str  # question id; "" where every question on the concept is answered correctly, or there is none
    exercise_text: str
    reason: str
    probability: float
    evidence: int
    thin: bool
    weak_link: bool  # whether the place was found with doubt
    rows: tuple[str, ...]  # answer ids


@dataclass(frozen=True)
class Advice:
    """A place of a lecture to teach again: who watched it again, which question on its concept went wrong.

    A share of fewer than ``SMALLEST_GROUP`` learners is None. ``priority`` ranks: the mean of what both shares are at
    least, by the lower ends of their 95 % intervals (Wilson 1927).
    """

    concept: str
    lecture: str
    start: float
    end: float
    slide: int | None
    title: str
    viewers: int | None
    again: float | None
    question: str
    answered: int | None
    wrong: float | None
    priority: float
    thin: bool
    weak_link: bool
    rows: tuple[str, ...]  # answer ids behind ``wrong``
    watchers: tuple[str, ...]  # student ids behind ``again``

    def text(self) -> str:
        """The line as a teacher reads it."""
        said = []
        if self.again is not None:
            said.append(f"re-watched by {self.again:.0%} of {self.viewers}")
        if self.wrong is not None:
            said.append(f"question {self.question} on {self.concept!r} wrong for {self.wrong:.0%} of {self.answered}")
        if not self.concept:
            said.append("no question asks for it")
        thin = " (thin evidence)" if self.thin else ""
        return f"{where(self.lecture, self.start, self.end, self.slide, self.title)}: {', '.join(said)}{thin}"


def clock(seconds: float) -> str:
    """Seconds as people read them on a player.

    >>> clock(512.4), clock(3725)
    ('08:32', '1:02:05')
    """
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def where(lecture: str, start: float, end: float, slide: int | None, title: str) -> str:
    """A place of a lecture in words; slides count from 1 for people."""
    shown = f"slide {slide + 1}" if slide is not None else "a moving picture"
    return f"{lecture} {clock(start)}–{clock(end)}, {shown}" + (f" {title!r}" if title else "")


def at_least(hits: int, of: int, z: float = 1.96) -> float:
    """The lower end of Wilson's interval of a share; 0 without evidence."""
    if of == 0:
        return 0.0
    share = hits / of
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (share + z * z / (2 * of) - half) / (1 + z * z / of))


def to_csv(lines: Sequence[WeakPoint | Recommendation | Advice], path: Path) -> None:
    """Write lines as a table, a column a field; places and row ids are joined by ``|``."""
    rows = [{name: _cell(value) for name, value in vars(line).items()} for line in lines]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["concept"])
        writer.writeheader()
        writer.writerows(rows)


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return "|".join(_cell(v) for v in value)
    if isinstance(value, Link):
        return f"{value.lecture}:{clock(value.start)}"
    text = "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "@", "\t", "\r")) else text  # no spreadsheet takes it for a formula
