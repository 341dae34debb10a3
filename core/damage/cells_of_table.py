"""Damage to the cells of a table row, {column: text}."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from core.numbers import number_or_none


def blank(
    cells: Mapping[str, str], share: float, rng: np.random.Generator, *, deviations: Mapping[str, float]
) -> dict[str, str]:
    """A share of the cells made blank, of numbers and of categories."""
    luck = rng.random(len(cells))
    return {column: "" if drawn < share else cell for (column, cell), drawn in zip(cells.items(), luck)}


def perturb(
    cells: Mapping[str, str], times: float, rng: np.random.Generator, *, deviations: Mapping[str, float]
) -> dict[str, str]:
    """Every number moved by ``times`` the deviation of its column, times a normal draw; other cells stay."""
    luck = rng.standard_normal(len(cells))
    return {
        column: cell
        if (value := number_or_none(cell)) is None
        else f"{value + times * deviations.get(column, 0.0) * drawn:.6g}"
        for (column, cell), drawn in zip(cells.items(), luck)
    }


def deviations_of(rows: Iterable[Mapping[str, str]]) -> dict[str, float]:
    """The standard deviation of the numbers in every column that has any."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for column, cell in row.items():
            if (value := number_or_none(cell)) is not None:
                found.setdefault(column, []).append(value)
    return {column: float(np.std(values)) for column, values in found.items()}
