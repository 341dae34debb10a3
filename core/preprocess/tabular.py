"""Table rows to numbers, missing flags and category codes. Letters as in ``core.schema``.

Which column is a number and which a category is said by the user, never guessed.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import ConfigError, Fault, TableError
from core.numbers import parse_number
from core.preprocess.quantity import Quantity, parse_quantity
from core.schema import Signature

_CLIP = 10.0  # standard deviations
_SKEW = 2.0  # beyond, a column of numbers ≥ 0 is taken as log(1 + x)
_UNSEEN, _MISSING, _FIRST = 0, 1, 2  # category codes


class TabularPreprocessor:
    """Cells {column: text} to samples (1, F): numbers, a missing flag for each number, then category codes.

    A number is centred on its median, scaled by its interquartile range (by its standard deviation where that is 0)
    and clipped at ±10; a missing one stands at the median. Codes: 0 unseen or rare, 1 missing, 2… known values.

    Args:
        numbers: columns of plain numbers.
        categories: columns of names.
        max_categories: of more values in a column, the most frequent are kept.
        rare: values seen so often or less in training count as unseen.
        quantities: columns of numbers with a unit or words, such as 37" or 2.5 lbs: the first number counts, in cm or
            kg where every training cell has such a unit; a cell without a number is missing.

    Raises:
        ConfigError: if a column is listed twice; in ``fit``, if a column is not listed at all.
    """

    def __init__(
        self,
        numbers: Sequence[str] = (),
        categories: Sequence[str] = (),
        max_categories: int = 200,
        rare: int = 1,
        quantities: Sequence[str] = (),
    ) -> None:
        listed = [*numbers, *quantities, *categories]
        if twice := [c for c, n in Counter(listed).items() if n > 1]:
            raise ConfigError(f"column {twice[0]!r} is listed twice; it is a number, a quantity or a category")
        if max_categories < 1 or rare < 0:
            raise ConfigError(f"max_categories at least 1 and rare at least 0, found {max_categories} and {rare}")
        self.numbers, self.categories, self.quantities = tuple(numbers), tuple(categories), tuple(quantities)
        self.max_categories, self.rare = max_categories, rare
        self._scales: dict[str, dict[str, Any]] = {}  # by column: unit, log, center, scale
        self._codes: dict[str, dict[str, int]] = {}
        self.counts: dict[str, Counter[str]] = {}  # of every value of a category in ``fit``, rare ones too; not saved

    @property
    def signature(self) -> Signature:
        """F numbers and flags, and the number of codes of each category."""
        cardinalities = tuple(_FIRST + len(self._codes.get(c, ())) for c in self.categories)
        return Signature((2 * len(self._measured) + len(cardinalities),), cardinalities=cardinalities)

    @property
    def _measured(self) -> tuple[str, ...]:
        return self.numbers + self.quantities

    def fit(self, cells: Iterable[Mapping[str, str]]) -> None:
        """Learn scales and values from the training rows.

        Raises:
            ConfigError: for a column of the cells that is not listed, or a listed one that they lack.
            TableError: for text where a number is due.
        """
        values = {c: array("d") for c in self._measured}
        raw, kinds = {c: array("d") for c in self.quantities}, {c: set[str]() for c in self.quantities}
        counts = {c: Counter[str]() for c in self.categories}
        for cell in cells:
            self._check_columns(cell)
            for column in self.numbers:
                values[column].append(_number(column, cell[column]))
            for column in self.quantities:
                if found := parse_quantity(cell[column]):
                    values[column].append(found.base)
                    raw[column].append(found.number)
                    kinds[column].add(found.kind)
            for column in self.categories:
                counts[column].update([cell[column].strip()])
        for column in self._measured:
            unit = kinds[column].pop() if len(kinds.get(column, ())) == 1 else ""
            seen = values[column] if unit or column in self.numbers else raw[column]
            self._scales[column] = {"unit": unit} | _scale(np.asarray(seen))
        self._codes, self.counts = {c: self._values(counts[c]) for c in self.categories}, counts

    def state(self) -> dict[str, Any]:
        """Scales by column and known values in the order of their codes."""
        return {"scales": self._scales, "values": {c: list(codes) for c, codes in self._codes.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a saved state."""
        self._scales = dict(state["scales"])
        self._codes = {c: {v: _FIRST + i for i, v in enumerate(values)} for c, values in state["values"].items()}

    def prepare(self, cell: Mapping[str, str]) -> np.ndarray:
        """The sample (1, F) float32.

        Raises:
            TableError: for text where a number is due.
        """
        known = [self._read(c, cell.get(c, "")) for c in self._measured]
        scaled = [0.0 if np.isnan(x) else self._scaled(c, x) for c, x in zip(self._measured, known)]
        codes = [self._code(c, cell.get(c, "").strip()) for c in self.categories]
        return np.array([[*scaled, *np.isnan(known), *codes]], dtype=np.float32)  # (1, F)

    def finish(self, prepared: np.ndarray, rng: np.random.Generator | None = None) -> Tensor:
        """The sample (1, F); never augmented."""
        return torch.from_numpy(prepared.copy())

    def usual(self, prepared: np.ndarray, column: str) -> np.ndarray:
        """A prepared row (1, F) in which one column has its usual value: the median, or the most frequent category."""
        found = prepared.copy()
        if column in self.categories:
            found[0, 2 * len(self._measured) + self.categories.index(column)] = (
                _FIRST if self._codes[column] else _UNSEEN
            )
        else:
            place = self._measured.index(column)
            found[0, [place, place + len(self._measured)]] = 0.0  # the median, and not missing
        return found

    def _check_columns(self, cell: Mapping[str, str]) -> None:
        listed = {*self._measured, *self.categories}
        if alien := [c for c in cell if c not in listed]:
            raise ConfigError(f"column {alien[0]!r} is not listed: name it under numbers, quantities or categories")
        if lacking := sorted(listed - cell.keys()):
            raise ConfigError(f"column {lacking[0]!r} is listed, but the modality has only {', '.join(cell)}")

    def _values(self, counts: Counter[str]) -> dict[str, int]:
        often = sorted((v for v, n in counts.items() if v and n > self.rare), key=lambda v: (-counts[v], v))
        return {value: _FIRST + i for i, value in enumerate(often[: self.max_categories])}

    def _code(self, column: str, value: str) -> int:
        return self._codes[column].get(value, _UNSEEN) if value else _MISSING

    def _read(self, column: str, text: str) -> float:
        if column in self.numbers:
            return _number(column, text)
        found, unit = parse_quantity(text), self._scales[column]["unit"]
        return float("nan") if found is None else _in_unit(found, unit)

    def _scaled(self, column: str, value: float) -> float:
        s = self._scales[column]
        value = np.log1p(max(value, 0.0)) if s["log"] else value
        return float(min(max((value - s["center"]) / s["scale"], -_CLIP), _CLIP)) if s["scale"] else 0.0


def _in_unit(found: Quantity, unit: str) -> float:
    if not unit:
        return found.number
    return found.base if found.kind == unit else float("nan")  # without its unit the number says nothing


def _number(column: str, text: str) -> float:
    if not text.strip():
        return float("nan")
    try:
        return parse_number(text)
    except ValueError as error:
        raise TableError("row", [Fault(0, column, text[:80], str(error))]) from error


def _scale(values: np.ndarray) -> dict[str, Any]:
    """Centre and scale of a column; a scale of 0 says that it never varied, so it tells nothing."""
    seen = values[~np.isnan(values)]
    if not len(seen):
        return {"log": False, "center": 0.0, "scale": 0.0}
    deviation = seen.std()
    skew = float((((seen - seen.mean()) / deviation) ** 3).mean()) if deviation > 0 else 0.0
    log = bool(seen.min() >= 0 and skew > _SKEW)
    seen = np.log1p(seen) if log else seen
    low, center, high = np.quantile(seen, [0.25, 0.5, 0.75])
    scale = (high - low) / 1.349  # of a normal distribution this is the standard deviation
    return {"log": log, "center": float(center), "scale": float(scale if scale > 0 else seen.std())}
