"""Where the slides of a lecture change, from small grey pictures, in one pass and constant memory.

Method "lost ink": the picture is cut into blocks; a block with contrast holds ink. A slide ends when ink that it held
is gone, once the picture has settled. So a slide that builds up stays one slide: its ink is kept, and more is added.
Blocks that keep changing (an embedded clip, a speaker's window, subtitles) are left out while they move and a while
after; where most of the picture keeps changing and the slide's ink is not seen beside it, the scene is moving: a clip,
a camera. Nothing falls back to equal pieces: a picture that never changes is one scene.

Not told apart: a slide that only adds ink to the one before it is taken for its build-up, and slides shown for less
than two seconds are passed over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.preprocess.video_frames import duration, grey_every
from core.progress import Progress, silent
from domains.education.ink import BLOCK, SIZE, changed, has_ink, lost, replaced, same_slide, turning

METHOD = "lost ink"
STEP = 0.5  # seconds between the pictures looked at
AHEAD = 40  # steps seen before and after the one that is judged
MOVING, RECENT = 8, 14  # a block moves that changes in 8 of 14 steps around: longer than slides dissolve
REST, REST_SUBTITLES = 40, 240  # steps after which a block that moved, or held subtitles, is looked at again
QUIET, SETTLED = 4, 3  # blocks that may change, as under a pointer, and steps without more: then it has settled
MOSTLY, CALM = 0.5, 0.25  # share of moving blocks of a moving scene, and below which it is over
LASTING = 10  # steps that most of the picture moves before it is a moving scene
FILLED = 12  # blocks that change when a slide follows a blank one
FADE = 2.0  # seconds that a slide takes at most to go
TEMPLATE = 2  # ink that outlived so many slides belongs to the template
KEEP_EVERY = 120  # steps between two states kept on disk
_BLOCKS = (SIZE[0] // BLOCK, SIZE[1] // BLOCK)


@dataclass(frozen=True)
class Scene:
    """What is shown from ``start`` to ``end`` seconds: a slide or a moving picture.

    ``look``: a second at which it is shown whole. ``slide``: its number from 0, the same where it comes back; None for
    a moving picture.
    """

    start: float
    end: float
    look: float
    slide: int | None


def find_scenes(path: Path, checkpoint: Path | None = None, progress: Progress = silent) -> list[Scene]:
    """All scenes of a video.

    ``checkpoint``: a file in which the state is kept every minute of the video, so that the next call goes on from it.

    Raises:
        FileError: if the file is no video, damaged or cut off.
    """
    detector = SlideDetector()
    if checkpoint is not None and checkpoint.is_file():
        detector.restore(checkpoint)
    total = max(1, math.ceil(duration(path) / STEP))
    for _, picture in grey_every(path, STEP, SIZE, detector.steps):
        detector.see(picture)
        if detector.steps % KEEP_EVERY == 0:
            if checkpoint is not None:
                detector.save(checkpoint)
            progress("slides", detector.steps, total)
    progress("slides", total, total)
    return detector.close(duration(path))


class SlideDetector:
    """Sees the grey pictures (H, W) uint8 of a video in order; ``scenes`` grows as they end.

    It judges a picture when the next ``AHEAD`` have been seen, so that a block is known to move from its first change.
    """

    def __init__(self) -> None:
        self.scenes: list[Scene] = []
        self.steps = 0  # pictures seen
        self._pictures: list[np.ndarray] = []  # those still needed
        self._moved: list[np.ndarray] = []  # which blocks changed from the picture before
        self.at = 0.0  # second of the picture judged
        self._start, self._look, self._slide = 0.0, 0.0, -1  # of the scene shown; slide -1: it moves
        self._settled = False  # whether a first scene has begun
        self._lost_at = -1.0  # since when the scene's ink is lost; -1: it is not
        self._calm_at = 0.0  # the last step without a change
        self._stirred_at = 0.0  # when much of the picture last moved
        self._quiet, self._stirring = 0, 0  # steps without a change; with most of the picture moving
        self._held = np.zeros(SIZE, np.uint8)  # what the scene shows
        self._hidden = np.zeros(_BLOCKS, np.int64)  # steps for which a block that moved is not looked at
        self._survived = np.zeros(_BLOCKS, np.int64)  # slides that a block's ink outlived
        self._known = np.zeros((0, *SIZE), np.uint8)  # the last look of each slide

    def see(self, picture: np.ndarray) -> None:
        """Take in the next picture, ``STEP`` seconds after the last one."""
        before = self._pictures[-1] if self.steps else picture
        self._held = self._held if self.steps else picture
        self.steps += 1
        self._pictures = [*self._pictures, picture][-2 * AHEAD - 1 :]
        self._moved = [*self._moved, changed(before, picture)][-2 * AHEAD - 1 :]
        if self.steps > AHEAD:
            self._judge_at(len(self._pictures) - 1 - AHEAD)

    def close(self, end: float) -> list[Scene]:
        """All scenes, the last one up to ``end`` seconds."""
        for i in range(max(0, len(self._pictures) - AHEAD), len(self._pictures)):
            self._judge_at(i)
        self._end_scene(end)
        return self.scenes

    def _judge_at(self, i: int) -> None:
        """Judge picture ``i`` of those at hand."""
        self.at = (self.steps - len(self._pictures) + i) * STEP
        picture, moved = self._pictures[i], self._moved[i]
        around = np.stack(self._moved)  # (N, R, C)
        moving = around[max(0, i - RECENT // 2 + 1) : i + RECENT // 2 + 1].sum(axis=0) >= MOVING  # (R, C)
        subtitles = turning(around)
        hidden = np.maximum(self._hidden - 1, np.where(subtitles, REST_SUBTITLES, np.where(moving, REST, 0)))
        self._take_over(picture, (hidden == 0) & (self._hidden > 0))
        self._hidden, seen = hidden, hidden == 0
        if moved.mean() >= CALM / 2:
            self._stirred_at = self.at
        self._quiet = 0 if (moved & seen).sum() > QUIET else self._quiet + 1
        if self._quiet:
            self._calm_at = self.at
        self._stirring = self._stirring + 1 if moving.mean() >= MOSTLY else 0
        self._judge(picture, seen, float(moving.mean()))

    def _judge(self, picture: np.ndarray, seen: np.ndarray, moving: float) -> None:
        """Begin a new scene where the one shown has ended."""
        is_settled = self._quiet >= SETTLED
        if not self._settled or self._slide < 0:  # nothing yet, or a moving scene
            at_rest = self.at - self._stirred_at >= (SETTLED - 1) * STEP
            if is_settled and at_rest and moving < CALM:
                self._begin(self._stirred_at if self._settled else 0.0, picture)
            elif not self._settled and self._stirring >= LASTING:
                self._begin(0.0, None)
            return
        other = self._is_other(picture, seen)
        if not other:
            self._lost_at = -1.0
            if is_settled:
                self._look = self.at - STEP / 2
            if self._quiet == SETTLED:
                self._take_over(picture, seen)
            return
        if self._lost_at < 0:
            self._lost_at = min(self.at, max(self._calm_at + STEP, self.at - FADE))
        if self._stirring >= LASTING:
            self._begin(self._lost_at, None)
        elif is_settled and moving < MOSTLY:
            self._begin(self._lost_at, picture)

    def _is_other(self, picture: np.ndarray, seen: np.ndarray) -> bool:
        found = replaced(self._held, picture, seen, self._survived >= TEMPLATE)
        if found is not None:
            return found
        filled = (changed(self._held, picture) & seen).sum() >= FILLED  # from blank to a slide
        return bool(self._lost_at >= 0 or self._stirring > 0 or filled)

    def _begin(self, second: float, picture: np.ndarray | None) -> None:
        """A new scene from ``second`` on, which shows ``picture``; None: it moves."""
        if self._settled:
            self._end_scene(second)
        if self._settled and self._slide >= 0 and picture is not None:
            kept = has_ink(self._held) & ~lost(self._held, picture)
            self._survived = np.where(kept, self._survived + 1, 0)
        self._settled, self._start, self._look, self._lost_at = True, second, self.at, -1.0
        if picture is None:
            self._slide = -1
            return
        self._held = picture.copy()
        self._hidden = np.where(self._hidden > REST, self._hidden, 0)  # subtitles stay, clips do not
        self._slide = next((i for i, known in enumerate(self._known) if same_slide(known, picture)), len(self._known))
        if self._slide == len(self._known):
            self._known = np.concatenate([self._known, picture[None]])

    def _end_scene(self, second: float) -> None:
        if self._slide >= 0:
            self._known[self._slide] = self._held
            self._recognise()
        self.scenes.append(Scene(self._start, second, self._look, self._slide if self._slide >= 0 else None))

    def _recognise(self) -> None:
        """A slide that built up anew is known only when it is whole."""
        new = len(self._known) - 1
        if self._slide == new and all(scene.slide != new for scene in self.scenes):
            before = next((i for i in range(new) if same_slide(self._known[i], self._held)), new)
            if before != new:
                self._slide, self._known = before, self._known[:-1]

    def _take_over(self, picture: np.ndarray, where: np.ndarray) -> None:
        """Hold what the blocks ``where`` (R, C) show now."""
        if where.any():
            pixels = where.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)  # (H, W)
            self._held = np.where(pixels, picture, self._held)

    def save(self, path: Path) -> None:
        """Keep the whole state in an .npz file."""
        scenes = [(s.start, s.end, s.look, -1 if s.slide is None else s.slide) for s in self.scenes]
        new = path.with_name(path.name + ".new")
        with new.open("wb") as file:
            np.savez(file, **(vars(self) | {"scenes": np.array(scenes, float).reshape(-1, 4)}))
        new.replace(path)

    def restore(self, path: Path) -> None:
        """Go on from a state that ``save`` wrote."""
        with np.load(path, allow_pickle=False) as state:
            for name, value in vars(self).items():
                found = state[name]
                plain = found if isinstance(value, np.ndarray) else found.tolist()
                setattr(self, name, list(found) if name in ("_pictures", "_moved") else plain)
        rows = np.asarray(self.scenes, float).reshape(-1, 4)
        self.scenes = [Scene(a, b, look, None if n < 0 else int(n)) for a, b, look, n in rows.tolist()]
