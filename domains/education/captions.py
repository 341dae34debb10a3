"""Captions of a lecture from WebVTT (.vtt) and SubRip (.srt) files, every fault with its line.

A reader of our own: webvtt-py, the kept library for both, leaves out a caption with a broken time without a word.
"""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import Fault, FileError, TableError

FORMATS = (".vtt", ".srt")
SLACK_SECONDS = 2.0  # a last caption may stay so much longer than the video
ROLLING = 12  # characters; a shorter caption that the next one begins with may be chance
_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_CUE = re.compile(rf"^\s*{_TIME}\s+-->\s+{_TIME}(?:\s.*)?$")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<\d+:[\d:.]+>")  # not 'x < 3 and y > 2'
_NO_CUE = ("NOTE", "STYLE", "REGION")


@dataclass(frozen=True)
class Caption:
    """What is said from ``start`` to ``end``, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class _Cue:
    line: int  # from 1, of the line with the times
    times: str
    text: str


def read_captions(
    path: Path, duration: float | None = None, *, encoding: str = "utf-8", rejected: Path | None = None
) -> list[Caption]:
    """The captions of a file in order, without markup; lines that roll from one caption to the next are told once.

    Args:
        path: a .vtt or .srt file.
        duration: seconds of its video; a caption that begins later is a fault.
        encoding: of the file; marks of UTF-8 and UTF-16 at its beginning are obeyed.
        rejected: go on without faulty captions, and write them to this CSV file with the reasons.

    Raises:
        FileError: another kind of file, another encoding, or no caption at all.
        TableError: all faulty captions at once, where ``rejected`` is not named.
    """
    found: list[Caption] = []
    faults: list[Fault] = []
    for cue in _cues(_decode(path, encoding).splitlines()):
        caption = _check(cue, found[-1].start if found else 0.0, duration)
        if isinstance(caption, Caption):
            found.append(caption)
        else:
            faults.append(caption)
    if not found and not faults:
        raise FileError(f"{path}: holds no caption (no line such as '00:01.000 --> 00:04.000'); give another file")
    if faults and rejected is None:
        raise TableError(str(path), faults)
    if rejected is not None:
        rejected.unlink(missing_ok=True)  # of an earlier run
        if faults:
            _write_rejected(rejected, faults)
    return list(_unrolled(found))


def _decode(path: Path, encoding: str) -> str:
    if path.suffix.lower() not in FORMATS:
        raise FileError(f"{path}: captions are read from {' and '.join(FORMATS)} files; convert it to one of them")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror}); correct the path") from error
    marked = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = content.decode("utf-16" if marked else encoding).lstrip("\ufeff")
    except (UnicodeDecodeError, LookupError) as error:
        at = f" at line {content[: error.start].count(10) + 1}" if isinstance(error, UnicodeDecodeError) else ""
        raise FileError(
            f"{path}: is not {encoding}{at}; save it as UTF-8, or name its encoding, such as 'cp1252' for files of "
            "older Windows programs"
        ) from error
    if path.suffix.lower() == ".vtt" and not text.startswith("WEBVTT"):
        raise FileError(f"{path}: named .vtt, but its first line is not WEBVTT; name it .srt or export it again")
    return text


def _cues(lines: Sequence[str]) -> Iterator[_Cue]:
    """Each line with an arrow, and the lines below it up to a blank one or the next caption."""
    at = 0
    while at < len(lines):
        if lines[at].startswith(_NO_CUE) and "-->" not in lines[at]:
            while at < len(lines) and lines[at].strip():
                at += 1
        elif "-->" in lines[at]:
            first, at = at, at + 1
            while at < len(lines) and lines[at].strip() and not _begins_cue(lines, at):
                at += 1
            text = " ".join(_TAG.sub("", line).strip() for line in lines[first + 1 : at])
            yield _Cue(first + 1, lines[first].strip(), html.unescape(text).strip())
        else:
            at += 1


def _begins_cue(lines: Sequence[str], at: int) -> bool:
    """An arrow, or the number above one, where a blank line between captions was left out."""
    numbered = lines[at].strip().isdigit() and at + 1 < len(lines) and "-->" in lines[at + 1]
    return "-->" in lines[at] or numbered


def _check(cue: _Cue, latest: float, duration: float | None) -> Caption | Fault:
    """The caption, or what is wrong with it; ``latest`` is the start of the last one that was right."""
    matched = _CUE.match(cue.times)
    if matched is None:
        return Fault(cue.line, "times", cue.times, "not of the form hh:mm:ss.mmm --> hh:mm:ss.mmm; correct the times")
    start, end = _seconds(matched.groups()[:4]), _seconds(matched.groups()[4:])
    if end <= start:
        return Fault(cue.line, "times", cue.times, "ends before it begins; correct the times")
    if start < latest:
        reason = f"out of order: a caption above it begins at {latest:.3f} s; sort the captions by time"
        return Fault(cue.line, "times", cue.times, reason)
    if duration is not None and (start >= duration or end > duration + SLACK_SECONDS):
        reason = f"beyond the end of the video ({duration:.1f} s); is this the caption file of another video?"
        return Fault(cue.line, "times", cue.times, reason)
    return Caption(start, end if duration is None else min(end, duration), cue.text)


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000


def _unrolled(captions: Sequence[Caption]) -> Iterator[Caption]:
    """Machine captions often show the last line again above the new one."""
    before = ""
    for caption in captions:
        text = caption.text
        if len(before) >= ROLLING and text.startswith(before):
            text = text[len(before) :].strip()
        before = text or before
        if text:
            yield Caption(caption.start, caption.end, text)


def _write_rejected(path: Path, faults: Sequence[Fault]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "times", "reason"])
        writer.writerows([f.row, f.value, f.reason] for f in faults)
