"""The medical models in the app: their options, and how often the texts name the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from apps.medical.pages import PAGES
from apps.ui.studio import Change, Source, Studio
from core.config import ExperimentConfig
from core.schema import Modality, TargetKind
from domains.medical import DISCLAIMER, Diagnosis, answer, recipe, reports, starter


def _texts(columns: Sequence[str], target: str) -> dict[str, Any]:
    """Which texts may be used: findings often name the answer."""
    known = [c for c in recipe.TEXTS if c in columns and c != target]
    usual = [c for c in ("report", "history") if c in known]
    return {"texts": st.multiselect("Texts that may be used", known, usual, key="texts")}


def _mentions(source: Source, config: ExperimentConfig) -> Change | None:
    """How often the texts name the answer, and their masking where the user wants it."""
    texts = [c for m in config.modalities if m.kind is Modality.TEXT for c in m.columns]
    if config.target.kind is not TargetKind.LABEL or not texts or config.target.column not in source.columns:
        return None
    frame = source.frame().fillna("")
    frame = frame[frame[config.target.column].str.strip() != ""]
    labels = frame[config.target.column].str.strip().tolist()
    classes = sorted(set(labels))
    if not 2 <= len(classes) <= 50:
        return None
    rows = []
    for column in texts:
        counts = reports.label_mentions(frame[column].tolist(), labels, classes)
        whole = {"text": column, "part": "whole text"}
        rows += [whole | _shares(counts.whole)] + [
            {"text": column, "part": k} | _shares(c) for k, c in counts.by_section.items()
        ]
    with st.expander(
        f"Do the texts name the answer? Up to {max(r['names its own label'] for r in rows):.0%} of the cases do."
    ):
        formats = {
            k: st.column_config.NumberColumn(format="percent") for k in rows[0] if k not in ("text", "part", "cases")
        }
        st.dataframe(rows, hide_index=True, column_config=formats, alt="How often texts name the label")
    if not st.checkbox(f"Mask the words {', '.join(classes)} in the texts", key="mask"):
        return None
    return lambda table: table.assign(**{c: [reports.mask(t, classes) for t in table[c]] for c in texts})


def _shares(counts: reports.Counts) -> dict[str, float]:
    named = {"names its own label": "own", "names no other": "only_own", "names another": "other"}
    return {"cases": counts.cases} | {words: counts.share(what) for words, what in named.items()}


def _forget() -> None:
    """A case that is open was read for the model before."""
    st.session_state.pop("case", None)
    st.session_state["answers"] = {}


STUDIO = Studio(
    PAGES,
    DISCLAIMER,
    Diagnosis,
    starter.SAMPLE,
    recipe.TARGETS,
    ":material/radiology:",
    groups="Patients",
    by=("sex", "site", "scanner", "age"),
    decides=True,
    name=answer.name,
    options=_texts,
    screen=_mentions,
    papers=Diagnosis.checklists,
    opened=_forget,
)
