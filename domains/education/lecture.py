"""A lecture as an index: segments and topics with their slides, found by what is said and shown, down to the second."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import BundleError
from core.progress import Progress, silent
from domains.education.captions import Caption
from domains.education.passages import Found, Passages
from domains.education.topics import Segment, Topic

if TYPE_CHECKING:
    from core.recognition import Recogniser

VERSION = 1
FILE = "lecture.json"


@dataclass(frozen=True)
class Lecture:
    """An indexed lecture: a folder with ``lecture.json`` and ``slides/*.png``.

    ``found`` says by which methods slides, transcript and topics were found, and how many; ``notes`` what a reader
    should know, such as that there is no sound.
    """

    folder: Path
    name: str
    video: Path
    duration: float  # seconds
    segments: tuple[Segment, ...]
    topics: tuple[Topic, ...]
    captions: tuple[Caption, ...]
    found: dict[str, Any]
    notes: tuple[str, ...]

    @classmethod
    def index(
        cls,
        video: Path | str,
        captions: Path | str | None = None,
        recogniser: Recogniser | str | None = None,
        out: Path | str | None = None,
        progress: Progress = silent,
        *,
        encoding: str = "utf-8",
        rejected: Path | None = None,
        name: str = "",
    ) -> Lecture:
        """Index a video. Stages are kept in the folder: an interrupted index goes on, a finished one is opened.

        Args:
            video: mp4, webm, mkv … with a picture.
            captions: .vtt or .srt; None: the file beside the video of the same name, if there is one.
            recogniser: of ``core.recognition``, or its name, for a video without captions; None: no transcript.
            out: the folder to write; None: beside the video, ``NAME.lecture``.
            progress: told of every stage.
            encoding: of the captions.
            rejected: go on without faulty captions, which are written to this file with their reasons.
            name: by which records of learners call it; otherwise that of the file.

        Raises:
            FileError: if the video has no picture, is damaged or cut off; if it has no sound to recognise; if the
                folder holds the index of another video.
            TableError: for faulty captions.
            MissingExtraError: without the extra ``lecture``.
        """
        from domains.education.lecture_stages import Stages

        video = Path(video).absolute()
        folder = Path(out).absolute() if out is not None else video.with_suffix(".lecture")
        stages = Stages(video, folder, progress, name)
        stages.run(Path(captions) if captions is not None else None, recogniser, encoding, rejected)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path | str) -> Lecture:
        """Open an index.

        Raises:
            BundleError: if there is none, or it is damaged or of a newer version.
        """
        folder = Path(folder).absolute()
        try:
            content = json.loads((folder / FILE).read_text(encoding="utf-8"))
            if content["version"] > VERSION:
                raise BundleError(f"{folder}: written by a newer version ({content['version']}); update polyfuse")
            return cls(
                folder,
                content["name"],
                (folder / content["video"]).resolve(),
                content["duration"],
                tuple(Segment(**s | {"keywords": tuple(s["keywords"])}) for s in content["segments"]),
                tuple(Topic(**t | {"keywords": tuple(t["keywords"])}) for t in content["topics"]),
                tuple(Caption(**c) for c in content["captions"]),
                content["found"],
                tuple(content["notes"]),
            )
        except FileNotFoundError as error:
            raise BundleError(f"{folder}: holds no {FILE}; index the lecture with Lecture.index") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{folder}/{FILE}: damaged ({error}); index the lecture again") from error

    def picture(self, segment: Segment) -> Path:
        """The picture of a segment's slide, or of its moving scene."""
        return self.folder / segment.picture

    def at(self, second: float) -> Segment:
        """The segment shown at a second; the last one beyond the end."""
        return next((s for s in self.segments if second < s.end), self.segments[-1])

    @cached_property
    def passages(self) -> Passages:
        """What is said and shown, ready to be searched."""
        return Passages([self])

    def search(self, query: str, k: int = 5) -> list[Found]:
        """The ``k`` segments that say or show best what is asked, each with the second to jump to."""
        return self.passages.search(query, k)


def to_json(lecture: Lecture) -> dict[str, Any]:
    """What ``lecture.json`` holds."""
    content = {f: getattr(lecture, f) for f in ("name", "duration", "found")}
    lists = {f: [asdict(item) for item in getattr(lecture, f)] for f in ("segments", "topics", "captions")}
    return {"version": VERSION, "video": _beside(lecture), "notes": list(lecture.notes)} | content | lists


def _beside(lecture: Lecture) -> str:
    """The video's path from the folder where they lie side by side, so that both can be moved; else the whole path."""
    near = lecture.folder.parent
    video = lecture.video
    return f"../{video.relative_to(near).as_posix()}" if video.is_relative_to(near) else str(video)
