"""Scans of any common format to one canonical volume: DICOM (folder, zip, files), NIfTI, MHA, MHD, NRRD.

The same scan gives the same array in every format. What a format cannot say (modality, Hounsfield units) is told in
``Volume.warnings``; MHA and NRRD cannot say whether a position is known at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import FileError, unknown
from core.preprocess.geometry import Defect, GeometryError, tilt_of
from core.preprocess.grid import Volume, canonical, compose, shear_of, unshear

__all__ = ["POLICIES", "Volume", "read_volume"]

POLICIES = ("refuse", "resample", "accept")
MAX_SLICES, MAX_VOXELS = 4096, 1 << 30
SHORTEST, LONGEST = 10, 3000  # mm that a scan of a person is wide at least, and long at most
_PLAIN = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
_ITK = {".mha": "MetaImageIO", ".mhd": "MetaImageIO", ".nrrd": "NrrdImageIO"}
_EXPORT = "export the original CT in Hounsfield units"
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # from NIfTI's RAS


def read_volume(
    path: Path | Sequence[Path],
    choose: str | int | None = None,
    on_defect: str = "refuse",
    allow_modality: Sequence[str] | None = ("CT",),
) -> Volume:
    """Read a scan in Hounsfield units, turned the canonical way (see ``Volume``).

    Args:
        path: a folder or zip of a DICOM series, a DICOM, NIfTI (.nii, .nii.gz), MHA, MHD or NRRD file; or several
            DICOM files of one series. ``FOLDER#2`` names one of several series, as ``choose`` does.
        choose: of several series, one by its number in ``list_series`` or its unique identifier.
        on_defect: "refuse" faults of geometry; "resample" repairs what can be repaired; "accept" goes on as it is.
            What was done stands in ``Volume.actions``.
        allow_modality: values of the DICOM tag Modality that are read; None: any. Other formats have no such tag.

    Raises:
        FileError: what is wrong with the file, and what to do; a ``GeometryError`` lists all faults of geometry.
        ConfigError: for an unknown ``on_defect``.
    """
    if on_defect not in POLICIES:
        raise unknown("on_defect", on_defect, POLICIES)
    volume = _read(path, choose, on_defect, allow_modality)
    if not np.isfinite(volume.array).all():
        raise FileError(f"{path}: holds values that are not finite numbers; export the scan again")
    return _with_warnings(volume)


def _read(
    path: Path | Sequence[Path], choose: str | int | None, on_defect: str, allow_modality: Sequence[str] | None
) -> Volume:
    if isinstance(path, Path):
        if path.suffix.lower() in _PLAIN:
            raise FileError(
                f"{path}: a plain picture has no Hounsfield units and no spacing, so it is no volume; "
                "give a DICOM series, NIfTI or MHA, or put pictures into a column of kind image"
            )
        if not is_series(path):
            return _read_itk(path) if path.suffix.lower() in _ITK else _read_nifti(path, on_defect)
    from core.preprocess.dicom_series import read_series

    return read_series(path, choose, on_defect, allow_modality)


def is_series(place: Path | Sequence[Path]) -> bool:
    """Whether a place is read as DICOM, which may hold several series: anything but a file of another format."""
    if not isinstance(place, Path) or not place.is_file():
        return True
    return place.suffix.lower() not in {*_ITK, *_PLAIN} and not place.name.lower().endswith((".nii", ".nii.gz"))


def _with_warnings(volume: Volume) -> Volume:
    more = []
    if 1 in volume.array.shape:
        more.append("one slice only: there is no third dimension to look at")
    sides = [n * mm for n, mm in zip(volume.array.shape, volume.spacing)]
    if max(sides) > LONGEST or max(sides[1:]) < SHORTEST:
        size = " x ".join(f"{side:g}" for side in sides)
        more.append(f"{size} mm (slices, rows, columns) is no size of a person: check the spacing in the header")
    if volume.array.min() > -200:
        more.append(
            f"no value below -200 (lowest {volume.array.min():g}): there is no air, so check that the unit is HU"
        )
    if not volume.facts.get("modality"):
        more.append(
            f"{volume.facts['format']} does not tell the modality: values are taken as Hounsfield units of a CT"
        )
    return Volume(volume.array, volume.affine, volume.defects, volume.actions, (*volume.warnings, *more), volume.facts)


def _check_size(path: Path, size: Sequence[int]) -> None:
    """Refuse an absurd header before memory is taken."""
    if min(size) < 1 or max(size) > MAX_SLICES or np.prod([float(n) for n in size]) > MAX_VOXELS:
        found = " x ".join(str(n) for n in size)
        raise FileError(f"{path}: {found} voxels; at most {MAX_SLICES} along an axis and {MAX_VOXELS} in all are read")


def _read_nifti(path: Path, on_defect: str) -> Volume:
    import nibabel

    try:
        image = nibabel.Nifti1Image.from_filename(path)
        shape = tuple(int(n) for n in image.shape)
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        stored = image.get_data_dtype()
        if stored.fields or stored.kind == "c":
            raise FileError(f"{path}: holds {'colours' if stored.fields else 'complex numbers'}; {_EXPORT}")
        if len(shape) not in (2, 3):
            held = f"{len(shape)} dimensions {shape}"
            raise FileError(f"{path}: holds {held}; one scan of 3 dimensions is read, split the file")
        shape = (*shape, 1)[:3]
        _check_size(path, shape)
        voxels = np.asarray(image.get_fdata(dtype=np.float32, caching="unchanged")).reshape(shape)  # (i, j, k)
    except FileError:
        raise
    except Exception as error:  # header, gzip and voxels each fail in their own way
        raise FileError(f"{path}: not a readable NIfTI file, or cut off ({error}); export it again") from error
    affine, defects = _nifti_affine(path, image)
    return _finish_affine(path, voxels, affine, defects, on_defect, {"format": "NIfTI", "slices": str(shape[2])})


def _nifti_affine(path: Path, image: Any) -> tuple[np.ndarray, list[Defect]]:
    """(4, 4) from (i, j, k) to LPS mm, and a defect where the file does not say how the scan lies."""
    header = image.header
    scale = {"meter": 1000.0, "micron": 0.001}.get(header.get_xyzt_units()[0], 1.0)
    affine = _LPS @ np.diag([scale, scale, scale, 1.0]) @ np.asarray(image.affine, dtype=np.float64)
    if header["sform_code"] == 0 and header["qform_code"] == 0:
        return affine, [Defect("missing position", "neither sform nor qform says how the scan lies in the patient")]
    return affine, []


def _finish_affine(
    path: Path, voxels: np.ndarray, affine: np.ndarray, defects: list[Defect], on_defect: str, facts: dict[str, str]
) -> Volume:
    """Check the affine of a file that brings its own, straighten it if asked, and turn the volume."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or lengths.min() < 1e-6 or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-3:
        raise FileError(f"{path}: the header gives no usable voxel size or direction ({lengths} mm); export it again")
    axis, slope = shear_of(affine)
    if degrees := tilt_of(slope, float(lengths[axis] * (voxels.shape[axis] - 1))):
        defects = [*defects, Defect("tilt", f"the stack leans by {degrees:.1f} degrees (gantry tilt)")]
    if defects and on_defect == "refuse":
        raise GeometryError(str(path), defects)
    actions: list[str] = []
    if degrees and on_defect == "resample":
        voxels, affine = unshear(voxels, affine)
        actions.append(f"straightened the stack against a tilt of {degrees:.1f} degrees")
    elif defects:
        actions.append(f"gone on as it is ({', '.join(d.kind for d in defects)})")
    array, affine = canonical(voxels.astype(np.float32, copy=False), affine)
    return Volume(array, affine, tuple(str(d) for d in defects), tuple(actions), (), facts)


def _read_itk(path: Path) -> Volume:
    import SimpleITK as sitk  # noqa: N813

    _check_data_file(path)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_ITK[path.suffix.lower()])
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        size, parts = reader.GetSize(), reader.GetNumberOfComponents()
        if parts != 1:
            raise FileError(f"{path}: {parts} values a voxel, as of colours; {_EXPORT}")
        if len(size) not in (2, 3):
            raise FileError(f"{path}: {len(size)} dimensions; one scan of 3 dimensions is read, split the file")
        _check_size(path, size)
        image = reader.Execute()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        told = "" if reason.startswith("Reason:") else f" ({reason})"  # what the system last said, mostly "Success"
        raise FileError(f"{path}: not a readable {path.suffix} file, or cut off{told}; export it again") from error
    voxels = sitk.GetArrayFromImage(image).astype(np.float32)
    voxels = voxels.reshape((1, *voxels.shape)[-3:])  # (k, j, i)
    affine = _itk_affine(image)
    return _finish_affine(
        path, voxels, affine, [], "refuse", {"format": path.suffix[1:].upper(), "slices": str(len(voxels))}
    )


def _itk_affine(image: Any) -> np.ndarray:
    """(4, 4) from (k, j, i) to LPS mm; a picture of 2 dimensions lies in the axial plane."""
    spacing, origin = np.ones(3), np.zeros(3)
    direction = np.eye(3)
    count = image.GetDimension()
    spacing[:count], origin[:count] = image.GetSpacing(), image.GetOrigin()
    direction[:count, :count] = np.reshape(image.GetDirection(), (count, count))
    right, down, step = (direction * spacing).T
    return compose(step, down, right, origin)


def _check_data_file(path: Path) -> None:
    """Refuse a header whose voxels are not there, or in another folder: it could read anything on the machine."""
    with path.open("rb") as file:
        head = file.read(1 << 16).split(b"\n\n")[0].decode("latin-1")
    found = re.search(r"^(?:ElementDataFile\s*=|data ?file\s*:)\s*(.+?)\s*$", head, re.MULTILINE | re.IGNORECASE)
    name = found.group(1) if found else "LOCAL"
    if not re.fullmatch(r"[^/\\%:\s]+( [^/\\%:\s]+)*", name) or name in ("..", "LIST"):
        raise FileError(f"{path}: takes its voxels from {name!r}; only a single file in the same folder is read")
    if name.upper() != "LOCAL" and not (path.parent / name).is_file():
        raise FileError(f"{path}: needs {name} beside it; put it there, or save the scan as one file (.mha)")
