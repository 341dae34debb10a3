"""The drawings of the education app. Text and background are left to Streamlit's theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from apps.ui import BLUE, GREEN, GREY, ORANGE, RED
from core.numbers import counted
from domains.education.advice import SMALLEST_GROUP, clock
from domains.education.lecture import Lecture

_MASTERY = [[0.0, RED], [0.5, "#f2d16b"], [1.0, GREEN]]


def timeline(lecture: Lecture, curve: pd.DataFrame, now: float) -> go.Figure:
    """Where viewers watched again, above topics and slides; a bar's custom data is the second that it begins at."""
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.52, 0.48], vertical_spacing=0.02)
    middle = (curve["start_s"] + curve["end_s"]) / 2
    figure.add_scatter(
        x=middle, y=curve["share_again"], mode="lines", fill="tozeroy", line={"color": ORANGE, "width": 2},
        hovertemplate="%{y:.0%} watched again<extra></extra>", row=1, col=1,
    )  # fmt: skip
    topics = [(t.start, t.end, t.title) for t in lecture.topics]
    slides = [(s.start, s.end, s.title or "moving picture") for s in lecture.segments]
    for row, spans, colours, label in (
        ("topics", topics, (GREEN, "#6fbf9b"), [t for _, _, t in topics]),
        ("slides", slides, (BLUE, "#79a9ea"), [str(i + 1) for i in range(len(slides))]),
    ):
        figure.add_bar(
            base=[s for s, _, _ in spans], x=[e - s for s, e, _ in spans], y=[row] * len(spans), orientation="h",
            marker_color=[colours[i % 2] for i in range(len(spans))], text=label, textposition="inside",
            insidetextanchor="middle", textfont={"color": "white", "size": 13}, textangle=0, constraintext="inside",
            customdata=[[s] for s, _, _ in spans], hovertext=[f"{clock(s)} {t}" for s, _, t in spans],
            hovertemplate="%{hovertext}<extra></extra>", row=2, col=1,
        )  # fmt: skip
    figure.add_vline(x=now, line_width=2, line_color=RED)
    step = next(s for s in (10, 30, 60, 120, 300, 600, 1200) if lecture.duration / s <= 12 or s == 1200)
    ticks = list(range(0, int(lecture.duration) + 1, step))
    figure.update_xaxes(range=(0, lecture.duration), fixedrange=True, showgrid=False)
    figure.update_xaxes(tickvals=ticks, ticktext=[clock(t) for t in ticks], row=2, col=1)
    top = float(curve["share_again"].max()) if curve["share_again"].notna().any() else 1.0
    figure.update_yaxes(fixedrange=True, tickformat=".0%", range=(0, max(top, 0.1) * 1.1), nticks=3, row=1, col=1)
    figure.update_yaxes(fixedrange=True, autorange="reversed", row=2, col=1)
    figure.update_layout(
        height=178, margin={"l": 0, "r": 8, "t": 4, "b": 0}, showlegend=False, bargap=0.12, barmode="overlay"
    )
    return figure


def heat(mastery: pd.DataFrame, concepts: Sequence[str], names: Mapping[str, str]) -> go.Figure:
    """Mastery by concept (down, the weakest first) and learner (across, the weakest first); blank where unknown.

    Beside a concept stands the mean of its learners, where they are at least ``SMALLEST_GROUP``.
    """
    table = mastery.pivot(index="concept", columns="student_id", values="probability")
    evidence = mastery.pivot(index="concept", columns="student_id", values="evidence")
    table = table.loc[table.mean(axis=1).sort_values().index, table.mean().sort_values().index]
    evidence = evidence.loc[table.index, table.columns]
    means = {c: f"{own.mean():.0%}" if own.count() >= SMALLEST_GROUP else "few" for c, own in table.iterrows()}
    labels = [f"{c}  {means[c]}" for c in table.index]
    text = [[f"{names[s]}<br>{c}" for s in table.columns] for c in table.index]
    figure = go.Figure(
        go.Heatmap(
            z=table.to_numpy(), x=list(range(table.shape[1])), y=labels, colorscale=_MASTERY, zmin=0, zmax=1, text=text,
            customdata=evidence.fillna(0).to_numpy(), xgap=1, ygap=2,
            hovertemplate="%{text}<br>mastery %{z:.0%}, %{customdata:.0f} answers<extra></extra>",
            colorbar={"tickformat": ".0%", "thickness": 10, "len": 0.9, "nticks": 3},
        )
    )  # fmt: skip
    figure.update_xaxes(
        title=f"{table.shape[1]} learners, the weakest at the left", showticklabels=False, fixedrange=True
    )
    figure.update_yaxes(autorange="reversed", tickfont_size=14, fixedrange=True, ticksuffix="  ", automargin=True)
    figure.update_layout(height=60 + 34 * len(labels), margin={"l": 0, "r": 0, "t": 4, "b": 0})
    return figure


def mastery_bars(rows: pd.DataFrame, limit: float) -> go.Figure:
    """One learner's mastery by concept, the weakest on top; below ``limit`` in red, thin evidence pale."""
    rows = rows.sort_values("probability", ascending=False)
    colours = [RED if p < limit else GREEN for p in rows["probability"]]
    told = [
        f"{p:.0%} · {counted(n, 'answer')}" + (", thin evidence" if thin else "")
        for p, n, thin in zip(rows["probability"], rows["evidence"], rows["thin"])
    ]
    figure = go.Figure(
        go.Bar(
            x=rows["probability"], y=rows["concept"], orientation="h", hoverinfo="skip",
            marker={"color": colours, "opacity": [0.45 if thin else 1.0 for thin in rows["thin"]]},
        )
    )  # fmt: skip
    figure.add_scatter(
        x=[1.04] * len(rows), y=rows["concept"], text=told, mode="text", textposition="middle right", textfont_size=13,
        hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip
    figure.add_vline(x=limit, line_width=1, line_dash="dot", line_color=GREY)
    figure.update_xaxes(range=(0, 1.9), visible=False, fixedrange=True)
    figure.update_yaxes(  # concepts may be called 1 and 10, as questions without one are by their ids
        type="category", tickfont_size=14, fixedrange=True, ticksuffix="  ", automargin=True
    )
    figure.update_layout(
        height=20 + 34 * len(rows), margin={"l": 0, "r": 0, "t": 0, "b": 0}, bargap=0.3, showlegend=False
    )
    return figure


def by_week(found: Mapping[str, Sequence[tuple[int, float]]], now: int, words: str) -> go.Figure:
    """A figure by week, a line a model, with the chosen week marked."""
    figure = go.Figure()
    for colour, (name, line) in zip((BLUE, ORANGE, GREY), found.items()):
        figure.add_scatter(
            x=[w for w, _ in line],
            y=[v for _, v in line],
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 3},
        )
    figure.add_vline(x=now, line_width=1, line_dash="dot", line_color=GREY)
    figure.update_xaxes(title="week", dtick=1, fixedrange=True)
    figure.update_yaxes(title=words, tickformat=".0%", range=(0, 1.02), fixedrange=True)
    figure.update_layout(height=230, margin={"l": 0, "r": 0, "t": 4, "b": 0}, legend={"orientation": "h", "y": 1.2})
    return figure
