"""What one session has open: a model and a case. Sessions share models, which hold no case, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import streamlit as st

from apps.medical.studio import STUDIO
from core.cells import check_file, locate, split_files, together
from core.config import ModalityConfig
from core.endings import ENDINGS
from core.errors import ConfigError, FileError, TableError
from core.preprocess.volume import VolumePreprocessor
from core.preprocess.volume_io import is_series
from core.schema import Modality, Prediction
from core.table import StringTable
from domains.medical import viewer
from domains.medical.diagnosis import Diagnosis

PICTURES = (".png", ".jpg", ".jpeg")
SOUNDS = ENDINGS[Modality.AUDIO]


@dataclass(frozen=True)
class Case:
    """A case that is open: its scan to look at, files to show, and what its texts and clinical columns held."""

    name: str
    number: int  # of the cases of this session; names the widgets, so that a new case starts with its own values
    scan: viewer.Scan | None = None
    files: dict[str, tuple[Path, ...]] = field(default_factory=dict)  # by modality, of every kind but volume
    cells: dict[str, str] = field(default_factory=dict)  # by column: texts and clinical values
    truth: str | None = None
    table: Path | None = None  # where it was picked from
    row: int | None = None


@dataclass(frozen=True)
class Pending:
    """A scan that needs a choice before it opens: which of several series, or what to do about its geometry."""

    case: Case
    path: Path | tuple[Path, ...]
    series: tuple[tuple[str, str], ...] = ()  # (unique identifier, description)
    chosen: str | None = None
    defects: tuple[str, ...] = ()


def model() -> Diagnosis | None:
    """The model that is open; at first the sample model, where it is trained."""
    found: Diagnosis | None = STUDIO.model()
    return found


use_model, model_name = STUDIO.use_model, STUDIO.model_name


def case() -> Case | None:
    """The case that is open."""
    return st.session_state.get("case")


def open_row(table: Path, row: int, cells: Mapping[str, str], diagnosis: Diagnosis) -> bool:
    """Open a row of a table, with all rows of its case where the model was trained on cases of several rows.

    False where its scan needs a choice first, see ``pending``.

    Raises:
        FileError: if a file of it cannot be read.
    """
    config = diagnosis.bundle.config
    key = config.table.id or ""
    name = cells.get(key, "") or f"row {row + 1}"
    if config.table.gather and cells.get(key, "").strip():
        rows = _rows_of(StringTable.open(table), key, cells[key].strip())
        gathered = [together(m, rows) for m in config.modalities]
        cells = {**cells, **{c: cell for one in gathered for c, cell in one.items()}}
    found = Case(name, _next(), table=table, row=row, truth=cells.get(config.target.column) or None)
    return open_case(found, cells, diagnosis, table.parent)


def neighbour(table: StringTable, row: int, step: int, diagnosis: Diagnosis) -> int | None:
    """The first row of another case before (``step`` -1) or after (1) a row; None where there is none."""
    config = diagnosis.bundle.config.table

    def case_of(place: int) -> str:
        return table.row(place).get(config.id or "", "").strip() if config.gather else ""

    beside = row + step
    while 0 <= beside < len(table) and case_of(row) and case_of(beside) == case_of(row):
        beside += step
    return beside if 0 <= beside < len(table) else None


def _rows_of(table: StringTable, column: str, name: str) -> list[dict[str, str]]:
    ids = (cell.strip() for chunk in table.column(column) for cell in chunk)
    return [table.row(i) for i, one in enumerate(ids) if one == name]


def open_case(found: Case, cells: Mapping[str, str], diagnosis: Diagnosis, root: Path) -> bool:
    """Open a case from cells by column, as in a table; paths in them start from ``root``."""
    scan: tuple[Path, ...] = ()
    for m in diagnosis.bundle.config.modalities:
        if not m.kind.is_file:
            found.cells.update({c: cells.get(c, "") for c in m.columns})
        elif paths := _paths(m, cells, root):
            if m.kind is Modality.VOLUME:
                scan = paths
            else:
                found.files[m.name] = paths
    return _open_scan(found, scan[0] if len(scan) == 1 else scan) if scan else _opened(found)


def open_upload(name: str, paths: tuple[Path, ...], diagnosis: Diagnosis) -> bool:
    """Open uploaded files as a case: recordings, pictures where the model reads pictures, and the rest as a scan."""
    found = Case(name, _next())
    takes = {m.kind: m for m in diagnosis.bundle.config.modalities}
    sounds = [p for p in paths if p.suffix.lower() in SOUNDS]
    if sounds and Modality.AUDIO in takes:
        found.files[takes[Modality.AUDIO].name] = tuple(sounds)
        paths = tuple(p for p in paths if p not in sounds)
    pictures = [p for p in paths if p.name.lower().endswith(PICTURES)]
    for m in diagnosis.bundle.config.modalities:
        if not m.kind.is_file:
            found.cells.update(dict.fromkeys(m.columns, ""))
    if pictures and Modality.IMAGE in takes:
        found.files[takes[Modality.IMAGE].name] = tuple(pictures)
        paths = tuple(p for p in paths if p not in pictures)
    if paths and Modality.VOLUME not in takes:
        reads = ", ".join(m.name for m in takes.values())
        raise ConfigError(f"{paths[0].name}: this model reads {reads}, no CT volume; open another model")
    return _open_scan(found, paths[0] if len(paths) == 1 else paths) if paths else _opened(found)


def pending() -> Pending | None:
    """The scan that waits for a choice."""
    return st.session_state.get("pending")


def decide(wait: Pending, series: str | None, on_defect: str = "refuse") -> bool:
    """Go on with a scan that waited."""
    return _read(wait.case, wait.path, series, on_defect)


def _open_scan(found: Case, path: Path | tuple[Path, ...]) -> bool:
    from core.preprocess.dicom_series import list_series

    listed = list_series(path) if is_series(path) else []
    if len(listed) > 1:
        st.session_state["pending"] = Pending(found, path, tuple((s.uid, str(s)) for s in listed))
        return False
    return _read(found, path, None, "refuse")


def _read(found: Case, path: Path | tuple[Path, ...], series: str | None, on_defect: str) -> bool:
    from core.preprocess.geometry import GeometryError

    try:
        scan = viewer.open_scan(path, series, on_defect, _allowed())
    except GeometryError as error:
        if on_defect != "refuse":
            raise
        told = tuple(str(d) for d in error.defects)
        st.session_state["pending"] = Pending(found, path, chosen=series, defects=told)
        return False
    return _opened(replace(found, scan=scan))


def _allowed() -> tuple[str, ...]:
    """The DICOM modalities that the open model reads."""
    diagnosis = model()
    views = [] if diagnosis is None else diagnosis.bundle.views.values()
    readers = (v.preprocessor for v in views)
    return next((r.allow_modality for r in readers if isinstance(r, VolumePreprocessor)), ("CT",))


def _opened(found: Case) -> bool:
    st.session_state["case"], st.session_state["answers"] = found, {}
    st.session_state.pop("pending", None)
    return True


def _next() -> int:
    st.session_state["cases"] = st.session_state.get("cases", 0) + 1
    return int(st.session_state["cases"])


def _paths(m: ModalityConfig, cells: Mapping[str, str], root: Path) -> tuple[Path, ...]:
    names = split_files(cells.get(m.columns[0], ""))
    for name in names:
        check_file(name, root, m.kind)
    return tuple(locate(name, root) for name in names)


def answer(
    diagnosis: Diagnosis, found: Case, cells: Mapping[str, str], off: frozenset[str] = frozenset()
) -> Prediction:
    """The model's answer for a case with these texts and values, without the modalities in ``off``; asked once.

    Raises:
        FileError: if a file cannot be read, or a value is not what its column holds.
    """
    key = (tuple(sorted(cells.items())), off)
    kept: dict[Any, Prediction] = st.session_state.setdefault("answers", {})
    if key not in kept:
        try:
            kept[key] = diagnosis.diagnose(**given(diagnosis, found, cells, off))
        except FileError as error:
            if isinstance(error.__cause__, TableError):  # values typed in: the user knows of no table and no row
                raise FileError("\n".join(map(str, error.__cause__.faults))) from error
            raise
    return kept[key]


def given(
    diagnosis: Diagnosis, found: Case, cells: Mapping[str, str], off: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """What the model is asked: by modality name, without blanks and without the modalities in ``off``."""
    values: dict[str, Any] = {}
    for m in diagnosis.bundle.config.modalities:
        if m.kind is Modality.VOLUME and found.scan is not None:
            values[m.name] = found.scan.volume
        elif m.kind.is_file:
            values[m.name] = list(found.files.get(m.name, ()))
        elif m.kind is Modality.TABULAR:
            values[m.name] = {c: cells[c] for c in m.columns if cells.get(c, "").strip()}
        else:
            values[m.name] = "\n".join(cells[c] for c in m.columns if cells.get(c, "").strip())
    return {k: v for k, v in values.items() if k not in off and (v is not None and v != {} and v != [] and v != "")}
