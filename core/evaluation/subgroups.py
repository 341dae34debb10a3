"""Figures by age, sex, site, speaker or any other column: each group with its interval, and its gap to the rest.

Numbers are cut into stated bands. A group with fewer than ``LEAST`` cases is named and counted, not measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from core.errors import ConfigError, unknown
from core.evaluation.calibration import expected_calibration_error
from core.evaluation.intervals import SHARES, Ends, Resamples, ends_of, gap_interval
from core.manifest import Manifest
from core.metrics import score
from core.numbers import number_or_none, parse_number
from core.schema import TargetKind

LEAST = 20  # cases
BLANK = "(blank)"
ERROR = "calibration_error"  # the one figure of which less is better
TIMES = 200
_SEVERAL = 10  # different numbers: from here on they are cut into bands
_FIGURES = {
    TargetKind.LABEL: ("accuracy", "f1", "auroc", ERROR),
    TargetKind.GRADE: ("accuracy", "f1", "auroc", ERROR),
    TargetKind.LABELS: ("accuracy", "f1", "auroc"),
    TargetKind.NUMBER: ("neg_mae", "r2"),
}

Figure: TypeAlias = tuple[float, float, float]  # value, and the ends of its 95 % interval


@dataclass(frozen=True)
class By:
    """A column to look at cases by, and where its numbers are cut; no cuts: at the quartiles of the cases."""

    column: str
    cuts: tuple[float, ...] = ()


@dataclass(frozen=True)
class Subgroup:
    """The cases of one value or band. ``figures`` and ``gaps`` (to all other cases) are empty where it has too few."""

    column: str
    group: str
    cases: int
    figures: dict[str, Figure]
    gaps: dict[str, Figure]

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON."""
        return asdict(self)


def parse_by(text: str, columns: Sequence[str]) -> list[By]:
    """Columns as a user names them, with the bands of numbers: "sex,site,age:40:65".

    Raises:
        ConfigError: for a column that the table does not have, or cuts that are no rising numbers.
    """
    found = []
    for part in (p.strip() for p in text.split(",") if p.strip()):
        name, *cuts = [part] if part in columns else part.split(":")
        if name not in columns:
            raise unknown("column to look at cases by", name, columns)
        try:
            numbers = tuple(map(parse_number, cuts))
        except ValueError as error:
            raise ConfigError(f"bands {part!r}: {error}; write COLUMN:40:65") from None
        if list(numbers) != sorted(set(numbers)):
            raise ConfigError(f"bands {part!r}: the cuts must rise, such as {name}:40:65")
        found.append(By(name, numbers))
    return found


def subgroups(
    kind: TargetKind,
    y: np.ndarray,
    answers: np.ndarray,
    manifest: Manifest,
    rows: Sequence[int],
    by: Iterable[By],
    least: int = LEAST,
) -> list[Subgroup]:
    """The groups of every column in ``by``, the lowest first figure first; ``y`` and ``answers`` are of these rows."""
    samples = Resamples(len(rows), [manifest.groups[i] for i in rows], TIMES)
    found = []
    for one in by:
        named = np.array(_named(_cells(manifest, one.column, rows), one.cuts), dtype=object)
        groups = [_measured(kind, y, answers, samples, one.column, g, named == g, least) for g in sorted(set(named))]
        found += sorted(groups, key=lambda g: next(iter(g.figures.values()), (np.inf,))[0])
    return found


def lines(found: Sequence[Subgroup]) -> list[str]:
    """The groups for people."""
    told = []
    for g in found:
        if not g.figures:
            told.append(f"  {g.column} {g.group}: {g.cases} cases, too few (under {LEAST})")
            continue
        figures = ", ".join(
            f"{k.replace('_', ' ')} {v:.3f} ({low:.3f} to {high:.3f})" for k, (v, low, high) in g.figures.items()
        )
        name = next(iter(g.gaps), "")
        gap = "; gap to the rest {:+.3f} ({:+.3f} to {:+.3f})".format(*g.gaps[name]) if name else ""
        told.append(f"  {g.column} {g.group}: {g.cases} cases, {figures}{gap}")
    return told


def _cells(manifest: Manifest, column: str, rows: Sequence[int]) -> list[str]:
    """The cell of each case: of its rows the first one that is not blank, as of targets and groups."""
    cells = ([manifest.table.row(n - 1, [column])[column].strip() for n in manifest.row_numbers(i)] for i in rows)
    return [next(filter(None, several), "") for several in cells]


def _named(cells: Sequence[str], cuts: Sequence[float]) -> list[str]:
    """The group of every case: its value, or the band that its number is in."""
    filled = [c for c in cells if c]
    numbers = [n for c in filled if (n := number_or_none(c)) is not None]
    is_number = bool(filled) and len(numbers) >= 0.95 * len(filled)
    if not cuts and (not is_number or len(set(numbers)) <= _SEVERAL):
        return [c or BLANK for c in cells]
    ends = list(cuts) or np.unique(np.quantile(numbers, (0.25, 0.5, 0.75))).tolist()
    return [BLANK if not c else _band(n, ends) if (n := number_or_none(c)) is not None else c for c in cells]


def _band(number: float, ends: Sequence[float]) -> str:
    place = int(np.searchsorted(ends, number, side="left"))
    if place == 0:
        return f"up to {ends[0]:g}"
    return f"over {ends[-1]:g}" if place == len(ends) else f"over {ends[place - 1]:g}, up to {ends[place]:g}"


def _measured(
    kind: TargetKind,
    y: np.ndarray,
    answers: np.ndarray,
    samples: Resamples,
    column: str,
    group: str,
    inside: np.ndarray,
    least: int,
) -> Subgroup:
    cases = int(inside.sum())
    if cases < least:
        return Subgroup(column, group, cases, {}, {})
    names = _FIGURES[kind]
    every = np.arange(len(y))
    here, rest = (_figures(kind, y, answers, every[m], names) for m in (inside, ~inside))
    drawn = [[_figures(kind, y, answers, r[m[r]], names) for m in (inside, ~inside)] for r in samples]
    draws = np.array(drawn, dtype=float)  # (times, 2, figures)
    figures = {
        n: (here[i], *_ends(n, here[i], draws[:, 0, i], samples, inside))
        for i, n in enumerate(names)
        if np.isfinite(here[i])
    }
    apart = draws[:, 0] - draws[:, 1]  # (times, figures)
    gaps = {
        n: (here[i] - rest[i], *ends_of(apart[:, i])) for i, n in enumerate(names) if np.isfinite(here[i] - rest[i])
    }
    for i, n in enumerate(names):
        if n in gaps and (_is_certain(n, here[i]) or _is_certain(n, rest[i])):
            other = (rest[i], *_ends(n, rest[i], draws[:, 1, i], samples, ~inside))
            gaps[n] = (gaps[n][0], *gap_interval(figures[n], other))
    return Subgroup(column, group, cases, figures, gaps)


def _is_certain(name: str, value: float) -> bool:
    """Whether all are right or all wrong: no resample can tell how far such a share could be off."""
    return name in SHARES and value in (0, 1)


def _ends(name: str, value: float, drawn: np.ndarray, samples: Resamples, inside: np.ndarray) -> Ends:
    return samples.exact(value, inside) if _is_certain(name, value) else ends_of(drawn)


def _figures(
    kind: TargetKind, y: np.ndarray, answers: np.ndarray, rows: np.ndarray, names: Sequence[str]
) -> list[float]:
    if len(rows) < 2:
        return [float("nan")] * len(names)
    here, told = y[rows], answers[rows]
    return [expected_calibration_error(here, told) if n == ERROR else score(kind, n, here, told) for n in names]
