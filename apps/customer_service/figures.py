"""Charts of the customer-service app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from apps.ui import BLUE, GREY, ORANGE
from core.answer import is_unsure, label
from core.schema import Prediction

_COLOURS = (
    "#2f7de1", "#e0812f", "#2c9c6a", "#d1495b", "#8e6fd8", "#c2a020", "#2fa8b8", "#d667a8", "#7a9a3a", "#5b6ee0",
    "#b5693f", "#3f9f8f", GREY,
)  # fmt: skip


def unsure(found: Prediction) -> bool:
    """Whether a person has to decide: several intents, or none, cannot be ruled out, and it is not out of scope."""
    return is_unsure(found) and not found.is_outside


def stacked(counts: pd.DataFrame) -> go.Figure:
    """Turns a period as stacked bars, a colour an intent, the commonest at the bottom."""
    order = counts.sum().sort_values(ascending=False).index
    figure = go.Figure()
    for i, intent in enumerate(order):
        figure.add_bar(x=counts.index, y=counts[intent], name=label(intent), marker_color=_COLOURS[i % len(_COLOURS)])
    legend = {"orientation": "v", "font": {"size": 13}, "traceorder": "normal"}
    figure.update_layout(barmode="stack", height=330, margin={"l": 0, "r": 0, "t": 8, "b": 0}, legend=legend)
    figure.update_yaxes(title="turns")
    return figure


def changes(moved: Mapping[str, float]) -> go.Figure:
    """Shares that grew (to the right) and shrank (to the left), the largest change on top."""
    names = list(moved)[::-1]
    reach = max([abs(v) for v in moved.values()] + [0.01])
    figure = go.Figure(
        go.Bar(
            x=[moved[n] for n in names], y=names, orientation="h", cliponaxis=False, textfont_size=14,
            marker_color=[ORANGE if moved[n] > 0 else BLUE for n in names], hoverinfo="skip",
            text=[f"{moved[n]:+.1%}".replace("-", "−") for n in names], textposition="outside",
        )
    )  # fmt: skip
    figure.add_vline(x=0, line_width=1, line_color=GREY)
    figure.update_layout(height=34 * len(names) + 20, margin={"l": 0, "r": 8, "t": 4, "b": 4}, bargap=0.35)
    figure.update_xaxes(range=(-1.5 * reach, 1.5 * reach), visible=False, fixedrange=True)
    figure.update_yaxes(tickfont_size=14, automargin=True, ticksuffix="  ", fixedrange=True)
    return figure


def latency(timings: Sequence[Mapping[str, float]]) -> list[dict[str, object]]:
    """Milliseconds of each stage: of the last turn, and p50 and p95 over all."""
    stages = list(dict.fromkeys(name for t in timings for name in t))
    rows = []
    for name in (*stages, "together"):
        taken = [
            1000 * (sum(t.values()) if name == "together" else t[name])
            for t in timings
            if name in t or name == "together"
        ]
        low, high = np.quantile(taken, [0.5, 0.95])
        rows.append(
            {"stage": name, "last": round(taken[-1]), "p50": round(low), "p95": round(high), "turns": len(taken)}
        )
    return rows
