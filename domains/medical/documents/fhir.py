"""A result as FHIR R4 JSON: a DiagnosticReport that contains its Observations and the model as a Device.

Labels, modalities and the target stand as text: they are the columns of the user's table and have no code of a
terminology. Status is preliminary: a person has not decided yet. HL7, "DiagnosticReport", FHIR release 4.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.errors import MissingExtraError
from domains.medical.documents.result import Result

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_UNITS = "http://unitsofmeasure.org"


def to_fhir(result: Result, images: Sequence[Dataset] = ()) -> bytes:
    """The report as UTF-8 JSON, checked against the standard's model.

    Raises:
        MissingExtraError: if the package fhir.resources is not installed.
    """
    try:
        from fhir.resources.R4B.diagnosticreport import DiagnosticReport
    except ImportError as error:
        raise MissingExtraError("fhir.resources", "documents", "a FHIR report") from error
    content = _report(result, images)
    DiagnosticReport.model_validate(content)
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def _report(result: Result, images: Sequence[Dataset]) -> dict[str, Any]:
    subject = {"identifier": {"value": result.found.id}, "display": result.found.id}
    observations = [
        {"resourceType": "Observation", "status": "preliminary", "subject": subject, "device": {"reference": "#model"}}
        | o
        for o in _observations(result)
    ]
    study = {str(i.StudyInstanceUID) for i in images}
    named = [{"identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}} for uid in sorted(study)]
    return {
        "resourceType": "DiagnosticReport",
        "contained": [_device(result), *observations],
        "status": "preliminary",
        "code": {"text": result.title},
        "subject": subject,
        "issued": result.made,
        "result": [{"reference": f"#{o['id']}"} for o in observations],
        **({"imagingStudy": named} if named else {}),
        "conclusion": f"{result.conclusion} {result.disclaimer}",
    }


def _device(result: Result) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "id": "model",
        "identifier": [{"value": result.model}],
        "deviceName": [{"name": "Polyfuse", "type": "model-name"}],
        "version": [{"value": result.version}],
        "note": [{"text": result.disclaimer}, {"text": f"trained {result.trained}"}],
    }


def _observations(result: Result) -> list[dict[str, Any]]:
    """Those that the result has something to say for; an id each."""
    found = result.found
    answered = {"valueString": ", ".join(result.answers)} if found.value is None else {}
    notes = {"note": [{"text": n} for n in result.notes]} if result.notes else {}
    told: list[dict[str, Any]] = [
        {"id": "answer", **_code(result.target), **answered, **_numbers(result.numbers(), "value"), **notes},
        {"id": "probabilities", **_code("Calibrated probability"), **_numbers(result.probabilities(), "probability")},
    ]
    if found.coverage is not None and found.value is None:
        promise = {"code": {"text": "promised coverage"}, "valueQuantity": _quantity(found.coverage, "share")}
        told.append({
            "id": "possible", **_code("Cannot be ruled out"),
            "component": [promise, *_texts("cannot be ruled out", found.conformal_set)],
        })  # fmt: skip
    refer = {"valueBoolean": bool(found.refer), **_component(_texts("reason", found.refer))}
    told.append({"id": "refer", **_code("Refer to a person"), **refer})
    shares = _numbers(result.shares(), "log-odds" if found.value is None else "unit of the target")
    lacking = [_lacking(m, "missing in this case") for m in found.missing if m not in result.off]
    lacking += [_lacking(m, "switched off") for m in result.off]
    parts = [*shares.get("component", []), *lacking]
    told.append({"id": "shares", **_code("Share of each kind of data"), **_component(parts)})
    told.append({"id": "without", **_code("Answer without this kind of data"), **_numbers(result.without(), "value")})
    return [o for o in told if o.keys() - {"id", "code"}]  # what has nothing to say is left out


def _code(text: str) -> dict[str, Any]:
    return {"code": {"text": text}}


def _numbers(values: Mapping[str, float], unit: str) -> dict[str, Any]:
    return _component([{"code": {"text": k}, "valueQuantity": _quantity(v, unit)} for k, v in values.items()])


def _component(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"component": parts} if parts else {}


def _texts(name: str, values: Sequence[str]) -> list[dict[str, Any]]:
    return [{"code": {"text": name}, "valueString": v} for v in values]


def _lacking(modality: str, why: str) -> dict[str, Any]:
    absent = {"coding": [{"system": _ABSENT, "code": "not-performed"}], "text": why}
    return {"code": {"text": modality}, "dataAbsentReason": absent}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": _UNITS, "code": "1"}
