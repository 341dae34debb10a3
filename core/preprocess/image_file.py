"""One image file (PNG, JPEG, single DICOM) to an array, or a FileError in words. Nothing is replaced silently."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from core.errors import FileError
from core.preprocess.windows import apply_window

MAX_PIXELS = 64_000_000  # 8000 x 8000; a larger header is refused before anything is decoded
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG"}
DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}


def read_image(path: Path, window: tuple[float, float] | None = None) -> np.ndarray:
    """Read one image.

    Args:
        path: a PNG, a JPEG or a DICOM file with one frame.
        window: (centre, width) for a grey DICOM; None: the file's own window, else its whole range.

    Returns:
        (H, W) or (H, W, 3); uint8 as stored, or float32 in [0, 1] for sources of more than 8 bits.

    Raises:
        FileError: unreadable or truncated, another content than its name says, no or absurdly many pixels, or more
            than one frame.
    """
    found = _sniff(path)
    suffix = path.suffix.lower()
    expected = "DICOM" if suffix in DICOM_SUFFIXES else FORMATS.get(suffix)
    if found is None or (expected and found != expected):
        named = f" but is named {path.suffix}" if path.suffix else ""
        content = found or "neither PNG, JPEG nor DICOM"
        raise FileError(f"{path}: holds {content}{named}; give the file its right name or export it again")
    return _read_dicom(path, window) if found == "DICOM" else _read_picture(path, found)


def _sniff(path: Path) -> str | None:
    """The format by the first bytes of a file."""
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError as error:
        raise FileError(f"{path}: cannot be opened ({error.strerror}); check the path in the table") from error
    if not head:
        raise FileError(f"{path}: the file is empty; export it again")
    marks = {"PNG": head.startswith(b"\x89PNG"), "JPEG": head.startswith(b"\xff\xd8"), "DICOM": head[128:] == b"DICM"}
    return next((name for name, seen in marks.items() if seen), None)


def _read_picture(path: Path, kind: str) -> np.ndarray:
    try:
        with Image.open(path, formats=(kind,)) as picture:
            _check_size(path, picture.size, getattr(picture, "n_frames", 1))
            return _to_array(ImageOps.exif_transpose(picture))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileError(f"{path}: {error}; at most {MAX_PIXELS} pixels are read, scale the image down") from error
    except FileError:
        raise
    except Exception as error:  # a broken file makes the decoders raise nearly anything
        raise FileError(f"{path}: the {kind} is damaged or cut off ({error}); export it again") from error


def _check_size(path: Path, size: tuple[int, int], count: int) -> None:
    width, height = size
    if not 0 < width * height <= MAX_PIXELS:
        raise FileError(f"{path}: {width} x {height} pixels; from 1 to {MAX_PIXELS} are read, scale the image down")
    if count > 1:
        raise FileError(f"{path}: holds {count} frames where one is due; export one image a file, or use a volume")


def _to_array(picture: Image.Image) -> np.ndarray:
    """(H, W) or (H, W, 3); transparent parts become black."""
    if picture.mode.startswith(("I", "F")):
        return np.asarray(picture, dtype=np.float32).clip(0, 65535) / 65535
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        whole = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", whole.size, "black"), whole)
    return np.asarray(picture.convert("L" if picture.mode in ("1", "L") else "RGB"))


def _read_dicom(path: Path, window: tuple[float, float] | None) -> np.ndarray:
    from core.preprocess import dicom_file

    header = dicom_file.read_dicom(path, str(path), header_only=True)
    _check_size(path, (int(header.Columns), int(header.Rows)), dicom_file.frames(header))
    dataset = dicom_file.read_dicom(path, str(path))
    values, coloured = dicom_file.grey(dataset, str(path))
    if coloured:
        return values
    try:
        own = _own_window(dataset.get("WindowCenter"), dataset.get("WindowWidth"))
    except Exception as error:  # values are parsed on access
        raise FileError(
            f"{path}: its display window is damaged ({error}); name a window, or export it again"
        ) from error
    unit = apply_window(values, window or own or _whole_range(values))
    inverted = dataset.get("PhotometricInterpretation") == "MONOCHROME1"
    return (1 - unit if inverted else unit).astype(np.float32)


def _own_window(centre: object, width: object) -> tuple[float, float] | None:
    """The first window that a DICOM header states, if it states a usable one."""
    pair = [float(np.atleast_1d(np.asarray(v, dtype=float))[0]) for v in (centre, width) if v not in (None, "")]
    return (pair[0], pair[1]) if len(pair) == 2 and pair[1] > 0 else None


def _whole_range(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low + high) / 2, max(high - low, 1.0)
