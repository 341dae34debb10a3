"""DICOM headers without identity: the basic confidentiality profile of PS3.15 Annex E, by the package dicom-anonymizer.

Options of the standard that are taken: "retain longitudinal temporal information with modified dates" (all dates of a
person moved by the same days, times of the day kept) and, where pixels were looked at, "clean pixel data". Beyond the
package, which works on the top level and keeps no series together over runs: nested sequences are cleaned as the top
is, unique identifiers follow the key, and what the profile keeps is blanked where rules for text find something in it.
Private tags are removed. Sex, age and size of the patient are removed, as the profile says; a table has them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID_dictionary

from core.privacy.dates import day_of
from core.privacy.person import Person
from core.privacy.pseudonyms import Pseudonyms

PROFILE = "dicomfields_2026c"  # edition of the table in PS3.15 E.1-1
METHODS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)
PIXELS = ("113101", "Clean Pixel Data Option")
_TEXTS = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
_DUMMIES = {"ANONYMIZED", "http://anonymized.invalid", ""}
_NUMBERS = (
    "PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "DeviceSerialNumber", "PatientTelephoneNumbers",
    "MedicalRecordLocator", "AdmissionID", "InsurancePlanIdentification",
)  # fmt: skip
_PLACES = ("PatientAddress", "InstitutionName", "InstitutionAddress", "CountryOfResidence", "RegionOfResidence")


def learn_header(dataset: Dataset, person: Person) -> None:
    """Take the names, numbers and addresses of a header, and the unique identifiers, as known of a person."""
    for element in _elements(dataset):
        for value in _values(element):
            if element.VR == "PN":
                person.known.add_name(value, own=element.tag.group == 0x0010 and "Phys" not in element.keyword)
            elif element.VR == "UI" and value not in UID_dictionary:
                person.uids.add(value)
            elif element.keyword in _NUMBERS:
                person.known.add_value(value, "PERSON" if element.keyword == "PatientID" else "ID")
            elif element.keyword in _PLACES:
                person.known.add_value(value, "ADDRESS")
            elif element.VR in _TEXTS:
                person.learn(value)


def clean_header(dataset: Dataset, person: Person, pseudonyms: Pseudonyms, pixels_cleaned: bool = True) -> Counter[str]:
    """Take identity out of a dataset and its file meta information, in place; counts what was replaced or removed."""
    before = _shown(dataset)
    kinds = Counter({"PRIVATE_TAG": sum(e.tag.is_private for e in _elements(dataset))})
    _clean_level(dataset, person, pseudonyms)
    dataset.PatientName = dataset.PatientID = person.name
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    methods = [*METHODS, PIXELS] if pixels_cleaned else METHODS
    dataset.DeidentificationMethod = [meaning[:64] for _, meaning in methods]
    dataset.DeidentificationMethodCodeSequence = [_code(*method) for method in methods]
    if pixels_cleaned:
        dataset.BurnedInAnnotation = "NO"
    _clean_meta(dataset)
    kinds["HEADER"] = len(before - _shown(dataset))
    return +kinds


def left_in_header(dataset: Dataset, person: Person) -> Counter[str]:
    """How much of each kind still stands in a header: private tags, known identifiers, what rules find, other dates."""
    found = Counter[str]()
    if dataset.get("PatientIdentityRemoved") != "YES":
        found["NOT_MARKED"] += 1
    for element in _elements(dataset):
        if element.tag.is_private:
            found["PRIVATE_TAG"] += 1
        for value in _values(element):
            if element.VR in ("DA", "DT"):
                day = _day(value)
                found["DATE"] += day is not None and day not in person.written
            elif element.VR == "UI":
                found["UID"] += value in person.uids
            elif _is_free(element) and value not in _DUMMIES and value != person.name:
                found += person.left(value)
    return +found


def _shown(dataset: Dataset) -> set[tuple[int, str]]:
    """The elements of the top level with their values, to tell which have changed."""
    return {(e.tag, str(e.value)) for e in dataset if e.VR != "SQ" and e.keyword != "PixelData"}


def _clean_level(dataset: Dataset, person: Person, pseudonyms: Pseudonyms) -> None:
    """One level of a header, the levels below it first."""
    from dicomanonymizer.simpledicomanonymizer import anonymize_dataset

    for element in list(dataset):
        if element.VR == "SQ" and not element.tag.is_private:
            for item in element.value:
                _clean_level(item, person, pseudonyms)
        elif element.VR in ("DA", "DT") and element.tag.group != 0x0010:
            element.value = [_moved(v, person) for v in _values(element)] or ""
        elif element.VR == "UI":
            element.value = [v if v in UID_dictionary else pseudonyms.uid(v) for v in _values(element)] or ""
    anonymize_dataset(dataset, base_rules_gen=_rules)
    for element in dataset:
        if _is_free(element) and any(person.left(v) for v in _values(element) if v not in _DUMMIES):
            element.value = ""


def _clean_meta(dataset: Dataset) -> None:
    """File meta information with nothing but what a reader needs, and an empty preamble."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta, dataset.preamble = meta, b"\0" * 128


@lru_cache(maxsize=1)
def _rules() -> dict[tuple[int, ...], Callable[..., None]]:
    """The profile's action for each tag, but for dates and identifiers, which are done by then."""
    from dicomanonymizer import simpledicomanonymizer as library

    rules = library.initialize_actions(PROFILE)
    for tag, action in rules.items():
        kind = _vr(tag)
        if tag[0] == 0x0002 or kind in ("DA", "DT", "TM", "UI"):
            rules[tag] = _empty if tag[0] == 0x0010 else library.keep
        elif kind == "SQ":
            kept = action is library.delete_or_empty_or_replace_UID  # references, by identifiers that were replaced
            rules[tag] = library.keep if kept else library.delete
        else:
            rules[tag] = _or_remove(action)
    return rules


def _vr(tag: tuple[int, ...]) -> str:
    try:
        return dictionary_VR((tag[0], tag[1]))
    except KeyError:
        return ""


def _empty(dataset: Dataset, tag: Any) -> None:
    if tag in dataset:
        dataset[tag].value = ""


def _or_remove(action: Callable[..., None]) -> Callable[..., None]:
    """An action of the package; where it does not know the type of the value, the element goes."""

    def act(dataset: Dataset, tag: Any) -> None:
        try:
            action(dataset, tag)
        except NotImplementedError:
            del dataset[tag]

    return act


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning[:64]
    return item


def _is_free(element: DataElement) -> bool:
    """Whether a person may have written into an element; the digits of a code are no number of anybody."""
    return element.VR in _TEXTS and element.keyword not in ("CodeValue", "LongCodeValue")


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    """All elements of all levels, sequences themselves left out unless they are private."""
    for element in dataset:
        if element.VR == "SQ":
            if element.tag.is_private:
                yield element
            for item in element.value:
                yield from _elements(item)
        else:
            yield element


def _values(element: DataElement) -> list[str]:
    """The values of an element as text; none of those that are blank, or no text at all."""
    value: Any = element.value
    if value is None or isinstance(value, bytes) or element.VR == "SQ":
        return []
    several = value if isinstance(value, list) or type(value).__name__ == "MultiValue" else [value]
    return [text for v in several if (text := str(v).strip())]


def _moved(value: str, person: Person) -> str:
    """A DICOM date or date and time on another day; blank where it names none."""
    day = _day(value)
    if day is None:
        return ""
    new = day + person.shift
    person.written.add(new)
    return f"{new:%Y%m%d}{_undotted(value)[8:]}"


def _day(value: str) -> date | None:
    plain = _undotted(value)
    return day_of(plain[:4], plain[4:6], plain[6:8])


def _undotted(value: str) -> str:
    return value.replace(".", "") if value[4:5] == "." else value  # 2021.05.03 in old files
