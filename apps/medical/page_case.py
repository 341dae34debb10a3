"""One case: its scan, what the model says and why, and its report and values, which can be changed."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from apps import ui
from apps.medical import case_documents, case_record, case_why, pages, session
from apps.medical.session import Case
from apps.ui import parts, why
from core.preprocess.windows import WINDOWS
from core.schema import Modality, Prediction
from core.table import StringTable
from domains.medical import DISCLAIMER, Diagnosis, answer, viewer
from domains.medical.heat import heat_picture


def show() -> None:
    """The page."""
    diagnosis, case = session.model(), session.case()
    if diagnosis is None or case is None:
        ui.page("Case", DISCLAIMER)
        st.info("No case is open yet.", icon=":material/folder_open:")
        st.page_link(pages.page("start"), label="Open a case")
        return
    ui.page(f"Case {ui.escape(case.name)}", DISCLAIMER, lambda: _neighbours(diagnosis, case))
    seen, said, told = st.columns([1.02, 1.15, 1.0], gap="medium")
    with told:
        cells, places = _told(diagnosis, case)
    case_why.show(diagnosis, case, cells, places)
    with seen, pages.boundary():
        _seen(diagnosis, case, cells)
    with said, pages.boundary():
        _said(diagnosis, case, cells)


def _neighbours(diagnosis: Diagnosis, case: Case) -> None:
    """Go to the case before or after this one in its table."""
    if case.table is None or case.row is None:
        return
    table = StringTable.open(case.table)
    for words, step in (("Previous", -1), ("Next", 1)):
        row = session.neighbour(table, case.row, step, diagnosis)
        if st.button(words, disabled=row is None, key=f"go_{words}") and row is not None:
            opened = session.open_row(case.table, row, table.row(row), diagnosis)
            st.switch_page(pages.page("case" if opened else "start"))


def _seen(diagnosis: Diagnosis, case: Case, cells: dict[str, str]) -> None:
    if case.scan is not None:
        scroll(diagnosis, case, cells)
    for name, paths in case.files.items():
        for path in paths:
            if path.name.lower().endswith(session.PICTURES):
                st.image(str(path), caption=f"{name}: {path.name}", width="stretch")
            else:
                st.caption(f"{ui.escape(answer.name(name).capitalize())}: {ui.escape(path.name)}")
                if path.suffix.lower() in session.SOUNDS:
                    st.audio(str(path))
    if case.scan is None and not case.files:
        st.info("This case has no scan.", icon=":material/hide_image:")


@st.fragment
def scroll(diagnosis: Diagnosis, case: Case, cells: dict[str, str]) -> None:
    """Scroll a scan: plane, window and slice; only this part of the page is drawn again."""
    assert case.scan is not None
    volume, number = case.scan.volume, case.number
    heat = case_why.heat(diagnosis, case, cells)
    left, right = st.columns(2)
    plane = left.selectbox("Plane", viewer.PLANES, key=f"plane_{number}", format_func=str.capitalize)
    preset = right.selectbox("Window", viewer.PRESETS, key=f"window_{number}", format_func=str.capitalize)
    total = viewer.count(volume, plane)
    place = st.empty()
    index = 0
    if total > 1:
        start = viewer.best_slice(volume, plane) if heat is None else case_why.first_slice(heat[0], case, plane)
        index = st.slider("Slice", 1, total, start + 1, key=f"slice_{number}_{plane}_{heat is None}") - 1
    with st.expander("Level and width"):
        level, width = WINDOWS[preset]
        level = st.slider("Level (HU)", -1000, 1000, int(level), 10, key=f"level_{number}_{preset}")
        width = st.slider("Width (HU)", 10, 3000, int(width), 10, key=f"width_{number}_{preset}")
    said = viewer.describe_slice(volume, plane, index)
    window = (level, width)
    picture = (
        viewer.slice_image(volume, plane, index, window)
        if heat is None
        else heat_picture(heat[0], volume, plane, index, window)
    )
    shown = f"CT, {preset} window. {said}" + ("" if heat is None else " What speaks for the answer is warm.")
    place.image(viewer.png(picture), caption=said, width="stretch", output_format="PNG", alt=shown)
    if heat is not None:
        st.caption(f"{why.LEGEND} {parts.method(heat[1])}")
    for note in volume.notes:
        st.caption(f":material/info: {ui.escape(ui.without_folder(note))}")


def _said(diagnosis: Diagnosis, case: Case, cells: dict[str, str]) -> None:
    """The answer, how sure it is and why, and what changes when a modality is switched off."""
    head = st.container()
    present = list(session.given(diagnosis, case, cells))
    if not present:
        st.info("Nothing is known of this case yet: add a scan, a text or a value.", icon=":material/edit_note:")
        return
    with st.container(horizontal=True):
        on = [m for m in present if st.toggle(answer.name(m), True, key=f"on_{case.number}_{m}")]
    off = frozenset(present) - set(on)
    if not on:
        head.info("Everything is switched off: switch on at least one kind of data.", icon=":material/toggle_off:")
        return
    whole = session.answer(diagnosis, case, cells)
    found = session.answer(diagnosis, case, cells, off) if off else whole
    with head:
        _headline(diagnosis, found, whole if off else None, case)
    _reasons(diagnosis, found, present, () if case.scan is None else case.scan.volume.notes)
    case_record.keep_asked(diagnosis, found, case, cells, off)
    wanted = case_why.toggle(case)
    _foot(diagnosis, found, case, cells, off)
    if wanted:
        case_why.work_out(diagnosis, case, cells)


def _headline(diagnosis: Diagnosis, found: Prediction, whole: Prediction | None, case: Case) -> None:
    target = diagnosis.bundle.config.target.column.replace("_", " ")
    st.subheader(f"{ui.escape(target.capitalize())}: {ui.escape(answer.headline(found))}", anchor=False)
    sure = ui.escape(answer.how_sure(found))
    if answer.is_referred(found):
        st.warning(sure, icon=":material/person_alert:")
    elif sure:
        st.success(sure, icon=":material/check_circle:")
    why.disagreement(found, answer.name)
    if found.probabilities:
        now = _by_label(found)
        marked = [answer.label(c) for c in found.conformal_set or found.labels]
        listed = ", ".join(f"{c} {p:.0%}" for c, p in now.items())
        ui.chart(
            ui.bars(now, _by_label(whole) if whole else None, marked),
            f"Probabilities: {listed}",
            "bars",
        )
        if whole:
            st.caption("Orange mark: the probability with everything switched on.")


def _by_label(found: Prediction) -> dict[str, float]:
    return {answer.label(c): p for c, p in found.probabilities.items()}


def _reasons(diagnosis: Diagnosis, found: Prediction, present: list[str], notes: Sequence[str]) -> None:
    lacking = [answer.name(m.name) for m in diagnosis.bundle.config.modalities if m.name not in present]
    if lacking:
        st.markdown(f":material/block: Missing in this case: **{ui.escape(', '.join(lacking))}**.")
    below = {
        f"{m.name}: {note}" for m in diagnosis.bundle.config.modalities for note in notes
    }  # under the scan already
    for warning in (w for w in found.warnings if w not in below):
        st.markdown(f":orange[:material/warning:] {ui.escape(warning)}")
    why.shares(found, answer.name)


def _foot(diagnosis: Diagnosis, found: Prediction, case: Case, cells: dict[str, str], off: frozenset[str]) -> None:
    """Below: files of the result, what the table says, and what the person decides."""
    case_documents.show(diagnosis, found, case, off)
    if case.truth and st.toggle("Show what the table says", key=f"truth_{case.number}"):
        st.markdown(f"The table says **{ui.escape(case.truth)}**.")
    case_record.decide(diagnosis, found, case, cells, off)


def _told(diagnosis: Diagnosis, case: Case) -> tuple[dict[str, str], dict[str, DeltaGenerator]]:
    """Texts and clinical values, to read and to change: the cells by column, and where what they say is marked."""
    cells: dict[str, str] = {}
    places: dict[str, DeltaGenerator] = {}
    for m in diagnosis.bundle.config.modalities:
        if m.kind is Modality.TEXT:
            for column in m.columns:
                cells[column] = _text(case, column, places)
    for m in diagnosis.bundle.config.modalities:
        if m.kind is Modality.TABULAR:
            st.markdown("**Clinical values**")
            columns = st.columns(3)
            for i, column in enumerate(m.columns):
                cells[column] = columns[i % 3].text_input(
                    _title(answer.name(column)),
                    case.cells.get(column, ""),
                    key=f"cell_{case.number}_{column}",
                )
            places[m.name] = st.container()
    return cells, places


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]


def _text(case: Case, column: str, places: dict[str, DeltaGenerator]) -> str:
    """A text by its sections, or to edit; ``places`` gets where it stands."""
    kept = f"text_{case.number}_{column}"
    text = st.session_state.get(kept, case.cells.get(column, ""))
    left, right = st.columns([3, 1.4], vertical_alignment="center")
    left.markdown(f"**{ui.escape(_title(answer.name(column)))}**")
    if right.toggle("Edit", key=f"edit_{case.number}_{column}"):
        text = st.text_area(column, text, height=200, key=f"area_{case.number}_{column}", label_visibility="collapsed")
        st.session_state[kept] = text
        places[column] = st.container()
        return text
    if not text.strip():
        st.caption("None in this case.")
        return ""
    places[column] = st.container(border=True, height=200 if len(text) > 300 else "content")
    return text
