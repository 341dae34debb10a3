"""What the open model may be relied on for: calibration, each pattern of modalities, and referral to a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from apps import ui
from core.evaluation.evaluate import Figures
from core.evaluation.trust import broken_promise, plain

_NAMES = {"ece": "calibration error", "brier": "Brier score", "slope": "slope", "intercept": "intercept"}
_PATTERN = {
    "f1": "macro F1", "ece": "calibration error", "brier": "Brier score", "slope": "slope", "intercept": "intercept",
    "coverage": "coverage", "size": "answers in a set", "referred": "referred",
}  # fmt: skip


def promise(figures: Figures) -> None:
    """A warning where the sets do not hold the truth as often as was promised."""
    if told := broken_promise(figures.coverage):
        st.warning(told, icon=":material/warning:")


def calibration(figures: Figures) -> None:
    """The reliability diagram and its figures."""
    bins = figures.calibration["bins"]
    st.markdown("**Calibration** · how often right against how sure; numbers are cases, bars 95 % intervals")
    told = "; ".join(f"{b[0]:.2f} sure, {b[1]:.2f} right, {b[2]:.0f} cases" for b in bins)
    ui.chart(reliability(bins), f"Reliability: {told}", "reliability")
    words = "; ".join(f"{_NAMES[k]} {v}" for k, v in plain(figures.calibration, list(_NAMES)).items())
    st.caption(f"{words}. Honest: slope 1, intercept 0.")


def reliability(bins: Sequence[Sequence[float]]) -> go.Figure:
    """How often the answer was right (down) against how sure it was (across), with intervals; see the engine's bins."""
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": ui.GREY}, name="perfect")
    ends = {"array": [b[4] - b[1] for b in bins], "arrayminus": [b[1] - b[3] for b in bins], "color": ui.BLUE}
    figure.add_scatter(
        x=[b[0] for b in bins], y=[b[1] for b in bins], mode="lines+markers+text", text=[f"{b[2]:.0f}" for b in bins],
        textposition="bottom right", marker={"size": 11, "color": ui.BLUE}, line={"color": ui.BLUE}, name="this model",
        error_y={"type": "data", "symmetric": False, "thickness": 1, **ends},
    )  # fmt: skip
    figure.update_xaxes(title="how sure (probability of the answer)", range=(0, 1.02))
    figure.update_yaxes(title="how often right", range=(0, 1.06))
    figure.update_layout(height=320, margin={"l": 0, "r": 0, "t": 8, "b": 0}, legend={"orientation": "h", "y": 1.12})
    return figure


def called(pattern: str, name: Callable[[str], str]) -> str:
    """Kinds of data as people of the field call them, from a pattern's key."""
    return " + ".join(name(m) for m in pattern.split(" + "))


def patterns(figures: Figures, name: Callable[[str], str]) -> None:
    """Each pattern of modalities, asked with all others switched off."""
    if not figures.patterns:
        return
    st.markdown("**With these kinds of data alone** · every other one switched off; ranges are 95 % intervals")
    rows = [_pattern(called(key, name), found) for key, found in figures.patterns.items()]
    st.dataframe(rows, hide_index=True, alt="Calibration, coverage and referral for each pattern of modalities")


def _pattern(name: str, found: dict[str, Any]) -> dict[str, Any]:
    told = plain(found, list(_PATTERN))
    return {"kinds of data": name, "cases": found["cases"]} | {_PATTERN[k]: v for k, v in told.items()}


def referral(figures: Figures) -> None:
    """How wrong the answers are that remain when unsure cases go to a person."""
    found = figures.abstention
    if not found:
        st.caption("No case is referred by itself: the model promises no sets, for want of held-out rows.")
        return
    st.markdown("**Refer to a person** · errors among the answered cases, the surest first")
    told = plain(found, ("answered", "error", "error_of_all", "area"))
    ui.chart(curve(found), f"Errors against answered cases: {told}", "referral")
    errors = f"; {told['error']} of these are wrong" if "error" in told else ""
    st.caption(
        f"By its rule this model answers {told['answered']} of the cases{errors}, against "
        f"{told['error_of_all']} of all. It refers where more than one answer is possible or none fits, and where a "
        f"case is unlike the training cases ({found['unlike']:.0%}). Mean error along the curve: {told['area']}."
    )


def curve(found: dict[str, Any]) -> go.Figure:
    """Errors (down) against the share of cases that are answered (across), its interval, and the model's own rule."""
    points = found["curve"]
    x = [p[0] for p in points]
    figure = go.Figure()
    figure.add_scatter(
        x=[*x, *x[::-1]], y=[*(p[3] for p in points), *(p[2] for p in points[::-1])], fill="toself", mode="none",
        fillcolor="rgba(47,125,225,0.15)", hoverinfo="skip", name="95 % interval",
    )  # fmt: skip
    figure.add_scatter(x=x, y=[p[1] for p in points], mode="lines", line={"color": ui.BLUE, "width": 3}, name="errors")
    if "error" in found:
        figure.add_scatter(
            x=[found["answered"]], y=[found["error"]], mode="markers", name="this model's rule",
            marker={"size": 13, "color": ui.ORANGE, "symbol": "diamond"},
        )  # fmt: skip
    figure.update_xaxes(title="share of cases answered", range=(0, 1.02), tickformat=".0%")
    figure.update_yaxes(title="share of them wrong", rangemode="tozero", tickformat=".0%")
    figure.update_layout(height=320, margin={"l": 0, "r": 0, "t": 8, "b": 0}, legend={"orientation": "h", "y": 1.12})
    return figure
