"""Text burned into pictures and slices: found by reading it (OCR), and by what no anatomy does, then painted over.

Letters: N planes of one scan or picture, H, W rows and columns of each. A plane is upright, of any numbers, large ones
bright. It is read at its full range; where a few extreme values stretch that, once more for bright and for dark text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.ocr import Printed, read_lines

Box = tuple[int, int, int, int]  # top, left, bottom, right; the last two are behind it

_SURE, _LETTERS = 0.5, 2  # of a reading; anatomy is now and then read as a single "8"
_SMALL = 256  # pixels; smaller planes are enlarged for reading
_CANVAS, _GAP = 960, 8  # pixels; planes are read together as long as they fit, so far apart
_CONTRAST, _THIN = 0.4, 7  # strokes stand out by so much of the range from what is within so many pixels
_STROKES = 15  # pixels of strokes that a readable text has at least
_STATIC = 4  # planes; of fewer it cannot be told what is the same in all
_STRETCHED, _ALONE = 8, 16  # a range, or a gap above the darkest value, against the range of nearly all other pixels
_MARGIN, _APART = 2, 8  # pixels around a text, and between two of them that are painted over as one


def text_boxes(planes: Sequence[np.ndarray]) -> list[Box]:
    """Where text is burned into N planes of one size, (H, W) or (H, W, 3), as boxes that hold for all of them.

    The first, middle and last plane are read, and all others that have strokes as letters do. What is bright, thin and
    the same to the last bit in all planes of a scan is text without reading it.
    """
    windows = [_windows(plane) for plane in planes]
    boxes = _boxes([to_grey(plane) for plane in planes])
    if any(windows):
        for side in (0, 1):
            boxes += _boxes([to_grey(p, w[side] if w else None) for p, w in zip(planes, windows)])
    return joined_boxes(boxes)


def _boxes(planes: Sequence[np.ndarray]) -> list[Box]:
    """As ``text_boxes``, of uint8 planes in one way of showing them, some boxes more than once."""
    always = {0, len(planes) // 2, len(planes) - 1}
    read = [plane for i, plane in enumerate(planes) if i in always or strokes(plane).sum() >= _STROKES]
    return [*(_box(line, planes[0].shape) for line in printed(read)), *_static_boxes(planes)]


def boxes_by_shape(planes: Sequence[np.ndarray]) -> dict[tuple[int, ...], list[Box]]:
    """As ``text_boxes``, for planes of several sizes: the boxes of each size."""
    shapes = {plane.shape for plane in planes}
    return {shape: text_boxes([p for p in planes if p.shape == shape]) for shape in shapes}


def printed(planes: Sequence[np.ndarray]) -> list[Printed]:
    """The lines of text on planes of one size, in pixels of a plane; not those that are one letter, or hardly read."""
    scale = 2 if max(planes[0].shape[:2]) < _SMALL else 1
    height = scale * planes[0].shape[0] + _GAP
    together = max(1, _CANVAS // height)
    found = list[Printed]()
    for start in range(0, len(planes), together):
        canvas = _stacked([_enlarged(p, scale) for p in planes[start : start + together]])
        for line in read_lines(canvas):
            one = _in_plane(line, height, scale)
            if _is_text(line) and one.bottom <= planes[0].shape[0] + _GAP:  # bodies in a column look like letters too
                found.append(one)
    return found


def strokes(plane: np.ndarray, dark: bool = True) -> np.ndarray:
    """(H, W) bool: what is bright (or dark), thin, and stands out by much of the plane's range."""
    from scipy.ndimage import grey_closing, grey_opening

    grey = plane.max(axis=2) if plane.ndim == 3 else plane  # (H, W)
    size = (_THIN, _THIN)
    height = grey - grey_opening(grey, size)  # white top-hat
    if dark:
        height = np.maximum(height, grey_closing(grey, size) - grey)  # black top-hat
    return height > _CONTRAST * 255


def paint(plane: np.ndarray, boxes: Sequence[Box], value: float) -> None:
    """Put one value into the boxes of a plane, in place."""
    for top, left, bottom, right in boxes:
        plane[top:bottom, left:right] = value


def to_grey(plane: np.ndarray, window: tuple[float, float] | None = None) -> np.ndarray:
    """(H, W) or (H, W, 3) of any numbers to uint8: the window, or the whole range, from 0 to 255."""
    low, high = window or (float(plane.min()), float(plane.max()))
    shown = (plane.astype(np.float32) - low) * (255 / max(high - low, 1e-6))
    return shown.clip(0, 255).astype(np.uint8)


def without_padding(plane: np.ndarray, padding: int) -> np.ndarray:
    """The plane with its darkest other value where it is padded; ``padding`` as stored, with or without a sign."""
    is_padding = plane == np.asarray(padding).astype(plane.dtype)
    return np.where(is_padding, plane[~is_padding].min(), plane) if is_padding.any() and not is_padding.all() else plane


def _windows(plane: np.ndarray) -> tuple[tuple[float, float], ...]:
    """For bright and for dark text, windows without extreme values; none where these do not stretch the range.

    What all but a hundredth at either end of the pixels take, and as much again above it, or below it. A darkest value
    far from all others is padding that no header tells of.
    """
    low, high = float(plane.min()), float(plane.max())
    inner = plane[(plane > low) & (plane < high)]
    first, last = np.percentile(inner, (1, 99)) if inner.size else (low, high)
    if inner.size and inner.min() - low <= _ALONE * (last - first):
        first, last = np.percentile(plane, (1, 99))
    spread = last - first
    if spread <= 0 or high - low <= _STRETCHED * spread:
        return ()
    return (first, min(last + spread, high)), (max(first - spread, low), last)


def joined_boxes(boxes: Sequence[Box]) -> list[Box]:
    """Boxes that overlap, or nearly do, as one each: a gap between two would look like a stroke."""
    kept: list[Box] = []
    for box in boxes:
        while others := [k for k in kept if _overlap(k, box)]:
            kept = [k for k in kept if k not in others]
            every = [box, *others]
            box = tuple(f(b[i] for b in every) for i, f in enumerate((min, min, max, max)))  # type: ignore[assignment]
        kept.append(box)
    return sorted(kept)


def _static_boxes(planes: Sequence[np.ndarray]) -> list[Box]:
    from scipy.ndimage import binary_dilation, find_objects, label

    if len(planes) < _STATIC:
        return []
    same = np.all([p == planes[0] for p in planes[1:]], axis=0)  # (H, W) or (H, W, 3)
    marks = (same.all(axis=2) if same.ndim == 3 else same) & np.all(
        [strokes(p, dark=False) for p in planes], axis=0
    )  # (H, W)
    lines, count = label(binary_dilation(marks, np.ones((3, 9))))  # letters of a line grow together
    pixels = np.bincount(lines[marks], minlength=count + 1)[1:]  # of each line
    found = [place for place, size in zip(find_objects(lines), pixels) if size >= _STROKES]
    return [_grown(r.start, c.start, r.stop, c.stop, marks.shape) for r, c in found]


def _is_text(line: Printed) -> bool:
    return line.confidence >= _SURE and sum(c.isalnum() for c in line.text) >= _LETTERS


def _stacked(planes: Sequence[np.ndarray]) -> np.ndarray:
    """Planes one below the other on a dark ground. Not side by side: a row of bodies would be read as "OOO"."""
    height, width = planes[0].shape[:2]
    canvas = np.zeros((len(planes) * (height + _GAP), width, *planes[0].shape[2:]), np.uint8)
    for i, plane in enumerate(planes):
        canvas[i * (height + _GAP) :][:height] = plane
    return canvas


def _enlarged(plane: np.ndarray, scale: int) -> np.ndarray:
    from PIL import Image

    if scale == 1:
        return plane
    size = (plane.shape[1] * scale, plane.shape[0] * scale)
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC))


def _in_plane(line: Printed, height: int, scale: int) -> Printed:
    """A line of the canvas in pixels of the plane that it lies in."""
    first = max(line.top, 0) // height * height
    sides = (line.left, line.top - first, line.right, line.bottom - first)
    left, top, right, bottom = (v / scale for v in sides)
    return Printed(line.text, left, top, right, bottom, line.confidence)


def _box(line: Printed, shape: tuple[int, ...]) -> Box:
    return _grown(math.floor(line.top), math.floor(line.left), math.ceil(line.bottom), math.ceil(line.right), shape)


def _grown(top: int, left: int, bottom: int, right: int, shape: tuple[int, ...]) -> Box:
    """A box with its margin, within a plane."""
    down, across = min(bottom + _MARGIN, shape[0]), min(right + _MARGIN, shape[1])
    return max(top - _MARGIN, 0), max(left - _MARGIN, 0), down, across


def _overlap(a: Box, b: Box) -> bool:
    gaps = (a[0] - b[2], b[0] - a[2], a[1] - b[3], b[1] - a[3])
    return max(gaps) < _APART
