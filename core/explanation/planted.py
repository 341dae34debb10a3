"""Small generated tables in which a known part of each case holds the answer, to see whether explanations find it.

image     a stripe, lying or standing, in noise         volume   the same as a plate
text      an animal or a flower among other words       audio    a low or a high tone in noise
video     one frame of noise with a stripe              tabular  the column ``number_0`` of five
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from core.explanation.parts import Part, Span
from core.samples import FILLER, WORDS
from core.schema import Modality

COLUMNS = ("number_0", "number_1", "number_2", "number_3", "category")
_Writer: TypeAlias = Callable[[Path, int, int, np.random.Generator], tuple[dict[str, str], Span]]


def make_planted(folder: Path, modality: Modality, cases: int, seed: int = 0) -> tuple[Path, list[Span]]:
    """Write ``table.csv`` (columns: id, those of the modality, label) and return it and the planted place of each case.

    A place is as the span of a ``Part``; of a table it is empty, its column is ``number_0``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    columns = COLUMNS if modality is Modality.TABULAR else (str(modality),)
    places = []
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", *columns, "label"])
        writer.writeheader()
        for i in range(cases):
            cells, place = _WRITERS[modality](folder, i, i % 2, rng)
            writer.writerow({"id": f"case-{i:05d}", **cells, "label": ("first", "second")[i % 2]})
            places.append(place)
    return folder / "table.csv", places


def is_planted(part: Part, place: Span) -> bool:
    """Whether a part lies in the planted place, by its middle; a second or a word if it touches it."""
    if not place:
        return part.name == "number_0"
    if len(place) == 1:
        return part.span[0][0] < place[0][1] and part.span[0][1] > place[0][0]
    return all(a <= (low + high) / 2 <= b for (low, high), (a, b) in zip(part.span, place))


def _image(folder: Path, i: int, bit: int, rng: np.random.Generator) -> tuple[dict[str, str], Span]:
    from PIL import Image

    top, left = (int(x) for x in rng.integers(0, 21, 2))  # a patch of 12 in 32 pixels
    pixels = rng.normal(100, 15, (32, 32))
    _stripe(pixels[top : top + 12, left : left + 12], bit, 120)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{i}.png")
    return {"image": f"{i}.png"}, _around((top, left), 12, 32)


def _volume(folder: Path, i: int, bit: int, rng: np.random.Generator) -> tuple[dict[str, str], Span]:
    import nibabel

    place = tuple(int(x) for x in rng.integers(0, 13, 3))  # a cube of 12 in 24 voxels
    voxels = rng.normal(-600, 60, (24, 24, 24))
    cube = voxels[tuple(slice(p, p + 12) for p in place)]
    for slice_ in cube[3:9]:
        _stripe(slice_, bit, 700)
    nibabel.save(
        nibabel.Nifti1Image(voxels.T.astype(np.int16), np.diag([-2.0, -2.0, 2.0, 1.0])), folder / f"{i}.nii.gz"
    )
    return {"volume": f"{i}.nii.gz"}, _around(place, 12, 24)


def _stripe(patch: np.ndarray, bit: int, height: float) -> None:
    third = slice(len(patch) // 3, -(-2 * len(patch) // 3))
    patch[third if bit else slice(None), slice(None) if bit else third] += height


def _around(place: tuple[int, ...], size: int, of: int) -> Span:
    return tuple((p / of, (p + size) / of) for p in place)


def _text(folder: Path, i: int, bit: int, rng: np.random.Generator) -> tuple[dict[str, str], Span]:
    words = list(rng.choice(FILLER, 11))
    at, word = int(rng.integers(12)), str(rng.choice(WORDS[bit]))
    words.insert(at, word)
    start = sum(len(w) + 1 for w in words[:at])
    return {"text": " ".join(words)}, ((start, start + len(word)),)


def _audio(folder: Path, i: int, bit: int, rng: np.random.Generator) -> tuple[dict[str, str], Span]:
    import soundfile

    wave = rng.normal(0, 0.01, 16000)  # two seconds
    start = int(rng.integers(0, 12000))
    wave[start : start + 3000] += 0.3 * np.sin(2 * np.pi * (400 if bit else 1500) * np.arange(3000) / 8000)
    soundfile.write(folder / f"{i}.wav", wave, 8000)
    return {"audio": f"{i}.wav"}, ((start / 8000, (start + 3000) / 8000),)


def _video(folder: Path, i: int, bit: int, rng: np.random.Generator) -> tuple[dict[str, str], Span]:
    import av

    frames = rng.normal(100, 15, (8, 32, 32))
    at = int(rng.integers(8))
    _stripe(frames[at, 8:24, 8:24], bit, 120)
    with av.open(str(folder / f"{i}.mp4"), "w") as file:
        stream: Any = file.add_stream("h264", rate=8)
        stream.width, stream.height, stream.pix_fmt, stream.options = 32, 32, "yuv420p", {"crf": "10"}
        for frame in frames.clip(0, 255).astype(np.uint8):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.repeat(frame[..., None], 3, axis=2))))
        file.mux(stream.encode())
    return {"video": f"{i}.mp4"}, ((at, at + 1),)


def _tabular(folder: Path, i: int, bit: int, rng: np.random.Generator) -> tuple[dict[str, str], Span]:
    numbers = [rng.normal(3 if bit else -3, 0.6), *rng.normal(size=3)]
    cells = [*(f"{x:.3f}" for x in numbers), str(rng.choice(["red", "blue"]))]
    return dict(zip(COLUMNS, cells)), ()


_WRITERS: dict[Modality, _Writer] = {
    Modality.IMAGE: _image,
    Modality.VOLUME: _volume,
    Modality.TEXT: _text,
    Modality.AUDIO: _audio,
    Modality.VIDEO: _video,
    Modality.TABULAR: _tabular,
}
