"""Text on the picture of a slide, by rapidocr (PP-OCR models inside the package), kept by the picture's content."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from core.cache import FeatureCache
from core.errors import MissingExtraError
from core.ocr import LONGEST_SIDE, Printed, read_lines
from core.preprocess.image_file import read_image

TITLE_PART = 0.35  # of the picture, from the top, where a title stands
MIDDLE_PART = 0.7  # where one stands that has its slide to itself; subtitles are below
TITLE_HEIGHT = 0.85  # of the tallest line there


@dataclass(frozen=True)
class Line:
    """A line of text: ``top``, ``left`` and ``height`` as shares of the picture's height and width, and how sure."""

    text: str
    top: float
    left: float
    height: float
    confidence: float


def read_slide(picture: Path, cache: FeatureCache | None = None) -> list[Line]:
    """The lines of text on a picture, from the top.

    Raises:
        MissingExtraError: without the extra ``lecture``.
        FileError: if the picture cannot be read.
    """
    pixels = read_image(picture)  # (H, W) or (H, W, 3)
    cache = cache or FeatureCache()
    key = hashlib.sha256(f"{_version()} {LONGEST_SIDE} {pixels.shape}".encode() + pixels.tobytes()).hexdigest()
    kept = cache.get(key)
    if kept is None:
        content = json.dumps([asdict(line) for line in _read(pixels)]).encode()
        kept = torch.tensor(list(content), dtype=torch.uint8)
        cache.put({key: kept})
    return [Line(**line) for line in json.loads(bytes(kept.tolist()))]


def title_of(lines: list[Line]) -> str:
    """The first of the tall lines in the upper part of a slide, with one that goes on in its size; "" without text."""
    upper = [line for line in lines if line.top <= TITLE_PART] or [line for line in lines if line.top <= MIDDLE_PART]
    if not upper:
        return ""
    tall = [line for line in upper if line.height >= TITLE_HEIGHT * max(u.height for u in upper)]
    title = [line for line in tall[:2] if line.top - tall[0].top <= 1.6 * tall[0].height]
    return " ".join(line.text for line in title)


def _read(pixels: np.ndarray) -> list[Line]:
    height, width = pixels.shape[:2]
    lines = [_line(found, height, width) for found in read_lines(pixels)]
    return sorted(lines, key=lambda line: (round(line.top / 0.02), line.left))


def _line(found: Printed, height: int, width: int) -> Line:
    shares = (found.top / height, found.left / width, (found.bottom - found.top) / height, found.confidence)
    return Line(found.text, *(round(v, 4) for v in shares))


def _version() -> str:
    try:
        return version("rapidocr")
    except ImportError:
        raise MissingExtraError("rapidocr", "lecture", "text on slides") from None
