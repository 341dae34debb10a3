"""NIfTI, MHA, MHD and NRRD without free text in the header, and without text burned into the slices.

The voxels, where they lie and what they are stored as stay the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.preprocess.volume_io import read_volume
from core.privacy.pixels import paint, text_boxes

NIFTI_TEXTS = ("descrip", "aux_file", "intent_name", "db_name", "data_type")


def clean_scan(path: Path, out: Path, pixels: bool = True) -> tuple[Path, int]:
    """Write a scan without identity; returns its path, and how many places of text were painted over.

    Raises:
        FileError: if it cannot be read.
    """
    read_volume(path, on_defect="accept", allow_modality=None)  # all that could be wrong with the file
    out.parent.mkdir(parents=True, exist_ok=True)
    return (_nifti if path.name.lower().endswith((".nii", ".nii.gz")) else _itk)(path, out, pixels)


def scan_planes(path: Path) -> list[np.ndarray]:
    """The slices of a scan that ``clean_scan`` wrote, upright."""
    if path.name.endswith(".nii.gz"):
        import nibabel

        image: Any = nibabel.Nifti1Image.from_filename(path)
        voxels = np.asarray(image.dataobj.get_unscaled())
        return nifti_planes(image, voxels.reshape((*voxels.shape, 1)[:3]))
    else:
        import SimpleITK as sitk  # noqa: N813

        stored = sitk.ReadImage(str(path))
        voxels = sitk.GetArrayFromImage(stored)
        return planes_of(voxels.reshape((1, *voxels.shape)[-3:]).T, _spacing(stored))


def planes_of(voxels: np.ndarray, spacing: np.ndarray) -> list[np.ndarray]:
    """The slices as a viewer shows them, as views on ``voxels`` (x, y, z), whose axes point to left, back and head.

    They are cut along the axis with the largest spacing, in which the scan was taken.
    """
    axis = int(np.argmax(np.asarray(spacing) * (1, 1, 1 + 1e-6)))  # of equal ones from foot to head
    slices = np.moveaxis(voxels, axis, 0)  # (N, ., .)
    return [s.T if axis == 2 else s.T[::-1] for s in slices]


def nifti_planes(image: Any, voxels: np.ndarray) -> list[np.ndarray]:
    """The slices of a NIfTI image, as views on its stored ``voxels`` (i, j, k)."""
    from nibabel import orientations

    turn = orientations.ornt_transform(orientations.io_orientation(image.affine), orientations.axcodes2ornt("LPS"))
    spacing = np.empty(3)
    spacing[turn[:, 0].astype(int)] = np.linalg.norm(image.affine[:3, :3], axis=0)
    return planes_of(orientations.apply_orientation(voxels, turn), spacing)


def painted(planes: list[np.ndarray]) -> int:
    """Paint over the text in slices, in place, and say how many places there were."""
    boxes = text_boxes(planes)
    for plane in planes:
        paint(plane, boxes, plane.min())
    return len(boxes)


def _nifti(path: Path, out: Path, pixels: bool) -> tuple[Path, int]:
    import gzip

    import nibabel

    image: Any = nibabel.Nifti1Image.from_filename(path)
    header = image.header.copy()
    voxels = np.array(image.dataobj.get_unscaled()).astype(header.get_data_dtype(), copy=False)
    boxes = painted(nifti_planes(image, voxels.reshape((*voxels.shape, 1)[:3]))) if pixels else 0
    for name in NIFTI_TEXTS:
        header[name] = b""
    header["magic"], header["vox_offset"] = b"n+1", 352
    header["scl_slope"], header["scl_inter"] = image.dataobj.slope, image.dataobj.inter
    out = out.with_suffix(".nii.gz")
    out.write_bytes(gzip.compress(header.binaryblock + b"\0" * 4 + voxels.tobytes(order="F"), 6, mtime=0))
    return out, boxes


def _itk(path: Path, out: Path, pixels: bool) -> tuple[Path, int]:
    import SimpleITK as sitk  # noqa: N813

    image = sitk.ReadImage(str(path))
    if pixels and image.GetDimension() == 3:
        image = sitk.DICOMOrient(image, "LPS")
    voxels = sitk.GetArrayFromImage(image)  # (z, y, x) or (y, x)
    boxes = painted(planes_of(voxels.reshape((1, *voxels.shape)[-3:]).T, _spacing(image))) if pixels else 0
    plain = sitk.GetImageFromArray(voxels)  # without the dictionary of the header
    plain.CopyInformation(image)
    out = out.with_suffix(".mha")
    sitk.WriteImage(plain, str(out), useCompression=True)
    return out, boxes


def _spacing(image: Any) -> np.ndarray:
    return np.array((*image.GetSpacing(), 0.0)[:3])
