"""One DICOM file: its header and its pixels, or a FileError that says what is wrong with it.

Not guarded against: a compressed stream damaged so that the C decoder behind pydicom never returns (libjpeg, seen once
in about 15,000 randomly damaged files). Who takes files from strangers reads them in ``core.sandbox`` first.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array

from core.errors import FileError

MAX_VOXELS = 1 << 30  # per file or series: 4096 slices of 512 x 512


class NoImageError(FileError):
    """A sound DICOM file that is no image, such as a report or a directory."""


def is_dicom(data: Path | bytes) -> bool:
    """Whether a file carries the DICM mark of DICOM part 10."""
    if isinstance(data, bytes):
        return data[128:132] == b"DICM"
    with data.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def read_dicom(data: Path | bytes, name: str, header_only: bool = False) -> Dataset:
    """Read one file that holds an image.

    Raises:
        FileError: if it is not DICOM, is cut off, holds no image or claims an absurd size.
    """
    source = BytesIO(data) if isinstance(data, bytes) else data
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd values are common; what matters is checked below
            dataset = pydicom.dcmread(source, stop_before_pixels=header_only)
            check_image(dataset, name)
            if not header_only and "PixelData" not in dataset:
                raise FileError(f"{name}: the DICOM file holds no pixels; it is cut off or not an image")
    except FileError:
        raise
    except Exception as error:  # a broken file makes the parser raise nearly anything
        raise FileError(f"{name}: not a readable DICOM file ({error}); export it again") from error
    return dataset


def check_image(dataset: Dataset, name: str) -> None:
    """Refuse a dataset without an image or with an absurd size in its header.

    Raises:
        FileError: naming the file and what was found; a NoImageError if it was never meant to be an image.
    """
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    if rows < 1 or columns < 1:
        stored = getattr(dataset.file_meta.get("MediaStorageSOPClassUID"), "name", "unknown")
        if "Image Storage" in stored:
            raise FileError(f"{name}: {rows} x {columns} pixels in a {stored} file; it is cut off, export it again")
        raise NoImageError(f"{name}: a DICOM file without an image ({stored}); give the images of a scan")
    if rows * columns * frames(dataset) > MAX_VOXELS:
        size = f"{frames(dataset)} x {rows} x {columns}"
        raise FileError(f"{name}: the header claims {size} pixels; at most {MAX_VOXELS} are read")


def frames(dataset: Dataset) -> int:
    """How many frames a file holds; 1 if it does not say."""
    return int(dataset.get("NumberOfFrames") or 1)


def stored_pixels(dataset: Dataset, name: str) -> np.ndarray:
    """The decoded pixels before any rescale: (rows, columns), (frames, rows, columns), colours last.

    Raises:
        FileError: if the pixel data is cut off, damaged or compressed in a way that is not supported.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = pixel_array(dataset)
    except Exception as error:  # each decoder plug-in raises its own kind
        syntax = getattr(dataset.file_meta.get("TransferSyntaxUID"), "name", "unknown")
        raise FileError(f"{name}: the pixels cannot be decoded ({syntax}: {error}); export the file again") from error
    return pixels


def grey(dataset: Dataset, name: str) -> tuple[np.ndarray, bool]:
    """Pixels for looking at, and whether they are colours.

    Returns:
        (rows, columns) float32 in rescaled units, such as Hounsfield units, or (rows, columns, 3) colours in [0, 1];
        then True if they are colours.
    """
    pixels = stored_pixels(dataset, name)
    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        try:
            pixels = apply_color_lut(pixels, dataset)
        except Exception as error:  # a table cut off
            raise FileError(f"{name}: the colour table is damaged ({error}); export it again") from error
        unit, coloured = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max, True
    elif int(dataset.get("SamplesPerPixel") or 1) > 1:
        unit, coloured = pixels.astype(np.float32) / (2 ** int(dataset.BitsStored) - 1), True
    else:
        unit, coloured = rescaled(pixels, dataset, name), False
    if unit.ndim != 2 + coloured:
        raise FileError(f"{name}: the pixels have the shape {unit.shape} where one image is due; export it again")
    return unit, coloured


def rescaled(pixels: np.ndarray, dataset: Dataset, name: str) -> np.ndarray:
    """Stored values to the units of the modality, by slope and intercept or by a table; same shape, float32.

    Raises:
        FileError: if these are damaged.
    """
    try:
        return apply_modality_lut(pixels, dataset).astype(np.float32)
    except Exception as error:  # text in a number, a table cut off
        raise FileError(f"{name}: rescale slope, intercept or table are damaged ({error}); export it again") from error
