"""Printed text on pictures: where it stands and what it says, by PP-OCR (package rapidocr, models inside it)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from core.errors import MissingExtraError

LONGEST_SIDE = 960  # pixels at which text is looked for


@dataclass(frozen=True)
class Printed:
    """A line of text, its box in pixels (``right`` and ``bottom`` are behind it), and how sure the reading is."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float


def read_lines(pixels: np.ndarray) -> list[Printed]:
    """The lines of text on a picture (H, W) or (H, W, 3) uint8; upright text only.

    Raises:
        MissingExtraError: without the extra ``lecture``.
    """
    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)  # (H, W, 3)
    found = _engine()(np.ascontiguousarray(colour[..., ::-1]))  # it reads BGR
    if found.boxes is None:
        return []
    return [_printed(*row) for row in zip(found.boxes, found.txts, found.scores, strict=True)]


def _printed(box: np.ndarray, text: str, score: float) -> Printed:
    """``box``: (4, 2) corners, x and y."""
    (left, top), (right, bottom) = box.min(axis=0), box.max(axis=0)
    return Printed(text.strip(), float(left), float(top), float(right), float(bottom), float(score))


@lru_cache(maxsize=1)
def _engine() -> Any:
    try:
        from rapidocr import RapidOCR
    except ImportError:
        raise MissingExtraError("rapidocr", "lecture", "reading text on pictures") from None

    settings = {"Global.log_level": "error", "Global.use_cls": False}  # text is upright
    settings |= {"Det.limit_side_len": LONGEST_SIDE, "Det.limit_type": "max"}
    settings |= {f"EngineConfig.onnxruntime.{k}_op_num_threads": torch.get_num_threads() for k in ("intra", "inter")}
    return RapidOCR(params=settings)
