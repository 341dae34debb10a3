"""Check a table, choose what to predict from what, train with live curves, and compare fused with alone."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from apps import ui
from apps.ui import compared
from apps.ui.studio import Source, Studio
from core import starter
from core.check import describe, file_faults, label_faults
from core.config import KEPT, ExperimentConfig
from core.errors import ConfigError, Fault, FileError, PolyfuseError
from core.manifest import Manifest
from core.numbers import counted
from core.paths import check_path, typed_path
from core.recipes import PRESETS
from core.schema import Modality, TargetKind
from core.table import StringTable

_PRESET_WORDS = {
    "fast": "fast: trained from scratch, minutes",
    "default": "default: pretrained weights where installed, three members, with the cheap floors",
    "best": "best: as default, five members",
}
_KEPT_WORDS = {"none": "nothing", "ids": "ids and answers", "texts": "ids, answers and texts"}
_COMPARE = "Train fused, each kind alone and the floor on the same splits"
_OTHER = {"comparison": "A comparison", "learned": "A learning curve"}
_LEARN = "Compare on an eighth, a quarter, half and all of the training rows: what would more rows bring?"


def show(studio: Studio) -> None:
    """The page."""
    ui.page("Train and compare", studio.disclaimer)
    source = _table(studio)
    if source is None:
        return
    config = _what(studio, source)
    if config is None:
        return
    table, config, ready = _check(studio, source, config)
    _train(studio, source, config, table, ready)


def _table(studio: Studio) -> Source | None:
    st.subheader("1 · Table", anchor=False)
    kinds = ["Sample cases", "Path on this machine", "Upload a CSV"]
    kind = st.segmented_control(
        "Where is it?", kinds, default=kinds[0], required=True, key="source", label_visibility="collapsed"
    )
    path, root = studio.sample.table(), ""
    if kind == kinds[1]:
        told = st.text_input("Path of a CSV or Parquet file", key="train_path", placeholder="/data/cases.csv")
        if not told.strip():
            return None
        path = typed_path(told)
    elif kind == kinds[2]:
        left, right = st.columns(2)
        file = left.file_uploader("CSV or Parquet", ["csv", "parquet"], key="train_upload")
        root = right.text_input("Folder that the file paths in it start from", key="train_root", placeholder="/data")
        if file is None:
            return None
        path = _kept(file)
    if not path.is_file():
        raise FileError(f"{path}: no such file; check the path")
    return Source(path, typed_path(root) if root.strip() else path.parent, tuple(StringTable.open(path).columns))


def _kept(file: BytesIO) -> Path:
    """An upload is written once, not at every rerun."""
    known: dict[str, Path] = st.session_state.setdefault("train_uploads", {})
    key = str(getattr(file, "file_id", id(file)))
    if key not in known:
        known[key] = ui.keep_uploads([file], StringTable.open)[0]
    return known[key]


def _what(studio: Studio, source: Source) -> ExperimentConfig | None:
    """Target, kinds of data and preset, as an experiment; None while nothing is chosen to predict from."""
    st.subheader("2 · What to predict, and from what", anchor=False)
    left, middle, right, more = st.columns([1, 1, 2, 1.4])
    likely = [c for c in studio.targets if c in source.columns]
    names = likely + [c for c in source.columns if c not in likely]
    target = left.selectbox("Target column", names, key="target")
    kind = middle.selectbox("Its kind", [k.value for k in TargetKind], key="target_kind")
    order = ""
    if kind == TargetKind.GRADE:
        order = middle.text_input("Their order, lowest first", key="grade_order", placeholder="low, medium, high")
    classes = tuple(c.strip() for c in order.split(",") if c.strip())
    preset = more.selectbox("Preset", PRESETS, key="preset", format_func=_PRESET_WORDS.__getitem__)
    with right:
        options = studio.options(source.columns, target)
        build = studio.estimator.recipe.build
        config: ExperimentConfig = build(
            source.columns, target=f"{target}:{kind}", classes=classes, preset=preset, **options
        )
        found = [m.name for m in config.modalities]
        kept = st.multiselect(
            "Kinds of data that may be used", found, found, format_func=studio.name, key=f"kinds_{'_'.join(found)}"
        )
    if not kept:
        st.info("Choose at least one kind of data.", icon=":material/checklist:")
        return None
    keep = st.segmented_control(
        "Keep of the training cases, to show the nearest ones beside an answer", KEPT, default=KEPT[0], required=True,
        format_func=_KEPT_WORDS.__getitem__, key="keep_cases",
    )  # fmt: skip
    config = dataclasses.replace(config.only(*kept), keep_cases=keep)
    used = ", ".join(
        studio.name(m.name) + (f" ({', '.join(m.columns)})" if m.kind is Modality.TABULAR else "")
        for m in config.modalities
    )
    st.caption(f"Used: {ui.escape(used)}.")
    return config


@st.cache_resource(show_spinner="Checking the table …", max_entries=4)
def _manifest(path: str, changed: int, root: str, config: str, _config: ExperimentConfig) -> Manifest:
    return Manifest.open(Path(path), _config, Path(root))


def _check(
    studio: Studio, source: Source, config: ExperimentConfig
) -> tuple[pd.DataFrame | Path, ExperimentConfig, bool]:
    """What the table holds and what is wrong with it; the table and experiment to train, and whether it may be."""
    st.subheader("3 · Check", anchor=False)
    changed = source.path.stat().st_mtime_ns
    manifest = _manifest(str(source.path), changed, str(source.root), str(config.to_json()), config)
    facts = describe(manifest, config)
    cells = st.columns(3 + len(facts.present))
    counts = {"Cases": facts.cases, studio.groups: facts.groups or "not named", "Classes": len(facts.classes)}
    shares = {f"With {studio.name(name)}": f"{share:.0%}" for name, share in facts.present.items()}
    for cell, (name, value) in zip(cells, (counts | shares).items()):
        cell.metric(name, value)
    for warning in facts.warnings:
        st.caption(f":material/info: {ui.escape(warning.replace('--preset default', 'the preset default'))}")
    manifest = _with_files(_with(manifest, label_faults(manifest)), str(config.to_json()), changed)
    if manifest.faults and source.root == source.path.parent and source.path.is_relative_to(ui.folder()):
        files = {c for m in config.modalities if m.kind.is_file for c in m.columns}
        if any(f.column in files for f in manifest.faults):
            st.info("The table was uploaded alone: name above the folder that its file paths start from.")
    drop, ready = _faults(manifest)
    change = studio.screen(source, config)
    config = studio.refine(manifest, config)
    if not drop and change is None:
        return source.path, config, ready
    frame = source.frame().drop(index=[row - 1 for row in drop])
    return frame if change is None else change(frame), config, ready


def _with_files(manifest: Manifest, config: str, changed: int) -> Manifest:
    """The same with the faults of its files, once the user had every file opened."""
    if not any(m.kind.is_file for m in manifest.config.modalities):
        return manifest
    kept: dict[Any, list[Fault]] = st.session_state.setdefault("opened_files", {})
    key = str(manifest.table.source), changed, config
    if key not in kept:
        if not st.button(
            "Open every file", icon=":material/fact_check:", key="open_files",
            help="Reads each scan, picture or recording once and lists all that cannot be used. Training would stop at "
            "the first of them.",
        ):  # fmt: skip
            return manifest
        with ui.Steps("Opening files") as steps:
            kept[key] = file_faults(manifest, steps)
    if not kept[key]:
        st.caption(":material/check: Every file opens.")
    return _with(manifest, kept[key])


def _with(manifest: Manifest, faults: Sequence[Fault]) -> Manifest:
    manifest = copy.copy(manifest)
    manifest.faults = [*manifest.faults, *faults]
    return manifest


def _faults(manifest: Manifest) -> tuple[list[int], bool]:
    """Rows to leave out, and whether the table may be trained on."""
    if not manifest.faults:
        st.success(f"No faults in {len(manifest)} cases.", icon=":material/check_circle:")
        return [], True
    rejected = ui.folder() / "rejected.csv"
    try:
        usable = not label_faults(manifest.without_faulty(rejected))
    except PolyfuseError:
        usable = False
    way_out = "Correct them, or go on without these rows."
    if not usable:
        way_out = "Correct them: the table can be used neither as it is nor by leaving rows out."
    st.error(f"{counted(len(manifest.faults), 'fault')}. {way_out}", icon=":material/error:")
    st.dataframe(ui.fault_rows(manifest.faults), hide_index=True, height=200, alt="Faults by row and column")
    if not usable:
        return [], False
    left, right = st.columns([1, 3], vertical_alignment="center")
    left.download_button(
        "rejected.csv", rejected.read_bytes(), "rejected.csv", "text/csv", icon=":material/download:", on_click="ignore"
    )
    go_on = right.checkbox("Go on without the faulty rows", key="go_without")
    rows = pd.read_csv(rejected, usecols=["row"])["row"].tolist() if go_on else []
    return rows, go_on


def _train(studio: Studio, source: Source, config: ExperimentConfig, table: pd.DataFrame | Path, ready: bool) -> None:
    st.subheader("4 · Train and compare", anchor=False)
    left, middle, right, more = st.columns([2, 1, 1, 1], vertical_alignment="bottom")
    uploaded = source.path.is_relative_to(ui.folder())  # whose own folder is but a number
    about = source.path.stem if uploaded else source.path.parent.name
    usual = f"{about}-{config.target.column}"
    name = left.text_input("Name of the model", usual, key=f"model_name_{usual}")
    name = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "model"
    start = middle.button("Train", type="primary", disabled=not ready, key="train", width="stretch")
    measure = right.button("Compare", disabled=not ready, key="compare", width="stretch", help=_COMPARE)
    grow = more.button("Learning curve", disabled=not ready, key="learning", width="stretch", help=_LEARN)
    st.caption(
        "Leaving the page stops a training; started again with the same settings it goes on from its last epoch."
    )
    if start:
        st.session_state["trained"] = _fit(studio, source, config, table, name)
    estimator = studio.estimator(config=config)
    about_what = str(source.path), source.path.stat().st_mtime_ns, str(config.to_json())
    for asked, key, words, run in (
        (measure, "comparison", "Comparing", estimator.compare),
        (grow, "learned", "Comparing on growing parts", estimator.learning_curve),
    ):
        if asked:
            with ui.Steps(words) as steps:
                st.session_state[key] = about_what, run(table, root=source.root, progress=steps)
    if (done := st.session_state.get("trained")) is not None:
        _show_trained(studio, *done)
    for key, draw in (("comparison", compared.comparison), ("learned", compared.learned)):
        measured, found = st.session_state.get(key, (None, None))
        if measured == about_what:
            draw(found)
        elif measured is not None:
            st.caption(f"{_OTHER[key]} made with another table or other settings is shown when they are chosen again.")


def _fit(
    studio: Studio, source: Source, config: ExperimentConfig, table: pd.DataFrame | Path, name: str
) -> tuple[Path, Path, list[dict[str, float]]]:
    folder = starter.home(studio.domain) / name
    check_path(folder)
    if (folder / "bundle").exists():
        raise ConfigError(f"a model named {name!r} is there already; choose another name")
    with ui.Steps("Training") as steps:
        studio.estimator(config=config).fit(table, root=source.root, out=folder, progress=steps)
        history = steps.history
    return folder / "bundle", source.path, history


def _show_trained(studio: Studio, bundle: Path, table: Path, history: list[dict[str, float]]) -> None:
    st.success(f"Trained and saved: {bundle.parent.name}", icon=":material/check_circle:")
    if history:
        ui.chart(ui.curves(history), "Loss and metric of training and held-out rows over the epochs", "curves")
    if st.button("Use this model", key="use_trained", icon=studio.icon):
        studio.use_model(bundle)
        st.switch_page(studio.pages.first())
