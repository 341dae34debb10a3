"""Cost of indexing a lecture: seconds and peak memory for 2, 10 and 30 minutes of generated video, 1280 x 720, 10 fps.

    python -m benchmarks.education_speed [MINUTES …]

Each length in a process of its own. The video is two minutes of slides that build up, one with a clip, repeated; so
longer ones hold no more slides. The seconds of each stage are told, so that those for slide text can be taken for more.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from benchmarks.report import save
from domains.education.captions import Caption
from domains.education.lecture import Lecture

ROOT = Path(__file__).parents[1]
SIZE, FPS, PART = (1280, 720), 10, 120  # seconds of the part that is repeated
WORDS = (
    "the mean of a sample",
    "a random event",
    "the slope of the curve",
    "what the test tells",
    "an unbiased estimate",
)


def pictures() -> Iterator[Image.Image]:
    """Two minutes, frame by frame; a picture that does not change is made once."""
    sys.path.append(str(ROOT / "tests"))
    from lecture_video import draw, moving, random_parts

    rng = np.random.default_rng(0)
    parts = [p for p in random_parts(0, 9) if p.lines][:6]
    for part in parts:
        slides = [draw(part, shown, True).resize(SIZE) for shown in range(1, len(part.lines) + 1)]
        frames = PART * FPS // len(parts)
        for i in range(frames):
            slide = slides[min(len(slides) - 1, i * len(slides) // (frames // 2))]
            if part.clip and frames // 3 < i < frames // 2:
                slide = slide.copy()
                slide.paste(moving(rng, 1, i / FPS, (320, 200)), (880, 300))
            yield slide


def write(folder: Path) -> Path:
    path = folder / "part.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=FPS)
        (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "26"}
        for picture in pictures():
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode(None))
    return path


def repeated(part: Path, minutes: int) -> Path:
    """The part again and again, without encoding anew, with a caption every ten seconds."""
    path = part.with_name(f"{minutes}.mp4")
    with av.open(str(path), "w") as target:
        stream: Any = None
        for k in range(minutes * 60 // PART):
            with av.open(str(part)) as source:
                stream = stream or target.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(source.streams.video[0]):
                    if packet.pts is not None:
                        later = int(k * PART / packet.time_base)
                        packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, stream
                        target.mux(packet)
    said = [Caption(10.0 * i, 10.0 * i + 9, WORDS[i // 12 % len(WORDS)]) for i in range(minutes * 6)]
    cues = [f"{_stamp(c.start)} --> {_stamp(c.end)}\n{c.text}, part {i}\n" for i, c in enumerate(said)]
    path.with_suffix(".vtt").write_text("WEBVTT\n\n" + "\n".join(cues))
    return path


def _stamp(seconds: float) -> str:
    return f"{int(seconds // 3600):02}:{int(seconds // 60 % 60):02}:{seconds % 60:06.3f}"


def index(video: Path) -> None:
    """In a process of its own: prints seconds by stage, and the peak of its memory."""
    began: dict[str, float] = {}
    start = time.process_time(), time.perf_counter()

    def progress(stage: str, done: int, total: int, figures: object = None) -> None:
        began[stage] = time.process_time() - start[0]

    lecture = Lecture.index(video, progress=progress)
    figures = {"cpu_s": time.process_time() - start[0], "wall_s": time.perf_counter() - start[1]}
    figures |= {f"cpu_s_when_{stage.replace(' ', '_')}_was_done": seconds for stage, seconds in began.items()}
    figures |= {"slides": lecture.found["slides"]["slides"], "segments": len(lecture.segments)}
    print(json.dumps(figures | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def measure(lengths: Sequence[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        part = write(Path(folder))
        for minutes in lengths:
            command = [sys.executable, "-m", "benchmarks.education_speed", str(repeated(part, minutes))]
            fresh = os.environ | {"POLYFUSE_CACHE": f"{folder}/cache-{minutes}"}  # no slide has been read before
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=fresh)
            found[f"{minutes} minutes"] = json.loads(done.stdout.splitlines()[-1])
            print(minutes, found[f"{minutes} minutes"], flush=True)
    short, long = (found[f"{minutes} minutes"] for minutes in (lengths[0], lengths[-1]))
    ratios = {f"{name}_ratio": long[name] / short[name] for name in ("peak_mib", "cpu_s")}
    return found | {f"{lengths[-1]} over {lengths[0]} minutes": ratios}


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].endswith(".mp4"):
        index(Path(sys.argv[1]))
    else:
        save("education_speed", measure([int(a) for a in sys.argv[1:]] or [2, 10, 30]))
