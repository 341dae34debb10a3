"""A very small course for tests of the education app: one minute of one sample lecture, some simulated learners."""

from __future__ import annotations

import os
from pathlib import Path

import av

from domains.education import starter
from domains.education.sample import OURS, generate

SECONDS = 55.0  # title, null hypothesis, p-value, base rates
LEARNERS = 36


def cut(video: Path, out: Path, seconds: float) -> None:
    """The beginning of a video, without encoding it again."""
    with av.open(str(video)) as source, av.open(str(out), "w", options={"movflags": "+faststart"}) as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None and float(packet.dts * packet.time_base) < seconds:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)


def write_course(folder: Path) -> Path:
    """The sample course with ``LEARNERS`` learners and one short lecture."""
    generate(folder, LEARNERS, 7)
    lectures = folder / "lectures"
    for file in lectures.iterdir():
        file.unlink()
    cut(OURS / "lectures" / "lecture-3.mp4", lectures / "lecture-3.mp4", SECONDS)
    cues = (OURS / "lectures" / "lecture-3.vtt").read_text(encoding="utf-8").split("\n\n")
    kept = [c for c in cues if "-->" not in c or c[:8] < f"00:00:{SECONDS:02.0f}"]
    (lectures / "lecture-3.vtt").write_text("\n\n".join(kept), encoding="utf-8")
    return folder


def prepare(folder: Path) -> dict[str, str]:
    """The small course made ready; returns the environment that the app needs to open it."""
    environment = {
        "POLYFUSE_HOME": str(folder / "home"),
        "POLYFUSE_SAMPLES": str(write_course(folder / "sample")),
        "POLYFUSE_SAMPLE_EPOCHS": "4",
        "OMP_NUM_THREADS": "1",
    }
    os.environ.update(environment)
    starter.ensure()
    return environment
