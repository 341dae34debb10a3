"""One result as a document: PDF, FHIR DiagnosticReport, DICOM structured report; alike in content.

Every document holds what ``Result`` holds and says that it is for research. None is signed or final: a person decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.errors import unknown
from domains.medical.documents.result import Result

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SUFFIXES = {"pdf": ".pdf", "fhir": ".fhir.json", "sr": ".sr.dcm"}
MIMES = {"pdf": "application/pdf", "fhir": "application/fhir+json", "sr": "application/dicom"}
__all__ = ["MIMES", "SUFFIXES", "Result", "document"]


def document(kind: str, result: Result, images: Sequence[Dataset] = ()) -> bytes:
    """A result as ``pdf``, ``fhir`` or ``sr``.

    Args:
        kind: of ``SUFFIXES``.
        result: what is told.
        images: headers of the DICOM slices that the model was given, see ``sources.dicom_headers``; a structured
            report then belongs to their study and refers to them, a FHIR report names the study.

    Raises:
        ConfigError: for an unknown kind.
        MissingExtraError: where the extra ``documents`` is needed and not installed.
    """
    if kind not in SUFFIXES:
        raise unknown("kind of document", kind, SUFFIXES)
    if kind == "pdf":
        from domains.medical.documents.pdf import to_pdf

        return to_pdf(result)
    if kind == "fhir":
        from domains.medical.documents.fhir import to_fhir

        return to_fhir(result, images)
    from domains.medical.documents.sr import to_sr

    return to_sr(result, images)
