"""Three measures of how unlike training cases something is: by distance, by unknown words, by values out of range.

Letters as in ``core.schema``; n: vectors of one case, F: their length.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from core.preprocess.words import clean

CELLS = 4  # parts an axis that pictures and volumes are averaged over
DIRECTIONS = 64  # kept of the covariance
LETTERS = 5  # letters to a word
SHOWN, LONGEST = 5, 80  # known values that are named beside an unseen one, and letters of that
_WORD = re.compile(r"[^\W\d_]+")

Evidence = Mapping[str, tuple[float, str] | str]


class Measure(Protocol):
    """What every measure is. ``least`` is the lowest sensible limit."""

    kind: ClassVar[str]
    least: ClassVar[float]

    def fit(self, found: Sequence[Any]) -> None:
        """Learn from the evidence of training cases."""
        ...

    def score(self, found: Any) -> float:
        """How unlike them a case is; 0 or more."""
        ...

    def why(self, found: Any) -> str:
        """What stands out, in a few words; may be empty."""
        ...

    def state(self) -> dict[str, Any]:
        """What was learned, as JSON."""
        ...

    def arrays(self) -> dict[str, Tensor]:
        """And what is too large for it."""
        ...

    def restore(self, state: dict[str, Any], arrays: dict[str, Tensor]) -> None:
        """Take both over."""
        ...


class Distance:
    """Mahalanobis distance of vectors (n, F) under a shrunk covariance; a case counts by its farthest vector.

    Shrinkage: Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", 2004. What
    lies outside of the ``DIRECTIONS`` of largest variance is measured by one common variance.
    """

    kind: ClassVar = "distance"
    least: ClassVar = 0.0

    def __init__(self) -> None:
        self.mean = self.axes = self.variance = torch.zeros(0)
        self.rest = 1.0

    def fit(self, found: Sequence[Tensor]) -> None:
        """Mean, directions and variances of all vectors together."""
        x = torch.cat(list(found)).double()  # (N, F)
        self.mean = x.mean(dim=0)
        x = x - self.mean
        n, width = x.shape
        _, s, axes = torch.linalg.svd(x, full_matrices=False)
        spread = s**2 / n  # (R,)
        average = float(spread.sum()) / width
        noise = float(((x**2).sum(dim=1) ** 2).sum()) / n**2 - float((spread**2).sum()) / n
        shape = float((spread**2).sum()) - width * average**2
        share = min(max(noise / shape, 0.0), 1.0) if shape > 0 else 1.0
        kept = min(DIRECTIONS, len(spread))
        left = float(spread[kept:].sum()) / max(width - kept, 1)
        self.rest = max(share * average + (1 - share) * left, 1e-9)
        self.axes, self.variance = axes[:kept], share * average + (1 - share) * spread[:kept] + 1e-9

    def score(self, found: Tensor) -> float:
        """Root of the mean squared distance over the F numbers, of the farthest vector."""
        x = found.double() - self.mean  # (n, F)
        along = x @ self.axes.T  # (n, R)
        beside = ((x**2).sum(dim=1) - (along**2).sum(dim=1)).clamp(min=0)  # (n,)
        return float((((along**2) / self.variance).sum(dim=1) + beside / self.rest).max() / x.shape[1]) ** 0.5

    def why(self, found: Tensor) -> str:
        """Nothing: a distance has no words."""
        return ""

    def state(self) -> dict[str, Any]:
        """The common variance."""
        return {"rest": self.rest}

    def arrays(self) -> dict[str, Tensor]:
        """Mean, directions and variances."""
        named = {"mean": self.mean, "axes": self.axes, "variance": self.variance}
        return {k: v.float().contiguous().clone() for k, v in named.items()}

    def restore(self, state: dict[str, Any], arrays: dict[str, Tensor]) -> None:
        """Take over a saved state."""
        self.rest = state["rest"]
        self.mean, self.axes, self.variance = (arrays[k].double() for k in ("mean", "axes", "variance"))


class Words:
    """How many standard deviations more of a text than usual is made of words that no training text has.

    Counted in letters, five to a word, so that writing without blanks counts too; a short text has no high score.
    """

    kind: ClassVar = "words"
    least: ClassVar = 4.0

    def __init__(self) -> None:
        self.known: frozenset[str] = frozenset()
        self.usual = 0.0  # share of the letters of a training text in words that no other training text has

    def fit(self, found: Sequence[str]) -> None:
        """The words of all texts, and how many stand in one text only."""
        texts = [_words(text) for text in found]
        holding = Counter(word for words in texts for word in set(words))
        alone = sum(len(w) for words in texts for w in words if holding[w] == 1)
        self.known = frozenset(holding)
        self.usual = alone / max(sum(len(w) for words in texts for w in words), 1)

    def score(self, found: str) -> float:
        """The z score of the unknown share."""
        unknown, letters = self._count(found)
        n = letters / LETTERS
        spread = (n * self.usual * (1 - self.usual) + 1) ** 0.5
        return max(unknown / LETTERS - n * self.usual, 0.0) / spread

    def why(self, found: str) -> str:
        """The share of unknown words."""
        unknown, letters = self._count(found)
        return f"{unknown / max(letters, 1):.0%} of its words are in no training text: another language or subject?"

    def _count(self, text: str) -> tuple[int, int]:
        words = _words(text)
        return sum(len(w) for w in words if w not in self.known), sum(len(w) for w in words)

    def state(self) -> dict[str, Any]:
        """The words in order, and the usual share of unknown ones."""
        return {"known": sorted(self.known), "usual": self.usual}

    def arrays(self) -> dict[str, Tensor]:
        """None."""
        return {}

    def restore(self, state: dict[str, Any], arrays: dict[str, Tensor]) -> None:
        """Take over a saved state."""
        self.known, self.usual = frozenset(state["known"]), state["usual"]


class Ranges:
    """How far a number lies outside of those of training, as a share of their range; the farthest column counts.

    Evidence: the scaled number and its cell by column, so that a skewed column is measured by its logarithm; of a
    category the value. ``values``: those that a category had in training; a column that is not there is not judged.
    """

    kind: ClassVar = "ranges"
    least: ClassVar = 0.25

    def __init__(self) -> None:
        self.ends: dict[str, list[tuple[float, str]]] = {}
        self.values: dict[str, dict[str, None]] = {}  # an ordered set by column

    def fit(self, found: Sequence[Evidence]) -> None:
        """The lowest and the highest number of each column."""
        for case in found:
            for column, value in _numbers(case).items():
                low, high = self.ends.get(column, (value, value))
                self.ends[column] = [min(low, value), max(high, value)]

    def score(self, found: Evidence) -> float:
        """The farthest column's."""
        return max((self._outside(c, value) for c, (value, _) in _numbers(found).items()), default=0.0)

    def why(self, found: Evidence) -> str:
        """The farthest column, what it holds and the range of training."""
        numbers = _numbers(found)
        column = max(numbers, key=lambda c: self._outside(c, numbers[c][0]))
        low, high = self.ends[column]
        return f"{column} {numbers[column][1]} where {low[1]} to {high[1]} was seen"

    def unseen(self, found: Evidence) -> list[str]:
        """The categories whose value training never had, and what it had there, the most frequent first."""
        told = []
        for column, value in found.items():
            known = self.values.get(column)
            if isinstance(value, str) and known and value not in known:
                seen = ", ".join(list(known)[:SHOWN]) + (" …" if len(known) > SHOWN else "")
                told.append(f"{column} {value[:LONGEST]!r} where {seen} was seen")
        return told

    def _outside(self, column: str, value: float) -> float:
        if column not in self.ends:
            return 0.0
        (low, _), (high, _) = self.ends[column]
        return max(low - value, value - high, 0.0) / (high - low) if high > low else 0.0

    def state(self) -> dict[str, Any]:
        """The ends and the values of each column."""
        ends = {c: [list(end) for end in ends] for c, ends in self.ends.items()}
        return {"ends": ends, "values": {c: list(known) for c, known in self.values.items()}}

    def arrays(self) -> dict[str, Tensor]:
        """None."""
        return {}

    def restore(self, state: dict[str, Any], arrays: dict[str, Tensor]) -> None:
        """Take over a saved state."""
        self.ends = {c: [(float(v), str(t)) for v, t in ends] for c, ends in state["ends"].items()}
        self.values = {c: dict.fromkeys(known) for c, known in state.get("values", {}).items()}  # once there were none


def _numbers(found: Evidence) -> dict[str, tuple[float, str]]:
    return {c: value for c, value in found.items() if not isinstance(value, str)}


def pooled(sample: Tensor) -> Tensor:
    """Mean and deviation in each part of pictures or volumes: (T, C, *space) -> (T, 2 C CELLS^dims)."""
    pool: Any = {2: functional.adaptive_avg_pool2d, 3: functional.adaptive_avg_pool3d}[sample.ndim - 2]
    mean, square = pool(sample, CELLS), pool(sample**2, CELLS)  # (T, C, *CELLS) each
    return torch.cat([mean.flatten(1), (square - mean**2).clamp(min=0).sqrt().flatten(1)], dim=1)


def frames_of(sample: Tensor) -> Tensor:
    """Mean and deviation over time of what is heard or filmed: (T, F) -> (1, 2 F)."""
    return torch.cat([sample.mean(dim=0), sample.std(dim=0, correction=0)])[None]


def _words(text: str) -> list[str]:
    return _WORD.findall(clean(text).lower())
