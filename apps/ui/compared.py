"""Comparisons of fused with alone, as the training page draws them."""

from __future__ import annotations

import streamlit as st

from apps import ui
from core.compare import Comparison
from core.learning_curve import LearningCurve


def comparison(found: Comparison) -> None:
    """Fused, each kind alone and the floor, the best first, and what that says."""
    rows = []
    for r in sorted(found.results, key=lambda r: -r.metrics.get(found.metric, 0.0)):
        lead = "–" if r.lead is None else f"{r.lead[0]:+.3f} ({r.lead[1]:+.3f} to {r.lead[2]:+.3f})"
        rows.append({
            "model": r.name, found.metric.replace("_", " "): round(r.metrics[found.metric], 3),
            "95 % interval": f"{r.interval[0]:.3f} to {r.interval[1]:.3f}", "lead over the best alone (95 %)": lead,
        })  # fmt: skip
    st.markdown(f"**{found.metric.replace('_', ' ')} on {found.cases} test cases**")
    st.dataframe(rows, hide_index=True, alt="Fused, alone and floor with intervals")
    fused = next((r for r in found.results if r.name == "fused"), None)
    if fused is not None and fused.lead is not None:
        low, high = fused.lead[1:]
        st.markdown(_verdict(low, high))


def learned(found: LearningCurve) -> None:
    """What more training rows would bring."""
    st.markdown(f"**{found.metric.replace('_', ' ')} over training rows**, on {found.cases} test cases")
    lines = {m: found.of(m) for m in dict.fromkeys(p.model for p in found.points)}
    drawn = {m: [(p.rows, p.value, *p.interval) for p in points] for m, points in lines.items()}
    ui.chart(ui.growing(drawn, found.metric.replace("_", " ")), f"Learning curve: {found.verdict()}", "learning_curve")
    st.caption(f"Bars are 95 % intervals. {ui.escape(found.verdict()).capitalize()}.")


def _verdict(low: float, high: float) -> str:
    if low > 0:
        return "Fusion beats the best single modality: the whole interval of its lead is above zero."
    if high < 0:
        return "Fusion is worse than the best single modality: the whole interval is below zero."
    return "These cases do not show that fusion beats the best single modality: the interval holds zero."
