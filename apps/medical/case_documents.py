"""Downloads of one case's result: data files, and documents that are alike in content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from apps.medical.session import Case
from core.schema import Prediction
from domains.medical import Diagnosis, answer, viewer
from domains.medical.documents import MIMES, SUFFIXES, Result, document
from domains.medical.documents.sources import dicom_headers

_NAMES = {"pdf": "PDF", "fhir": "FHIR report", "sr": "DICOM SR"}


def show(diagnosis: Diagnosis, found: Prediction, case: Case, off: frozenset[str]) -> None:
    """A button a file; documents are made when they are asked for."""
    scan = None if case.scan is None else _scan_facts(case.scan)
    found = replace(found, id=case.name)
    result = Result.of(found, diagnosis.bundle, sorted(off))
    with st.container(horizontal=True):
        for make, kind in ((answer.to_json, "json"), (answer.to_csv, "csv")):
            text = make(found, diagnosis.bundle, scan, sorted(off))
            _button(f"Result as {kind.upper()}", text, f"{case.name}.{kind}", f"text/{kind}", kind)
        for kind, words in _NAMES.items():
            _button(words, _maker(kind, result, case), f"{case.name}{SUFFIXES[kind]}", MIMES[kind], kind)


def _button(words: str, data: str | Callable[[], bytes], name: str, mime: str, kind: str) -> None:
    st.download_button(
        words, data, name, mime, icon=":material/download:", on_click="ignore", key=f"download_{kind}"
    )  # fmt: skip


def _maker(kind: str, result: Result, case: Case) -> Callable[[], bytes]:
    def make() -> bytes:
        scan = case.scan
        images = [] if scan is None or kind == "pdf" else dicom_headers(scan.path, scan.volume.facts.get("series_uid"))
        return document(kind, result, images)

    return make


def _scan_facts(scan: viewer.Scan) -> dict[str, object]:
    volume = scan.volume
    return {
        "on_defect": scan.on_defect, "defects": list(volume.defects), "actions": list(volume.actions),
        "warnings": list(volume.warnings), "spacing_mm": list(volume.spacing), "size": list(volume.array.shape),
        **volume.facts,
    }  # fmt: skip
