"""The geometry gate: does a set of slices form one evenly spaced, upright volume? Every fault is named with its mm.

Positions and directions are in DICOM's patient coordinates: LPS (x to the left, y to the back, z to the head), mm.
Slices closer than 0.02 mm count as duplicates, so micro-CT is out of scope. A tilt below 0.25 degrees passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import FileError
from core.numbers import counted

DUPLICATE = 0.02  # mm
UNEVEN = (0.01, 0.01)  # tolerance of a step between slices: share of the usual step, and mm; the larger one counts
TILT = 0.25  # degrees
SHIFT = 0.1  # mm, or a tenth of a pixel if that is more
DIRECTION = 5e-3  # of each direction cosine, about 0.3 degrees


@dataclass(frozen=True, eq=False)
class Slice:
    """What one slice says about itself. None: it does not say."""

    name: str
    position: np.ndarray | None  # (3,) centre of the first pixel
    axes: np.ndarray | None  # (2, 3) unit vectors: along a row, down a column
    spacing: tuple[float, float] | None  # between rows, between columns
    shape: tuple[int, int]  # rows, columns
    series: str = ""
    localizer: bool = False
    number: int = 0  # InstanceNumber: never trusted for the order where there is a position
    thickness: float = 1.0  # mm; used only where no second slice tells the distance

    @property
    def located(self) -> bool:
        """Whether position, orientation and pixel spacing are all there."""
        return self.position is not None and self.axes is not None and self.spacing is not None


@dataclass(frozen=True)
class Defect:
    """One fault of a series: what kind, a sentence for the user, and the slices meant."""

    kind: str
    sentence: str
    slices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}"


class GeometryError(FileError):
    """A volume that the gate refuses; ``defects`` holds every fault that was found."""

    def __init__(self, source: str, defects: Sequence[Defect], advice: str = "") -> None:
        self.defects = tuple(defects)
        listed = "\n".join(f"  {defect}" for defect in defects)
        advice = advice or "set on_defect to 'resample' to repair what can be repaired, or 'accept' to go on as it is"
        super().__init__(
            f"{source}: {counted(len(self.defects), 'fault')} of geometry\n{listed}\n  To go on, {advice}."
        )


def inspect(slices: Sequence[Slice]) -> list[Defect]:
    """All faults of geometry of slices that should form one volume, in any order; empty if it is clean.

    Kinds: mixed series, localiser, missing position, mixed orientation, mixed size, mixed spacing, duplicate position,
    gap, non-uniform spacing, tilt, shift.
    """
    defects = []
    if len(uids := {s.series for s in slices}) > 1:
        defects.append(Defect("mixed series", f"slices of {len(uids)} series stand together"))
    for kind, keep, sentence in _SIEVES:
        kept = keep(slices)
        inside = {id(s) for s in kept}
        if left_out := [s for s in slices if id(s) not in inside]:
            names = tuple(s.name for s in left_out)
            defects.append(Defect(kind, f"{len(names)} of {len(slices)} slices {sentence}: {some(names)}", names))
        slices = kept
    if len(slices) > 1:
        ordered = in_order(slices)
        defects += [*_duplicates(ordered), *_steps(ordered), *_tilt(ordered)]
    return defects


def stackable(slices: Sequence[Slice]) -> list[Slice]:
    """The slices that can be stacked: located, no localiser, and of the most frequent orientation, size and spacing."""
    for _, keep, _ in _SIEVES:
        slices = keep(slices)
    return list(slices)


def in_order(slices: Sequence[Slice]) -> list[Slice]:
    """Located slices of one orientation, along their normal."""
    return [slices[i] for i in np.argsort(along(slices), kind="stable")]


def along(slices: Sequence[Slice]) -> np.ndarray:
    """(n,) positions along the normal in mm."""
    assert slices[0].axes is not None
    return points(slices) @ np.cross(*slices[0].axes)


def points(slices: Sequence[Slice]) -> np.ndarray:
    """(n, 3) positions in mm."""
    return np.stack([s.position for s in slices if s.position is not None])


def usual_step(distances: np.ndarray) -> float:
    """The usual distance in mm of neighbours in ascending positions without duplicates: the lower median."""
    steps = np.sort(np.diff(distances))
    return float(steps[(len(steps) - 1) // 2])


def distinct(distances: np.ndarray) -> np.ndarray:
    """(n,) bool: ascending positions that are not duplicates of the one before."""
    return np.diff(distances, prepend=-np.inf) > DUPLICATE


def drift(slices: Sequence[Slice]) -> tuple[np.ndarray, np.ndarray]:
    """How the slices move within their plane along the stack, robust against single slices.

    Returns:
        (n, 2) mm off the first slice, along the rows and down the columns; (2,) the usual drift per mm of height.
    """
    assert slices[0].axes is not None
    inside = (points(slices) - points(slices)[0]) @ slices[0].axes.T  # (n, 2)
    heights = along(slices)
    kept = distinct(heights)
    if kept.sum() < 2:
        return inside, np.zeros(2)
    slopes = np.diff(inside[kept], axis=0) / np.diff(heights[kept])[:, None]  # (n - 1, 2)
    return inside, np.median(slopes, axis=0)


def tilt_of(slope: np.ndarray, height: float) -> float:
    """The tilt in degrees of a drift per mm over a stack of this height; 0 where it is within tolerance."""
    size = float(np.linalg.norm(slope))
    degrees = float(np.degrees(np.arctan(size)))
    return degrees if degrees > TILT and size * height > SHIFT else 0.0


def some(names: Sequence[str], most: int = 4) -> str:
    """The first few names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _majority(slices: Sequence[Slice], alike: Callable[[Slice, Slice], bool]) -> list[Slice]:
    groups: list[list[Slice]] = []
    for one in slices:
        home = next((g for g in groups if alike(g[0], one)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    return max(groups, key=len, default=[])


def _same_direction(a: Slice, b: Slice) -> bool:
    return a.axes is not None and b.axes is not None and bool(np.abs(a.axes - b.axes).max() < DIRECTION)


def _same_spacing(a: Slice, b: Slice) -> bool:
    return a.spacing is not None and b.spacing is not None and np.allclose(a.spacing, b.spacing, rtol=1e-3, atol=0)


_SIEVES: tuple[tuple[str, Callable[[Sequence[Slice]], list[Slice]], str], ...] = (
    ("localiser", lambda s: [x for x in s if not x.localizer], "are localisers (scout views)"),
    ("missing position", lambda s: [x for x in s if x.located], "lack a position, an orientation or a pixel spacing"),
    ("mixed orientation", lambda s: _majority(s, _same_direction), "lie in another direction than the others"),
    ("mixed size", lambda s: _majority(s, lambda a, b: a.shape == b.shape), "have other rows and columns"),
    ("mixed spacing", lambda s: _majority(s, _same_spacing), "have another pixel spacing"),
)


def _duplicates(ordered: list[Slice]) -> list[Defect]:
    heights = along(ordered)
    again = [i for i in range(1, len(ordered)) if not distinct(heights)[i]]
    if not again:
        return []
    pairs = [f"{ordered[i - 1].name} and {ordered[i].name} at {heights[i]:.2f} mm" for i in again]
    names = tuple(ordered[i].name for i in again)
    return [
        Defect("duplicate position", f"{counted(len(again), 'slice')} at the place of another: {some(pairs)}", names)
    ]


def _steps(ordered: list[Slice]) -> list[Defect]:
    kept = [s for s, new in zip(ordered, distinct(along(ordered)), strict=True) if new]
    if len(kept) < 3:
        return []
    heights = along(kept)
    usual, steps = usual_step(heights), np.diff(heights)
    off = np.flatnonzero(np.abs(steps - usual) > max(UNEVEN[0] * usual, UNEVEN[1]))
    many = len(steps) >= 4 and len(off) > len(steps) / 4
    if len(off) and (many or (steps[off] < 1.5 * usual).any()):
        found = f"distances between slices run from {steps.min():.3f} to {steps.max():.3f} mm, usual is {usual:.3f} mm"
        return [Defect("non-uniform spacing", found, tuple(kept[i].name for i in off))]
    return [_gap(kept[i], kept[i + 1], float(steps[i]), usual) for i in off]


def _gap(before: Slice, after: Slice, step: float, usual: float) -> Defect:
    missing = max(1, round(step / usual) - 1)
    found = f"{step:.2f} mm between {before.name} and {after.name} where {usual:.2f} mm is usual"
    return Defect("gap", f"{found}; missing, it seems: {counted(missing, 'slice')}", (before.name, after.name))


def _tilt(ordered: list[Slice]) -> list[Defect]:
    heights = along(ordered)
    inside, slope = drift(ordered)
    straight = heights[:, None] * slope
    degrees, defects = tilt_of(slope, heights[-1] - heights[0]), []
    if degrees:
        moved = np.linalg.norm(slope) * (heights[-1] - heights[0])
        found = f"the stack leans by {degrees:.1f} degrees (gantry tilt), {moved:.1f} mm from first to last slice"
        defects.append(Defect("tilt", found))
    off = np.linalg.norm(inside - straight - np.median(inside - straight, axis=0), axis=1)  # (n,)
    allowed = max(SHIFT, 0.1 * min(ordered[0].spacing or (0.0,)))
    if len(moved_ones := np.flatnonzero(off > allowed)):
        names = tuple(ordered[i].name for i in moved_ones)
        found = f"{counted(len(names), 'slice')} up to {off.max():.1f} mm beside the stack: {some(names)}"
        defects.append(Defect("shift", found, names))
    return defects
