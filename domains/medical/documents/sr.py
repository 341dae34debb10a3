"""A result as a DICOM structured report by template TID 1500 (Measurement Report), of the Comprehensive SR class.

Labels, modalities and the target are coded in a scheme of this program (99POLYFUSE): they are columns of the user's
table. The report is preliminary and unverified: a person has not decided yet. Patient and study are those of the slices
that it refers to, name and all; de-identify the slices first where they must not be. DICOM PS3.16, TID 1500.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, generate_uid

from domains.medical.documents.result import Result

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept

SCHEME = "99POLYFUSE"
_LONGEST = 64  # characters of a code's meaning
_PATIENT = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
_FILLED = (*_PATIENT, "AccessionNumber", "StudyID", "StudyDate", "StudyTime")


def to_sr(result: Result, images: Sequence[Dataset] = ()) -> bytes:
    """The report as a DICOM file; with ``images`` it belongs to their study and refers to each of them."""
    import highdicom as hd

    shown = _headers(images) or [_no_image(result)]
    report = hd.sr.ComprehensiveSR(
        evidence=shown,
        content=_content(result, shown if images else []),
        series_instance_uid=_uid(result, "series"),
        series_number=1000,
        sop_instance_uid=_uid(result, "instance"),
        instance_number=1,
        manufacturer="Polyfuse",
        manufacturer_model_name="Polyfuse",
        software_versions=result.version or "0",
        device_serial_number=result.model or "0",
        is_complete=True,
        series_description="Result of a research model",
        specific_character_set="ISO_IR 192",
    )
    if not images:
        del report.CurrentRequestedProcedureEvidenceSequence  # there is nothing that it could refer to
    out = io.BytesIO()
    report.save_as(out, enforce_file_format=True)
    return out.getvalue()


def concept(text: str) -> CodedConcept:
    """A word of the user's table as a code of this program's scheme; what DICOM cannot hold stands in the comments."""
    from highdicom.sr import CodedConcept

    code = hashlib.sha256(text.encode()).hexdigest()[:16].upper()
    return CodedConcept(code, SCHEME, _held(text))


def _held(text: str) -> str:
    """A text as a DICOM string of one value holds it: no backslash or control sign, 64 characters."""
    plain = re.sub(r"[\\\x00-\x1f\x7f]", "/", text)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"


def _content(result: Result, images: Sequence[Dataset]) -> Any:
    from highdicom import sr
    from pydicom.sr.codedict import codes

    observer = sr.DeviceObserverIdentifyingAttributes(
        uid=_uid(result, "device"), name="Polyfuse", manufacturer_name="Polyfuse", model_name=result.model[:64] or None
    )
    context = sr.ObservationContext(sr.ObserverContext(codes.DCM.Device, observer))
    is_ct = bool(images) and all(i.SOPClassUID == CTImageStorage for i in images)
    done = codes.LN.CTUnspecifiedBodyRegion if is_ct else sr.CodedConcept("18748-4", "LN", "Diagnostic imaging report")
    report = sr.MeasurementReport(context, done, _groups(result, images), codes.DCM.ImagingMeasurementReport)
    for text in _comments(result):
        report[0].ContentSequence.append(
            sr.TextContentItem(codes.DCM.Comment, text, sr.RelationshipTypeValues.CONTAINS)
        )
    return report


def _groups(result: Result, images: Sequence[Dataset]) -> list[Any]:
    """The answer with its probabilities, the shares, and the answers without each kind of data."""
    found = result.found
    told = {
        result.target: result.answers, "cannot be ruled out": found.conformal_set, "refer to a person": found.refer,
        "missing in this case": [m for m in found.missing if m not in result.off], "switched off": result.off,
    }  # fmt: skip
    promise = {} if found.coverage is None else {"promised coverage": found.coverage}
    first = {**result.probabilities(), **result.numbers(), **promise}
    groups = [_group(result, "answer", first, told, images)]
    for name, values in (("share", result.shares()), ("without", result.without())):
        if values:
            groups.append(_group(result, name, values, {}, images))
    return groups


def _group(
    result: Result,
    name: str,
    values: Mapping[str, float],
    told: Mapping[str, Iterable[str]],
    images: Sequence[Dataset],
) -> Any:
    from highdicom import sr
    from pydicom.sr.codedict import codes

    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(_uid(result, name), name),
        finding_type=concept(name),
        algorithm_id=sr.AlgorithmIdentification("Polyfuse", result.version or "0", [f"model {result.model}"]),
        measurements=[sr.Measurement(concept(k), v, codes.UCUM.NoUnits) for k, v in values.items()],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(concept(k), concept(v)) for k, texts in told.items() for v in texts
        ],
        source_images=[sr.SourceImageForMeasurementGroup.from_source_image(i) for i in images] or None,
    )


def _comments(result: Result) -> list[str]:
    """What has no code: sentences, warnings, and every word that a code cannot hold as it is."""
    found = result.found
    words = {*found.probabilities, *found.shares, *found.missing, *found.refer, *result.off, result.target}
    long = [f"In full: {w}" for w in sorted(words) if _held(w) != w]
    made = f"Made {result.made}; model trained {result.trained}."
    return [result.title, result.conclusion, *result.notes, *long, made, result.disclaimer]


def _headers(images: Sequence[Dataset]) -> list[Dataset]:
    """Headers with every attribute that a report takes over, blank where a slice lacks it."""
    found = []
    for image in images:
        one = Dataset()
        one.update({e.tag: e for e in image})
        for name in _FILLED:
            if name not in one:
                setattr(one, name, "")
        found.append(one)
    return found


def _no_image(result: Result) -> Dataset:
    """Patient and study of a case whose scan is no DICOM: the case's name and new identifiers."""
    one = Dataset()
    for name in _FILLED:
        setattr(one, name, "")
    one.PatientID = _held(result.found.id)
    one.StudyInstanceUID, one.SeriesInstanceUID = _uid(result, "study"), _uid(result, "none")
    one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, _uid(result, "no image")
    return one


def _uid(result: Result, what: str) -> str:
    """A unique identifier of a part of this document; the same result has the same ones."""
    return str(generate_uid(entropy_srcs=[what, result.found.id, result.model, result.made, repr(result.found)]))
