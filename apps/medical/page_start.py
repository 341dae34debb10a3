"""Open a case: a sample, a row of a table, or an upload. The first visit trains the sample model and opens a case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from apps import ui
from apps.medical import pages, session
from core.errors import FileError
from core.paths import typed_path
from core.preprocess.decode import decode_images, decode_scan, decode_sounds
from core.schema import Modality
from core.table import StringTable
from domains.medical import DISCLAIMER, Diagnosis, starter
from domains.medical.denial import NOTHING

_SHOWN = 500  # rows of a table to pick from
# No mhd: its voxels are in a second file.
_TYPES = ["zip", "dcm", "dicom", "ima", "nii", "gz", "mha", "nrrd", "png", "jpg", "jpeg"]
_READERS = {session.PICTURES: decode_images, session.SOUNDS: decode_sounds}


def show() -> None:
    """The page."""
    ui.page("Open a case", DISCLAIMER)
    diagnosis = session.model()
    if diagnosis is None:
        diagnosis = _first_visit()
    if (waiting := session.pending()) is not None:
        _choose(waiting)
        return
    st.markdown(f"Pick a case and read what the **{ui.escape(session.model_name())}** says of it.")
    samples, table, upload = st.tabs(["Sample cases", "Your table", "Upload"])
    with samples, pages.boundary():
        _rows(starter.sample_table(), diagnosis, "sample")
    with table, pages.boundary():
        path = st.text_input(
            "Path of a table on this machine (CSV or Parquet)", key="table_path", placeholder="/data/cases.csv"
        )
        if path.strip():
            _rows(typed_path(path), diagnosis, "own")
        else:
            st.caption(
                "A row is a case, with the columns that the model was trained on. Paths in it start from its folder."
            )
    with upload, pages.boundary():
        _upload(diagnosis)


def _first_visit() -> Diagnosis:
    """Train the sample model, with its progress on the page, and go on to a sample case at once."""
    st.markdown(
        "**Welcome.** The sample model is being trained on generated cases, on this machine. "
        "This takes less than a minute and happens once; then a sample case opens."
    )
    with ui.Steps("Training the sample model") as steps:
        session.use_model(starter.ensure(steps))
    diagnosis = session.model()
    assert diagnosis is not None
    cells = StringTable.open(starter.sample_table())
    row = first_test_row(cells, diagnosis)
    if session.open_row(starter.sample_table(), row, cells.row(row), diagnosis):
        st.switch_page(pages.page("case"))
    return diagnosis


def first_test_row(table: StringTable, diagnosis: Diagnosis) -> int:
    """A case to begin with: of the test rows that have every kind of data the first one with a finding."""
    config = diagnosis.bundle.config
    rows = [table.row(i) for i in range(len(table))]
    tested = [i for i, r in enumerate(rows) if r.get("split", "test") == "test"]
    full = [i for i in tested if all(any(rows[i].get(c) for c in m.columns) for m in config.modalities)]
    found = [i for i in full if rows[i].get(config.target.column, "").lower() not in NOTHING]
    return [*found, *full, 0][0]


@st.cache_data(show_spinner=False, max_entries=8)
def _head(path: str, changed: int) -> tuple[list[dict[str, str]], int]:
    table = StringTable.open(Path(path))
    return [table.row(i) for i in range(min(len(table), _SHOWN))], len(table)


def _rows(path: Path, diagnosis: Diagnosis, key: str) -> None:
    """The rows of a table to pick from."""
    if not path.is_file():
        raise FileError(f"{path}: no such file; check the path")
    rows, total = _head(str(path), path.stat().st_mtime_ns)
    config = diagnosis.bundle.config
    inputs = [c for m in config.modalities if not m.kind.is_file for c in m.columns]
    wanted = [config.table.id or "", config.target.column, *inputs]
    columns = [c for c in wanted if c in rows[0]]
    if not any(c in rows[0] for m in config.modalities for c in m.columns):
        every = ", ".join(c for m in config.modalities for c in m.columns)
        raise FileError(f"{path}: has no column that this model reads ({every}); name them so, or open another model")
    picked = st.dataframe(
        pd.DataFrame(rows)[columns], hide_index=True, height=330, on_select="rerun", selection_mode="single-row",
        key=f"rows_{key}", alt="Cases to pick from, one a row", placeholder="–",
    )  # fmt: skip
    chosen = picked.selection.rows if hasattr(picked, "selection") else []
    names = [r.get(config.table.id or "", "") or f"row {i + 1}" for i, r in enumerate(rows)]
    left, right, note = st.columns([2, 1, 3], vertical_alignment="bottom")
    row = left.selectbox(
        "Case",
        range(len(rows)),
        index=chosen[0] if chosen else 0,
        format_func=names.__getitem__,
        key=f"row_{key}_{chosen}",
    )
    note.caption(
        f"{total} cases"
        + (f"; the first {_SHOWN} are listed" if total > _SHOWN else "")
        + ". Tick a row, or choose by name."
    )
    if right.button("Open case", type="primary", key=f"open_{key}", width="stretch"):
        with st.spinner("Reading the scan …"):
            opened = session.open_row(path, row, rows[row], diagnosis)
        _go_on(opened)


def _upload(diagnosis: Diagnosis) -> None:
    hears = any(m.kind is Modality.AUDIO for m in diagnosis.bundle.config.modalities)
    files = st.file_uploader(
        "A DICOM series (zip, or all its files), NIfTI, MHA or NRRD; PNG or JPEG slices for a model of pictures"
        + ("; a recording" if hears else ""),
        [*_TYPES, *(s[1:] for s in session.SOUNDS if hears)], accept_multiple_files=True, key="uploads",
    )  # fmt: skip
    st.caption(
        "Files stay on this machine, in a folder of this session that is deleted with it. "
        "Texts and values are typed in on the next page, also for a case without any file."
    )
    name = st.text_input("Name of the case", "my case", key="upload_name") or "my case"
    with st.container(horizontal=True):
        given = st.button("Open upload", type="primary", key="open_upload", disabled=not files)
        bare = st.button("Open without a file", key="open_bare", disabled=bool(files))
    if given or bare:
        with st.spinner("Reading the scan …"):
            opened = session.open_upload(name, _kept(files) if given else (), diagnosis)
        _go_on(opened)


def _kept(files: Sequence[UploadedFile]) -> tuple[Path, ...]:
    """Uploads on disk, after each kind was tried by its reader."""
    kinds: dict[Callable[..., None], list[UploadedFile]] = {}
    for file in files:
        reader = next((r for ends, r in _READERS.items() if file.name.lower().endswith(ends)), decode_scan)
        kinds.setdefault(reader, []).append(file)
    return tuple(path for reader, some in kinds.items() for path in ui.keep_uploads(some, reader, True))


def _choose(waiting: session.Pending) -> None:
    """Ask which series, or what to do about faults of geometry."""
    chosen, policy, name = waiting.chosen, "refuse", ui.escape(waiting.case.name)
    if waiting.series:
        st.warning(f"{name}: {len(waiting.series)} series stand together. Choose one.", icon=":material/stacks:")
        told = {uid: ui.escape(words) for uid, words in waiting.series}  # from the header of a stranger's file
        chosen = st.radio("Series", list(told), format_func=told.__getitem__, key="series")
    else:
        st.warning(f"{name}: the slices do not form an even, upright volume.", icon=":material/straighten:")
        for defect in waiting.defects:
            st.markdown(f"- {ui.escape(ui.without_folder(defect))}")
        options = {
            "refuse": "Refuse: do not open it",
            "resample": "Resample: repair what can be repaired",
            "accept": "Accept: go on as it is",
        }
        policy = st.radio("What to do", list(options), format_func=options.__getitem__, key="policy")
        st.caption("The choice and what was done are written into the result.")
    if st.button("Go on", type="primary", key="go_on"):
        if not waiting.series and policy == "refuse":
            st.session_state.pop("pending")
            st.rerun()
        with st.spinner("Reading the scan …"):
            opened = session.decide(waiting, chosen, policy)
        _go_on(opened)
    if st.button("Cancel", key="cancel"):
        st.session_state.pop("pending")
        st.rerun()


def _go_on(opened: bool) -> None:
    if opened:
        st.switch_page(pages.page("case"))
    st.rerun()
