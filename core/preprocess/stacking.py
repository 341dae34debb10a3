"""What is done about faults of geometry: slices are left out, straightened, interpolated, and each action is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from core.numbers import counted
from core.preprocess.geometry import (
    Defect,
    GeometryError,
    Slice,
    along,
    distinct,
    drift,
    inspect,
    points,
    some,
    stackable,
    usual_step,
)
from core.preprocess.grid import compose, fill_gaps, straighten

AnySlice = TypeVar("AnySlice", bound=Slice)


def plan(
    slices: Sequence[AnySlice], defects: Sequence[Defect], on_defect: str, where: str
) -> tuple[list[AnySlice], list[str]]:
    """Which slices form the volume, in their order, and what was done to get there.

    Raises:
        GeometryError: where neither "resample" nor "accept" can help.
    """
    images = [s for s in slices if not s.localizer]
    if not images:
        raise GeometryError(where, defects, "choose another series: this one holds localisers only")
    located = [s for s in images if s.located]
    if not located:
        return _by_number(images, defects, on_defect, where)
    chosen = {id(s) for s in stackable(slices)}
    kept = [s for s in slices if id(s) in chosen]
    if 2 * len(kept) <= len(located):
        raise GeometryError(where, defects, "split the series: no direction, size and spacing is that of most slices")
    left_out = [d for d in defects if d.slices and not chosen.intersection(_ids(slices, d))]
    actions = [f"left out {counted(len(d.slices), 'slice')} for {d.kind}: {some(d.slices)}" for d in left_out]
    heights = along(kept)
    return [kept[i] for i in np.argsort(heights, kind="stable")], actions


def _ids(slices: Sequence[Slice], defect: Defect) -> set[int]:
    names = set(defect.slices)
    return {id(s) for s in slices if s.name in names}


def _by_number(
    images: list[AnySlice], defects: Sequence[Defect], on_defect: str, where: str
) -> tuple[list[AnySlice], list[str]]:
    """The order where no slice has a place: by InstanceNumber, only if the user accepts that."""
    if on_defect != "accept" or len({s.shape for s in images}) > 1:
        raise GeometryError(where, defects, "set on_defect to 'accept' to order slices of one size by InstanceNumber")
    told = f"no slice has a full position: ordered by InstanceNumber, {images[0].thickness:g} mm apart, taken as axial"
    return sorted(images, key=lambda s: s.number), [told]


def stack(
    slices: Sequence[Slice], voxels: np.ndarray, on_defect: str, where: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Voxels (n, h, w) of ordered slices to an upright, evenly spaced stack.

    Returns:
        (n', h', w') voxels, the (4, 4) affine to LPS mm, and what was done.

    Raises:
        GeometryError: two different slices at one position, which cannot be repaired.
    """
    if not slices[0].located:
        rows, columns = slices[0].spacing or (1.0, 1.0)
        step = np.diag([columns, rows, slices[0].thickness])
        return voxels, compose(step[2], step[1], step[0], np.zeros(3)), []
    kinds = {d.kind for d in inspect(slices)}
    if on_defect == "resample" and kinds:
        return _repair(slices, voxels, kinds, where)
    heights = along(slices)
    even = (heights[-1] - heights[0]) / (len(slices) - 1) if len(slices) > 1 else slices[0].thickness
    step_mm = float(even) or slices[0].thickness
    told = [f"gone on as it is ({', '.join(sorted(kinds))}): taken as upright, {step_mm:.3f} mm apart"] if kinds else []
    return voxels, affine_of(slices[0], step_mm), told


def affine_of(first: Slice, step: float, shift: Sequence[float] = (0.0, 0.0)) -> np.ndarray:
    """(4, 4) affine of an upright stack on its first slice; ``shift``: pixels down and right to its first pixel."""
    assert first.axes is not None
    assert first.spacing is not None
    assert first.position is not None
    right, down = first.axes[0] * first.spacing[1], first.axes[1] * first.spacing[0]
    return compose(np.cross(*first.axes) * step, down, right, first.position + shift[0] * down + shift[1] * right)


def _repair(
    slices: Sequence[Slice], voxels: np.ndarray, kinds: set[str], where: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    actions: list[str] = []
    if "duplicate position" in kinds:
        slices, voxels, dropped = _without_duplicates(slices, voxels, where)
        actions.append(f"dropped {counted(len(dropped), 'slice')} repeating the one before: {some(dropped)}")
        kinds = {d.kind for d in inspect(slices)}
    shift = np.zeros(2)
    if kinds & {"tilt", "shift"}:
        inside, _ = drift(slices)  # (n, 2) mm right, down
        assert slices[0].spacing is not None
        voxels, shift = straighten(voxels, inside[:, ::-1] / slices[0].spacing)  # (n, h', w')
        actions.append(f"straightened the stack: slices shifted by up to {np.abs(inside).max():.1f} mm in their plane")
    heights = along(slices)
    step = usual_step(heights) if len(slices) > 1 else slices[0].thickness
    if kinds & {"gap", "non-uniform spacing"}:
        _check_share(slices, heights, step, where)
        voxels, new = fill_gaps(voxels, heights, step)  # (n', h', w')
        actions.append(f"interpolated {counted(new, 'slice')} so that all are {step:.3f} mm apart")
    elif len(slices) > 1:
        step = float(heights[-1] - heights[0]) / (len(slices) - 1)
    return voxels, affine_of(slices[0], step, list(shift)), actions


def _check_share(slices: Sequence[Slice], heights: np.ndarray, step: float, where: str) -> None:
    """Refuse to invent more than half as many slices as there are."""
    missing = round(float(heights[-1] - heights[0]) / step) + 1 - len(slices)
    if 2 * missing > len(slices):
        advice = f"get the whole series: {missing} of {missing + len(slices)} slices would have to be made up"
        raise GeometryError(where, inspect(slices), advice)


def _without_duplicates(
    slices: Sequence[Slice], voxels: np.ndarray, where: str
) -> tuple[list[Slice], np.ndarray, list[str]]:
    fresh = distinct(along(slices))
    for i in (int(n) for n in np.flatnonzero(~fresh)):
        beside = np.abs(points(slices)[i] - points(slices)[i - 1]).max() > 0.1
        if beside or not np.array_equal(voxels[i], voxels[i - 1]):
            found = f"{slices[i - 1].name} and {slices[i].name} lie at one height but show different things"
            advice = "remove one of each pair from the series: which one is right cannot be told from here"
            raise GeometryError(where, [Defect("duplicate position", found)], advice)
    kept = [s for s, new in zip(slices, fresh, strict=True) if new]
    return kept, voxels[fresh], [s.name for s, new in zip(slices, fresh, strict=True) if not new]
