"""Write a scan as a DICOM series, NIfTI or MHA: the same voxels at the same place in each.

A scan is (Z, H, W) whole Hounsfield units whose axes point to the head, the back and the left: +z, +y, +x of DICOM's
LPS. The first voxel lies at ``origin`` (x, y, z) in LPS mm; NIfTI counts to the right and front (RAS), so its x and y
change sign.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from core.errors import ConfigError, unknown

SYNTAXES = {"plain": ExplicitVRLittleEndian, "rle": RLELossless, "jpeg2000": JPEG2000Lossless}
Spacing = tuple[float, float, float]


def centered(shape: tuple[int, ...], spacing: Spacing) -> Spacing:
    """The origin (x, y, z) in mm that puts the middle of a scan at 0, 0, 0."""
    z, y, x = (-(n - 1) / 2 * s for n, s in zip(shape, spacing, strict=True))
    return round(x, 3), round(y, 3), round(z, 3)


def write_nifti(path: Path, hounsfield: np.ndarray, spacing: Spacing) -> Path:
    """Write .nii or .nii.gz; no time stamp goes into the file, so the same scan gives the same bytes."""
    import nibabel

    x, y, z = centered(hounsfield.shape, spacing)
    affine = np.diag([-spacing[2], -spacing[1], spacing[0], 1.0])
    affine[:3, 3] = -x, -y, z
    image = nibabel.Nifti1Image(np.ascontiguousarray(hounsfield.astype("<i2").T), affine)  # (W, H, Z)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    data = image.to_bytes()
    path.write_bytes(gzip.compress(data, 9, mtime=0) if path.suffix == ".gz" else data)
    return path


def write_mha(path: Path, hounsfield: np.ndarray, spacing: Spacing) -> Path:
    """Write .mha, compressed."""
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(hounsfield.astype(np.int16))
    image.SetSpacing(spacing[::-1])
    image.SetOrigin(centered(hounsfield.shape, spacing))
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


def write_dicom(
    folder: Path,
    hounsfield: np.ndarray,
    spacing: Spacing,
    *,
    syntax: str = "plain",
    slope: int = 1,
    tags: Mapping[str, Any] | None = None,
    name: str = "case",
) -> Path:
    """Write a CT series, one file a slice, into a folder.

    Args:
        folder: made if it is not there.
        hounsfield: (Z, H, W) whole numbers from -1000 on.
        spacing: mm between slices, rows and columns.
        syntax: plain, rle or jpeg2000; all of them lossless.
        slope: HU to a stored unit; where the scan holds multiples of it only, compressed files are smaller.
        tags: DICOM attributes by keyword, the same for all slices, such as ``PatientSex``.
        name: what the unique identifiers are made from: the same name gives the same series.

    Raises:
        ConfigError: for an unknown syntax, or values that ``slope`` cannot store exactly.
    """
    if syntax not in SYNTAXES:
        raise unknown("transfer syntax", syntax, SYNTAXES)
    stored, rest = np.divmod(hounsfield.astype(np.int32) + 1000, slope)
    if rest.any() or stored.min() < 0:
        raise ConfigError(f"slope {slope}: the values + 1000 must be multiples of it and not negative; use slope 1")
    folder.mkdir(parents=True, exist_ok=True)
    x, y, z = centered(hounsfield.shape, spacing)
    for number, pixels in enumerate(stored.astype("<i2"), start=1):
        dataset = _slice(pixels, spacing, (x, y, round(z + (number - 1) * spacing[0], 3)), number, name)
        for key, value in {"RescaleSlope": slope, **(tags or {})}.items():
            setattr(dataset, key, value)
        if not all(str(value).isascii() for value in (tags or {}).values()):
            dataset.SpecificCharacterSet = "ISO_IR 192"  # UTF-8
        if syntax != "plain":
            dataset.compress(SYNTAXES[syntax], generate_instance_uid=False)
        dataset.save_as(folder / f"slice-{number:03d}.dcm", enforce_file_format=True)
    return folder


def _slice(pixels: np.ndarray, spacing: Spacing, position: Spacing, number: int, name: str) -> Dataset:
    """One CT image with all that the standard asks of it; blank where it may be blank."""
    kinds = ("study", "series", "frame of reference", f"slice {number}")
    study, series, frame, instance = (_uid(name, kind) for kind in kinds)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = instance
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    blank = dict.fromkeys(("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientBirthDate",
                           "StudyID", "PositionReferenceIndicator", "KVP", "AcquisitionNumber"), "")  # fmt: skip
    for key, value in blank.items():
        setattr(dataset, key, value)
    values = {
        "SOPClassUID": CTImageStorage, "SOPInstanceUID": instance, "StudyInstanceUID": study,
        "SeriesInstanceUID": series, "FrameOfReferenceUID": frame, "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "Modality": "CT", "Manufacturer": "Polyfuse", "ManufacturerModelName": "generated phantom",
        "SeriesDescription": "Chest phantom", "BodyPartExamined": "CHEST", "PatientName": "Generated^Phantom",
        "PatientID": name, "PatientSex": "", "PatientPosition": "HFS", "SeriesNumber": 1, "InstanceNumber": number,
        "ImagePositionPatient": list(position), "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "SliceThickness": spacing[0], "PixelSpacing": [spacing[1], spacing[2]], "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "Rows": pixels.shape[0], "Columns": pixels.shape[1],
        "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1, "RescaleIntercept": -1000,
        "RescaleType": "HU", "WindowCenter": [-600, 40], "WindowWidth": [1500, 400],
        "WindowCenterWidthExplanation": ["LUNG", "MEDIASTINUM"],
    }  # fmt: skip
    for key, value in values.items():
        setattr(dataset, key, value)
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def _uid(name: str, kind: str) -> UID:
    """A unique identifier made from a name: a UUID as a decimal number under the root 2.25 (DICOM PS3.5, B.2)."""
    digest = hashlib.sha256(f"{name}/{kind}".encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16])}")
