"""What an answer about a case rests on, shown where it stands: in the scan, in the words and in the values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from apps import ui
from apps.medical import session
from apps.medical.session import Case
from apps.ui import parts, why
from core.explanation.explain import Explanation
from core.predict import as_row
from core.preprocess.volume import VolumePreprocessor
from core.schema import Modality
from domains.medical import Diagnosis, answer, reports
from domains.medical.heat import Heat, strongest_slice


def toggle(case: Case) -> bool:
    """Whether the user wants to see it."""
    return st.toggle(
        "Show what it rests on in the scan, the words and the values", True, key=f"why_{case.number}",
        help="Takes a moment: the model is asked again about parts of the case",
    )  # fmt: skip


def work_out(diagnosis: Diagnosis, case: Case, cells: dict[str, str]) -> None:
    """Ask about parts of the case, once; then the page is drawn again, with what was found in its places."""
    key = _key(diagnosis, case, cells)
    if not why.known(diagnosis.predictor, key):
        why.explained(diagnosis.predictor, _given(diagnosis, case, cells), None, key)
        st.rerun()
    why.nearest(diagnosis.predictor, _given(diagnosis, case, cells))


def show(diagnosis: Diagnosis, case: Case, cells: dict[str, str], places: Mapping[str, DeltaGenerator]) -> None:
    """Words and values of the case in their places (by column, values by modality), marked as far as that is known."""
    found = why.known(diagnosis.predictor, _key(diagnosis, case, cells)) if _is_wanted(case) else {}
    row = as_row(given, diagnosis.bundle.config.modalities) if (given := _given(diagnosis, case, cells)) else None
    for m in diagnosis.bundle.config.modalities:
        here = [places[c] for c in (*m.columns, m.name) if c in places]
        if row is not None and m.name in found and m.kind is not Modality.VOLUME:
            with here[0] if here else st.container():
                if m.kind is Modality.TEXT:
                    _marked(str(row.values[m.name]), found[m.name])
                else:
                    why.draw(diagnosis.predictor, row, m.name, found[m.name])
        elif m.kind is Modality.TEXT:
            for column in m.columns:
                if column in places and cells[column].strip():
                    _plain(cells[column], places[column])
        if m.excerpt is not None and here:
            here[0].caption(f":material/visibility_off: {ui.escape(answer.read_of(m.excerpt))}")


def heat(diagnosis: Diagnosis, case: Case, cells: dict[str, str]) -> tuple[Heat, Explanation] | None:
    """Where in the scan the answer rests, as far as that was worked out and is wanted."""
    if case.scan is None or not _is_wanted(case):
        return None
    for name, found in why.known(diagnosis.predictor, _key(diagnosis, case, cells)).items():
        reader = diagnosis.predictor.view(name).preprocessor
        if isinstance(reader, VolumePreprocessor) and parts.marked(found.parts, 0.0):
            return Heat.of(found.parts, reader), found
    return None


def first_slice(found: Heat, case: Case, plane: str) -> int:
    """The slice to open the scan at."""
    assert case.scan is not None
    return strongest_slice(found, case.scan.volume, plane)


def _marked(text: str, found: Explanation) -> None:
    """A text by its sections, with its words for and against the answer."""
    kept, told = parts.marked(found.parts), []
    for section, start, end in reports.spans(text):
        inside = [
            replace(p, span=((a - start, b - start),)) for p in kept for a, b in p.span if start <= a and b <= end
        ]
        shown = parts.highlighted(text[start:end], inside)
        told.append(f":blue-badge[{section.capitalize()}]  \n{shown}" if section else shown)
    st.markdown("\n\n".join(told))
    st.caption(parts.method(found))


def _plain(text: str, place: DeltaGenerator) -> None:
    said = reports.sections(text)
    for title, body in (said if len(said) > 1 else {"": text}).items():
        place.markdown(f":blue-badge[{title.capitalize()}]  \n{ui.escape(body)}" if title else ui.escape(body))


def _is_wanted(case: Case) -> bool:
    return bool(st.session_state.get(f"why_{case.number}", True))


def _given(diagnosis: Diagnosis, case: Case, cells: dict[str, str]) -> dict[str, Any]:
    """What is given and not switched off."""
    given = session.given(diagnosis, case, cells)
    return {m: v for m, v in given.items() if st.session_state.get(f"on_{case.number}_{m}", True)}


def _key(diagnosis: Diagnosis, case: Case, cells: dict[str, str]) -> Hashable:
    return case.number, tuple(sorted(cells.items())), tuple(sorted(_given(diagnosis, case, cells)))
