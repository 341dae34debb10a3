"""One case: its scan, what the model says and why, and its report and values, which can be changed."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from apps import ui
from apps.medical import pages, session
from apps.medical.session import Case
from apps.ui import parts
from core.explanation.occlusion import explain_parts
from core.predict import as_row
from core.preprocess.volume import VolumePreprocessor
from core.preprocess.volume_io import Volume
from core.preprocess.windows import WINDOWS
from core.schema import Modality, Prediction
from core.table import StringTable
from domains.medical import DISCLAIMER, Diagnosis, answer, reports, viewer
from domains.medical.heat import Heat, heat_picture, strongest_slice


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
        cells = _told(diagnosis, case)
        foot = st.container()
    with seen, pages.boundary():
        _seen(case)
    with said, pages.boundary():
        _said(diagnosis, case, cells, foot)


def _neighbours(diagnosis: Diagnosis, case: Case) -> None:
    """Go to the case before or after this one in its table."""
    if case.table is None or case.row is None:
        return
    table = StringTable.open(case.table)
    for words, row in (("Previous", case.row - 1), ("Next", case.row + 1)):
        if st.button(words, disabled=not 0 <= row < len(table), key=f"go_{words}"):
            opened = session.open_row(case.table, row, table.row(row), diagnosis)
            st.switch_page(pages.page("case" if opened else "start"))


def _seen(case: Case) -> None:
    if case.scan is not None:
        scroll(case.scan, case.number)
    for name, paths in case.files.items():
        for path in paths:
            if path.suffix.lower() in (".png", ".jpg", ".jpeg"):
                st.image(str(path), caption=f"{name}: {path.name}", width="stretch")
            else:
                st.caption(f"{answer.name(name)}: {path.name}")
    if case.scan is None and not case.files:
        st.info("This case has no scan.", icon=":material/hide_image:")


@st.fragment
def scroll(scan: viewer.Scan, number: int) -> None:
    """Scroll a scan: plane, window and slice; only this part of the page is drawn again."""
    volume = scan.volume
    left, right = st.columns(2)
    plane = left.selectbox("Plane", viewer.PLANES, key=f"plane_{number}", format_func=str.capitalize)
    preset = right.selectbox("Window", viewer.PRESETS, key=f"window_{number}", format_func=str.capitalize)
    total = viewer.count(volume, plane)
    place = st.empty()
    index = 0
    if total > 1:
        start = viewer.best_slice(volume, plane) + 1
        index = st.slider("Slice", 1, total, start, key=f"slice_{number}_{plane}") - 1
    with st.expander("Level and width"):
        level, width = WINDOWS[preset]
        level = st.slider("Level (HU)", -1000, 1000, int(level), 10, key=f"level_{number}_{preset}")
        width = st.slider("Width (HU)", 10, 3000, int(width), 10, key=f"width_{number}_{preset}")
    said = viewer.describe_slice(volume, plane, index)
    picture = viewer.slice_image(volume, plane, index, (level, width))
    place.image(
        viewer.png(picture), caption=said, width="stretch", output_format="PNG", alt=f"CT, {preset} window. {said}"
    )
    for note in volume.notes:
        st.caption(f":material/info: {ui.escape(ui.without_folder(note))}")


def _said(diagnosis: Diagnosis, case: Case, cells: dict[str, str], foot: DeltaGenerator) -> None:
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
    _rests_on(diagnosis, case, cells, on)
    with foot:
        _downloads(diagnosis, found, case, off)


def _headline(diagnosis: Diagnosis, found: Prediction, whole: Prediction | None, case: Case) -> None:
    target = diagnosis.bundle.config.target.column.replace("_", " ")
    st.subheader(f"{ui.escape(target.capitalize())}: {ui.escape(answer.headline(found))}", anchor=False)
    sure = ui.escape(answer.how_sure(found))
    if answer.is_unsure(found):
        st.warning(sure, icon=":material/person_alert:")
    elif sure:
        st.success(sure, icon=":material/check_circle:")
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
    if not found.shares:
        return
    st.markdown(f"**Why.** {ui.escape(answer.why(found))}")
    shares = {answer.name(m): v for m, v in found.shares.items()}
    both = {answer.name(m): f"{a:.2f} → {b:.2f}" for m, (a, b) in answer.without(found).items()}
    listed = "; ".join(f"{m} {v:+.2f}, without it and with it {both[m]}" for m, v in shares.items())
    ui.chart(ui.signed_bars(shares, both), f"Shares for and against the answer in log-odds: {listed}", "shares")
    st.caption(ui.escape(answer.most_telling(found)))


def _rests_on(diagnosis: Diagnosis, case: Case, cells: dict[str, str], on: list[str]) -> None:
    """On request: the words, values and the place in the scan that the answer rests on."""
    with st.expander("What in the scan, the words and the values it rests on"):
        if not st.button("Show", key=f"rests_{case.number}", help="Takes parts out one by one and asks again"):
            return
        given = {m: v for m, v in session.given(diagnosis, case, cells).items() if m in on}
        row = as_row(given, diagnosis.bundle.config.modalities)
        with ui.Steps("Taking parts out") as steps:
            found = {m: explain_parts(diagnosis.predictor, row, m, progress=steps) for m in on}
        for m in on:
            st.markdown(f"**{ui.escape(answer.name(m))}**")
            reader = diagnosis.predictor.view(m).preprocessor
            if isinstance(reader, VolumePreprocessor) and case.scan is not None and parts.marked(found[m]):
                _warm_slice(Heat.of(found[m], reader), case.scan.volume)
            elif isinstance(row.values[m], str):
                st.markdown(parts.highlighted(row.values[m], found[m]))
            else:
                st.markdown(ui.escape(parts.listed(found[m])))
        st.caption(
            "Green or warm: it speaks for the answer; red or cold: against. What two parts say alike shows in "
            "neither of them alone."
        )


def _warm_slice(heat: Heat, volume: Volume) -> None:
    index = strongest_slice(heat, volume, "axial")
    picture = heat_picture(heat, volume, "axial", index, WINDOWS["lung"])
    said = viewer.describe_slice(volume, "axial", index)
    st.image(viewer.png(picture), caption=said, width="stretch", output_format="PNG", alt=f"What speaks for it. {said}")


def _downloads(diagnosis: Diagnosis, found: Prediction, case: Case, off: frozenset[str]) -> None:
    scan = None if case.scan is None else _scan_facts(case.scan)
    content = [
        (m(found, diagnosis.bundle, scan, sorted(off)), kind)
        for m, kind in ((answer.to_json, "json"), (answer.to_csv, "csv"))
    ]
    with st.container(horizontal=True):
        for text, kind in content:
            st.download_button(
                f"Result as {kind.upper()}", text, f"{case.name}.{kind}", f"text/{kind}", icon=":material/download:",
                on_click="ignore", key=f"download_{kind}",
            )  # fmt: skip
        if case.truth and st.toggle("Show what the table says", key=f"truth_{case.number}"):
            st.markdown(f"The table says **{ui.escape(case.truth)}**.")


def _scan_facts(scan: viewer.Scan) -> dict[str, object]:
    volume = scan.volume
    return {
        "on_defect": scan.on_defect, "defects": list(volume.defects), "actions": list(volume.actions),
        "warnings": list(volume.warnings), "spacing_mm": list(volume.spacing), "size": list(volume.array.shape),
        **{k: v for k, v in volume.facts.items()},
    }  # fmt: skip


def _told(diagnosis: Diagnosis, case: Case) -> dict[str, str]:
    """Texts and clinical values, to read and to change: the cells by column."""
    cells: dict[str, str] = {}
    for m in diagnosis.bundle.config.modalities:
        if m.kind is Modality.TEXT:
            for column in m.columns:
                cells[column] = _text(case, column)
    for m in diagnosis.bundle.config.modalities:
        if m.kind is Modality.TABULAR:
            st.markdown("**Clinical values**")
            columns = st.columns(3)
            for i, column in enumerate(m.columns):
                cells[column] = columns[i % 3].text_input(
                    column.replace("_", " ").capitalize(),
                    case.cells.get(column, ""),
                    key=f"cell_{case.number}_{column}",
                )
    return cells


def _text(case: Case, column: str) -> str:
    """A text by its sections, or to edit."""
    kept = f"text_{case.number}_{column}"
    text = st.session_state.get(kept, case.cells.get(column, ""))
    left, right = st.columns([3, 1.4], vertical_alignment="center")
    left.markdown(f"**{ui.escape(column.replace('_', ' ').capitalize())}**")
    if right.toggle("Edit", key=f"edit_{case.number}_{column}"):
        text = st.text_area(column, text, height=200, key=f"area_{case.number}_{column}", label_visibility="collapsed")
        st.session_state[kept] = text
        return text
    if not text.strip():
        st.caption("None in this case.")
        return ""
    with st.container(border=True, height=200 if len(text) > 300 else "content"):
        parts = reports.sections(text)
        for title, body in (parts if len(parts) > 1 else {"": text}).items():
            st.markdown(f":blue-badge[{title.capitalize()}]  \n{ui.escape(body)}" if title else ui.escape(body))
    return text
