"""What all apps share: page frame, error boundary, progress, theme-aware charts; ``uploads`` of one session.

Not here: anything about a domain. Charts leave text and background to Streamlit's theme, so they suit light and dark.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import plotly.graph_objects as go
import streamlit as st

from apps.ui.uploads import folder as folder
from apps.ui.uploads import keep_read as keep_read
from apps.ui.uploads import keep_uploads as keep_uploads
from apps.ui.uploads import try_reading as try_reading
from apps.ui.uploads import without_folder
from core.errors import Fault, PolyfuseError, TableError
from core.numbers import counted

BLUE, ORANGE, GREY, GREEN, RED = "#2f7de1", "#e0812f", "#8b95a5", "#2c9c6a", "#d1495b"  # legible on white and black
_STYLE = """<style>
.block-container {padding: 4.1rem 2rem 1.5rem 2rem}
h1 {font-size: 1.6rem !important; padding: 0 0 .25rem 0 !important}
h3 {font-size: 1.45rem !important; padding: .1rem 0 .5rem 0 !important}
</style>"""


def page(title: str, disclaimer: str, tools: Callable[[], None] | None = None) -> None:
    """The head of a page: its title, buttons that ``tools`` draws, and what the app must not be taken for."""
    st.html(_STYLE)
    left, middle, right = st.columns([1.5, 1, 2.2], vertical_alignment="center")
    left.title(title, anchor=False)
    right.caption(f":material/science: {disclaimer}", text_alignment="right")
    if tools is not None:
        with middle.container(horizontal=True):
            tools()


@contextmanager
def errors(log: Path) -> Iterator[None]:
    """Turn what goes wrong inside into words: a user's fault as it is, any other with a number found in ``log``.

    The log holds the kind of error and the lines of code, never its message: that could quote a case.
    """
    try:
        yield
    except PolyfuseError as error:
        show_error(error)
    except Exception as error:
        number = uuid4().hex[:8]
        _logger(log).error("%s %s %s", number, type(error).__name__, _where(error))
        st.error(
            f"Something went wrong inside the app (number {number}). Your data is unchanged. Try once more; if it "
            f"happens again, report the number with the line in {escape(str(log))}.",
            icon=":material/error:",
        )


def show_error(error: PolyfuseError) -> None:
    """An error in words; all faults of a table stand in a table."""
    if isinstance(error, TableError):
        source = str(error).partition("\n")[0].rpartition(": ")[0]
        told = f"{without_folder(source)}: {counted(len(error.faults), 'fault')}, listed below; correct the file."
        st.error(escape(told), icon=":material/error:")
        st.dataframe(fault_rows(error.faults), hide_index=True)
        return
    st.error(escape(without_folder(str(error))), icon=":material/error:")


def fault_rows(faults: Sequence[Fault]) -> list[dict[str, str | int]]:
    """Faults for a table on the page."""
    return [f.to_json() | {"reason": without_folder(f.reason)} for f in faults]


def escape(text: str) -> str:
    """Text that Markdown shows as it is, line by line."""
    return re.sub(r"([\\`*_{}\[\]()#+!|$~<>:])", r"\\\1", text).replace("\n", "  \n")


class Steps:
    """A ``core.progress.Progress`` on the page: a bar a stage, a finished one gives way, and figures beside it."""

    def __init__(self, words: str) -> None:
        self.words, self.history, self._stage, self._drawn = words, list[dict[str, float]](), "", 0
        self._bar, self._chart = st.progress(0.0, words), st.empty()

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float] | None = None) -> None:
        """Move the bar; figures with an epoch become curves."""
        what = "epoch" if figures and "epoch" in figures else stage
        self._bar.progress(min(done / max(total, 1), 1.0), f"{escape(self.words)}: {escape(what)} {done} of {total}")
        if figures and "epoch" in figures:
            if stage != self._stage or (self.history and figures["epoch"] <= self.history[-1]["epoch"]):
                self._stage, self.history = stage, []  # another model, perhaps with a stage of the same name
            self.history.append(dict(figures))
            if len(self.history) > 1:
                self._drawn += 1  # a key is used once a run of the page
                self._chart.plotly_chart(curves(self.history), key=f"{id(self)}-{self._drawn}", config=_PLAIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.empty()
        self._chart.empty()


_PLAIN: Any = {"displayModeBar": False, "scrollZoom": False}


def chart(figure: go.Figure, alt: str, key: str | None = None) -> None:
    """Show a chart, with its content in words for those who do not see it."""
    st.plotly_chart(figure, key=key, config=_PLAIN, alt=alt)


def bars(
    values: Mapping[str, float], before: Mapping[str, float] | None = None, marked: Sequence[str] = ()
) -> go.Figure:
    """Probabilities as horizontal bars, highest on top; ``marked`` ones in colour, earlier values as a tick mark."""
    names = sorted(values, key=lambda n: values[n])
    colours = [BLUE if n in marked else GREY for n in names]
    figure = go.Figure(
        go.Bar(
            x=[values[n] for n in names], y=names, orientation="h", marker_color=colours, cliponaxis=False,
            text=[f"{values[n]:.0%}" for n in names], textposition="outside", textfont_size=15, hoverinfo="skip",
        )
    )  # fmt: skip
    if before:
        tick = {"symbol": "line-ns", "size": 20, "line": {"width": 3, "color": ORANGE}}
        figure.add_scatter(x=[before[n] for n in names], y=names, mode="markers", marker=tick, hoverinfo="skip")
    return _plain(figure, 34 * len(names) + 10, x_range=(0, 1.14))


def signed_bars(values: Mapping[str, float], notes: Mapping[str, str]) -> go.Figure:
    """Shares for (to the right) and against (to the left), largest on top; a note stands below its name, where no bar
    or number reaches it.
    """
    names = sorted(values, key=lambda n: abs(values[n]))
    reach = max([abs(v) for v in values.values()] + [0.1])
    room = 0.75 * reach  # for the number at the end of a bar, also where the chart is narrow
    low, high = min([0.0, *values.values()]) - room, max([0.0, *values.values()]) + room
    places = [f"{n}<br><span style='font-size:12px'>{notes[n]}</span>" if n in notes else n for n in names]
    figure = go.Figure(
        go.Bar(
            x=[values[n] for n in names], y=places, orientation="h", cliponaxis=False,
            marker_color=[GREEN if values[n] >= 0 else RED for n in names],
            text=[f"{values[n]:+.2f}".replace("-", "−") for n in names], textposition="outside", textfont_size=14,
            hoverinfo="skip",
        )
    )  # fmt: skip
    figure.add_vline(x=0, line_width=1, line_color=GREY)
    return _plain(figure, (44 if notes else 31) * len(names) + 10, x_range=(low, high))


def _plain(figure: go.Figure, height: int, x_range: tuple[float, float]) -> go.Figure:
    figure.update_layout(height=height, margin={"l": 0, "r": 8, "t": 4, "b": 4}, showlegend=False, bargap=0.35)
    figure.update_xaxes(range=x_range, visible=False, fixedrange=True)
    figure.update_yaxes(
        type="category", tickfont_size=15, fixedrange=True, automargin=True, title=None, ticksuffix="  "
    )  # labels such as "0" and "1" are no numbers
    return figure


def curves(history: Sequence[Mapping[str, float]]) -> go.Figure:
    """Loss and metric of training and held-out rows over the epochs."""
    from plotly.subplots import make_subplots

    names = [n for n in history[0] if n not in ("epoch", "train_loss", "val_loss")]
    metric = names[0].partition("_")[2] if names else ""
    figure = make_subplots(1, 2, subplot_titles=("loss", metric.replace("_", " ")))
    for column, kind in ((1, "loss"), (2, metric)):
        for part, words, colour in (("train", "training rows", GREY), ("val", "held-out rows", BLUE)):
            y = [h.get(f"{part}_{kind}") for h in history]
            x, line = [h["epoch"] for h in history], {"color": colour, "width": 3}
            figure.add_scatter(x=x, y=y, name=words, line=line, mode="lines", showlegend=column == 1, row=1, col=column)
    figure.update_layout(height=280, margin={"l": 0, "r": 0, "t": 36, "b": 0}, legend={"orientation": "h", "y": -0.2})
    figure.update_xaxes(title="epoch", rangemode="tozero")
    return figure


def growing(lines: Mapping[str, Sequence[tuple[float, float, float, float]]], metric: str) -> go.Figure:
    """A metric over the number of training rows, doubling from tick to tick; (rows, value, low, high) a point."""
    figure = go.Figure()
    colours = (BLUE, ORANGE, GREEN, RED, GREY)
    for i, (name, points) in enumerate(lines.items()):
        rows, values, low, high = zip(*points)
        bars = {"array": [h - v for h, v in zip(high, values)], "arrayminus": [v - w for v, w in zip(values, low)]}
        figure.add_scatter(
            x=rows, y=values, name=name, mode="lines+markers", error_y=bars | {"thickness": 1, "width": 3},
            line={"color": colours[i % len(colours)], "width": 3 if i == 0 else 2},
        )  # fmt: skip
    ticks = sorted({p[0] for points in lines.values() for p in points})
    figure.update_xaxes(title="training rows", type="log", tickvals=ticks, ticktext=[f"{t:g}" for t in ticks])
    figure.update_yaxes(title=metric)
    figure.update_layout(height=340, margin={"l": 0, "r": 0, "t": 8, "b": 0}, legend={"orientation": "h", "y": 1.16})
    return figure


def matrix(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> go.Figure:
    """A confusion matrix: true classes down, answers across, coloured by the share of the true class."""
    share = [[n / max(sum(row), 1) for n in row] for row in confusion]
    scale = [[0, "#e6effb"], [1, "#6ea8f0"]]  # not transparent: one dark colour of numbers suits every cell and theme
    figure = go.Figure(
        go.Heatmap(
            z=share, x=list(classes), y=list(classes), text=[list(r) for r in confusion], texttemplate="%{text}",
            textfont={"size": 16, "color": "#101820"}, colorscale=scale, zmin=0, zmax=1, showscale=False,
            hoverinfo="skip", xgap=2, ygap=2,
        )
    )  # fmt: skip
    figure.update_xaxes(title="answer", type="category", tickfont_size=14, side="bottom", showgrid=False)
    figure.update_yaxes(title="true", type="category", tickfont_size=14, autorange="reversed", showgrid=False)
    figure.update_layout(height=90 + 52 * len(classes), margin={"l": 0, "r": 0, "t": 8, "b": 0})
    return figure


def _where(error: BaseException) -> str:
    """The lines of code that an error came through, without any value."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames[-8:]))


def _logger(path: Path) -> logging.Logger:
    logger = logging.getLogger(f"polyfuse.apps.{path}")
    if not logger.handlers:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=1 << 20, backupCount=2, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger.addHandler(handler)
        logger.propagate = False
    return logger
