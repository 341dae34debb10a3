"""Text burned into slices and pictures: painted over where it stands, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.preprocess.volume_io import read_volume
from core.privacy.files import Files
from core.privacy.person import Person
from core.privacy.pixels import joined_boxes, text_boxes, to_grey
from core.privacy.pseudonyms import Pseudonyms
from core.privacy.scans import clean_scan
from core.schema import Modality
from domains.medical import ct_files
from domains.medical.planted_files import written

pytest.importorskip("rapidocr")
SPACING = (10.0, 4.0, 4.0)


def _scan(text: str = "") -> tuple[np.ndarray, np.ndarray]:
    """(4, 96, 96) HU: a noisy body in air; and the strokes of a text on it."""
    z, y, x = np.mgrid[:4, :96, :96]
    scan = np.random.default_rng(0).normal(0, 20, z.shape).round().astype(int)
    scan[((y - 48) / 40) ** 2 + ((x - 48) / 44) ** 2 > 1] = -1000
    mask = written(text, (96, 96), 2)
    return np.where(mask, 1500, scan), mask


def _clean(path: Path, kind: Modality, out: Path) -> Path:
    keys = Pseudonyms(bytes(32))
    return Files(keys).clean(path, kind, Person("p", keys), out).path


@pytest.mark.parametrize("form", ["nifti", "mha", "jpeg2000"])
def test_a_name_on_every_slice_is_painted_over_in_any_format(tmp_path: Path, form: str) -> None:
    scan, mask = _scan("OKONKWO T")
    if form == "nifti":
        path = ct_files.write_nifti(tmp_path / "a.nii.gz", scan, SPACING)
    elif form == "mha":
        path = ct_files.write_mha(tmp_path / "a.mha", scan, SPACING)
    else:
        path = ct_files.write_dicom(tmp_path / "a", scan, SPACING, syntax=form)
    before, after = (read_volume(p) for p in (path, _clean(path, Modality.VOLUME, tmp_path / "out")))
    changed = before.array != after.array
    assert (after.array[:, mask] == -1000).all()
    assert not changed[:, 24:].any()
    assert changed[0].sum() < 1600
    assert np.array_equal(before.affine, after.affine)


def _stored(folder: Path, scan: np.ndarray, padding: int | None = None) -> Path:
    """A series of HU as they stand, which ``write_dicom`` would not hold."""
    import pydicom

    folder = ct_files.write_dicom(folder, scan.clip(-1000), SPACING)
    for path, plane in zip(sorted(folder.iterdir()), scan, strict=True):
        dataset = pydicom.dcmread(path)
        dataset.PixelData = plane.astype("<i2").tobytes()
        dataset.RescaleIntercept = 0
        if padding is not None:
            dataset.add_new("PixelPaddingValue", "SS", padding)
        dataset.save_as(path)
    return folder


@pytest.mark.parametrize("extreme", ["padding", "padding that nothing tells", "hot pixel"])
def test_extreme_values_do_not_hide_a_text(tmp_path: Path, extreme: str) -> None:
    scan, mask = _scan("OKONKWO T")
    y, x = np.mgrid[:96, :96]
    scan = np.where(mask, 1000, scan)
    if extreme == "hot pixel":
        scan[:, 60, 50] = 32767
        path = _stored(tmp_path / "a", scan)
    else:
        scan[:, (y > 80) & (x > 60)] = -32768
        path = _stored(tmp_path / "a", scan, -32768 if extreme == "padding" else None)
    before = read_volume(path).array
    after = read_volume(_clean(path, Modality.VOLUME, tmp_path / "out")).array
    assert (after[:, mask] <= -1000).all()
    assert np.array_equal(after[:, 24:], before[:, 24:])


def test_a_scan_without_text_keeps_every_voxel(tmp_path: Path) -> None:
    path = ct_files.write_nifti(tmp_path / "a.nii.gz", _scan()[0], SPACING)
    clean = _clean(path, Modality.VOLUME, tmp_path / "out")
    assert np.array_equal(read_volume(path).array, read_volume(clean).array)


def test_free_text_of_a_nifti_header_goes(tmp_path: Path) -> None:
    import gzip

    import nibabel

    path = ct_files.write_nifti(tmp_path / "a.nii.gz", _scan()[0], SPACING)
    image = nibabel.Nifti1Image.from_filename(path)
    image.header["descrip"], image.header["db_name"] = "Thandiwe", "MRN402281"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Okonkwo"))
    nibabel.save(image, path)
    clean, _ = clean_scan(path, tmp_path / "out", pixels=False)
    data = gzip.decompress(clean.read_bytes())
    assert not any(word in data for word in (b"Thandiwe", b"MRN402281", b"Okonkwo"))


def test_a_picture_loses_its_text_and_its_exif(tmp_path: Path) -> None:
    pixels = np.full((120, 260, 3), (30, 60, 90), np.uint8)
    mask = written("OKONKWO 1931", pixels.shape[:2], 10)
    pixels[mask] = 255
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x010E] = "Thandiwe Okonkwo"
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    clean = _clean(tmp_path / "a.jpg", Modality.IMAGE, tmp_path / "out")
    found = Image.open(clean)
    assert clean.suffix == ".png"
    assert not found.getexif()
    assert b"Thandiwe" not in clean.read_bytes()
    after = np.asarray(found)
    assert after[mask].max() < 100
    assert np.array_equal(after[60:], np.asarray(Image.open(tmp_path / "a.jpg"))[60:])


def test_what_is_the_same_in_all_planes_is_seen_without_reading() -> None:
    planes = [to_grey(plane) for plane in _scan("+#/+#/")[0]]
    assert text_boxes(planes)
    assert text_boxes([to_grey(plane) for plane in _scan()[0]]) == []


def test_boxes_that_nearly_touch_are_one() -> None:
    assert joined_boxes([(0, 0, 5, 5), (0, 9, 5, 20), (40, 0, 50, 5)]) == [(0, 0, 5, 20), (40, 0, 50, 5)]
