"""Take single frames out of a video at given seconds, by seeking: one frame in memory, most of the file unread.

So a file that is cut off after the last frame asked for is not noticed, unless ``grey_every`` walks all of it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import FileError
from core.preprocess.media import open_media

MAX_PIXELS = 40_000_000  # of one frame; 8K has 33 million
SEEK_SECONDS = 2.0  # a target nearer than this is reached by decoding on
SLACK_SECONDS = 0.5  # the last frame may end so much before the duration that the header states
LATE_SECONDS = 0.1  # a picture that begins so much after the sound is not where a player's clock starts


def duration(path: Path) -> float:
    """Seconds to the end of the last frame, from the first one or, where sound comes before it, from the sound's start.

    Raises:
        FileError: if the file is no video or its frames are too large.
    """
    with _video(path) as container:
        return _stated(container) or _scan(path, container)


def frames_at(path: Path, seconds: Sequence[float]) -> Iterator[tuple[float, np.ndarray]]:
    """The frames shown at rising ``seconds`` after the start, without repetition: (own second, (H, W, 3) uint8).

    Raises:
        FileError: if the file is no video, has no frames, or is damaged or cut off; the message says where.
    """
    shown = -1.0
    for second, frame in _walk(path, seconds):
        if second > shown:
            shown = second
            yield second, _upright(frame)


def grey_every(path: Path, step: float, size: tuple[int, int], first: int = 0) -> Iterator[tuple[float, np.ndarray]]:
    """A small grey picture every ``step`` seconds to the end, from step ``first`` on: (second, (H, W) uint8).

    ``size``: (H, W), whatever the proportions of the video. A frame that is shown for long is given again. Frames that
    no other frame needs are not decoded, so a picture may be some hundredths of a second older than its step.

    Raises:
        FileError: as ``frames_at``; the whole rest of the file is read, so also where it is cut off.
    """
    steps = max(1, math.ceil(duration(path) / step - 1e-6))
    last, picture = -1.0, np.zeros(size, np.uint8)
    for i, (second, frame) in enumerate(_walk(path, [i * step for i in range(first, steps)], skim=True), first):
        if second != last:
            small = frame.reformat(width=size[1], height=size[0], format="gray", interpolation="AREA")
            last, picture = second, small.to_ndarray()
        yield i * step, picture


def every_frame(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """All frames in their order: (own second, (H, W, 3) uint8).

    Raises:
        FileError: if the file is no video or is damaged; the message says where.
    """
    import av

    with _video(path) as container:
        stream, zero, second = container.streams.video[0], _zero(container), 0.0
        try:
            for frame in container.decode(stream):
                second = float(((frame.pts or 0) - zero) * stream.time_base)
                yield second, _upright(frame)
        except av.FFmpegError as error:
            raise _damaged(path, second, error) from error


@contextmanager
def _video(path: Path) -> Iterator[Any]:
    """The container of a video whose frames fit into memory."""
    with closing(open_media(path, "video")) as container:
        stream = container.streams.video[0]
        if not 0 < stream.width * stream.height <= MAX_PIXELS:
            raise FileError(f"{path}: frames of {stream.width} x {stream.height}; at most {MAX_PIXELS} pixels are read")
        yield container


def _damaged(path: Path, second: float, error: Any) -> FileError:
    where = f"after {second:.2f} s" if second else "at its start"
    return FileError(f"{path}: damaged or cut off {where} ({error.strerror}); copy it again")


def _walk(path: Path, seconds: Sequence[float], skim: bool = False) -> Iterator[tuple[float, Any]]:
    """The decoded frames shown at rising ``seconds``, with their own seconds.

    ``skim``: seek to the first only, leave out frames that no other needs.
    """
    import av

    with _video(path) as container:
        stream = container.streams.video[0]
        if skim:
            stream.thread_type, stream.codec_context.skip_frame = "AUTO", "NONREF"
        end = 0.0
        try:
            reader = _Reader(container, stream)
            for i, second in enumerate(seconds):
                frame = reader.shown_at(second, seek=not skim or i == 0)
                if frame is None:
                    raise FileError(f"{path}: no frame can be decoded; export the video again")
                if reader.ended and reader.end < min(_stated(container), second) - SLACK_SECONDS:
                    raise FileError(
                        f"{path}: cut off, no frame is there at {second:.2f} of {_stated(container):.2f} s; copy again"
                    )
                end = reader.end
                yield reader.time(frame), frame
        except av.FFmpegError as error:
            raise _damaged(path, end, error) from error


class _Reader:
    """Walks a video stream forward: ``current`` is shown until ``following`` begins."""

    def __init__(self, container: Any, stream: Any) -> None:
        self.container, self.stream = container, stream
        self.start = _zero(container)
        self.decoded = container.decode(stream)
        self.current: Any = next(self.decoded, None)
        self.following: Any = next(self.decoded, None)
        self.end = self._end_of_current()  # the latest so far

    @property
    def ended(self) -> bool:
        return self.following is None

    def time(self, frame: Any) -> float:
        return float(((frame.pts or 0) - self.start) * self.stream.time_base)

    def shown_at(self, second: float, seek: bool = True) -> Any:
        if seek and self.current is not None and second - self.time(self.current) > SEEK_SECONDS:
            self.container.seek(self.start + int(second / self.stream.time_base), stream=self.stream)
            self.decoded = self.container.decode(self.stream)
            self.following = next(self.decoded, None)
        while self.following is not None and self.time(self.following) <= second:
            self.current = self.following
            self.end = max(self.end, self._end_of_current())
            self.following = next(self.decoded, None)
        return self.current

    def _end_of_current(self) -> float:
        if self.current is None:
            return 0.0
        return self.time(self.current) + float((self.current.duration or 0) * self.stream.time_base)


def _zero(container: Any) -> int:
    """Where a player's clock starts, in the video stream's units: its first frame, or sound well before it."""
    stream = container.streams.video[0]
    start = stream.start_time or 0
    first = start if container.start_time is None else int(container.start_time / 1e6 / stream.time_base)
    return first if (start - first) * stream.time_base > LATE_SECONDS else start


def _stated(container: Any) -> float:
    """Seconds of the video by its header; 0 where it does not say."""
    stream = container.streams.video[0]
    if stream.duration:
        return float((stream.duration + (stream.start_time or 0) - _zero(container)) * stream.time_base)
    if clock := stream.metadata.get("DURATION"):  # Matroska: hh:mm:ss.fraction
        with contextlib.suppress(ValueError):  # damaged: told by nothing
            return sum(float(part) * 60**power for power, part in enumerate(reversed(clock.split(":"))))
    return (container.duration or 0) / 1e6 if len(container.streams) == 1 else 0.0


def _scan(path: Path, container: Any) -> float:
    """Seconds of the video by its packets, which are read but not decoded."""
    import av

    stream = container.streams.video[0]
    zero, end = _zero(container), 0
    try:
        for packet in container.demux(stream):
            if packet.pts is not None:
                end = max(end, packet.pts + (packet.duration or 0) - zero)
    except av.FFmpegError as error:
        raise _damaged(path, float(end * stream.time_base), error) from error
    return float(end * stream.time_base)


def _upright(frame: Any) -> np.ndarray:
    """(H, W, 3) uint8, turned as the camera notes."""
    return np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4)  # counterclockwise
