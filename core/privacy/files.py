"""Files of a case without identity: DICOM, NIfTI, MHA, pictures and sound, each written anew under a pseudonym.

What is not in the pixels, voxels or samples is not carried over: EXIF, comments, tags, extensions. Pictures become PNG
(the pixels that the engine reads, exactly), sound FLAC of 16 bits. The voice itself, and a face that could be made from
a scan of the head, are not changed: who can compare them may know a person by them.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from core.cells import named_series
from core.errors import FileError, PolyfuseError
from core.preprocess.dicom_file import frames, is_dicom, read_dicom, stored_pixels
from core.preprocess.dicom_series import sources_of
from core.preprocess.dicom_sources import Source
from core.preprocess.image_file import read_image
from core.privacy import dicom, scans
from core.privacy.audio import TimedWord, private_times, silence
from core.privacy.person import Person
from core.privacy.pixels import boxes_by_shape, paint, text_boxes, without_padding
from core.privacy.pseudonyms import Pseudonyms
from core.schema import Modality

WORDS = ".words.json"  # beside a recording: its words and their times


@dataclass(frozen=True)
class Word:
    """A word of a transcript, in seconds from the start."""

    text: str
    start: float
    end: float


@dataclass
class Written:
    """A file without identity, and what was taken out of it. ``silent``: spans in seconds."""

    path: Path
    kinds: Counter[str]
    silent: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Files:
    """Cleans files. ``pixels``: look for text in pictures; ``hear``: gives the words of a recording that has none."""

    pseudonyms: Pseudonyms
    pixels: bool = True
    hear: Callable[[Path], Sequence[TimedWord]] | None = None

    def learn(self, path: Path, kind: Modality, person: Person) -> None:
        """Take what headers and transcripts say of a person.

        Raises:
            FileError: if the file cannot be read.
        """
        if kind in (Modality.VOLUME, Modality.IMAGE) and holds_dicom(path):
            for source in sources_of(path):
                with _as_file_error():
                    dicom.learn_header(read_dicom(source.data, source.name, header_only=True), person)
        elif kind is Modality.AUDIO and path.with_suffix(WORDS).is_file():
            person.learn(" ".join(w.text for w in read_words(path.with_suffix(WORDS))))

    def clean(self, path: Path, kind: Modality, person: Person, out: Path) -> Written:
        """Write a file without identity to ``out``, which gets the ending of what it is written as.

        Raises:
            FileError: with the reason, if it cannot be read or cleaned.
        """
        if kind is Modality.AUDIO:
            return self._sound(path, person, out)
        if kind is Modality.VIDEO:
            raise FileError("video is not cleaned: faces and names may stand in any frame; leave the column out")
        if holds_dicom(path):
            return self._dicom(path, person, out)
        if kind is Modality.VOLUME:
            written, boxes = scans.clean_scan(path, out, self.pixels)
            return Written(written, Counter({"PIXELS": boxes}))
        return self._picture(path, out)

    def _dicom(self, path: Path, person: Person, out: Path) -> Written:
        """A series as a folder, a single file as a file."""
        found = sorted(sources_of(path), key=lambda source: source.name)
        planes = dicom_planes(found) if self.pixels else []
        boxes = boxes_by_shape(planes)
        kinds = Counter({"PIXELS": sum(map(len, boxes.values()))})
        single = path.is_file() and path.suffix.lower() != ".zip"
        out = out.with_suffix(".dcm") if single else out
        (out.parent if single else out).mkdir(parents=True, exist_ok=True)
        for number, source in enumerate(found, start=1):
            dataset = read_dicom(source.data, source.name)
            with _as_file_error():
                kinds += dicom.clean_header(dataset, person, self.pseudonyms, self.pixels)
                for shape, some in boxes.items():
                    if some and shape[:2] == (dataset.Rows, dataset.Columns):
                        _paint_dicom(dataset, some, source.name)
                dataset.save_as(out if single else out / f"slice-{number:04d}.dcm", enforce_file_format=True)
        return Written(out, +kinds)

    def _picture(self, path: Path, out: Path) -> Written:
        from PIL import Image

        pixels = read_image(path)  # (H, W) or (H, W, 3)
        pixels = pixels if pixels.dtype == np.uint8 else (pixels * 65535).round().astype(np.uint16)
        boxes = text_boxes([pixels]) if self.pixels else []
        if boxes:
            pixels = pixels.copy()
            paint(pixels, boxes, pixels.min())
        out = out.with_suffix(".png")
        out.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(out)
        return Written(out, +Counter({"PIXELS": len(boxes)}))

    def _sound(self, path: Path, person: Person, out: Path) -> Written:
        beside = path.with_suffix(WORDS)
        if beside.is_file():
            words: Sequence[TimedWord] = read_words(beside)
        elif self.hear is not None:
            words = self.hear(path)
        else:
            raise FileError(
                f"a recording without the times of its words: put them beside it (NAME{WORDS}), or have it recognised "
                "(listen), or leave the column out"
            )
        masked, times = private_times(words, person)
        out = out.with_suffix(".flac")
        out.parent.mkdir(parents=True, exist_ok=True)
        silence(path, out, times)
        said = [_heard(w, sum(max(0.0, min(b, w.end) - max(a, w.start)) for a, b in times)) for w in words]
        out.with_suffix(WORDS).write_text(json.dumps(said), encoding="utf-8")
        return Written(out, Counter(span.kind for span in masked.spans), times)


def read_words(path: Path) -> list[Word]:
    """The words of a transcript: a JSON list of objects with ``text``, ``start`` and ``end``.

    Raises:
        FileError: if it is anything else.
    """
    try:
        found = [Word(str(w["text"]), float(w["start"]), float(w["end"])) for w in json.loads(path.read_bytes())]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"{path}: no list of words with text, start and end ({error}); write it anew") from error
    if any(not 0 <= w.start <= w.end < math.inf for w in found):
        raise FileError(
            f"{path}: a word ends before it starts, or never; write the times in seconds from the beginning"
        )
    return found


def names_at(path: Path) -> set[str]:
    """The names that a message about a file may tell: its own, its transcript's, and those of what it holds."""
    place, _ = named_series(path)
    inner: list[str] = []
    with suppress(OSError, ValueError, zipfile.BadZipFile):
        if place.is_dir():
            inner = [p.relative_to(place).as_posix() for p in place.rglob("*")]
        elif place.suffix.lower() == ".zip":
            with zipfile.ZipFile(place) as archive:
                inner = archive.namelist()
    parts = {part for name in inner for part in PurePosixPath(name).parts}
    return {path.name, place.name, path.with_suffix(WORDS).name, *inner, *parts} - {""}


def _heard(word: TimedWord, silenced: float) -> dict[str, Any]:
    """A word of the new transcript; ``silenced``: so many seconds of it are."""
    return {
        "text": "[silent]" if silenced > (word.end - word.start) / 2 else word.text.strip(),
        "start": word.start,
        "end": word.end,
    }


@contextmanager
def _as_file_error() -> Iterator[None]:
    """Values of a header are parsed on access, and a damaged one makes the parser raise nearly anything."""
    try:
        yield
    except (PolyfuseError, OSError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise FileError(f"the DICOM header is damaged ({type(error).__name__}); export it again") from error


def holds_dicom(path: Path) -> bool:
    """Whether a file, folder or zip is read as DICOM."""
    path, _ = named_series(path)
    return path.is_dir() or path.suffix.lower() == ".zip" or is_dicom(path)


def dicom_planes(found: Sequence[Source]) -> list[np.ndarray]:
    """All frames of DICOM files, large numbers bright, without padding.

    Raises:
        FileError: if pixels cannot be decoded.
    """
    return [plane for source in found for plane in _planes(source)]


def _planes(source: Source) -> list[np.ndarray]:
    dataset = read_dicom(source.data, source.name)
    pixels = stored_pixels(dataset, source.name)
    coloured = int(dataset.get("SamplesPerPixel") or 1) > 1
    planes = list(pixels[None] if pixels.ndim == 2 + coloured else pixels)
    if (padding := dataset.get("PixelPaddingValue")) is not None:
        with _as_file_error():
            planes = [without_padding(p, int(padding)) for p in planes]
    inverted = dataset.get("PhotometricInterpretation") == "MONOCHROME1"
    return [-p.astype(np.int32) if inverted else p for p in planes]


def _paint_dicom(dataset: Any, boxes: Sequence[tuple[int, int, int, int]], name: str) -> None:
    """Paint over boxes in all frames; compressed pixels are stored plainly then."""
    pixels = np.array(stored_pixels(dataset, name))
    coloured = pixels.ndim > 2 and int(dataset.get("SamplesPerPixel") or 1) > 1
    dark = pixels.max() if dataset.get("PhotometricInterpretation") == "MONOCHROME1" else pixels.min()
    for plane in pixels if frames(dataset) > 1 else [pixels]:
        paint(plane, boxes, dark)
    dataset.set_pixel_data(
        pixels,
        "RGB" if coloured else dataset.PhotometricInterpretation,
        int(dataset.BitsStored),
        generate_instance_uid=False,
    )
