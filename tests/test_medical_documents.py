"""One result as PDF, FHIR and DICOM structured report: each is read back, and they tell the same."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest

from core.errors import ConfigError, FileError
from core.schema import Prediction
from domains.medical import ct_files
from domains.medical.documents import SUFFIXES, Result, document
from domains.medical.documents.sources import dicom_headers

FOUND = Prediction(
    "case-07",
    "effusion",
    {"effusion": 0.5512, "normal": 0.3488, "ground_glass": 0.1},
    conformal_set=("effusion", "normal"),
    coverage=0.9,
    shares={"ct": 0.4213, "report": -1.3},
    without={"ct": 0.44, "report": 0.71},
    missing=("clinical", "history"),
    warnings=("ct: filled 2 slices", "report: unlike the training cases (score 5)"),
    refer=("more than one answer is possible", "unlike the training cases: report"),
)
MADE = "2026-05-04T10:00:00+00:00"


def result(found: Prediction = FOUND, **changes: Any) -> Result:
    base = {"target": "diagnosis", "model": "ab12cd34", "trained": "2026-05-03T09:00:00+00:00", "version": "0.1.0"}
    return Result(found, **(base | {"made": MADE, "off": ("history",)} | changes))


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    voxels = np.random.default_rng(0).integers(-1000, 400, (4, 16, 16))
    folder = tmp_path_factory.mktemp("series") / "ct"
    return ct_files.write_dicom(folder, voxels, (5.0, 1.0, 1.0), tags={"PatientID": "P1", "PatientName": "Müller^Änne"})


# --- each document, read back as facts


def read_fhir(data: bytes) -> dict[str, Any]:
    from fhir.resources.R4B.diagnosticreport import DiagnosticReport

    report = json.loads(data)
    DiagnosticReport.model_validate(report)
    by = {o["id"]: o for o in report["contained"]}
    assert [r["reference"] for r in report["result"]] == [f"#{i}" for i in by if i != "model"]
    assert {o["status"] for i, o in by.items() if i != "model"} == {report["status"]} == {"preliminary"}

    def values(name: str) -> dict[str, float]:
        parts = by.get(name, {}).get("component", [])
        return {c["code"]["text"]: c["valueQuantity"]["value"] for c in parts if "valueQuantity" in c}

    def texts(name: str) -> list[str]:
        return [c["valueString"] for c in by[name].get("component", []) if "valueString" in c]

    absent = [c for c in by.get("shares", {}).get("component", []) if "dataAbsentReason" in c]
    return {
        "case": report["subject"]["identifier"]["value"],
        "answer": by["answer"].get("valueString"),
        "numbers": values("answer"),
        "probabilities": values("probabilities"),
        "possible": texts("possible") if "possible" in by else [],
        "coverage": values("possible").get("promised coverage"),
        "shares": values("shares"),
        "without": values("without"),
        "missing": [c["code"]["text"] for c in absent if c["dataAbsentReason"]["text"] == "missing in this case"],
        "off": [c["code"]["text"] for c in absent if c["dataAbsentReason"]["text"] == "switched off"],
        "refer": texts("refer"),
        "warnings": [n["text"] for n in by["answer"].get("note", [])],
        "model": by["model"]["identifier"][0]["value"],
        "research": "Not a medical device" in report["conclusion"],
    }


def read_sr(data: bytes) -> dict[str, Any]:
    report = pydicom.dcmread(io.BytesIO(data))
    assert (report.PreliminaryFlag, report.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    template = report.ContentTemplateSequence[0]
    assert (template.TemplateIdentifier, template.MappingResource) == ("1500", "DCMR")
    comments = [i.TextValue for i in report.ContentSequence if i.ValueType == "TEXT" and "Comment" in _name(i)]
    groups = {}
    measured = next(i for i in report.ContentSequence if _name(i) == "Imaging Measurements")
    for group in measured.ContentSequence:
        parts = group.ContentSequence
        tracked = next(i.TextValue for i in parts if _name(i) == "Tracking Identifier")
        numbers = {_name(i): float(i.MeasuredValueSequence[0].NumericValue) for i in parts if i.ValueType == "NUM"}
        own = [
            i
            for i in parts
            if i.ValueType == "CODE" and i.ConceptNameCodeSequence[0].CodingSchemeDesignator[:2] == "99"
        ]
        groups[tracked] = numbers, [(_name(i), i.ConceptCodeSequence[0].CodeMeaning) for i in own], parts
    first, words, parts = groups["answer"]

    def told(name: str) -> list[str]:
        return [v for k, v in words if k == name]

    own_names = ("cannot be ruled out", "refer to a person", "missing in this case", "switched off")
    numbers = {k: v for k, v in first.items() if k in ("value", "lower end", "upper end")}
    model = next(i.TextValue for i in parts if _name(i) == "Algorithm Parameters")
    said = [c for c in comments if c.startswith(("ct:", "report:"))]
    return {
        "case": report.PatientID,
        "answer": ", ".join(v for k, v in words if k not in own_names) or None,
        "numbers": numbers,
        "probabilities": {k: v for k, v in first.items() if k != "promised coverage" and k not in numbers},
        "possible": told("cannot be ruled out"),
        "coverage": first.get("promised coverage"),
        "shares": groups["share"][0] if "share" in groups else {},
        "without": groups["without"][0] if "without" in groups else {},
        "missing": told("missing in this case"),
        "off": told("switched off"),
        "refer": told("refer to a person"),
        "warnings": said,
        "model": model.removeprefix("model "),
        "research": any("Not a medical device" in c for c in comments),
    }


def _name(item: Any) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning)


def pdf_text(data: bytes) -> str:
    pypdf = pytest.importorskip("pypdf")
    return " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages).split())


# --- alike in content


def expected(found: Prediction = FOUND) -> dict[str, Any]:
    return {
        "case": found.id, "answer": found.label, "numbers": {}, "probabilities": dict(found.probabilities),
        "possible": list(found.conformal_set), "coverage": found.coverage, "shares": dict(found.shares),
        "without": dict(found.without), "missing": ["clinical"], "off": ["history"], "refer": list(found.refer),
        "warnings": list(found.warnings), "model": "ab12cd34", "research": True,
    }  # fmt: skip


def test_the_three_documents_tell_the_same() -> None:
    one = result()
    assert read_fhir(document("fhir", one)) == expected()
    assert read_sr(document("sr", one)) == expected()
    text = pdf_text(document("pdf", one))
    for words in (
        "case-07", "effusion · 55%", "ground glass", "0.5512", "0.3488", "0.1000", "+0.4213", "-1.3000",
        "without it 0.4400", "without it 0.7100", "Promised coverage of the set: 0.9000",
        "Missing in this case: clinical values", "Switched off: history", "more than one answer is possible",
        "ct: filled 2 slices", "ab12cd34", "Not a medical device",
    ):  # fmt: skip
        assert words in text
    assert "ruled out" not in text.split("ground glass")[1][:40]
    assert re.search(r"normal 0\.3488 cannot be ruled out", text)


def test_a_number_is_told_with_its_interval() -> None:
    found = Prediction("n", None, {}, 3.25, (1.5, 5.0), coverage=0.9)
    one = result(found, off=())
    for facts in (read_fhir(document("fhir", one)), read_sr(document("sr", one))):
        assert facts["numbers"] == {"value": 3.25, "lower end": 1.5, "upper end": 5.0}
        assert (facts["answer"], facts["probabilities"]) == (None, {})
    assert "3.2500" in pdf_text(document("pdf", one))


def test_a_case_with_none_of_the_labels_is_told_alike() -> None:
    one = result(Prediction("c1", None, {"a": 0.1, "b": 0.2}, labels=()), off=())
    for facts in (read_fhir(document("fhir", one)), read_sr(document("sr", one))):
        assert facts["answer"] == "none of the labels"
        assert facts["probabilities"] == {"a": 0.1, "b": 0.2}
    assert "none of the labels" in pdf_text(document("pdf", one))


# --- the structured report and its study


def test_a_report_on_a_dicom_series_refers_to_its_slices(series: Path) -> None:
    images = dicom_headers(series)
    report = pydicom.dcmread(io.BytesIO(document("sr", result(), images)))
    assert report.StudyInstanceUID == images[0].StudyInstanceUID
    assert (report.PatientID, str(report.PatientName)) == ("P1", "Müller^Änne")
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    named = {i.ReferencedSOPInstanceUID for i in study.ReferencedSeriesSequence[0].ReferencedSOPSequence}
    assert named == {i.SOPInstanceUID for i in images}
    assert len(named) == 4
    fhir = json.loads(document("fhir", result(), images))
    assert fhir["imagingStudy"][0]["identifier"]["value"] == f"urn:oid:{report.StudyInstanceUID}"


def test_a_report_without_dicom_refers_to_nothing() -> None:
    report = pydicom.dcmread(io.BytesIO(document("sr", result())))
    assert "CurrentRequestedProcedureEvidenceSequence" not in report
    assert report.PatientID == "case-07"


def test_the_report_has_what_its_class_requires(series: Path) -> None:
    """Against the attribute tables of the standard that highdicom carries: type 1 and 2 are there, type 1 not blank."""
    tables = Path(highdicom.__file__).parent / "_standard"
    modules, attributes = (
        json.loads((tables / f"{name}_map.json").read_text()) for name in ("iod_module", "module_attribute")
    )
    report = pydicom.dcmread(io.BytesIO(document("sr", result(), dicom_headers(series))))
    needed = [m["key"] for m in modules["comprehensive-sr"] if m["usage"] == "M" and m["key"] != "sr-document-content"]
    wanted = [a for key in needed for a in attributes[key] if not a["path"] and a["type"] in ("1", "2")]
    assert len(wanted) > 20
    assert not [a["keyword"] for a in wanted if a["keyword"] not in report]
    assert not [a["keyword"] for a in wanted if a["type"] == "1" and report[a["keyword"]].is_empty]


def test_the_report_passes_the_validator(series: Path, tmp_path: Path) -> None:
    validator = pytest.importorskip("dicom_validator.validator.dicom_file_validator")
    from dicom_validator.spec_reader.edition_reader import EditionReader

    home = Path.home() / "dicom-validator"
    if not any(home.glob("*/docbook/part03.xml")):
        pytest.skip("dicom-validator's tables of the standard are not on this machine; they would be fetched")
    reader = EditionReader(home)
    info = reader.load_dicom_info(reader.get_edition("local") or sorted(home.glob("*/docbook"))[-1].parent.name)
    path = tmp_path / "report.dcm"
    path.write_bytes(document("sr", result(), dicom_headers(series)))
    found = validator.DicomFileValidator(info).validate(path)
    assert sum(r.errors for r in found.values()) == 0


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="no dciodvfy: apt-get install dicom3tools")
@pytest.mark.parametrize("with_images", [True, False])
def test_the_report_and_its_slices_are_as_the_standard_says(series: Path, tmp_path: Path, with_images: bool) -> None:
    """By dicom3tools, which carries the standard's tables; what it warns of is that our codes are our own."""
    report = tmp_path / "report.dcm"
    report.write_bytes(document("sr", result(), dicom_headers(series) if with_images else []))
    for path, kind in ((report, "ComprehensiveSR"), (min(series.iterdir()), "CTImage")):
        done = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)
        told = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
        assert kind in told
        assert not [line for line in told if line.startswith("Error")]
    report.write_bytes(report.read_bytes().replace(b"PRELIMINARY", b"PROVISIONAL"))
    done = subprocess.run(["dciodvfy", str(report)], capture_output=True, check=False)
    assert b"Error" in done.stdout + done.stderr  # it does look


# --- free input and refusals


def test_any_letters_are_drawn_or_told() -> None:
    odd = "Ärger 肺炎 · Ωμέγα " + "very long label, " * 5 + "and no more"
    found = Prediction("Fall №1", odd, {odd: 1.0}, conformal_set=(odd,), coverage=0.9)
    one = result(found, off=())
    text = pdf_text(document("pdf", one))
    assert "Ärger □□ · Ωμέγα" in text
    assert "characters are not in this document's font" in text
    assert read_fhir(document("fhir", one))["answer"] == odd
    report = pydicom.dcmread(io.BytesIO(document("sr", one)))
    assert f"In full: {odd}" in [i.TextValue for i in report.ContentSequence if i.ValueType == "TEXT"]


def test_what_a_dicom_string_cannot_hold_is_replaced_and_told_in_full() -> None:
    found = dataclasses.replace(FOUND, id="site\\7", label="L\\R", probabilities={"L\\R": 0.6, "none\nseen": 0.4})
    report = pydicom.dcmread(io.BytesIO(document("sr", result(found))))
    assert report.PatientID == "site/7"
    meanings = [e.value for e in report.iterall() if e.keyword == "CodeMeaning"]
    assert {"L/R", "none/seen"} < set(meanings)  # one value each
    texts = [i.TextValue for i in report.ContentSequence if i.ValueType == "TEXT"]
    assert {"In full: L\\R", "In full: none\nseen"} <= set(texts)


def test_the_same_result_gives_the_same_pdf() -> None:
    assert document("pdf", result()) == document("pdf", result())


def test_unknown_kinds_and_unchosen_series_are_refused(series: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown kind of document 'pfd'\. Did you mean 'pdf'"):
        document("pfd", result())
    assert set(SUFFIXES) == {"pdf", "fhir", "sr"}
    with pytest.raises(FileError, match="choose one by its identifier"):
        dicom_headers(series, "1.2.3")
    for name in ("scan.nii.gz", "scan.mha", "scan.png"):
        (tmp_path / name).touch()
        assert dicom_headers(tmp_path / name) == []
