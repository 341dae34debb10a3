"""What a supervisor asks of many turns: volumes, confusion, drift, calibration, what to label next, decisions."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from apps import ui
from apps.customer_service import assist, figures, files
from apps.customer_service.answered import Answered, answer_table
from apps.customer_service.pages import DISCLAIMER, PAGES
from apps.customer_service.studio import STUDIO
from core.answer import label, safe_cell
from core.errors import FileError
from core.paths import typed_path
from core.privacy.text import masked
from core.schema import Prediction
from core.sentences import sentence_vectors
from domains.customer_service import starter, supervise

_MOST = 5000  # turns that the page answers


def show() -> None:
    """The page."""
    ui.page("Supervisor", DISCLAIMER)
    if STUDIO.model() is None:
        st.info("No model is trained yet.", icon=":material/model_training:")
        st.page_link(PAGES.first(), label="Train the sample model")
        return
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    path = left.text_input("Table of turns on this machine", str(files.turns_table()), key="turns_path")
    table = typed_path(path)
    if not table.is_file():
        raise FileError(f"{table}: no such file; check the path")
    found = answer_table(STUDIO, table, _MOST)
    right.caption(
        f"{len(found.answers)} turns"
        + (f", of the first {_MOST} of {found.total}," if found.total > _MOST else "")
        + f" answered by the {ui.escape(STUDIO.model_name())}. Figures are of turns, never of single agents."
    )
    _left_out(found, table)
    names = ["Volumes", "Drift", "Confusion", "Calibration", "Label next", "Decisions"]
    for place, draw in zip(st.tabs(names), (_volumes, _drift, _confusion, _calibration, _label_next, _decisions)):
        with place, PAGES.boundary():
            draw(found)


def _left_out(found: Answered, table: Path) -> None:
    """Turns that the model cannot read, and whose they are where it is the user's own and they are not."""
    if found.unread:
        kinds = ", ".join(STUDIO.name(m.name) for m in STUDIO.model().bundle.config.modalities)
        st.caption(
            f":material/info: {found.unread} turns are left out: they hold nothing that this model reads "
            f"({ui.escape(kinds)})."
        )
    if table == starter.sample_table() and not STUDIO.model_folder().parent.name.startswith("sample-"):
        st.caption(":material/info: These turns are the sample's, the model is your own: name your own table above.")


def _volumes(found: Answered) -> None:
    timed = _timed(found)
    if not timed:
        st.info("The table has no column `time` (ISO 8601), so volumes over time cannot be drawn.")
        return
    every = st.segmented_control("A bar is one", list(supervise.PERIODS), default="day", required=True, key="every")
    counts = supervise.volumes([t for t, _ in timed], [i for _, i in timed], every)
    ui.chart(figures.stacked(counts), f"Turns a {every} by intent: {counts.sum().to_dict()}", "volumes")
    outside = sum(a.is_outside for a in found.answers)
    unsure = sum(figures.unsure(a) for a in found.answers)
    cells = st.columns(4)
    cells[0].metric("Turns", len(found.answers))
    cells[1].metric("Out of scope", f"{outside / len(found.answers):.0%}")
    cells[2].metric("Left to a person as unsure", f"{unsure / len(found.answers):.0%}")
    cells[3].metric("Commonest intent", label(counts.sum().idxmax()))


def _timed(found: Answered) -> list[tuple[datetime, str]]:
    """When each turn was, and what it was about; of several intents all."""
    rows = [i for i, t in enumerate(found.times) if t]
    when = supervise.moments([found.times[i] or "" for i in rows])
    return [(t, one) for t, i in zip(when, rows) for one in found.answers[i].labels or (found.answers[i].label or "",)]


def _drift(found: Answered) -> None:
    timed = sorted(_timed(found), key=lambda turn: turn[0])
    if len(timed) < 40:
        st.info("Drift needs at least 40 turns with a `time`.")
        return
    share = st.slider("The newest part of the turns", 5, 50, 20, 5, format="%d %%", key="newest") / 100
    cut = len(timed) - max(int(len(timed) * share), 1)
    moved = supervise.drift([i for _, i in timed[:cut]], [i for _, i in timed[cut:]])
    left, right = st.columns([1, 1.4], gap="large")
    with left:
        if moved.more_than_chance:
            st.warning("The mix of intents has changed by more than chance.", icon=":material/trending_up:")
        else:
            st.success("The mix of intents is as before, within chance.", icon=":material/check_circle:")
        st.markdown(
            f"Jensen-Shannon divergence **{moved.distance:.3f}** bits (95 % interval {moved.interval[0]:.3f} to "
            f"{moved.interval[1]:.3f}); chance alone stays below {moved.chance:.3f}.  \n"
            f"Population stability index **{moved.stability:.2f}** (above .25 is commonly called a large shift)."
        )
        st.caption(f"{moved.after} turns since {timed[cut][0]:%Y-%m-%d} against the {moved.before} before.")
    with right:
        most = dict(list(moved.changes.items())[:8])
        ui.chart(
            figures.changes({label(k): v for k, v in most.items()}),
            "Change of share: " + ", ".join(f"{label(k)} {v:+.1%}" for k, v in most.items()),
            "changes",
        )


def _judged(found: Answered) -> list[int]:
    """Turns with a true label that the model did not train on."""
    rows = [i for i, t in enumerate(found.truth) if t and not found.learned[i]]
    if not rows:
        st.info("No turn of this table has a label that the model did not train on.")
    return rows


def _confusion(found: Answered) -> None:
    if not (rows := _judged(found)):
        return
    answers, truth = [_whole(found.answers[i]) for i in rows], [_in_order(found.truth[i] or "") for i in rows]
    wrong = supervise.confusions(answers, truth)
    right = sum(a.label == t for a, t in zip(answers, truth))
    st.markdown(f"**{right / len(rows):.0%} of {len(rows)} labelled test turns are right.** What is taken for what:")
    st.dataframe(
        [{"true intent": label(t), "answered": label(a), "turns": n, "of this intent": s} for t, a, n, s in wrong],
        hide_index=True, column_config={"of this intent": st.column_config.ProgressColumn(format="percent")},
        alt="The most frequent confusions",
    )  # fmt: skip


def _whole(one: Prediction) -> Prediction:
    """An answer of several intents as one label, to be compared with the table's."""
    return dataclasses.replace(one, label="|".join(sorted(one.labels))) if one.label is None else one


def _in_order(intents: str) -> str:
    return "|".join(sorted(part.strip() for part in intents.split("|")))


def _calibration(found: Answered) -> None:
    if not (rows := _judged(found)):
        return
    told = supervise.calibration_by_intent([found.answers[i] for i in rows], [found.truth[i] or "" for i in rows])
    off = [label(h.intent) for h in told if h.off]
    if not told:
        st.info("No answer names one intent, so none has a probability to be judged by; see the model's card.")
        return
    if off:
        st.warning(f"Probabilities mislead for: {ui.escape(', '.join(off))}.", icon=":material/balance:")
    else:
        st.success("No intent's probabilities are off by more than chance.", icon=":material/check_circle:")
    st.dataframe(
        [
            {
                "answered intent": label(h.intent), "turns": h.turns, "how sure": h.sure, "how often right": h.right,
                "95 % interval": f"{h.interval[0]:.0%} to {h.interval[1]:.0%}",
                "verdict": ("too sure" if h.gap > 0 else "too modest") if h.off else "within chance",
            }
            for h in told
        ],
        hide_index=True, alt="How honest the probabilities of each intent are",
        column_config={k: st.column_config.NumberColumn(format="percent") for k in ("how sure", "how often right")},
    )  # fmt: skip


def _label_next(found: Answered) -> None:
    rows = [i for i, t in enumerate(found.truth) if not t and found.texts[i]]
    unlabelled = bool(rows)
    if not rows:
        rows = [i for i in range(len(found.answers)) if found.texts[i] and not found.learned[i]]
        st.caption(
            "Every turn of this table has a label already. Listed are those outside the training turns that the model "
            "is least sure of: their labels are worth checking first."
        )
    if not rows:
        st.info("No turn with a text is left to label.")
        return
    texts = [masked(found.texts[i] or "") for i in rows]
    picked = supervise.label_first([found.answers[i] for i in rows], _vectors(tuple(texts)), 15)
    table = [_to_label(found, rows[p], texts[p]) for p in picked]
    st.dataframe(table, hide_index=True, alt="Turns to label first", column_config={"unsure": _share_column()})
    st.caption("Ranked by uncertainty, each unlike those above it. Texts are masked.")
    if unlabelled:
        csv = pd.DataFrame(table).map(lambda v: safe_cell(v) if isinstance(v, str) else v).to_csv(index=False)
        st.download_button("To label, as CSV", csv, "to_label.csv", "text/csv", icon=":material/download:")


def _to_label(found: Answered, row: int, text: str) -> dict[str, object]:
    one = found.answers[row]
    second = sorted(one.probabilities, key=lambda c: -one.probabilities[c])[:2]
    return {
        "turn": one.id, "text": text, "unsure": float(supervise.uncertainty([one])[0]),
        "between": " / ".join(map(label, second)),
    }  # fmt: skip


def _share_column() -> Any:
    return st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)


@st.cache_data(show_spinner="Comparing texts …", max_entries=4)
def _vectors(texts: tuple[str, ...]) -> np.ndarray:
    return sentence_vectors(texts, keep=False)


def _decisions(found: Answered) -> None:
    entries = [e for e in assist.record().rows() if e.decision]
    if not entries:
        st.info("No decision is kept yet: approve, edit or reject a reply, or confirm an intent, on the page Agent.")
        return
    counts = supervise.decided(entries)
    cells = st.columns(max(len(counts), 4))
    for cell, (name, count) in zip(cells, counts.items()):
        cell.metric(name.capitalize(), count)
    last = entries[::-1][:50]
    st.dataframe(
        [
            {"time": e.time[:19].replace("T", " "), "kind": e.kind, **{k: str(v) for k, v in e.decision.items()}}
            for e in last
        ],
        hide_index=True, alt="The latest decisions",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Learn replies from them", icon=":material/school:", key="learn_replies"):
            with ui.Steps("Learning the replies") as steps:
                files.learn(steps)
            st.toast("Learned: approved replies rise, rejected ones sink.", icon=":material/check:")
        st.page_link(PAGES.page("record"), label="All of them, and every answer, as CSV")
