"""The vocabulary that all parts of the engine share.

Shape legend, used in every tensor file:
    B  cases in a batch            M  modalities             K  outputs (classes, grades, labels; 1 for a number)
    T  items of one case: images, volumes, tokens, frames, seconds; 1 for a table row
    D  width of an encoded token   F  features of one item   C, H, W  channels, height, width
    Z  slices of a volume          N  items over a whole batch, padding left out

A sample, what a preprocessor makes of one cell, is always (T, *shape). Absent is never zero: it is a False in a mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from torch import Tensor


class Modality(StrEnum):
    """The kinds of data that the engine reads."""

    IMAGE = "image"
    VOLUME = "volume"
    TEXT = "text"
    AUDIO = "audio"
    VIDEO = "video"
    TABULAR = "tabular"
    PAIR = "pair"  # a text and what it is compared with: an answer and its reference, a question and an article

    @property
    def is_file(self) -> bool:
        """Whether a cell of this kind names files."""
        return self not in (Modality.TEXT, Modality.TABULAR, Modality.PAIR)


class TargetKind(StrEnum):
    """What is predicted: one label of several, several labels, an ordered grade, or a number."""

    LABEL = "label"
    LABELS = "labels"
    GRADE = "grade"
    NUMBER = "number"


@dataclass(frozen=True)
class Signature:
    """What one sample looks like: (T, *shape).

    ``vocabulary``: samples are integer ids (shape ()) or pairs of id and weight (shape (2,)) below this number.
    ``cardinalities``: the last ``len(cardinalities)`` of F features are category codes with that many values each.
    """

    shape: tuple[int, ...]
    vocabulary: int | None = None
    cardinalities: tuple[int, ...] = ()


class Encoded(NamedTuple):
    """Tokens of one modality and which of them are real. Also used for raw samples before encoding."""

    tokens: Tensor  # (B, T, D), or (B, T, *shape) before an encoder
    mask: Tensor  # (B, T) bool; a case without the modality is all False

    @property
    def present(self) -> Tensor:
        """(B,) bool: which cases have this modality at all."""
        return self.mask.any(dim=1)


@dataclass(frozen=True)
class Row:
    """One case of a table. ``values`` holds a cell per modality: files, a text, or the cells of a table row."""

    id: str
    index: int
    values: dict[str, Any]  # absent modalities have no key; see core.manifest for the type of each kind
    target: Any = None
    group: str | None = None
    split: str | None = None


@dataclass
class Batch:
    """Padded samples of several cases. ``inputs`` is keyed by view name: ``modality``, ``modality.1``…"""

    ids: list[str]
    inputs: dict[str, Encoded]
    target: Tensor | None  # (B,) long · (B, K) float for several labels · (B,) float for a number
    weight: Tensor  # (B,) float; 0 for rows that only fill up a process's share
    index: Tensor  # (B,) long: the row's number in the dataset

    def to(self, device: Any, non_blocking: bool = False) -> Batch:
        """The same batch on another device."""
        return self._each(lambda t: t.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The same batch in memory from which a GPU copies while it computes."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        inputs = {k: Encoded(change(v.tokens), change(v.mask)) for k, v in self.inputs.items()}
        target = None if self.target is None else change(self.target)
        return Batch(self.ids, inputs, target, change(self.weight), self.index)


@dataclass(frozen=True)
class Prediction:
    """The answer for one case, the same in app, command line, API and notebook."""

    id: str
    label: str | None  # the most probable label or grade; None for a number or several labels
    probabilities: dict[str, float]  # calibrated; empty for a number
    value: float | None = None  # a number's prediction
    interval: tuple[float, float] | None = None  # a number's conformal interval
    labels: tuple[str, ...] = ()  # several labels: those above their threshold
    conformal_set: tuple[str, ...] = ()  # labels that cannot be ruled out at the promised coverage
    coverage: float | None = None  # that promise, such as 0.9
    shares: dict[str, float] = field(
        default_factory=dict
    )  # Shapley share of each present modality, in log-odds or units
    without: dict[str, float] = field(
        default_factory=dict
    )  # the answer's probability (or the value) without that modality
    alone: dict[str, tuple[str, float]] = field(
        default_factory=dict
    )  # what each present modality answers alone, and how probable that is to it
    disagreeing: tuple[str, ...] = ()  # modalities that contradict each other, see core.evaluation.disagreement
    contradictions: tuple[str, ...] = ()  # what a domain found contradictory, in sentences
    missing: tuple[str, ...] = ()  # modalities that this case does not have
    outside: float | None = None  # share of inside cases that look more at home among the classes; None: not judged
    is_outside: bool = False  # marked as belonging to none of the classes; ``label`` is then the outside label
    warnings: tuple[str, ...] = ()
    refer: tuple[str, ...] = ()  # why a person should decide, see core.evaluation.abstention; empty: nothing says so
