"""The sample lectures as video files with speech and captions, and the truth about them: slides, build-ups, topics.

Speaking needs the program ``espeak-ng``. What a lecture says and shows does not depend on any seed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.errors import FileError
from domains.education import sample_slides
from domains.education.sample_content import SampleLecture

FRAMES = 10  # a second
RATE = 22050
_PAUSE, _TURN = 0.45, 0.9  # seconds after a sentence, and before the next slide


@dataclass(frozen=True)
class Sentence:
    """One spoken sentence: when, on which slide (0 is the title) and with how many bullets shown."""

    start: float
    end: float
    slide: int
    shown: int
    text: str


@dataclass(frozen=True)
class Spoken:
    """A lecture with its timing. ``wave`` is (N,) float32 at ``RATE``; ``clips`` are (slide, start, end) in seconds."""

    lecture: SampleLecture
    wave: np.ndarray
    sentences: tuple[Sentence, ...]
    clips: tuple[tuple[int, float, float], ...]

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.wave) / RATE

    def starts(self) -> list[float]:
        """When each slide appears."""
        first = {s.slide: s.start for s in reversed(self.sentences)}
        return [0.0] + [first[i] - _TURN / 2 for i in range(1, len(self.lecture.slides) + 1)]


def speak(lecture: SampleLecture) -> Spoken:
    """Say a lecture.

    Raises:
        FileError: without espeak-ng.
    """
    parts, sentences, clips, now = [], list[Sentence](), [], 0.0
    script = [(0, 0, lecture.opening, 0.0)] + [
        (i, shown, said, slide.clip_seconds if shown == 1 else 0.0)
        for i, slide in enumerate(lecture.slides, 1)
        for shown, (_, said) in enumerate(slide.bullets, 1)
    ]
    for place, (i, shown, said, clip) in enumerate(script):
        for text in re.findall(r"[^.?!]+[.?!]", said):
            wave = _say(text.strip())
            sentences.append(Sentence(round(now, 3), round(now + len(wave) / RATE, 3), i, shown, text.strip()))
            parts += [wave, np.zeros(int(_PAUSE * RATE), np.float32)]
            now += len(parts[-2]) / RATE + int(_PAUSE * RATE) / RATE
        rest = clip + (_TURN if place + 1 == len(script) or script[place + 1][0] != i else 0.0)
        if clip:
            clips.append((i, round(now, 3), round(now + clip, 3)))
        parts.append(np.zeros(int(rest * RATE), np.float32))
        now += len(parts[-1]) / RATE
    return Spoken(lecture, np.concatenate(parts), tuple(sentences), tuple(clips))


def _say(text: str) -> np.ndarray:
    """(N,) float32 at ``RATE``."""
    import soundfile

    program = shutil.which("espeak-ng")
    if program is None:
        raise FileError("the program espeak-ng is not found, which speaks the lectures: apt-get install espeak-ng")
    command = [program, "-v", "en-gb", "-s", "165", "-p", "42", "--stdout", text]
    wave, rate = soundfile.read(
        BytesIO(subprocess.run(command, capture_output=True, check=True).stdout), dtype="float32"
    )
    assert rate == RATE, rate
    return wave


def write(spoken: Spoken, folder: Path) -> dict[str, Any]:
    """Write ``ID.mp4`` and ``ID.vtt``; returns the truth about the lecture as JSON values."""
    folder.mkdir(parents=True, exist_ok=True)
    _encode(spoken, folder / f"{spoken.lecture.id}.mp4")
    lines = ["WEBVTT", ""]
    for s in spoken.sentences:
        lines += [f"{_clock(s.start)} --> {_clock(s.end)}", s.text, ""]
    (folder / f"{spoken.lecture.id}.vtt").write_text("\n".join(lines), encoding="utf-8")
    return truth(spoken)


def truth(spoken: Spoken) -> dict[str, Any]:
    """When each slide and each of its bullets appears, what it teaches, and where the clip plays."""
    starts = [*spoken.starts(), spoken.duration]
    slides = []
    for i in range(len(starts) - 1):
        content = spoken.lecture.slides[i - 1] if i else None
        builds = {s.shown: s.start for s in reversed(spoken.sentences) if s.slide == i and s.shown > 1}
        slides.append({
            "slide": i + 1, "start": round(starts[i], 2), "end": round(starts[i + 1], 2),
            "title": content.title if content else spoken.lecture.title,
            "concept": content.concept if content else "",
            "builds": [round(t, 2) for t in builds.values()][::-1],
            "clip": next(([a, b] for place, a, b in spoken.clips if place == i), None),
        })  # fmt: skip
    return {"lecture": spoken.lecture.id, "title": spoken.lecture.title, "seconds": round(spoken.duration, 2),
            "slides": slides}  # fmt: skip


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes // 60):02d}:{int(minutes % 60):02d}:{rest:06.3f}"


def _frames(spoken: Spoken) -> Iterator[Image.Image]:
    """The picture of every tenth of a second; the same object while nothing changes."""
    starts = spoken.starts()
    state: tuple[int, int, float] | None = None
    image = sample_slides.title_slide(spoken.lecture)
    for frame in range(int(spoken.duration * FRAMES)):
        now = frame / FRAMES
        i = sum(now >= s for s in starts) - 1
        shown = max([s.shown for s in spoken.sentences if s.slide == i and s.start <= now], default=0)
        moment = next((min(max((now - a) / (b - a), 0.0), 1.0) for place, a, b in spoken.clips if place == i), 0.0)
        if (i, shown, moment) != state:
            state = (i, shown, moment)
            title = sample_slides.title_slide(spoken.lecture)
            image = sample_slides.slide(spoken.lecture.slides[i - 1], i + 1, shown, moment) if i else title
        yield image


def _encode(spoken: Spoken, path: Path) -> None:
    """H.264 and AAC in MP4, with the index at the front so that a browser plays it at once, a key frame each 5 s."""
    import av

    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        video = file.add_stream("libx264", rate=FRAMES, options={"crf": "27", "preset": "medium", "tune": "stillimage"})
        video.width, video.height, video.pix_fmt = *sample_slides.SIZE, "yuv420p"
        video.gop_size = 5 * FRAMES
        video.codec_context.thread_count = 1  # the same bytes on every machine
        sound = file.add_stream("aac", rate=RATE, layout="mono")
        sound.bit_rate = 32_000
        for image in _frames(spoken):
            file.mux(video.encode(av.VideoFrame.from_image(image)))
        file.mux(video.encode())
        for start in range(0, len(spoken.wave), 1024):
            part = av.AudioFrame.from_ndarray(spoken.wave[None, start : start + 1024], "fltp", "mono")
            part.sample_rate, part.pts, part.time_base = RATE, start, Fraction(1, RATE)
            file.mux(sound.encode(part))
        file.mux(sound.encode())
