"""Lecture videos made here: slides that build up, clips, a speaker's window, subtitles; with the true boundaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

WORDS = (  # noqa: SIM905
    "mean median variance sample prior evidence likelihood posterior random event chance outcome test error power "
    "interval estimate bias model weight graph curve table column square sum product limit slope axis value"
).split()
SIZE = (480, 270)


@dataclass
class Part:
    """A slide that builds up line by line, or a clip that fills the picture (``lines`` empty)."""

    title: str
    lines: Sequence[str]
    seconds: float
    clip: bool = False  # a moving clip in the corner of the slide
    fade: float = 0.0  # seconds of dissolve from the part before
    truth: list[float] = field(default_factory=list)


def draw(part: Part, shown: int, banner: bool) -> Image.Image:
    """The slide with ``shown`` of its lines."""
    picture = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(picture)
    if banner:
        pen.rectangle((0, 0, SIZE[0], 44), fill=(20, 60, 120))
        pen.text((380, 250), "University of Examples", fill="grey", font=ImageFont.load_default(9))
    pen.text((16, 8), part.title, fill="white" if banner else "black", font=ImageFont.load_default(24))
    for i, line in enumerate(part.lines[:shown]):
        pen.text((24, 58 + 30 * i), line, fill="black", font=ImageFont.load_default(17))
    return picture


def moving(rng: np.random.Generator, scene: int, at: float, size: tuple[int, int]) -> Image.Image:
    """A frame of a clip: a textured ground that pans, another ground in every ``scene``."""
    ground = np.random.default_rng(scene).integers(0, 255, (12, 20, 3), dtype=np.uint8)
    big = Image.fromarray(ground).resize((size[0] * 2, size[1] * 2), Image.Resampling.BICUBIC)
    left, top = int((0.5 + 0.5 * np.sin(at * 1.3)) * size[0]), int((0.5 + 0.5 * np.cos(at)) * size[1])
    return big.crop((left, top, left + size[0], top + size[1]))


def random_parts(seed: int, count: int = 8) -> list[Part]:
    """Slides of random words, one with an embedded clip, one clip that fills the picture."""
    rng = np.random.default_rng(seed)

    def words(n: int) -> str:
        return " ".join(rng.choice(WORDS, n)).capitalize()

    parts = []
    for _ in range(count):
        lines = [words(int(rng.integers(3, 6))) for _ in range(int(rng.integers(2, 6)))]
        parts.append(Part(words(2), lines, float(rng.integers(8, 20)), fade=float(rng.choice([0.0, 0.0, 0.8]))))
    parts[count // 3].clip = True
    parts.insert(count // 2 + 1, Part("", (), float(rng.integers(8, 16))))
    return parts


def frames(
    parts: Sequence[Part],
    fps: int,
    seed: int = 0,
    *,
    banner: bool = True,
    speaker: bool = False,
    subtitles: bool = False,
) -> Iterator[Image.Image]:
    """Every frame of the video."""
    rng = np.random.default_rng(seed)
    last = Image.new("RGB", SIZE)
    for number, part in enumerate(parts):
        count, before = round(part.seconds * fps), last
        for i in range(count):
            at = i / fps
            if part.lines:
                shown = min(len(part.lines), 1 + int(at / max(1.5, part.seconds * 0.7 / len(part.lines))))
                last = draw(part, shown, banner)
                if part.clip and 2 < at < part.seconds - 1:
                    last.paste(moving(rng, number, at, (180, 120)), (290, 100))
            else:
                last = moving(rng, number * 100 + int(at / 2.6), at, SIZE)
            picture = last.copy()
            if speaker:
                picture.paste(moving(rng, 7, at * 0.5 + number, (90, 70)), (SIZE[0] - 92, SIZE[1] - 72))
            if subtitles:
                pen = ImageDraw.Draw(picture)
                text = " ".join(np.random.default_rng(number * 1000 + int(at / 2.5)).choice(WORDS, 5))
                pen.rectangle((60, 244, 420, 264), fill="black")
                pen.text((66, 245), text, fill="white", font=ImageFont.load_default(15))
            yield Image.blend(before, picture, min(1.0, at / part.fade)) if at < part.fade else picture


def boundaries(parts: Sequence[Part]) -> list[float]:
    """Seconds at which a part begins, without the first."""
    return np.cumsum([p.seconds for p in parts])[:-1].tolist()


def write_video(
    path: Path, pictures: Iterator[Image.Image], fps: int = 6, sound: bool = False, codec: str = "libx264"
) -> Path:
    """Encode frames, with a tone where ``sound``."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=fps)
        (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "28"}
        tone: Any = container.add_stream("aac", rate=16000) if sound else None
        for i, picture in enumerate(pictures):
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
            if tone is not None:
                wave = (0.1 * np.sin(np.arange(16000 // fps) * 0.2)).astype(np.float32)[None]
                frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 16000, i * (16000 // fps)
                container.mux(tone.encode(frame))
        for s in container.streams:
            container.mux(s.encode(None))
    return path


def f1(found: Sequence[float], true: Sequence[float], within: float = 1.0) -> float:
    """Agreement of two lists of boundaries, each used once."""
    left, hits = list(true), 0
    for second in found:
        near = [t for t in left if abs(t - second) <= within]
        if near:
            left.remove(min(near, key=lambda t: abs(t - second)))
            hits += 1
    return 2 * hits / max(1, len(found) + len(true))
