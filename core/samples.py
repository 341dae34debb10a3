"""Small generated tables of every modality with a planted effect: for tests, examples and measurements.

Each modality of a case shows one hidden bit: an image a square or a disc, a volume a ball up or down, a text a
word of one of two lists, sound a high or a low tone, a video a dot moving right or left, a row shifted numbers.

    effect "both"   the label is whether the bits add up to an even or odd number: no modality alone beats chance
    effect "each"   every modality shows the label itself, wrongly in a share ``noise`` of the cases
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core.errors import ConfigError, unknown

WORDS = (("dog", "horse", "cow", "sheep"), ("rose", "tulip", "daisy", "lily"))
FILLER = ("a", "the", "we", "saw", "today", "there", "was", "one", "near", "our", "house", "again")


def make_table(
    folder: Path,
    cases: int = 120,
    modalities: Sequence[str] = ("image", "text"),
    *,
    effect: str = "both",
    noise: float = 0.1,
    missing: float = 0.0,
    seed: int = 0,
) -> Path:
    """Write ``cases`` cases and return the path of ``table.csv`` (columns: id, one a modality, label).

    ``missing``: chance that a modality of a case is left out; one is always kept. A table modality has the columns
    ``number_0``, ``number_1`` and ``category``.

    Raises:
        ConfigError: for an unknown modality or effect, or a folder that is not empty.
    """
    for name in modalities:
        if name not in _WRITERS:
            raise unknown("modality", name, _WRITERS)
    if effect not in ("both", "each"):
        raise unknown("effect", effect, ["both", "each"])
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder}: is not empty; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(cases):
        bits = rng.integers(0, 2, len(modalities))
        label = int(bits.sum() % 2) if effect == "both" else int(bits[0])
        if effect == "each":
            bits = np.where(rng.random(len(modalities)) < noise, 1 - label, label)
        kept = rng.random(len(modalities)) >= missing
        kept[rng.integers(len(modalities))] |= not kept.any()
        row = {"id": f"case-{i:05d}", "label": ("even", "odd")[label]}
        for name, bit, here in zip(modalities, bits, kept):
            if here:
                row |= _WRITERS[name](folder, i, int(bit), rng)
        rows.append(row)
    columns = ["id", *(c for m in modalities for c in _COLUMNS.get(m, (m,))), "label"]
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return folder / "table.csv"


def _image(folder: Path, i: int, bit: int, rng: np.random.Generator) -> dict[str, str]:
    from PIL import Image

    y, x = np.mgrid[:32, :32] - rng.integers(12, 20, 2)[:, None, None]
    inside = (np.maximum(abs(y), abs(x)) < 6) if bit else (y**2 + x**2 < 49)
    pixels = np.clip(60 + 120 * inside + rng.normal(0, 12, (32, 32)), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(folder / f"{i:05d}.png")
    return {"image": f"{i:05d}.png"}


def _volume(folder: Path, i: int, bit: int, rng: np.random.Generator) -> dict[str, str]:
    import nibabel

    z, y, x = np.mgrid[:16, :16, :16] - np.array([4 if bit else 11, 8, 8])[:, None, None, None]
    hounsfield = -800 + 900 * (z**2 + y**2 + x**2 < 16) + rng.normal(0, 30, (16, 16, 16))
    nibabel.save(
        nibabel.Nifti1Image(hounsfield.T.astype(np.int16), np.diag([2, 2, 2, 1.0])), folder / f"{i:05d}.nii.gz"
    )
    return {"volume": f"{i:05d}.nii.gz"}


def _text(folder: Path, i: int, bit: int, rng: np.random.Generator) -> dict[str, str]:
    words = list(rng.choice(FILLER, 7))
    words.insert(int(rng.integers(8)), str(rng.choice(WORDS[bit])))
    return {"text": " ".join(words)}


def _audio(folder: Path, i: int, bit: int, rng: np.random.Generator) -> dict[str, str]:
    import soundfile

    seconds = np.arange(int(8000 * rng.uniform(0.3, 0.6))) / 8000
    tone = np.sin(2 * np.pi * rng.uniform(0.95, 1.05) * (440 if bit else 1200) * seconds)
    soundfile.write(folder / f"{i:05d}.wav", 0.3 * tone + rng.normal(0, 0.02, len(tone)), 8000)
    return {"audio": f"{i:05d}.wav"}


def _video(folder: Path, i: int, bit: int, rng: np.random.Generator) -> dict[str, str]:
    import av

    row = int(rng.integers(4, 24))
    with av.open(str(folder / f"{i:05d}.mp4"), "w") as file:
        stream = file.add_stream("h264", rate=8)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for t in range(8):
            pixels = np.full((32, 32, 3), 40, np.uint8)
            left = 3 * t if bit else 24 - 3 * t
            pixels[row : row + 6, left : left + 6] = 220
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        file.mux(stream.encode())
    return {"video": f"{i:05d}.mp4"}


def _tabular(folder: Path, i: int, bit: int, rng: np.random.Generator) -> dict[str, str]:
    first, second = rng.normal((1.5 if bit else -1.5), 0.6), rng.normal()
    return {"number_0": f"{first:.3f}", "number_1": f"{second:.3f}", "category": str(rng.choice(["red", "blue"]))}


_COLUMNS = {"tabular": ("number_0", "number_1", "category")}
_WRITERS: dict[str, Callable[[Path, int, int, np.random.Generator], dict[str, str]]] = {
    "image": _image,
    "volume": _volume,
    "text": _text,
    "audio": _audio,
    "video": _video,
    "tabular": _tabular,
}
