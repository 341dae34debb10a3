"""Why an answer is what it is, for every app: where kinds of data disagree, shares, and the parts it rests on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
from torch import Tensor

from apps import ui
from apps.ui import parts
from core import answer
from core.explanation.explain import Explanation, explain
from core.predict import Predictor, as_row
from core.preprocess.audio import AudioPreprocessor
from core.preprocess.image import ImagePreprocessor
from core.preprocess.video import VideoPreprocessor
from core.privacy.spans import Span
from core.schema import Modality, Prediction, Row

LEGEND = "Green or warm: speaks for the answer; red or cold: against it."


def disagreement(found: Prediction, name: Callable[[str], str]) -> None:
    """Say loudly where kinds of data contradict each other."""
    if told := answer.disagreement(found, name):
        st.error(f"**Look again.** {ui.escape(told)}", icon=":material/difference:")


def shares(found: Prediction, name: Callable[[str], str], about: str = "Why.") -> None:
    """What each kind of data gives to the answer, and the answer without it."""
    if not found.shares:
        return
    st.markdown(f"**{ui.escape(about)}** {ui.escape(answer.why(found, name))}")
    by = {name(m): v for m, v in found.shares.items()}
    both = {name(m): f"{a:.2f} → {b:.2f}" for m, (a, b) in answer.without(found).items()}
    listed = "; ".join(f"{m} {v:+.2f}, without it and with it {both[m]}" for m, v in by.items())
    ui.chart(ui.signed_bars(by, both), f"Shares for and against the answer in log-odds: {listed}", "shares")
    st.caption(ui.escape(answer.most_telling(found, name)))


def explained(
    predictor: Predictor, given: Mapping[str, Any], label: str | None, key: Hashable
) -> dict[str, Explanation]:
    """The parts of each kind of data that is given, by modality; worked out once a session, model and ``key``.

    ``label``: the answer to explain; None: the model's most probable one.
    """
    kept: dict[Hashable, dict[str, Explanation]] = st.session_state.setdefault("explained", {})
    key = predictor.bundle.fingerprint, key
    if key not in kept:
        row = as_row(given, predictor.bundle.config.modalities)
        with ui.Steps("Looking for what it rests on") as steps:
            kept[key] = {m: explain(predictor, row, m, label=label, progress=steps) for m in row.values}
    return kept[key]


def known(predictor: Predictor, key: Hashable) -> dict[str, Explanation]:
    """What ``explained`` has worked out already; empty before."""
    kept: dict[Hashable, dict[str, Explanation]] = st.session_state.get("explained", {})
    return kept.get((predictor.bundle.fingerprint, key), {})


def nearest(predictor: Predictor, given: Mapping[str, Any], clean: Callable[[str], str] = str) -> None:
    """The training cases most alike, where the model may keep them; ``clean``: what is done to their texts."""
    if predictor.bundle.similar is None:
        return
    found = predictor.neighbours(as_row(given, predictor.bundle.config.modalities))
    st.markdown("**Nearest training cases**")
    for one in found:
        said = f" {ui.escape(clean(one.text))}" if one.text else ""
        st.markdown(
            f":gray-badge[{ui.escape(answer.label(one.answer))}] {ui.escape(one.id)} :gray[({one.likeness:.2f})]{said}"
        )


def draw(predictor: Predictor, row: Row, modality: str, found: Explanation, hidden: Sequence[Span] = ()) -> None:
    """One kind of data with its parts; volumes are drawn by who shows them."""
    view, cell = predictor.view(modality), row.values[modality]
    reader = view.preprocessor
    match view.modality.kind:
        case Modality.TEXT:
            st.markdown(parts.highlighted(str(cell), found.parts, hidden))
        case Modality.PAIR:
            st.markdown(parts.highlighted(cell[view.modality.columns[0]], found.parts, hidden))
        case Modality.TABULAR:
            ui.chart(*parts.columns(found.parts, cell), f"columns_{modality}")
        case Modality.AUDIO:
            assert isinstance(reader, AudioPreprocessor)
            wave = reader.prepare(cell).numpy()
            ui.chart(*parts.sound(found.parts, wave, reader.rate), f"sound_{modality}")
        case Modality.VIDEO:
            assert isinstance(reader, VideoPreprocessor)
            ui.chart(*parts.frames(found.parts, _times(reader, cell, len(found.parts))), f"frames_{modality}")
        case Modality.IMAGE:
            assert isinstance(reader, ImagePreprocessor)
            picture = parts.over_picture(found.parts, _seen(reader.prepare(cell)[0]))
            st.image(picture, width="stretch", caption=f"{cell[0].name}, as the model sees it. {LEGEND}")
    st.caption(parts.method(found))


def _times(reader: VideoPreprocessor, cell: Sequence[Any], count: int) -> list[float]:
    """Seconds of the frames of a video; several videos of one case are told one after another."""
    from core.preprocess.video_frames import duration

    if reader.sampling == "fps":
        return [i / reader.fps for i in range(count)]
    total = sum(float(duration(path)) for path in cell)
    return [(i + 0.5) * total / count for i in range(count)]


def _seen(picture: Tensor) -> np.ndarray:
    """(S, S, 3) uint8: a prepared picture (C, S, S), cut and padded, on which the parts lie."""
    whole = (picture * 255).round() if picture.is_floating_point() else picture
    found: np.ndarray = whole.expand(3, -1, -1).permute(1, 2, 0).byte().numpy()
    return found
