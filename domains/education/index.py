"""Index lectures from the command line.

    python -m domains.education.index intro.mp4 limits.webm --recogniser faster_whisper
    python -m domains.education.index intro.mp4 --recogniser whisper --model openai/whisper-small

Captions of the same name beside a video are taken; ``--captions`` names others, for one video. A run that was stopped
goes on when it is started again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from core.errors import PolyfuseError
from core.progress import Bars
from core.recognition import build
from domains.education.lecture import Lecture


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m domains.education.index", description=__doc__.split("\n")[0])
    parser.add_argument("videos", type=Path, nargs="+", help="mp4, webm, mkv …")
    parser.add_argument("--captions", type=Path, help=".vtt or .srt, for one video")
    parser.add_argument("--encoding", default="utf-8", help="of the captions")
    parser.add_argument("--recogniser", help="for videos without captions: faster_whisper, or whisper with --model")
    parser.add_argument("--model", help="of the recogniser: a folder, or a hub id such as openai/whisper-small")
    parser.add_argument("--name", help="of one lecture, as records of learners call it; otherwise that of its file")
    parser.add_argument("--out", type=Path, help="folder for the indexes; otherwise beside each video")
    parser.add_argument("--rejected", type=Path, help="go on without faulty captions, written here with their reasons")
    given = parser.parse_args(arguments)
    if (given.captions or given.name) and len(given.videos) > 1:
        parser.error("--captions and --name belong to one video; captions of several are named like their videos")
    try:
        recogniser = given.recogniser
        if recogniser and given.model:
            recogniser = build(recogniser, model=given.model)
        for video in given.videos:
            out = None if given.out is None else given.out / f"{video.stem}.lecture"
            with Bars() as progress:
                found = Lecture.index(
                    video, given.captions, recogniser, out, progress,
                    encoding=given.encoding, rejected=given.rejected, name=given.name or "",
                )  # fmt: skip
            print(_told(found))
    except PolyfuseError as error:
        raise SystemExit(f"error: {error}") from None


def _told(lecture: Lecture) -> str:
    shown, said = lecture.found["slides"], lecture.found["transcript"]
    counts = f"{len(lecture.segments)} segments, {len(lecture.topics)} topics, {shown['slides']} slides"
    lines = [f"{lecture.folder}: {counts} by {shown['method']!r}, transcript: {said['method']}", *lecture.notes]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
