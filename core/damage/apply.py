"""One cell, decoded, damaged, and written without loss, so that preprocessing reads it as any other.

Pictures become PNG (16 bits where the source has more than 8), sound WAV in floats, videos FFV1; scans stay in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import tee
from pathlib import Path
from typing import Any

import numpy as np

from core.damage import DROPPED, Damage
from core.damage.cells_of_table import deviations_of
from core.damage.words import Heard, sounds_of
from core.manifest import Manifest
from core.preprocess.audio import AudioPreprocessor
from core.preprocess.audio_io import open_sound
from core.preprocess.image import ImagePreprocessor
from core.preprocess.image_file import read_image
from core.preprocess.video_frames import every_frame
from core.preprocess.volume import VolumePreprocessor
from core.schema import Modality
from core.view import View


@dataclass(frozen=True)
class Surroundings:
    """What damage needs to know of the whole table: words that sound alike, the deviation of each number column."""

    heard: Heard = field(default_factory=dict)
    deviations: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Manifest, modality: str, rows: list[int]) -> Surroundings:
        """Learned from some rows of one modality."""
        kind = next(m.kind for m in manifest.config.modalities if m.name == modality)
        if kind not in (Modality.TEXT, Modality.PAIR, Modality.TABULAR):
            return cls()
        cells = [cell for i in rows if (cell := manifest.cell(i, modality)) is not None]
        if kind is Modality.TABULAR:
            return cls(deviations=deviations_of(cells))
        return cls(heard=sounds_of(cell if isinstance(cell, str) else _first(cell) for cell in cells))


def damaged(
    view: View, cell: Any, damage: Damage, step: float, seed: tuple[int, ...], around: Surroundings, folder: Path
) -> Any:
    """The damaged cell; files go into ``folder``, which must live until they are read.

    Of a pair the first column is damaged: what is compared, not what it is compared with.

    Raises:
        FileError: for a file that cannot be read.
    """
    rng = np.random.default_rng(seed)
    match view.modality.kind:
        case Modality.TEXT:
            return damage.apply(cell, step, rng, heard=around.heard)
        case Modality.PAIR:
            return cell | {next(iter(cell)): damage.apply(_first(cell), step, rng, heard=around.heard)}
        case Modality.TABULAR:
            found = damage.apply(cell, step, rng, deviations=around.deviations)
            return found if any(found.values()) else None
    reader: Any = view.preprocessor
    if isinstance(reader, VolumePreprocessor):
        scans = reader.read(cell)
        changed = [damage.apply(v.array, step, rng, spacing=v.spacing).astype(np.float32) for v in scans]
        return tuple(replace(v, array=array) for v, array in zip(scans, changed))
    name = f"{'-'.join(map(str, seed))}-{step:g}"
    places = [folder / f"{name}-{i}" for i in range(len(cell))]
    if isinstance(reader, ImagePreprocessor):
        return tuple(_picture(p, damage, step, rng, reader, to) for p, to in zip(cell, places))
    if isinstance(reader, AudioPreprocessor):
        return tuple(_recording(p, damage, step, rng, reader, to) for p, to in zip(cell, places))
    return tuple(_film(p, damage, step, seed, to) for p, to in zip(cell, places))


def _first(cells: Mapping[str, str]) -> str:
    return next(iter(cells.values()))


def _picture(
    path: Path, damage: Damage, step: float, rng: np.random.Generator, reader: ImagePreprocessor, to: Path
) -> Path:
    from PIL import Image

    pixels = read_image(path, reader.window)
    deep = pixels.dtype != np.uint8 and pixels.ndim == 2
    found = damage.apply(_unit(pixels), step, rng)
    Image.fromarray(_whole(found, 65535 if deep else 255)).save(to.with_suffix(".png"), compress_level=1)
    return to.with_suffix(".png")


def _recording(
    path: Path, damage: Damage, step: float, rng: np.random.Generator, reader: AudioPreprocessor, to: Path
) -> Path:
    import soundfile

    with open_sound(path, reader.channel, reader.max_seconds) as (rate, blocks):
        wave = np.concatenate(list(blocks))  # (samples,)
    found = damage.apply(wave, step, rng, rate=rate)
    channels = 1 if reader.channel == "mix" else int(reader.channel) + 1  # so that the one chosen is there again
    soundfile.write(to.with_suffix(".wav"), np.repeat(found[:, None], channels, axis=1), rate, subtype="FLOAT")
    return to.with_suffix(".wav")


def _film(path: Path, damage: Damage, step: float, seed: tuple[int, ...], to: Path) -> Path:
    """All frames at their own times; one is held at a time."""
    import av

    seconds, frames = tee(every_frame(path))
    pixels = (f for _, f in frames)
    if damage.name == DROPPED:
        shown = damage.apply(pixels, step, np.random.default_rng(seed))
    else:
        shown = (_whole(damage.apply(_unit(f), step, np.random.default_rng((*seed, i)))) for i, f in enumerate(pixels))
    with av.open(str(to.with_suffix(".mkv")), "w") as file:
        stream: Any = None
        for (second, _), array in zip(seconds, shown):
            if stream is None:
                stream = file.add_stream("ffv1", rate=1000)
                stream.height, stream.width = array.shape[:2]
                stream.pix_fmt = "bgr0"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array)).reformat(format="bgr0")
            frame.pts, frame.time_base = round(second * 1000), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return to.with_suffix(".mkv")


def _unit(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32) / (255 if pixels.dtype == np.uint8 else 1)


def _whole(unit: np.ndarray, most: int = 255) -> np.ndarray:
    return (unit * most).round().astype(np.uint8 if most == 255 else np.uint16)
