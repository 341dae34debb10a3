"""The stages from a video to its index: slides, pictures, text, speech, topics.

Each keeps its result in ``work/`` under the key of what it was made from, so that an interrupted index goes on where it
stopped; ``work/`` is removed at the end.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from core.cache import content_key
from core.errors import FileError
from core.preprocess.media import open_media
from core.preprocess.video_frames import duration, frames_at
from core.progress import Progress
from domains.education import slides
from domains.education.captions import FORMATS, Caption, read_captions
from domains.education.ink import SIZE, blocks
from domains.education.lecture import FILE, Lecture, to_json
from domains.education.slide_text import Line, read_slide
from domains.education.slides import Scene, find_scenes
from domains.education.topics import method, segments_of, topics_of

if TYPE_CHECKING:
    from core.recognition import Recogniser

EMPTY_LEVEL, EMPTY_SHARE = (
    2.0,
    0.4,
)  # grey levels of spread in a block of empty ground; a drawn picture has so much of it
_SLIDES = {"method": slides.METHOD, "step_seconds": slides.STEP}
LONGEST_CAPTION, PAUSE = 8.0, 0.8  # seconds; recognised words are parted there


class Stages:
    """Makes the index of one video in one folder."""

    def __init__(self, video: Path, folder: Path, progress: Progress, name: str = "") -> None:
        self.video, self.folder, self.progress, self.name = video, folder, progress, name or video.stem
        self.work = folder / "work"
        self.notes: list[str] = []

    def run(
        self, captions: Path | None, recogniser: Recogniser | str | None, encoding: str, rejected: Path | None
    ) -> None:
        """Write ``lecture.json`` and the pictures, or leave them where they are there already."""
        self.length = duration(self.video)
        self.has_sound = _has_sound(self.video)
        captions = captions or self._beside()
        self.key = content_key((self.video,))
        name = recogniser if isinstance(recogniser, str | None) else recogniser.name
        called = [self.name] if self.name != self.video.stem else []
        whole = _digest(self.key, content_key((captions,)) if captions else "", name or "", *called)
        if self._is_done(whole):
            return
        said: list[Caption] = []
        source: dict[str, Any] = {"method": "none", "captions": 0}
        if captions is not None:
            said = read_captions(captions, self.length, encoding=encoding, rejected=rejected)
            source = {"method": f"captions of {captions.name}", "captions": len(said)}
        elif recogniser is not None and not self.has_sound:
            raise FileError(f"{self.video}: has no sound to recognise; give captions, or leave the recogniser out")
        self.work.mkdir(parents=True, exist_ok=True)
        scenes = self._scenes()
        lines = self._lines(scenes)
        if captions is None and recogniser is not None:
            said, source = self._recognise(recogniser, name or "")
        self._note(said, rejected)
        self._finish(whole, scenes, lines, said, source)

    def _beside(self) -> Path | None:
        """Captions of the same name beside the video."""
        return next((f for f in map(self.video.with_suffix, FORMATS) if f.is_file()), None)

    def _is_done(self, key: str) -> bool:
        """Whether the folder holds this very index.

        Raises:
            FileError: if it holds another one.
        """
        done = self.folder / FILE
        if not done.is_file():
            return False
        found = json.loads(done.read_text(encoding="utf-8"))["found"]
        if found["video"] != self.key:
            raise FileError(f"{self.folder}: holds the index of another video; name another folder, or remove it first")
        return found["key"] == key

    def _stage(self, name: str, key: str, make: Callable[[], Any]) -> Any:
        """What ``make`` returns, from disk where it was made from the same before."""
        file = self.work / f"{name}.json"
        if file.is_file() and (kept := json.loads(file.read_text(encoding="utf-8")))["key"] == key:
            return kept["value"]
        value = make()
        new = file.with_suffix(".new")
        new.write_text(json.dumps({"key": key, "value": value}), encoding="utf-8")
        new.replace(file)
        return value

    def _scenes(self) -> list[Scene]:
        checkpoint = self.work / f"slides-{self.key[:16]}.npz"
        found = self._stage(
            "scenes", self.key, lambda: [asdict(s) for s in find_scenes(self.video, checkpoint, self.progress)]
        )
        return [Scene(**s) for s in found]

    def _picture(self, scene: Scene) -> Path:
        """The picture of a scene, taken out of the video once."""
        file = self.work / f"{self.key[:16]}-{scene.look:.2f}.png"
        if not file.is_file():
            _, pixels = next(frames_at(self.video, [scene.look]))
            new = file.with_suffix(".new")
            Image.fromarray(pixels).save(new, format="PNG")
            new.replace(file)
        return file

    def _lines(self, scenes: Sequence[Scene]) -> dict[int, list[Line]]:
        """What stands on each slide, by its number; its last scene shows it whole."""
        last = {s.slide: s for s in scenes if s.slide is not None}

        def read() -> list[list[dict[str, Any]]]:
            found = []
            for i, scene in enumerate(last.values(), 1):
                found.append([asdict(line) for line in read_slide(self._picture(scene))])
                self.progress("slide text", i, len(last))
            return found

        rows = self._stage("text", self.key, read)
        return {slide: [Line(**line) for line in row] for slide, row in zip(last, rows, strict=True)}

    def _recognise(self, recogniser: Recogniser | str, name: str) -> tuple[list[Caption], dict[str, Any]]:
        def make() -> dict[str, Any]:
            from core.recognition import build

            engine = build(recogniser) if isinstance(recogniser, str) else recogniser
            transcript = engine.transcribe(self.video, progress=self.progress)
            said = captions_of([(w.text, w.start, w.end) for w in transcript.words])
            return {"said": [asdict(c) for c in said], "by": transcript.recogniser, "sure": transcript.confidence}

        found = self._stage("speech", _digest(self.key, name), make)
        said = [Caption(**c) for c in found["said"]]
        return said, {"method": f"recognised by {found['by']}", "captions": len(said), "confidence": found["sure"]}

    def _note(self, said: Sequence[Caption], rejected: Path | None) -> None:
        if not self.has_sound:
            self.notes.append("the video has no sound")
        if rejected is not None and rejected.is_file():
            self.notes.append(f"faulty captions were set aside in {rejected.name}, with their reasons")
        if not said:
            self.notes.append("no transcript: neither captions nor a recogniser; only slide text can be searched")

    def _finish(
        self,
        key: str,
        scenes: Sequence[Scene],
        lines: dict[int, list[Line]],
        said: Sequence[Caption],
        source: dict[str, Any],
    ) -> None:
        filmed = {s.slide for s in scenes if s.slide is not None and not lines[s.slide] and self._is_filmed(s)}
        joined, numbers = join_filmed(scenes, filmed)
        shown = {new: lines[old] for old, new in numbers.items()}
        segments, topics = topics_of(segments_of(joined, shown, said))
        pictures = self._keep_pictures(joined)
        segments = [dataclasses.replace(s, picture=pictures[_scene_at(joined, s.start)]) for s in segments]
        counts = {"slides": len(numbers), "moving": sum(s.slide is None for s in joined)}
        found = {
            "video": self.key,
            "key": key,
            "slides": _SLIDES | counts | {"scenes_joined_as_filmed": len(scenes) - len(joined)},
            "transcript": source,
            "topics": {"method": method(), "topics": len(topics)},
        }
        self.progress("topics", len(topics), len(topics))
        parts = tuple(segments), tuple(topics), tuple(said), found, tuple(self.notes)
        self._write(Lecture(self.folder, self.name, self.video, self.length, *parts))

    def _write(self, lecture: Lecture) -> None:
        new = self.work / FILE
        new.write_text(json.dumps(to_json(lecture), ensure_ascii=False, indent=1), encoding="utf-8")
        new.replace(self.folder / FILE)
        shutil.rmtree(self.work)

    def _is_filmed(self, scene: Scene) -> bool:
        with Image.open(self._picture(scene)) as picture:
            grey = np.asarray(picture.convert("L").resize(SIZE[::-1]))
        return bool((blocks(grey).std(axis=2) < EMPTY_LEVEL).mean() < EMPTY_SHARE)

    def _keep_pictures(self, scenes: Sequence[Scene]) -> list[str]:
        """Move the picture of every scene to ``slides/``: its path from the folder, for each scene."""
        (self.folder / "slides").mkdir(exist_ok=True)
        names, moving = [], 0
        last = {s.slide: s for s in scenes}
        for scene in scenes:
            moving += scene.slide is None
            name = f"moving_{moving:03}" if scene.slide is None else f"slide_{scene.slide + 1:03}"
            shown = scene if scene.slide is None else last[scene.slide]
            shutil.copy(self._picture(shown), self.folder / "slides" / f"{name}.png")
            names.append(f"slides/{name}.png")
        return names


def join_filmed(scenes: Sequence[Scene], filmed: Collection[int]) -> tuple[list[Scene], dict[int, int]]:
    """One moving scene for scenes next to each other that are filmed or move, such as the cameras of a talk.

    ``filmed``: slides that are no drawn picture. Also gives the new numbers of the slides that are left.
    """
    joined: list[Scene] = []
    numbers: dict[int, int] = {}
    for scene in scenes:
        if scene.slide is not None and scene.slide not in filmed:
            joined.append(dataclasses.replace(scene, slide=numbers.setdefault(scene.slide, len(numbers))))
        elif joined and joined[-1].slide is None:
            before = joined[-1]
            longer = max(before, scene, key=lambda s: s.end - s.start)
            joined[-1] = Scene(before.start, scene.end, longer.look, None)
        else:
            joined.append(dataclasses.replace(scene, slide=None))
    return joined, numbers


def captions_of(words: Sequence[tuple[str, float, float]]) -> list[Caption]:
    """Captions from recognised words (text, start, end): parted at pauses, at ends of sentences and when long."""
    parts: list[list[tuple[str, float, float]]] = []
    for word in words:
        last = parts[-1] if parts else None
        ends = last is not None and (last[-1][0].rstrip().endswith((".", "?", "!")) or word[1] - last[-1][2] > PAUSE)
        if last is None or ends or word[2] - last[0][1] > LONGEST_CAPTION:
            parts.append([word])
        else:
            last.append(word)
    return [Caption(p[0][1], max(p[-1][2], p[0][1] + 0.01), " ".join(w[0].strip() for w in p)) for p in parts]


def _scene_at(scenes: Sequence[Scene], second: float) -> int:
    return next((i for i, s in enumerate(scenes) if second < s.end), len(scenes) - 1)


def _has_sound(video: Path) -> bool:
    with open_media(video, "video") as container:
        return bool(container.streams.audio)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
