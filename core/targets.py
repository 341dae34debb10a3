"""Targets as tensors and logits as answers, for each kind of target.

    kind     target tensor     outputs K     probabilities
    label    (B,) long         classes       softmax
    labels   (B, K) float      classes       a sigmoid each
    grade    (B,) long         classes − 1   CORN: P(y > k) as a product of conditional sigmoids, then differences
    number   (B,) float        1             none; ``values`` undoes the scaling

CORN: Shi, Cao, Raschka, "Deep Neural Networks for Rank-Consistent Ordinal Regression Based On Conditional
Probabilities", 2021.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from core.config import TargetConfig
from core.errors import ConfigError
from core.numbers import number_or_none
from core.schema import TargetKind


@dataclass(frozen=True)
class Target:
    """The fitted target: classes in order, their share in training, and the scale of a number."""

    kind: TargetKind
    classes: tuple[str, ...] = ()
    prior: tuple[float, ...] = ()  # share of each class among training rows, smoothed
    center: float = 0.0
    scale: float = 1.0
    transform: str = "none"
    interval_scale: str = "none"  # where intervals of a number are symmetric; older bundles say nothing: in its unit

    @classmethod
    def fit(cls, config: TargetConfig, raw: Iterable[Any], known: Iterable[Any] = ()) -> Self:
        """Learn classes and scale from the targets of the training rows.

        ``known`` are targets of other rows, whose classes count although training may not meet them.

        Raises:
            ConfigError: if fewer than two classes are left, or numbers do not fit the transform.
        """
        values = list(raw)
        if config.kind is TargetKind.NUMBER:
            return cls._fit_number(config, np.asarray(values, dtype=np.float64))
        several = config.kind is TargetKind.LABELS
        flat, others = ([c for v in part for c in (v if several else (v,))] for part in (values, known))
        classes = config.classes or tuple(sorted({*flat, *others}, key=_natural))
        if len(set(flat)) < (1 if several else 2):
            least = "one label" if several else "two classes"
            found = ", ".join(sorted(set(flat))) or "none"
            raise ConfigError(
                f"target {config.column!r}: needs at least {least} in training, found {found}; add cases of another one"
            )
        count, rows = Counter(flat), len(values) + (2 if several else len(classes))
        prior = tuple((count[c] + 1) / rows for c in classes)
        return cls(config.kind, classes, prior)

    @classmethod
    def _fit_number(cls, config: TargetConfig, values: np.ndarray) -> Self:
        if config.transform == "log1p":
            if (values < 0).any():
                raise ConfigError(f"target {config.column!r}: log1p needs numbers ≥ 0, found {values.min():g}")
            values = np.log1p(values)
        scale = float(values.std()) or 1.0
        center, transform = float(values.mean()), config.transform
        return cls(config.kind, center=center, scale=scale, transform=transform, interval_scale=transform)

    @property
    def outputs(self) -> int:
        """K, the number of logits."""
        return {TargetKind.NUMBER: 1, TargetKind.GRADE: len(self.classes) - 1}.get(self.kind, len(self.classes))

    def encode(self, raw: Sequence[Any]) -> Tensor:
        """Raw targets of B cases to a tensor; see the module's table.

        Raises:
            ConfigError: for a class that training did not see.
        """
        if self.kind is TargetKind.NUMBER:
            values = np.asarray(raw, dtype=np.float64)
            values = np.log1p(values) if self.transform == "log1p" else values
            return torch.from_numpy((values - self.center) / self.scale).float()  # (B,)
        code = {c: i for i, c in enumerate(self.classes)}
        flat = {c for v in raw for c in (v if self.kind is TargetKind.LABELS else (v,))}
        if alien := sorted(flat - code.keys()):
            raise ConfigError(f"target: unknown class {alien[0]!r}; the model knows {', '.join(self.classes)}")
        if self.kind is TargetKind.LABELS:
            return torch.tensor([[float(c in v) for c in self.classes] for v in raw])  # (B, K)
        return torch.tensor([code[v] for v in raw], dtype=torch.long)  # (B,)

    @property
    def nothing(self) -> np.ndarray:
        """(classes,) or (1,): the answer for a case of which nothing is known."""
        return np.asarray(self.prior) if self.kind is not TargetKind.NUMBER else self.answers(torch.zeros(1, 1))[0]

    def probabilities(self, logits: Tensor) -> Tensor:
        """(B, K) logits to (B, classes) probabilities; a number has none."""
        if self.kind is TargetKind.LABEL:
            return logits.softmax(dim=1)
        if self.kind is TargetKind.LABELS:
            return logits.sigmoid()
        above = logits.sigmoid().cumprod(dim=1)  # (B, classes - 1), P(y > k)
        ones, zeros = torch.ones_like(above[:, :1]), torch.zeros_like(above[:, :1])
        return torch.cat([ones, above], dim=1) - torch.cat([above, zeros], dim=1)  # (B, classes)

    def values(self, logits: Tensor) -> Tensor:
        """(B, 1) logits to (B,) numbers in the target's own unit."""
        scaled = logits[:, 0].double() * self.scale + self.center
        return torch.expm1(scaled) if self.transform == "log1p" else scaled

    def answers(self, logits: Tensor) -> np.ndarray:
        """What metrics and ensembles work on: (B, classes) probabilities, or (B, 1) numbers in their own unit."""
        found = self.values(logits)[:, None] if self.kind is TargetKind.NUMBER else self.probabilities(logits.double())
        return found.cpu().numpy()

    def decoded(self, encoded: Tensor) -> np.ndarray:
        """Encoded targets as metrics want them: class codes, a 0/1 matrix, or numbers in their own unit."""
        if self.kind is TargetKind.NUMBER:
            return self.values(encoded[:, None]).cpu().numpy()
        return encoded.cpu().numpy()


def _natural(label: str) -> tuple[int, float, str]:
    """Numbers in their order before words in theirs; "nan" is a word, as it has no place among numbers."""
    number = number_or_none(label)
    return (1, 0.0, label) if number is None else (0, number, label)
