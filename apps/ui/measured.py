"""Further figures of the open model on a table: groups of cases, robustness, decision curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from apps import ui
from apps.ui.studio import Studio
from core.answer import label
from core.estimator import Estimator
from core.evaluation.evaluate import Figures
from core.evaluation.subgroups import LEAST
from core.numbers import plain
from core.table import StringTable

_COLOURS = (ui.BLUE, ui.ORANGE, ui.GREEN, ui.RED, ui.GREY)
_CASES = 100  # measured from the page; the command takes as many as it is told


@st.cache_data(show_spinner="Measuring …", max_entries=8)
def _figures(
    table: str, changed: int, split: str | None, model: str, by: str, decide: bool, _estimator: Estimator
) -> Figures:
    return _estimator.evaluate(Path(table), split=split, by=by, decide=decide)


def groups(studio: Studio, estimator: Estimator, table: Path | None, split: str | None) -> None:
    """Figures by groups of cases, each with its interval and its gap to the rest."""
    if table is None:
        st.caption("Name a table above, to compare groups of its cases.")
        return
    columns = StringTable.open(table).columns
    usual = ",".join(c for c in studio.by if c in columns)
    by = st.text_input("Columns to look at cases by; numbers with their bands, as in sex,age:40:65", usual, key="by")
    if not by.strip():
        st.caption(f"The table has: {ui.escape(', '.join(columns))}.")
        return
    figures = _figures(str(table), _changed(table), split, str(studio.model_folder()), by, False, estimator)
    rows = [
        {"column": label(g.column), "group": label(g.group), "cases": g.cases}
        | {n.replace("_", " "): _ranged(*f) for n, f in g.figures.items()}
        | {f"gap of {n.replace('_', ' ')} to the rest": _ranged(*f, sign="+") for n, f in list(g.gaps.items())[:1]}
        | ({} if g.figures else {"note": f"too few (under {LEAST})"})
        for g in figures.subgroups
    ]
    st.dataframe(rows, hide_index=True, alt="Figures by groups, the lowest first")
    st.caption(
        f"{figures.cases} cases, the lowest group of each column first; ranges are 95 % intervals. A gap whose range "
        f"holds zero is none that these cases show. Of the calibration error less is better."
    )


def robustness(studio: Studio, estimator: Estimator, table: Path | None, split: str | None) -> None:
    """Curves over damage, from the last measurement of this model; measured here on request."""
    place = studio.model_folder().parent / "stress" / "stress.json"
    found = _read(place, estimator)
    if found is None:
        command = f"polyfuse stress {studio.model_folder()} {table or 'TABLE'}"
        st.caption(f"Not measured yet. Here on up to {_CASES} cases, or on the command line: `{command}`.")
    if table is not None and st.button("Measure robustness" if found is None else "Measure again", key="stress"):
        with ui.Steps("Damaging cases") as steps:
            new = estimator.stress(table, split=split, most=_CASES, progress=steps)
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps(plain(new.to_json()), indent=1), encoding="utf-8")
        (place.parent / "stress.csv").write_text(new.to_csv(), encoding="utf-8")
        found = _read(place, estimator)
    if found is not None:
        _draw(studio, found)


def _read(place: Path, estimator: Estimator) -> dict[str, Any] | None:
    """What was measured, if it was of this model."""
    if not place.is_file():
        return None
    found = json.loads(place.read_text(encoding="utf-8"))
    return found if found["model"]["created"] == estimator.bundle.facts["created"] else None


def _draw(studio: Studio, found: Mapping[str, Any]) -> None:
    by: dict[str, list[dict[str, Any]]] = {}
    for c in found["curves"]:
        kind = "" if c["modality"] == "all" else f"{studio.name(c['modality'])}: "
        by.setdefault(f"{kind}{c['damage']}", []).append(c)
    metric = found["metric"].replace("_", " ")
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        chosen = st.selectbox("Damage", list(by), key="damage")
        ui.chart(_curves(studio, by[chosen], metric), f"{metric} over {chosen}, for each model", "stress_curves")
        trained = [studio.name(m) for m in found["trained_alone"]]
        alone = f"models of their own for {', '.join(trained)}" if trained else "this model with all else switched off"
        st.caption(f"{found['cases']} cases; bars are 95 % intervals. Alone: {alone}.")
    with right:
        rows = [
            {"damage": name}
            | {_column(c): c["area"] for c in curves if c["model"] in ("fused", f"{c['modality']} alone")}
            for name, curves in by.items()
        ]
        formats = {k: st.column_config.NumberColumn(format="%.2f") for k in rows[0] if k != "damage"}
        st.markdown(f"**Share of {metric} kept**, on average over the steps")
        st.dataframe(rows, hide_index=True, column_config=formats, alt="Area under each curve")
        if len(found["missing"]) > 1:
            st.markdown("**Given only**")
            given = [
                {
                    "given": " + ".join(map(studio.name, m["present"])),
                    metric: _ranged(m["value"], *m["interval"]),
                    "cases": m["cases"],
                }
                for m in found["missing"]
            ]
            st.dataframe(given, hide_index=True, alt="Figures by which kinds of data are given")


def _column(curve: Mapping[str, Any]) -> str:
    return "fused" if curve["model"] == "fused" else "the damaged kind alone"


def _model(studio: Studio, name: str) -> str:
    return f"{studio.name(name.removesuffix(' alone'))} alone" if name.endswith(" alone") else name


def _curves(studio: Studio, curves: Sequence[Mapping[str, Any]], metric: str) -> go.Figure:
    figure = go.Figure()
    for c, colour in zip(curves, _COLOURS * len(curves)):
        up = [high - v for v, (_, high) in zip(c["values"], c["intervals"])]
        down = [v - low for v, (low, _) in zip(c["values"], c["intervals"])]
        figure.add_scatter(
            x=[f"{s:g}" for s in c["steps"]], y=c["values"], name=_model(studio, c["model"]), mode="lines+markers",
            line={"color": colour, "width": 3 if c["model"] == "fused" else 2}, marker={"size": 8},
            error_y={"array": up, "arrayminus": down, "thickness": 1, "width": 3},
        )  # fmt: skip
    figure.update_xaxes(title=curves[0]["unit"], type="category")
    figure.update_yaxes(title=metric, rangemode="tozero")
    figure.update_layout(height=360, margin={"l": 0, "r": 0, "t": 8, "b": 0}, legend={"orientation": "h", "y": 1.14})
    return figure


def decisions(studio: Studio, estimator: Estimator, table: Path | None, split: str | None) -> None:
    """What acting on the probabilities is worth, against acting on everybody and on nobody."""
    if table is None:
        st.caption("Name a table above, to see what acting on the answers would be worth.")
        return
    figures = _figures(str(table), _changed(table), split, str(studio.model_folder()), "", True, estimator)
    named = {label(d.label): d for d in figures.decisions}
    chosen = named[str(st.selectbox("Act on", list(named), key="decide"))]
    x, colour = [100 * t for t in chosen.thresholds], ui.BLUE
    figure = go.Figure()
    low, high = ([ends[i] for ends in chosen.intervals] for i in (0, 1))
    figure.add_scatter(x=x, y=high, mode="lines", line={"width": 0}, showlegend=False, hoverinfo="skip")
    figure.add_scatter(
        x=x, y=low, mode="lines", line={"width": 0}, fill="tonexty", fillcolor="rgba(47,125,225,0.18)",
        showlegend=False, hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(x=x, y=chosen.model, mode="lines", name="this model", line={"color": colour, "width": 3})
    figure.add_scatter(x=x, y=chosen.everybody, mode="lines", name="everybody", line={"color": ui.ORANGE, "width": 2})
    figure.add_scatter(
        x=x, y=[0.0] * len(x), mode="lines", name="nobody", line={"color": ui.GREY, "width": 2, "dash": "dot"}
    )
    figure.update_xaxes(title="act from this probability on, %")
    figure.update_yaxes(title="net benefit a case", range=(-0.05, max(max(high), chosen.prevalence) * 1.1))
    figure.update_layout(height=360, margin={"l": 0, "r": 0, "t": 8, "b": 0}, legend={"orientation": "h", "y": 1.14})
    ui.chart(figure, f"Net benefit over thresholds: {chosen.verdict()}", "decision_curve")
    st.caption(
        f"{figures.cases} cases, {chosen.prevalence:.0%} of them {ui.escape(label(chosen.label))}. Net benefit: cases "
        "rightly acted on less those wrongly acted on, the latter weighed by the odds of the threshold (Vickers and "
        f"Elkin 2006); the band is a 95 % interval. {ui.escape(label(chosen.verdict()).capitalize())}."
    )


def _changed(table: Path) -> int:
    return table.stat().st_mtime_ns


def _ranged(value: float, low: float, high: float, sign: str = "") -> str:
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"
