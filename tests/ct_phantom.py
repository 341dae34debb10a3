"""Small CT series for tests, written with pydicom: any orientation, spacing, order and defect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))  # directions of a row and of a column in LPS
CORONAL = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
SAGITTAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
OBLIQUE = ((0.9961946981, 0.0871557427, 0.0), (-0.0858316512, 0.9810602621, 0.1736481777))


def write_slice(
    path: Path, hounsfield: np.ndarray, slope: float = 1.0, intercept: float = -1024.0, **tags: Any
) -> Path:
    """Write one CT slice; ``tags`` overrides or (None) removes DICOM attributes by keyword."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    values = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.4",
        "FrameOfReferenceUID": "1.2.3.9",
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": hounsfield.shape[0],
        "Columns": hounsfield.shape[1],
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1,
        "RescaleSlope": slope,
        "RescaleIntercept": intercept,
    }
    for key, value in (values | tags).items():
        if value is not None:
            setattr(dataset, key, value)
    stored = np.round((hounsfield - intercept) / slope).astype("<i2")
    dataset.PixelData = stored.tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return path


@dataclass
class Phantom:
    """A series: voxels (slices, rows, columns) in Hounsfield units and where they lie in LPS mm."""

    voxels: np.ndarray
    spacing: tuple[float, float, float] = (2.0, 1.0, 1.0)  # between slices, rows, columns
    axes: tuple[Sequence[float], Sequence[float]] = AXIAL
    origin: Sequence[float] = (-10.0, -20.0, 30.0)
    offsets: np.ndarray | None = None  # (slices, 3) added to the positions
    tags: dict[str, Any] = field(default_factory=dict)

    @property
    def normal(self) -> np.ndarray:
        """Unit vector from slice to slice."""
        return np.cross(*np.asarray(self.axes))

    @property
    def affine(self) -> np.ndarray:
        """(4, 4) from (slice, row, column) to LPS mm."""
        matrix = np.eye(4)
        columns = (self.normal * self.spacing[0], np.asarray(self.axes[1]) * self.spacing[1])
        matrix[:3, :3] = np.stack([*columns, np.asarray(self.axes[0]) * self.spacing[2]], axis=1)
        matrix[:3, 3] = self.origin
        return matrix

    def slice_tags(self, index: int) -> dict[str, Any]:
        """The DICOM attributes of one slice."""
        position = np.asarray(self.origin) + index * self.spacing[0] * self.normal
        if self.offsets is not None:
            position = position + self.offsets[index]
        return {
            "ImagePositionPatient": [f"{v:.6f}" for v in position],
            "ImageOrientationPatient": [f"{v:.10f}" for v in np.ravel(self.axes)],
            "PixelSpacing": [f"{v:.6f}" for v in self.spacing[1:]],
            "SliceThickness": f"{self.spacing[0]:.6f}",
            "InstanceNumber": index + 1,
            **self.tags,
        }

    def write(self, folder: Path, only: Sequence[int] | None = None, **tags: Any) -> Path:
        """Write the slices in an order that is not theirs; slope and intercept differ from slice to slice."""
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(len(self.voxels)) if only is None else only:
            name = f"{(index * 7919) % 1009:04d}.dcm"
            intercept = -1024.0 - index % 3
            slope = 1.0 if index % 2 else 0.5
            options = {"slope": slope, "intercept": intercept, **self.slice_tags(index), **tags}
            write_slice(folder / name, self.voxels[index], **options)
        return folder


def body(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Smooth voxels of whole Hounsfield units with no symmetry, so that a wrong axis or order shows."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).normal(0, 1, shape)
    smooth = gaussian_filter(noise, 1.5)
    ramp = np.linspace(-1, 1, shape[0])[:, None, None] + np.linspace(-0.5, 1, shape[2])
    return np.round(400 * smooth / smooth.std() + 200 * ramp).clip(-1000, 1500)


def compress(path: Path, syntax: str) -> Path:
    """Rewrite one slice in place with a compressed transfer syntax."""
    dataset = pydicom.dcmread(path)
    dataset.compress(syntax, generate_instance_uid=False)
    dataset.save_as(path)
    return path
