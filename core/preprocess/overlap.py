"""How far two texts say the same in the same words: shares, ratios and flags from 0 to 1, without a model.

Overlap of words and letters with rare words weighing more (Sultan et al., "Fast and Easy Short Answer Grading with High
Accuracy", 2016), and what the text repeats of something else, such as the question, left out ("question demoting",
Mohler et al., 2011).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from core.preprocess.words import clean

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_NEGATIONS = frozenset(("no", "not", "none", "nothing", "never", "neither", "nor", "without", "cannot"))
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBER_WORDS = {word: str(i) for i, word in enumerate(_DIGITS)}
_ENDINGS = ("ing", "edly", "ed", "es", "ly", "s")
COMPARED = (
    "recall", "precision", "rare_recall", "rare_precision", "cosine", "pairs", "letters", "order", "beside_recall",
    "beside_precision", "numbers", "negation", "length", "known",
)  # fmt: skip
OWN = ("words", "new_words", "negated", "numbered")


@dataclass(frozen=True)
class Words:
    """A text as stems in order, its letters in threes, its numbers, and whether it denies something."""

    stems: tuple[str, ...]
    kinds: frozenset[str]
    pairs: frozenset[str]
    letters: frozenset[str]
    numbers: frozenset[str]
    denies: bool

    @classmethod
    def of(cls, text: str) -> Words:
        """Read one text.

        >>> Words.of("The bulbs aren't lit by 2 batteries").stems
        ('the', 'bulb', "aren't", 'lit', 'by', '2', 'batteri')
        """
        tokens = _TOKEN.findall(clean(text).lower().replace("’", "'"))
        stems = tuple(_stem(_NUMBER_WORDS.get(t, t)) for t in tokens)
        padded = f" {' '.join(stems)} "
        return cls(
            stems,
            frozenset(stems),
            frozenset(f"{a} {b}" for a, b in pairwise(stems)),
            frozenset(padded[i : i + 3] for i in range(len(padded) - 2)) if stems else frozenset(),
            frozenset(s for s in stems if s[0].isdigit()),
            any(t in _NEGATIONS or t.endswith("n't") for t in tokens),
        )


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)].rstrip("e")
    return word.rstrip("e") if len(word) > 3 else word


@dataclass
class Overlap:
    """Compares texts; how rare a word is was learned from training texts."""

    rarity: dict[str, float] = field(default_factory=dict)
    unseen: float = 1.0  # rarity of a word that no training text has

    def fit(self, texts: Iterable[Words]) -> None:
        """Inverse document frequencies over distinct texts."""
        counts: Counter[str] = Counter()
        total = 0
        for text in texts:
            total += 1
            counts.update(text.kinds)
        self.rarity = {w: math.log((1 + total) / (1 + n)) + 1 for w, n in sorted(counts.items()) if n > 1}
        self.unseen = math.log(1 + total) + 1

    def compare(self, text: Words, other: Words, beside: frozenset[str]) -> list[float]:
        """The numbers ``COMPARED`` names; ``beside``: words that prove nothing, as something else holds them."""
        a, b = text.kinds, other.kinds
        both, weigh = a & b, self._weight
        return [
            _share(len(both), len(b)),
            _share(len(both), len(a)),
            _share(weigh(both), weigh(b)),
            _share(weigh(both), weigh(a)),
            _share(self._square(both), math.sqrt(self._square(a) * self._square(b))),
            _share(2 * len(text.pairs & other.pairs), len(text.pairs) + len(other.pairs)),
            _share(2 * len(text.letters & other.letters), len(text.letters) + len(other.letters)),
            _share(_common_order(text.stems, other.stems), len(other.stems)),
            _share(weigh(both - beside), weigh(b - beside)),
            _share(weigh(both - beside), weigh(a - beside)),
            _share(len(text.numbers & other.numbers), len(text.numbers | other.numbers)),
            float(text.denies != other.denies),
            _share(len(text.stems), len(text.stems) + len(other.stems)),
            1.0,
        ]

    def own(self, text: Words, others: Sequence[Words]) -> list[float]:
        """The numbers ``OWN`` names: of the text alone, and beside all that it is compared with."""
        said = frozenset().union(*(o.kinds for o in others))
        new = _share(self._weight(text.kinds - said), self._weight(text.kinds))
        return [math.log1p(len(text.stems)) / 5, new, float(text.denies), float(bool(text.numbers))]

    def state(self) -> dict[str, object]:
        """What was learned, as JSON."""
        return {"rarity": self.rarity, "unseen": self.unseen}

    def restore(self, state: Mapping[str, object]) -> None:
        """Take over a saved state."""
        self.rarity, self.unseen = dict(state["rarity"]), float(state["unseen"])  # type: ignore[call-overload, arg-type]

    def _weight(self, words: Iterable[str]) -> float:
        return sum(self.rarity.get(w, self.unseen) for w in words)

    def _square(self, words: Iterable[str]) -> float:
        return sum(self.rarity.get(w, self.unseen) ** 2 for w in words)


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _common_order(a: Sequence[str], b: Sequence[str], most: int = 60) -> int:
    """Length of the longest common subsequence of the first words of both."""
    a, b = a[:most], b[:most]
    row = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for j, other in enumerate(b, start=1):
            before, row[j] = row[j], before + 1 if word == other else max(row[j], row[j - 1])
    return row[-1]
