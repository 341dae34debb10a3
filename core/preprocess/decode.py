"""Decode files of a case from end to end and keep nothing: whether their readers survive them.

Meant for ``core.sandbox``, before anything else reads a stranger's file.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import FileError
from core.preprocess.audio_io import open_sound
from core.preprocess.image_file import read_image
from core.preprocess.video_frames import grey_every
from core.preprocess.volume_io import is_series, read_volume
from core.schema import Modality

MAX_SECONDS = 12 * 3600.0  # of a sound


def decode_images(*paths: Path) -> None:
    """Decode pictures, one after another."""
    for path in paths:
        read_image(path)


def decode_scan(*paths: Path) -> None:
    """Decode a scan: every series that stands there, whatever its geometry and modality.

    Raises:
        FileError: the first one met, after all series were decoded.
    """
    from core.preprocess.dicom_series import list_series, read_series

    place = paths[0] if len(paths) == 1 else paths
    if not is_series(place):
        read_volume(place, None, "accept", None)
        return
    errors = []
    for series in list_series(place):
        try:
            read_series(place, series.uid, "accept", None)
        except FileError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def check_scan(*paths: Path, on_defect: str, allow_modality: Sequence[str]) -> None:
    """Decode one scan as a model does that treats faults of geometry so, and reads scans of these modalities."""
    read_volume(paths[0] if len(paths) == 1 else paths, None, on_defect, allow_modality)


def decode_sounds(*paths: Path) -> None:
    """Decode sounds, one after another."""
    for path in paths:
        with open_sound(path, 0, MAX_SECONDS) as (_, blocks):
            deque(blocks, maxlen=0)


def decode_videos(*paths: Path) -> None:
    """Decode videos, one after another: their pictures, then their sound where there is any."""
    for path in paths:
        deque(grey_every(path, 1.0, (16, 16)), maxlen=0)
        with contextlib.suppress(FileError):
            decode_sounds(path)


DECODERS: dict[Modality, Callable[..., None]] = {
    Modality.IMAGE: decode_images,
    Modality.VOLUME: decode_scan,
    Modality.AUDIO: decode_sounds,
    Modality.VIDEO: decode_videos,
}
