"""Volumes: the same scan in every format, strict about what is not one, and the grid by hand-computed values."""

from __future__ import annotations

import gzip
import shutil
import stat
import warnings
import zipfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import torch
from ct_phantom import AXIAL, CORONAL, OBLIQUE, SAGITTAL, Phantom, body, compress, write_slice
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.cache import content_key
from core.cells import check_file, locate
from core.errors import ConfigError, FileError
from core.preprocess.dicom_series import list_series
from core.preprocess.geometry import GeometryError
from core.preprocess.grid import AIR, canonical, resample
from core.preprocess.volume import WINDOWS, VolumePreprocessor, read_volume, scans
from core.schema import Modality

VOXELS = body((9, 12, 14))
REVERSED = ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0))  # head to feet
TURNS = {"axial": AXIAL, "coronal": CORONAL, "sagittal": SAGITTAL, "oblique": OBLIQUE, "reversed": REVERSED}
SMALL: dict[str, Any] = {"spacing": (3.0, 2.0, 2.0), "size": (6, 8, 8), "window": ["wide", "mediastinum"]}


def write_nifti(path: Path, phantom: Phantom, stored: str = "ijk") -> Path:
    """Save as NIfTI with axes in another order than the series has."""
    order = ["kji".index(letter) for letter in stored]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ phantom.affine[:, [*order, 3]]
    image = nibabel.Nifti1Image(phantom.voxels.transpose(order).astype(np.float32), affine)
    nibabel.save(image, path)
    return path


def write_itk(path: Path, phantom: Phantom) -> Path:
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(phantom.voxels.astype(np.float32))
    image.SetSpacing(phantom.spacing[::-1])
    image.SetOrigin([float(v) for v in phantom.origin])
    directions = np.stack([*np.asarray(phantom.axes), phantom.normal], axis=1)
    image.SetDirection(directions.ravel().tolist())
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("spacing", [(2.0, 1.0, 1.0), (5.0, 0.703125, 0.703125), (0.625, 1.1, 0.9)])
def test_the_same_scan_is_the_same_in_every_format(tmp_path: Path, turn: str, spacing: tuple[float, ...]) -> None:
    phantom = Phantom(VOXELS, spacing, TURNS[turn])  # type: ignore[arg-type]
    folder = phantom.write(tmp_path / "dicom")
    with zipfile.ZipFile(tmp_path / "series.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, f"study/{file.name}")
    places = [
        tmp_path / "series.zip",
        write_nifti(tmp_path / "a.nii.gz", phantom),
        write_nifti(tmp_path / "b.nii", phantom, "kij"),
        *(write_itk(tmp_path / f"c.{kind}", phantom) for kind in ("mha", "mhd", "nrrd")),
    ]
    part = VolumePreprocessor(**SMALL)
    first, sample = read_volume(folder), part.finish(part.prepare((folder,)))
    assert sample.shape == (1, *part.signature.shape)
    assert sample.std() > 0.1
    for place in places:
        volume = read_volume(place)
        assert np.abs(volume.array - first.array).max() < 1e-3, place.name
        assert volume.affine == pytest.approx(first.affine, abs=1e-3), place.name
        assert (part.finish(part.prepare((place,))) - sample).abs().max() <= 1e-3, place.name


@pytest.mark.parametrize("turn", TURNS)
def test_a_volume_always_lies_the_same_way(tmp_path: Path, turn: str) -> None:
    """A bright voxel is found where its place in the patient says, and the axes point to head, back and left."""
    voxels = np.full((9, 12, 14), -1000.0)
    voxels[2, 3, 4] = 1000
    phantom = Phantom(voxels, (2.5, 1.0, 1.5), TURNS[turn])
    volume = read_volume(phantom.write(tmp_path))
    index = np.unravel_index(volume.array.argmax(), volume.array.shape)
    assert volume.affine @ [*index, 1] == pytest.approx(phantom.affine @ [2, 3, 4, 1], abs=1e-3)
    pointing = volume.affine[[2, 1, 0], [0, 1, 2]]
    assert (pointing > 0.9 * np.array(volume.spacing)).all()
    assert sorted(volume.spacing) == pytest.approx([1.0, 1.5, 2.5])


def test_highdicom_agrees_on_voxels_and_place(tmp_path: Path) -> None:
    import highdicom

    phantom = Phantom(VOXELS, (2.0, 0.8, 0.9), AXIAL)
    datasets = [pydicom.dcmread(f) for f in phantom.write(tmp_path).iterdir()]
    for dataset in datasets:
        dataset.PatientID = dataset.StudyDate = dataset.StudyTime = ""
    other = highdicom.get_volume_from_series(datasets, apply_modality_transform=True, rtol=0.01)
    array, affine = canonical(other.array, other.affine)
    mine = read_volume(tmp_path)
    assert np.abs(mine.array - array).max() < 1e-3
    assert mine.affine == pytest.approx(affine, abs=1e-6)


def test_slope_and_intercept_count_slice_by_slice(tmp_path: Path) -> None:
    folder = Phantom(VOXELS).write(tmp_path)
    assert len({float(pydicom.dcmread(f).RescaleSlope) for f in folder.iterdir()}) == 2
    assert len({float(pydicom.dcmread(f).RescaleIntercept) for f in folder.iterdir()}) == 3
    assert np.array_equal(read_volume(folder).array, VOXELS)


def test_values_of_another_unit_are_told_and_slices_without_rescale_among_others_are_refused(tmp_path: Path) -> None:
    iodine = Phantom(VOXELS - 400).write(tmp_path / "iodine", RescaleType="MGML")
    assert read_volume(iodine).warnings == ("the rescale type is MGML, not HU: values are taken as Hounsfield units",)
    assert read_volume(Phantom(VOXELS - 400).write(tmp_path / "said", RescaleType="HU")).warnings == ()
    mixed = Phantom(VOXELS).write(tmp_path / "mixed")
    Phantom(VOXELS).write(mixed, only=[2], RescaleSlope=None)
    with pytest.raises(FileError, match=r"1 of \d+ slices without rescale slope and intercept: \d+\.dcm; export"):
        read_volume(mixed, on_defect="accept")
    bare = Phantom(VOXELS).write(tmp_path / "bare", RescaleIntercept=None)
    assert "no rescale slope and intercept" in read_volume(bare).warnings[0]


@pytest.mark.parametrize(
    "syntax", [pydicom.uid.RLELossless, pydicom.uid.JPEG2000Lossless, pydicom.uid.DeflatedExplicitVRLittleEndian]
)
def test_compressed_slices_read_the_same(tmp_path: Path, syntax: str) -> None:
    voxels = body((3, 40, 48))
    folder = Phantom(voxels).write(tmp_path)
    for file in folder.iterdir():
        if syntax == pydicom.uid.DeflatedExplicitVRLittleEndian:
            dataset = pydicom.dcmread(file)
            dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
            dataset.save_as(file)
        else:
            compress(file, syntax)
    assert np.array_equal(read_volume(folder).array, voxels)


def test_facts_and_warnings_are_told(tmp_path: Path) -> None:
    tags = {"BodyPartExamined": "CHEST", "SeriesDescription": "thin", "PatientName": "Doe^Jane"}
    volume = read_volume(Phantom(VOXELS - 400, tags=tags).write(tmp_path))
    assert volume.facts["body_part"] == "CHEST"
    assert volume.facts["series_uid"] == "1.2.3.4"
    assert "Doe" not in str(volume.facts)
    assert volume.notes == ()
    warm = read_volume(write_nifti(tmp_path / "a.nii", Phantom(np.abs(VOXELS))))
    assert any("no value below -200" in w for w in warm.warnings)
    assert any("NIfTI does not tell the modality" in w for w in warm.warnings)


@pytest.mark.parametrize(("mm", "size"), [(0.01, "0.09 x 0.12 x 0.14"), (500, "4500 x 6000 x 7000")])
def test_a_scan_of_no_person_s_size_is_told(tmp_path: Path, mm: float, size: str) -> None:
    path = tmp_path / "scan.nii"
    nibabel.save(nibabel.Nifti1Image(VOXELS.transpose(2, 1, 0).astype(np.int16), np.diag([mm, mm, mm, 1])), path)
    assert (
        f"{size} mm (slices, rows, columns) is no size of a person: check the spacing" in read_volume(path).warnings[0]
    )


def test_single_slice_and_slices_given_one_by_one(tmp_path: Path) -> None:
    folder = Phantom(VOXELS).write(tmp_path)
    files = tuple(sorted(folder.iterdir()))
    one = read_volume(files[0])
    assert one.array.shape == (1, 12, 14)
    assert one.spacing == pytest.approx((2, 1, 1))
    assert "one slice only" in one.warnings[0]
    part = VolumePreprocessor(**SMALL)
    assert torch.equal(part.prepare(files), part.prepare((folder,)))
    assert part.prepare((folder, folder)).shape == (2, 6, 8, 8)
    named = tuple(file.rename(tmp_path / f"1.2.840.113619.{i}") for i, file in enumerate(files))
    assert torch.equal(part.prepare(named), part.prepare((tmp_path,)))  # by unique identifiers, without .dcm
    assert part.prepare(named).shape == (1, 6, 8, 8)
    nifti = write_nifti(tmp_path / "other.nii", Phantom(VOXELS))
    assert scans((*named, nifti)) == [list(named), nifti]


def test_whole_scans_are_given_one_at_a_time(tmp_path: Path) -> None:
    cut = sorted(Phantom(VOXELS).write(tmp_path / "s").iterdir())[0]
    one, other = (write_nifti(tmp_path / f"{n}.nii.gz", Phantom(VOXELS)) for n in "ab")
    for places in ([one, other], [cut, one], [write_itk(tmp_path / "c.mha", Phantom(VOXELS)), one]):
        with pytest.raises(FileError, match=r"slices of one DICOM series may come as .*one NIfTI, MHA, NRRD or zip at"):
            read_volume(places)


def test_a_multi_frame_ct_reads_like_its_slices(tmp_path: Path) -> None:
    from pydicom.dataset import Dataset

    phantom = Phantom(VOXELS)
    path = write_slice(
        tmp_path / "a.dcm", VOXELS[0], intercept=0, **{**phantom.slice_tags(0), "ImagePositionPatient": None}
    )
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames, dataset.PixelData = 9, (VOXELS[::-1] + 10).astype("<i2").tobytes()
    dataset.PerFrameFunctionalGroupsSequence = []
    for index in reversed(range(9)):
        plane, value, item = Dataset(), Dataset(), Dataset()
        plane.ImagePositionPatient = phantom.slice_tags(index)["ImagePositionPatient"]
        value.RescaleSlope, value.RescaleIntercept = 1, -10
        item.PlanePositionSequence, item.PixelValueTransformationSequence = [plane], [value]
        dataset.PerFrameFunctionalGroupsSequence.append(item)
    dataset.save_as(path)
    assert np.array_equal(read_volume(path).array, VOXELS)


def test_several_series_are_listed_and_one_is_chosen(tmp_path: Path) -> None:
    Phantom(VOXELS).write(tmp_path / "a", SeriesDescription="thin")
    Phantom(VOXELS[:4]).write(tmp_path / "b", SeriesInstanceUID="1.2.3.5", SeriesDescription="thick")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(FileError, match="2 series stand together") as caught:
        read_volume(tmp_path)
    assert "1: thin (CT, 9 slices, 1.2.3.4)" in str(caught.value)
    assert "2: thick (CT, 4 slices, 1.2.3.5)" in str(caught.value)
    assert [len(s.slices) for s in list_series(tmp_path)] == [9, 4]
    assert len(read_volume(tmp_path, choose=2).array) == 4
    chosen = read_volume(tmp_path, choose="1.2.3.4")
    assert len(chosen.array) == 9
    assert "notes.txt" in chosen.warnings[0]
    with pytest.raises(FileError, match="no series 7"):
        read_volume(tmp_path, choose=7)


def test_a_series_is_named_by_a_cell(tmp_path: Path) -> None:
    place = tmp_path / "both"
    Phantom(VOXELS).write(place / "a", SeriesDescription="thin")
    Phantom(VOXELS[:4]).write(place / "b", SeriesInstanceUID="1.2.3.5", SeriesDescription="thick")
    second = locate("both#2", tmp_path)
    check_file("both#2", tmp_path, Modality.VOLUME)
    assert np.array_equal(read_volume(second).array, read_volume(place / "b").array)
    assert np.array_equal(read_volume(locate("both#1.2.3.4", tmp_path)).array, read_volume(place / "a").array)
    assert [s.number for s in list_series(second)] == [2]
    assert len({content_key((locate(f"both{which}", tmp_path),)) for which in ("", "#1", "#2")}) == 3
    with pytest.raises(FileError, match=r"no series '7'.*in a table cell after a '#': FOLDER#1"):
        read_volume(locate("both#7", tmp_path))
    with pytest.raises(FileError, match="no such file"):
        check_file("other#1", tmp_path, Modality.VOLUME)
    with pytest.raises(FileError, match="no such file"):
        check_file("both#1", tmp_path, Modality.AUDIO)
    shutil.make_archive(str(tmp_path / "both"), "zip", place)
    assert len(read_volume(locate("both.zip#2", tmp_path)).array) == 4
    (place / "b").rename(tmp_path / "both#2")  # a folder that has this name is meant itself
    assert read_volume(second).facts["series_uid"] == "1.2.3.5"


def refused(path: Path, message: str, **options: Any) -> None:
    with pytest.raises(FileError, match=message) as caught:
        read_volume(path, **options)
    assert path.name in str(caught.value)


def test_files_that_are_no_scan_are_refused_in_words(tmp_path: Path) -> None:
    text = b"this is a text, not a scan" * 30
    good = write_nifti(tmp_path / "good.nii.gz", Phantom(VOXELS)).read_bytes()
    flat = write_nifti(tmp_path / "good.nii", Phantom(VOXELS)).read_bytes()
    mha = write_itk(tmp_path / "good.mha", Phantom(VOXELS)).read_bytes()
    header = mha.split(b"ElementDataFile")[0]
    nan = Phantom(np.where(VOXELS > 0, np.nan, VOXELS))
    write_nifti(tmp_path / "nan.nii", nan)
    huge = flat[:42] + np.array([30000, 30000, 30000], "<i2").tobytes() + flat[48:]
    cases = {
        "text.nii.gz": (text, "not a readable NIfTI"),
        "text.nii": (text, "not a readable NIfTI"),
        "zipped_text.nii.gz": (gzip.compress(text), "not a readable NIfTI"),
        "cut.nii.gz": (good[: len(good) // 2], "cut off"),
        "cut.nii": (flat[:-100], "cut off"),
        "huge.nii": (huge, "30000 x 30000 x 30000 voxels; at most 4096"),
        "text.mha": (text, "not a readable .mha"),
        "cut.mha": (mha[:-100], "cut off; export it again"),
        "huge.mha": (mha.replace(b"DimSize = 14 12 9", b"DimSize = 9000 9000 9000"), "9000 x 9000 x 9000 voxels"),
        "thief.mhd": (header + b"ElementDataFile = /etc/hostname\n", "takes its voxels from '/etc/hostname'"),
        "thief2.mhd": (header + b"ElementDataFile = ../good.mha\n", "only a single file in the same folder"),
        "alone.mhd": (header + b"ElementDataFile = x.raw\n", r"needs x.raw beside it; .*as one file \(.mha\)"),
        "text.nrrd": (text, "not a readable .nrrd"),
        "text.dcm": (text, "is not DICOM"),
        "empty.dcm": (b"", "is not DICOM"),
        "text.zip": (text, "not a readable zip"),
        "scan.docx": (text, "is not DICOM"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, message)
    refused(tmp_path / "nan.nii", "not finite")
    refused(tmp_path / "none.nii.gz", "does not exist")
    Image.new("L", (8, 8)).save(tmp_path / "slice.png")
    refused(tmp_path / "slice.png", "plain picture has no Hounsfield units.*column of kind image")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("x")
    refused(tmp_path / "texts", r"holds no DICOM file \(found a.txt\)")


def test_a_truncated_slice_is_refused_and_named(tmp_path: Path) -> None:
    files = sorted(Phantom(VOXELS).write(tmp_path / "s").iterdir())
    whole = files[3].read_bytes()
    inside_tags = (len(whole) - 12 * 14 * 2 - 40, "holds no pixels|not a readable")
    for keep, message in ((len(whole) - 50, "cannot be decoded"), inside_tags, (300, "cut off|not a readable")):
        files[3].write_bytes(whole[:keep])
        with pytest.raises(FileError, match=message) as caught:
            read_volume(tmp_path / "s")
        assert files[3].name in str(caught.value)


def zip_of(path: Path, members: dict[str, bytes], link: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return path


def test_a_zip_with_something_else_or_something_unsafe_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    slice_ = write_slice(tmp_path / "a.dcm", VOXELS[0], **Phantom(VOXELS).slice_tags(0)).read_bytes()
    refused(zip_of(tmp_path / "text.zip", {"letter.docx": b"x" * 500}), "files that are not DICOM: letter.docx")
    refused(zip_of(tmp_path / "mixed.zip", {"a.dcm": slice_, "run.exe": b"MZ" * 300}), "not DICOM: run.exe")
    refused(zip_of(tmp_path / "empty.zip", {}), "the zip is empty")
    refused(zip_of(tmp_path / "up.zip", {"../../a.dcm": slice_}), "names a place outside itself")
    refused(zip_of(tmp_path / "root.zip", {"/etc/a.dcm": slice_}), "names a place outside itself")
    refused(zip_of(tmp_path / "dot.zip", {".": slice_}), "a file without a name")
    blank = zip_of(tmp_path / "blank.zip", {"a/b.dcm": slice_})
    blank.write_bytes(blank.read_bytes().replace(b"a/b.dcm", b"\0/b.dcm"))
    refused(blank, "a file without a name")
    refused(zip_of(tmp_path / "link.zip", {"a.dcm": slice_}, link="b.dcm"), "symbolic link")
    assert read_volume(zip_of(tmp_path / "mac.zip", {"a.dcm": slice_, "__MACOSX/._a.dcm": b"x"})).array.shape[0] == 1
    bad = bytearray(zip_of(tmp_path / "crc.zip", {"a.dcm": slice_}).read_bytes())
    bad[600] ^= 255
    (tmp_path / "crc.zip").write_bytes(bad)
    refused(tmp_path / "crc.zip", "not a readable zip")
    monkeypatch.setattr("core.archive.MAX_UNZIPPED", 1000)
    refused(tmp_path / "mac.zip", "unpacks to .* bytes; of a zip of its size at most 1000")
    monkeypatch.setattr("core.archive.MAX_FILES", 1)
    refused(tmp_path / "mac.zip", "2 files in the zip; at most 1")


def test_another_modality_needs_permission(tmp_path: Path) -> None:
    folder = Phantom(VOXELS).write(tmp_path, Modality="MR")
    refused(folder, "tag Modality says MR, expected CT")
    assert read_volume(folder, allow_modality=("CT", "MR")).facts["modality"] == "MR"
    assert read_volume(folder, allow_modality=None).array.shape == VOXELS.shape
    with pytest.raises(FileError, match="says MR"):
        VolumePreprocessor().prepare((folder,))
    assert VolumePreprocessor(**SMALL, allow_modality=["MR"]).prepare((folder,)).shape == (1, 6, 8, 8)


def test_more_slices_than_allowed_are_refused(tmp_path: Path) -> None:
    path = write_slice(tmp_path / "a.dcm", np.zeros((2, 2)), **Phantom(VOXELS).slice_tags(0), NumberOfFrames=5000)
    refused(path, "5000 frames; at most 4096")


def test_a_report_beside_the_slices_is_passed_over_and_told(tmp_path: Path) -> None:
    from pydicom.data import get_testdata_file

    folder = Phantom(VOXELS).write(tmp_path)
    (folder / "report.dcm").write_bytes(Path(str(get_testdata_file("reportsi.dcm", download=False))).read_bytes())
    volume = read_volume(folder)
    assert np.array_equal(volume.array, VOXELS)
    assert "report.dcm: a DICOM file without an image (Basic Text SR Storage)" in volume.warnings[0]


def test_a_nifti_of_time_or_without_a_place(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4, 3), np.float32), np.eye(4)), tmp_path / "time.nii")
    refused(tmp_path / "time.nii", "4 dimensions")
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.float32), None), tmp_path / "lost.nii")
    with pytest.raises(GeometryError, match="neither sform nor qform"):
        read_volume(tmp_path / "lost.nii")
    assert "gone on as it is" in read_volume(tmp_path / "lost.nii", on_defect="accept").actions[0]


def test_colours_and_complex_numbers_are_refused(tmp_path: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    colours = np.zeros((4, 4, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for name, voxels in {"colours": colours, "complex numbers": np.full((4, 4, 4), 1 + 1j, np.complex64)}.items():
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "scan.nii.gz")
        refused(tmp_path / "scan.nii.gz", f"holds {name}; export the original CT in Hounsfield units")
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 4, 4, 3), np.uint8), isVector=True), str(tmp_path / "rgb.mha"))
    refused(tmp_path / "rgb.mha", "3 values a voxel, as of colours; export the original CT")


def test_a_leaning_nifti_is_named_and_straightened_like_dicom(tmp_path: Path) -> None:
    offsets = np.arange(9)[:, None] * np.array([[0.0, 0.4, 0.0]])
    phantom = Phantom(VOXELS, offsets=offsets)
    leaning = phantom.affine.copy()
    leaning[:3, 0] += [0, 0.4, 0]
    voxels = VOXELS.transpose(2, 1, 0).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-1.0, -1, 1, 1]) @ leaning[:, [2, 1, 0, 3]]), tmp_path / "a.nii")
    with pytest.raises(GeometryError, match=r"leans by 11.3 degrees"):
        read_volume(tmp_path / "a.nii")
    straight = read_volume(tmp_path / "a.nii", on_defect="resample")
    series = read_volume(phantom.write(tmp_path / "s"), on_defect="resample")
    assert np.abs(straight.array - series.array).max() < 1e-2
    assert straight.affine == pytest.approx(series.affine, abs=1e-4)


@pytest.mark.parametrize("name", ["a.dcm", "a.nii", "a.nii.gz", "a.mha", "a.nrrd", "a.zip"])
def test_a_damaged_file_reads_or_is_refused_but_nothing_else(tmp_path: Path, name: str) -> None:
    phantom, rng = Phantom(VOXELS), np.random.default_rng(len(name))
    slice_ = write_slice(tmp_path / "a.dcm", VOXELS[0], **phantom.slice_tags(0))
    write_nifti(tmp_path / "a.nii", phantom)
    write_nifti(tmp_path / "a.nii.gz", phantom)
    write_itk(tmp_path / "a.mha", phantom)
    write_itk(tmp_path / "a.nrrd", phantom)
    zip_of(tmp_path / "a.zip", {"a.dcm": slice_.read_bytes()})
    whole, refusals = (tmp_path / name).read_bytes(), 0
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 900), 3):
            damaged[place] = rng.integers(0, 256)
        (tmp_path / name).write_bytes(damaged[: rng.integers(1, len(whole))] if rng.random() < 0.3 else damaged)
        try:
            assert read_volume(tmp_path / name, on_defect="accept").array.dtype == np.float32
        except FileError:
            refusals += 1
    assert refusals > 10


def test_pydicoms_own_files_read_or_are_refused_in_words() -> None:
    from pydicom.data import get_testdata_files

    read, refusals = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in get_testdata_files():
            path = Path(str(name))
            for policy in ("refuse", "accept"):
                try:
                    volume = read_volume(path, on_defect=policy, allow_modality=("CT", "MR"))
                    read.append(path.name)
                    assert volume.array.ndim == 3
                except FileError as error:
                    refusals.append(str(error))
    assert {"CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm"} <= set(read)
    assert len(read) > 40
    assert all(len(message) > 30 for message in refusals)


# --- the grid -----------------------------------------------------------------------------------------------------


def test_resampling_keeps_the_centre_and_fills_with_air() -> None:
    scan = np.full((2, 4, 4), 100, np.float32)
    same = resample(scan, (1, 1, 1), (1, 1, 1), (2, 4, 4))
    assert np.allclose(same, scan)
    wide = resample(scan, (1, 1, 1), (1, 1, 1), (4, 6, 6))
    assert np.allclose(wide[1:3, 1:5, 1:5], 100)
    assert wide[0].max() == wide[:, 0].max() == wide[..., -1].max() == AIR
    cut = resample(np.arange(64, dtype=np.float32).reshape(4, 4, 4), (1, 1, 1), (1, 1, 1), (2, 2, 2))
    assert cut.ravel().tolist() == [21, 22, 25, 26, 37, 38, 41, 42]


def test_resampling_averages_when_voxels_grow_and_interpolates_when_they_shrink() -> None:
    stripes = np.tile(np.array([0, 200], np.float32), 8)[None, None]
    coarse = resample(stripes, (1, 1, 1), (1, 1, 2), (1, 1, 4))
    assert np.allclose(coarse, 100)
    line = np.arange(4, dtype=np.float32)[None, None] * 100
    assert resample(line, (1, 1, 1), (1, 1, 0.5), (1, 1, 4))[0, 0].tolist() == pytest.approx([75, 125, 175, 225])


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    size=st.tuples(*[st.integers(1, 9)] * 3),
    spacing=st.tuples(*[st.floats(0.5, 6)] * 3),
    value=st.floats(-900, 2000),
)
def test_fitting_the_whole_scan_never_adds_air(
    shape: tuple[int, ...], size: tuple[int, ...], spacing: tuple[float, ...], value: float
) -> None:
    scan = np.full(shape, value, np.float32)
    assert np.allclose(resample(scan, spacing, None, size), value, atol=0.01)
    within = resample(scan, spacing, (3.0, 2.0, 2.0), size)
    assert within.min() >= AIR - 0.01
    assert within.max() <= max(value, AIR) + 0.01


def test_windows_are_channels_between_nought_and_one(tmp_path: Path) -> None:
    folder = Phantom(np.full((6, 8, 8), 40.0)).write(tmp_path)
    seen: list[Any] = ["mediastinum", [0, 200], "lung"]
    part = VolumePreprocessor(window=seen, spacing=None, size=(2, 2, 2))
    sample = part.finish(part.prepare((folder,)))
    assert sample.shape == (1, 3, 2, 2, 2)
    assert sample[0, :, 0, 0, 0].tolist() == pytest.approx([0.5, 0.7, (40 + 600 + 750) / 1500])
    assert set(WINDOWS) == {"lung", "mediastinum", "bone", "brain", "wide"}


def test_augmentation_moves_all_slices_alike_and_follows_the_generator(tmp_path: Path) -> None:
    tower = np.repeat(body((1, 24, 24)), 8, axis=0)
    folder = Phantom(tower).write(tmp_path)
    part = VolumePreprocessor("wide", None, (8, 24, 24), augment={"noise": 0})
    prepared = part.prepare((folder,))
    one, two, other = (part.finish(prepared, np.random.default_rng(s)) for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.allclose(one[0, 0, 0], one[0, 0, 7], atol=1e-6)
    assert not torch.allclose(one, part.finish(prepared), atol=1e-2)
    assert one.min() >= 0
    assert one.max() <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": "lungs"}, "Did you mean 'lung'"),
        ({"window": []}, "at least one"),
        ({"window": [[40, -1]]}, "width above 0"),
        ({"size": (64, 96)}, "three whole numbers"),
        ({"spacing": (0, 1, 1)}, "three numbers above 0"),
        ({"on_defect": "ignore"}, "Choices: accept, refuse, resample"),
        ({"augment": {"turn": 1}}, "unknown augment option"),
    ],
)
def test_options_that_do_not_exist_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VolumePreprocessor(**options)
