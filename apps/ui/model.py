"""The open model: figures with intervals, confusion, calibration, card and versions; and which model is open."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from apps import ui
from apps.ui import measured, trusted
from apps.ui.studio import Studio
from core.answer import label
from core.errors import FileError
from core.estimator import Estimator
from core.evaluation.evaluate import Figures
from core.paths import typed_path
from core.schema import TargetKind

_ROWS = {"": "its test rows, or a new table's"} | {p: p for p in ("all", "test", "val", "train")}
_SHOWN = {"accuracy": "Accuracy", "f1": "Macro F1", "auroc": "AUROC", "r2": "R²", "neg_rmse": "−RMSE"}


def show(studio: Studio) -> None:
    """The page."""
    ui.page("Model", studio.disclaimer)
    estimator = studio.model()
    if estimator is None:
        st.info("No model is trained yet.", icon=":material/model_training:")
        st.page_link(studio.pages.first(), label="Train the sample model")
        return
    _pick(studio)
    facts = estimator.bundle.facts
    _figures(facts)
    table, split = _rows(studio)
    further = {"Groups": measured.groups, "Robustness": measured.robustness}
    if studio.decides and estimator.bundle.config.target.kind is not TargetKind.NUMBER:
        further["Decisions"] = measured.decisions
    names = ["Confusion and calibration", *further, "Model card", "Versions and data"]
    measure, *others, card, made = st.tabs(names)
    with measure, studio.pages.boundary():
        _measure(studio, estimator, table, split)
    for tab, draw in zip(others, further.values(), strict=True):
        with tab, studio.pages.boundary():
            draw(studio, estimator, table, split)
    with card:
        st.markdown(_lower_headings(estimator.bundle.card))
        papers = {"card.md": estimator.bundle.card} | dict(studio.papers(estimator))
        with st.container(horizontal=True):
            for name, text in papers.items():
                words = "Card as Markdown" if name == "card.md" else label(name.removesuffix(".md")).upper()
                st.download_button(
                    words, text, name, "text/markdown", icon=":material/download:", on_click="ignore", key=name
                )  # fmt: skip
    with made:
        rows = {"created": facts["created"], "fingerprint of the table": facts["fingerprint"], **facts["versions"]}
        st.dataframe([{"what": k, "value": str(v)} for k, v in rows.items()], hide_index=True, alt="Versions")


def _pick(studio: Studio) -> None:
    """Which model is open: one of the user's folder, or any bundle by its path."""
    found = studio.models()
    current = studio.model_folder()
    names = {str(p): studio.shown_name(p) for p in [*found.values(), current]}
    left, right = st.columns(2)
    places = list(names)
    chosen = left.selectbox(
        "Model", places, places.index(str(current)), format_func=names.__getitem__, key="pick_model"
    )
    other = right.text_input(
        "Or the folder of a bundle that `polyfuse train` wrote", key="bundle_path", placeholder="/data/run/bundle"
    )
    wanted = typed_path(other) if other.strip() else Path(chosen)
    if wanted != current and st.button("Open this model", type="primary", key="open_model"):
        studio.use_model(wanted)
        st.rerun()


def _figures(facts: dict[str, Any]) -> None:
    """The figures of the test rows; of the held-out ones where there are none."""
    part = "test" if facts["test"].get("cases") else "held_out"
    figures = facts[part]
    rows = "test rows, which chose nothing" if part == "test" else "held-out rows, which chose epoch and calibration"
    shown = [(k, figures[k]) for k in _SHOWN if isinstance(figures.get(k), float)]
    cells = st.columns(len(shown) + 2)
    cells[0].metric("Cases", figures["cases"])
    for cell, (name, value) in zip(cells[1:], shown):
        ends = figures.get("interval", {}).get(name)
        cell.metric(_SHOWN[name], f"{value:.3f}")
        if ends:
            cell.caption(f"{ends[0]:.3f} to {ends[1]:.3f}")
    if "expected_calibration_error" in figures:
        cells[-1].metric("Calibration error", f"{figures['expected_calibration_error']:.3f}")
    st.caption(f"Measured on {figures['cases']} {rows}; ranges are 95 % intervals.{_spread(facts['seeds'])}")
    if (spent := facts.get("privacy")) is not None:
        st.caption(
            f":material/shield_lock: Trained with differential privacy: ε {spent['epsilon']:.2f} at δ "
            f"{spent['delta']:g} spent, a row at a time; the card says what that does not cover."
        )


def _spread(seeds: Mapping[str, Any]) -> str:
    """How far the members trained with other seeds lie apart on held-out rows."""
    if len(seeds.get("scores", ())) < 2:
        return ""
    low, high = min(seeds["scores"]), max(seeds["scores"])
    return f" Its {len(seeds['scores'])} seeds reach {low:.3f} to {high:.3f} each on held-out rows."


@st.cache_data(show_spinner="Measuring …", max_entries=8)
def _evaluated(table: str, changed: int, split: str | None, model: str, _estimator: Estimator) -> Figures:
    return _estimator.evaluate(Path(table), split=split)


def _rows(studio: Studio) -> tuple[Path | None, str | None]:
    """The table that is measured on, and which of its rows."""
    left, right = st.columns([3, 1])
    sample = studio.model_folder() == studio.sample.ready()
    path = left.text_input(
        "Table to measure on", str(studio.sample.table()) if sample else "", key=f"measure_{studio.model_folder()}"
    )
    split = right.selectbox("Rows", list(_ROWS), key="measure_split", format_func=_ROWS.__getitem__)
    try:
        table = typed_path(path) if path.strip() else None
        if table is not None and not table.is_file():
            raise FileError(f"{table}: no such file; check the path")
    except FileError as error:
        ui.show_error(error)
        table = None
    return table, split or None


def _measure(studio: Studio, estimator: Estimator, table: Path | None, split: str | None) -> None:
    if estimator.bundle.config.target.kind not in (TargetKind.LABEL, TargetKind.GRADE):
        st.caption("Confusion and reliability are drawn for one label or grade a case.")
        return
    if table is None:
        st.caption(
            "Name a table that has the target, to see which classes are confused and how honest the probabilities are."
        )
        return
    figures = _evaluated(str(table), table.stat().st_mtime_ns, split, str(studio.model_folder()), estimator)
    if figures.seen:
        st.warning(
            f"The model was trained or chosen on {figures.seen} of these rows: no figures of new cases.",
            icon=":material/warning:",
        )
    trusted.promise(figures)
    one, two = st.columns(2, gap="large")
    with one:
        st.markdown(f"**Confusion** · {figures.cases} cases, true class down, answer across")
        assert figures.confusion is not None
        ui.chart(
            ui.matrix(figures.confusion, [label(c) for c in figures.classes]),
            f"Confusion matrix {figures.confusion}",
            "confusion",
        )
    with two:
        trusted.calibration(figures)
    named = [n for n in ("f1", "accuracy") if n in figures.intervals]
    told = [
        f"{_SHOWN.get(n, n)} {figures.metrics[n]:.3f} ({figures.intervals[n][0]:.3f} to {figures.intervals[n][1]:.3f})"
        for n in named
    ]
    st.caption(f"{figures.cases} cases: {'; '.join(told)}.")
    trusted.patterns(figures, studio.name)
    one, two = st.columns(2, gap="large")
    with one:
        trusted.referral(figures)
    with two:
        if figures.by_pattern:
            st.markdown("**As the cases came** · by the kinds of data that they have")
            rows = [{"kinds of data": trusted.called(k, studio.name)} | v for k, v in figures.by_pattern.items()]
            st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Figures by which modalities are present")


def _lower_headings(card: str) -> str:
    """The card below the page's title: its headings one step smaller."""
    return "\n".join(f"##{line}" if line.startswith("#") else line for line in card.splitlines())
