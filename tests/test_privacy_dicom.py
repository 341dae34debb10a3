"""DICOM without identity: the profile, in nested and private elements too; the series stays one series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from ct_phantom import Phantom

from core.errors import FileError
from core.preprocess.volume_io import read_volume
from core.privacy.dicom import left_in_header
from core.privacy.files import Files
from core.privacy.person import Person
from core.privacy.pseudonyms import Pseudonyms
from core.schema import Modality

TAGS = {
    "PatientName": "Okonkwo^Thandiwe", "PatientID": "MRN402281", "PatientBirthDate": "19310203", "PatientAge": "090Y",
    "StudyDate": "20210503", "StudyTime": "101112", "AcquisitionDateTime": "20210510101112.5",
    "ReferringPhysicianName": "Novak^Jane", "InstitutionName": "St Mary General", "PatientAddress": "12 Quarry Lane",
    "StudyDescription": "for Thandiwe", "ManufacturerModelName": "of Dr. Novak", "StationName": "CT 4711",
}  # fmt: skip
KEY = bytes(range(32))


@pytest.fixture
def series(tmp_path: Path) -> Path:
    voxels = np.random.default_rng(0).integers(-1000, 400, (5, 24, 24)).astype(float)
    (tmp_path / "in").mkdir()
    Phantom(voxels, tags=TAGS).write(tmp_path / "in")
    for file in (tmp_path / "in").iterdir():
        dataset = pydicom.dcmread(file)
        dataset.private_block(0x0011, "MAKER", create=True).add_new(1, "LO", "Thandiwe O")
        nested = pydicom.Dataset()
        nested.PatientName, nested.ContentDate = "Okonkwo^T", "20210504"
        nested.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
        dataset.ReferencedImageSequence = [nested]
        dataset.save_as(file)
    return tmp_path / "in"


def _clean(series: Path, out: Path) -> tuple[Path, Person]:
    person = Person("p", Pseudonyms(KEY))
    files = Files(Pseudonyms(KEY), pixels=False)
    files.learn(series, Modality.VOLUME, person)
    return files.clean(series, Modality.VOLUME, person, out).path, person


def _headers(folder: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(f) for f in sorted(folder.iterdir())]


def test_of_several_series_the_named_one_is_written(series: Path, tmp_path: Path) -> None:
    Phantom(np.zeros((3, 24, 24)), tags=TAGS).write(series / "second", SeriesInstanceUID="9.9.9")
    out, _ = _clean(series.with_name("in#2"), tmp_path / "out")
    assert len(_headers(out)) == 3
    assert len(read_volume(out).array) == 3


def test_nothing_of_the_patient_is_left(series: Path, tmp_path: Path) -> None:
    out, person = _clean(series, tmp_path / "out")
    for dataset in _headers(out):
        assert not left_in_header(dataset, person)
        for word in (
            "Okonkwo",
            "Thandiwe",
            "402281",
            "Novak",
            "Mary",
            "Quarry",
            "CT 4711",
            "20210503",
            "19310203",
            "MAKER",
        ):
            assert word not in str(dataset)
        assert dataset.PatientIdentityRemoved == "YES"
        assert [c.CodeValue for c in dataset.DeidentificationMethodCodeSequence] == ["113100", "113107"]
        assert dataset.PatientName == dataset.PatientID == person.name


def test_a_date_before_all_time_is_blank(series: Path, tmp_path: Path) -> None:
    first = min(series.iterdir())
    dataset = pydicom.dcmread(first)
    dataset.StudyDate = "00010101"  # what some systems write for none
    dataset.save_as(first)
    out, person = _clean(series, tmp_path / "out")
    assert [bool(d.StudyDate) for d in _headers(out)] == [False, True, True, True, True]
    assert not any(left_in_header(d, person) for d in _headers(out))


def test_a_damaged_header_is_told_in_words(series: Path, tmp_path: Path) -> None:
    first = min(series.iterdir())
    data = first.read_bytes()
    place = data.index(b"\x20\x00\x13\x00IS")  # InstanceNumber, of a kind that there is not
    first.write_bytes(data[: place + 4] + b"ZZ" + data[place + 6 :])
    files, person = Files(Pseudonyms(KEY), pixels=False), Person("p", Pseudonyms(KEY))
    with pytest.raises(FileError, match=r"^the DICOM header is damaged \(NotImplementedError\); export it again"):
        files.learn(series, Modality.VOLUME, person)
    with pytest.raises(FileError, match="the DICOM header is damaged"):
        files.clean(series, Modality.VOLUME, person, tmp_path / "out")


def test_the_original_is_seen_for_what_it_is(series: Path) -> None:
    person = Person("p", Pseudonyms(KEY))
    Files(Pseudonyms(KEY), pixels=False).learn(series, Modality.VOLUME, person)
    left = left_in_header(_headers(series)[0], person)
    assert {"NAME", "DATE", "UID", "PRIVATE_TAG", "NOT_MARKED", "PERSON", "ADDRESS"} <= set(left)


def test_the_series_is_one_volume_with_the_same_voxels(series: Path, tmp_path: Path) -> None:
    out, _ = _clean(series, tmp_path / "out")
    before, after = read_volume(series), read_volume(out)
    assert np.array_equal(before.array, after.array)
    assert np.array_equal(before.affine, after.affine)
    assert after.facts["series_uid"] != before.facts["series_uid"]


def test_references_and_dates_agree_within_a_series(series: Path, tmp_path: Path) -> None:
    out, _ = _clean(series, tmp_path / "out")
    for dataset in _headers(out):
        assert dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID == dataset.SOPInstanceUID
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        study, taken = dataset.StudyDate, dataset.AcquisitionDateTime
        assert taken.endswith("101112.5")
        assert int(taken[:8]) > int(study)
        assert dataset.StudyTime == "101112"
    again, _ = _clean(series, tmp_path / "again")
    assert _headers(again)[0].SOPInstanceUID == _headers(out)[0].SOPInstanceUID  # by the key, not by chance
