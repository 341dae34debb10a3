"""Read a sound file to one channel at one sample rate, in blocks: what a header claims is never allocated.

Not detected: an MP3 cut off between two frames, which is again a valid MP3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import FileError
from core.preprocess.media import check_file, open_media
from core.torchaudio_import import torchaudio

BLOCK = 65536  # samples
RATES = (4000, 384000)  # Hz
STREAMED = 0x7FFFF000  # from here on a length is what a program writes that does not know the length yet
OWN_CODECS = ("vorbis", "opus", "flac")  # in Ogg, soundfile reads these itself; where it fails, the file is damaged

Blocks = Iterator[np.ndarray]  # (samples, channels) float, or (samples,) of one channel


def read_audio(path: Path, rate: int, channel: str | int = "mix", max_seconds: float = 30.0) -> Tensor:
    """Decode, choose or mix channels and resample.

    Args:
        path: any file of libsndfile (WAV, FLAC, Ogg, MP3, AIFF…), else of FFmpeg (M4A, AMR, the sound of a video…).
        rate: Hz of the result.
        channel: "mix", the mean of one or two channels; or the number of one channel, from 0.
        max_seconds: longest sound allowed.

    Returns:
        (samples,) float32, full scale 1.

    Raises:
        FileError: not sound, empty, cut off, too long, more than two channels to mix, NaN, or a rate out of range.
    """
    with open_sound(path, channel, max_seconds) as (old, blocks):
        return resample(torch.from_numpy(np.concatenate(list(blocks))), old, rate)


@contextmanager
def open_sound(path: Path, channel: str | int = "mix", max_seconds: float = 30.0) -> Iterator[tuple[int, Blocks]]:
    """The rate in Hz of a sound file and its blocks (samples,) of one channel, checked as ``read_audio`` does.

    Whatever is wrong behind the beginning is raised while the blocks are read.
    """
    import soundfile

    check_file(path)
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a .raw file, which has no header
        with closing(open_media(path, "audio")) as container:
            stream = container.streams.audio[0]
            blocks = _complete(path, container, _ffmpeg_blocks(path, container, stream))
            yield stream.rate, _checked(path, blocks, stream.rate, channel, max_seconds)
        return
    with file:
        _check_complete(path, file)
        blocks = _soundfile_blocks(path, file)
        yield file.samplerate, _checked(path, blocks, file.samplerate, channel, max_seconds)


def channel_count(path: Path) -> int:
    """How many channels a sound file has.

    Raises:
        FileError: if it is not sound, or empty.
    """
    return _header(path)[0]


def seconds_claimed(path: Path) -> float:
    """How long a sound file says that it is; 0 where it does not say.

    Raises:
        FileError: if it is not sound, or empty.
    """
    return _header(path)[1]


def _header(path: Path) -> tuple[int, float]:
    import soundfile

    check_file(path)
    try:
        found = soundfile.info(path)
        return int(found.channels), found.frames / found.samplerate if found.frames < STREAMED else 0.0
    except (soundfile.LibsndfileError, TypeError):
        with closing(open_media(path, "audio")) as container:
            stream = container.streams.audio[0]
            return int(stream.channels), _claimed_seconds(container, stream)


def resample(wave: Tensor, old: int, new: int) -> Tensor:
    """(samples,) at ``old`` Hz -> (samples',) at ``new`` Hz.

    The ratio is rounded to a fraction below 1000 (off by less than 1e-6 of it), because the filter's size is the
    product of both sides and an odd rate such as 44,101 Hz would otherwise take gigabytes.
    """
    ratio = Fraction(new, old).limit_denominator(1000)
    return torchaudio().functional.resample(wave, ratio.denominator, ratio.numerator)  # (samples',)


def _check_complete(path: Path, file: Any) -> None:
    length = re.search(r"^\s*(?:data|SSND|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", file.extra_info, re.M)
    if length and int(length[2]) < int(length[1]) < STREAMED:
        raise FileError(f"{path}: cut off, {length[2]} of {length[1]} bytes of sound are there; copy it again")
    if file.format == "OGG" and not _last_page_complete(path):
        raise FileError(f"{path}: cut off within an Ogg page; copy it again")


def _last_page_complete(path: Path) -> bool:
    """Whether the last page of an Ogg file is all there: 27 bytes, a list of lengths, and what these add up to."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 27 - 255 - 255 * 255))  # the longest page
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    return len(page) > 26 and 27 + page[26] + sum(page[27 : 27 + page[26]]) <= len(page)


def _soundfile_blocks(path: Path, file: Any) -> Blocks:
    import soundfile

    try:
        while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
            yield block  # (samples, channels)
    except soundfile.LibsndfileError as error:
        raise FileError(f"{path}: damaged or cut off ({error.error_string}); copy it again") from error


def _complete(path: Path, container: Any, blocks: Blocks) -> Blocks:
    """The same blocks, and an error where there are fewer than the container says."""
    stream, count = container.streams.audio[0], 0
    if container.format.name == "ogg" and stream.codec_context.name.removeprefix("lib") in OWN_CODECS:
        raise FileError(f"{path}: damaged or cut off ({stream.codec_context.name} in Ogg); copy it again")
    for block in blocks:
        count += len(block)
        yield block
    claimed, found = _claimed_seconds(container, stream), count / stream.rate
    if claimed - found > 0.25:  # codecs pad and trim some 0.1 s at the ends
        raise FileError(f"{path}: cut off, {found:.2f} of {claimed:.2f} s of sound are there; copy it again")


def _claimed_seconds(container: Any, stream: Any) -> float:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6 if len(container.streams) == 1 else 0.0  # Matroska: the whole file's


def _ffmpeg_blocks(path: Path, container: Any, stream: Any) -> Blocks:
    import av

    to_float = av.AudioResampler(format="fltp")
    try:
        for frame in container.decode(stream):
            for block in to_float.resample(frame):
                yield block.to_ndarray().T  # (channels, samples) -> (samples, channels)
    except av.FFmpegError as error:
        raise FileError(f"{path}: damaged or cut off ({error.strerror}); copy it again") from error


def _checked(path: Path, blocks: Blocks, rate: int, channel: str | int, max_seconds: float) -> Blocks:
    """(samples, channels) -> (samples,) of one channel, all numbers, and not too many."""
    if not RATES[0] <= rate <= RATES[1]:
        raise FileError(f"{path}: sample rate {rate} Hz; allowed are {RATES[0]} to {RATES[1]} Hz")
    count = 0
    for block in blocks:
        one = _one_channel(path, block, channel)  # (samples,)
        if not np.isfinite(one).all():
            second = (count + int(np.argmin(np.isfinite(one)))) / rate
            raise FileError(f"{path}: holds a value that is not a number at {second:.3f} s; export it again")
        count += len(one)
        if count > max_seconds * rate:
            raise FileError(
                f"{path}: longer than {max_seconds:g} s (found at least {count / rate:.1f} s); cut it or raise "
                "max_seconds"
            )
        yield one
    if not count:
        raise FileError(f"{path}: holds no samples; export it again")


def _one_channel(path: Path, block: np.ndarray, channel: str | int) -> np.ndarray:
    channels = block.shape[1]
    if channel == "mix":
        if channels > 2:
            raise FileError(f"{path}: {channels} channels; at most 2 are mixed, so choose one with channel=0 or higher")
        return block.mean(axis=1, dtype=np.float32)
    if int(channel) >= channels:
        raise FileError(f"{path}: has no channel {channel}, only 0 to {channels - 1}; choose another channel")
    return np.ascontiguousarray(block[:, int(channel)], dtype=np.float32)
