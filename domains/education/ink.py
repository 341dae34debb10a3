"""What two small grey pictures share: blocks with contrast hold ink, and ink may be kept, lost or added.

Shapes: H, W of the picture; R, C blocks in rows and columns; S pixels of a block.
"""

from __future__ import annotations

import numpy as np

SIZE, BLOCK = (180, 320), 10  # H, W and the side of a block: 18 x 32 blocks
CHANGED_LEVEL, CHANGED_SHARE = 14.0, 0.05  # a block has changed where so many of its pixels differ by so much of 255
INK = 6.0  # standard deviation of grey levels in a block that holds ink
ALIKE = 0.5  # correlation of a block with what it was, below which its ink is gone
LOST_PICTURE, LOST_INK, LOST_BLOCKS = 0.06, 0.3, 4  # of all blocks; or of the ink, of at least so many blocks
BAND, STRAY, TURNS = 4, 12, 3  # rows of subtitles; blocks that may change elsewhere; changes that tell them
LEAST_INK = 6  # blocks; with less the ink says nothing


def blocks(picture: np.ndarray) -> np.ndarray:
    """(H, W) -> (R, C, S)."""
    rows, columns = picture.shape[0] // BLOCK, picture.shape[1] // BLOCK
    cut = picture.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)  # (R, C, BLOCK, BLOCK)
    return cut.reshape(rows, columns, -1).astype(np.float32)


def changed(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(R, C) bool: blocks of which more than noise differs."""
    return (np.abs(blocks(now) - blocks(before)) > CHANGED_LEVEL).mean(axis=2) >= CHANGED_SHARE


def has_ink(picture: np.ndarray) -> np.ndarray:
    """(R, C) bool: blocks with contrast."""
    return blocks(picture).std(axis=2) >= INK


def lost(held: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(R, C) bool: blocks of which the ink in ``held`` is not there ``now``; lighter or darker ink is still there."""
    a, b = blocks(held), blocks(now)
    a, b = a - a.mean(axis=2, keepdims=True), b - b.mean(axis=2, keepdims=True)
    alike = (a * b).sum(axis=2) / np.maximum(np.sqrt((a**2).sum(axis=2) * (b**2).sum(axis=2)), 1e-6)  # (R, C)
    return has_ink(held) & (alike < ALIKE)


def replaced(held: np.ndarray, now: np.ndarray, seen: np.ndarray, template: np.ndarray) -> bool | None:
    """Whether another slide is shown now; None where too little ink is seen to tell.

    ``seen`` (R, C) bool: blocks that count at all. ``template`` (R, C) bool: ink that does not speak for a slide.
    """
    ink = has_ink(held) & seen
    if ink.sum() < LEAST_INK:
        return None
    gone = lost(held, now) & seen
    own = ink & ~template
    share = (gone & own).sum() / max(int(own.sum()), LEAST_INK)
    return bool(gone.mean() >= LOST_PICTURE or (gone.sum() >= LOST_BLOCKS and share >= LOST_INK))


def same_slide(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two pictures show one slide in the same state: neither has ink that the other lacks."""
    everywhere = np.ones((SIZE[0] // BLOCK, SIZE[1] // BLOCK), bool)
    nothing = ~everywhere
    ways = replaced(one, other, everywhere, nothing), replaced(other, one, everywhere, nothing)
    return ways == (False, False)


def turning(moved: np.ndarray) -> np.ndarray:
    """(R, C) bool: blocks of subtitles, which change again and again in a low band while the rest stays.

    ``moved`` (N, R, C) bool: which blocks changed at each of N steps.
    """
    rows = moved.sum(axis=2)  # (N, R)
    found = np.zeros(moved.shape[1:], bool)
    for top in range(rows.shape[1] // 2, rows.shape[1] - BAND + 1):
        inside = rows[:, top : top + BAND].sum(axis=1)  # (N,)
        alone = (inside >= LOST_BLOCKS) & (rows.sum(axis=1) - inside <= STRAY)
        found[top : top + BAND] |= moved[alone, top : top + BAND].sum(axis=0) >= TURNS
    return found
