from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from lecture_video import Part, boundaries, f1, frames, random_parts, write_video
from PIL import Image, ImageDraw

from core.errors import FileError
from domains.education.ink import SIZE
from domains.education.slides import STEP, Scene, SlideDetector, find_scenes

FPS = 2  # the step of the detector


def grey(pictures: Iterable[Image.Image]) -> Iterator[np.ndarray]:
    for picture in pictures:
        yield np.asarray(picture.convert("L").resize(SIZE[::-1], Image.Resampling.BOX))


def detect(pictures: Iterable[Image.Image]) -> list[Scene]:
    detector = SlideDetector()
    for picture in grey(pictures):
        detector.see(picture)
    return detector.close(detector.steps * STEP)


def starts(scenes: list[Scene]) -> list[float]:
    return [s.start for s in scenes[1:]]


def part(title: str, lines: int = 4, seconds: float = 12, **options: object) -> Part:
    return Part(title, [f"{title} line {i} of the slide" for i in range(lines)], seconds, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seed", "options"),
    [(11, {}), (13, {"banner": False, "speaker": True}), (14, {"subtitles": True})],
    ids=str,
)
def test_boundaries_of_slides_with_builds_and_clips(seed: int, options: dict[str, bool]) -> None:
    parts = random_parts(seed, 6)
    scenes = detect(frames(parts, FPS, seed, **options))
    assert f1(starts(scenes), boundaries(parts)) > 0.95
    clip = next(i for i, p in enumerate(parts) if not p.lines)
    assert [s.slide is None for s in scenes] == [i == clip for i in range(len(parts))]


def test_a_slide_that_builds_up_is_one_slide_seen_whole_at_its_end() -> None:
    parts = [part("Mean", 5, 20), part("Median", 5, 20)]
    scenes = detect(frames(parts, FPS))
    assert [(s.start, s.end, s.slide) for s in scenes] == [(0, 20, 0), (20, 40, 1)]
    assert scenes[0].look > 17  # after the last line came


def test_an_embedded_clip_does_not_end_its_slide() -> None:
    scenes = detect(frames([part("Mean", seconds=30, clip=True), part("Median")], FPS))
    assert [s.slide for s in scenes] == [0, 1]
    assert scenes[1].start == 30


def test_a_slide_that_comes_back_has_its_number_again() -> None:
    first, other = part("Mean", 1), part("Median", 1)
    scenes = detect(frames([first, other, first], FPS))
    assert [s.slide for s in scenes] == [0, 1, 0]


def test_a_slide_that_comes_back_and_builds_up_anew_has_its_number_again() -> None:
    scenes = detect(frames([part("Mean"), part("Median"), part("Mean")], FPS))
    assert [s.slide for s in scenes] == [0, 1, 0]


def test_a_slow_dissolve_is_one_boundary() -> None:
    parts = [part("Mean", 1), part("Median", 1, 14, fade=3.0)]
    scenes = detect(frames(parts, FPS))
    assert [s.slide for s in scenes] == [0, 1]
    assert scenes[1].start == pytest.approx(13, abs=1.5)


def test_a_picture_that_never_changes_is_one_scene_and_is_not_cut_in_pieces() -> None:
    assert detect(frames([part("Mean", 1, 60)], FPS)) == [Scene(0, 60, 59.25, 0)]


def test_a_pointer_and_a_page_number_end_nothing() -> None:
    pictures = []
    for i, picture in enumerate(frames([part("Mean", 1, 40)], FPS)):
        pen = ImageDraw.Draw(picture)
        x = 40 + 9 * i % 300
        pen.ellipse((x, 200, x + 9, 209), fill="red")
        pen.text((460, 2), str(i // 20), fill="red")
        pictures.append(picture)
    assert len(detect(pictures)) == 1


def test_a_camera_that_never_rests_is_one_moving_scene() -> None:
    assert [s.slide for s in detect(frames([Part("", (), 40)], FPS))] == [None]


def test_a_slide_after_a_blank_one_begins_when_it_is_shown() -> None:
    scenes = detect(frames([part("Mean", 4), Part("", [" "], 10), part("Median", 4)], FPS, banner=False))
    assert starts(scenes) == [12, 22]


def test_going_on_from_the_state_on_disk_gives_the_same(tmp_path: Path) -> None:
    pictures = list(grey(frames(random_parts(5, 4), FPS, 5)))
    whole, first = SlideDetector(), SlideDetector()
    for i, picture in enumerate(pictures):
        whole.see(picture)
        if i < 70:
            first.see(picture)
    first.save(tmp_path / "state.npz")
    second = SlideDetector()
    second.restore(tmp_path / "state.npz")
    for picture in pictures[second.steps :]:
        second.see(picture)
    assert second.close(60) == whole.close(60)
    assert len(second.scenes) > 3


def test_state_does_not_grow_with_the_video() -> None:
    """Pictures at hand are bounded; what is kept is one small picture a slide."""
    detector = SlideDetector()
    still = next(grey(frames([part("Mean", 1, 1)], FPS)))
    sizes = []
    for _ in range(3):
        for _ in range(100):
            detector.see(still)
        sizes.append(sum(v.nbytes for v in vars(detector).values() if isinstance(v, np.ndarray)))
    assert sizes[0] == sizes[1] == sizes[2]


def test_a_real_file_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    parts = [part("Mean", 1, 40), part("Median", 1, 40)]
    path = write_video(tmp_path / "a.mp4", frames(parts, FPS), FPS)
    whole = find_scenes(path)
    assert [(s.start, s.end) for s in whole] == [(0, 40), (40, 80)]

    def stop(stage: str, done: int, total: int, figures: object = None) -> None:
        if (tmp_path / "state.npz").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_scenes(path, tmp_path / "state.npz", stop)
    seen = []
    found = find_scenes(path, tmp_path / "state.npz", lambda stage, done, total, figures=None: seen.append(done))
    assert found == whole
    assert seen == [160]  # not from the beginning, where it would tell 120 first


def test_a_video_cut_off_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", frames([part("Mean", 1, 60)], FPS, speaker=True), FPS)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FileError, match=r"a.mkv: .*cut off"):
        find_scenes(path)
