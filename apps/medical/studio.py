"""The medical models in the app: their options, and how often the texts name the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from apps.medical.pages import PAGES
from apps.ui.studio import Studio
from core.config import ExperimentConfig
from core.manifest import Manifest
from domains.medical import DISCLAIMER, Diagnosis, answer, recipe, reports, starter
from domains.medical.naming import classes_of, mentions

_GEOMETRY = {"refuse": "refuse them, and say which", "resample": "repair what can be repaired", "accept": "go on as is"}


def _options(columns: Sequence[str], target: str) -> dict[str, Any]:
    """Which texts and which of their sections may be used, further columns, and what to do about faulty scans."""
    known = [c for c in recipe.TEXTS if c in columns and c != target]
    usual = recipe.usual_texts(known)
    found: dict[str, Any] = {"texts": st.multiselect("Texts that may be used", known, usual, key="texts")}
    if any(c in recipe.REPORTS for c in found["texts"]):
        found["sections"] = st.multiselect(
            "Sections of the report that may be used", reports.SECTIONS, placeholder="all of them", key="sections",
            format_func=str.capitalize, help="Findings and impression often name the answer: see the check below.",
        )  # fmt: skip
    documented = {target, "ct", "image", "voice", *recipe.TEXTS, *recipe.NUMBERS, *recipe.CATEGORIES, *recipe.SPECIAL}
    others = [c for c in columns if c not in documented]
    with st.expander("Further columns, and faulty scans"):
        numbers = st.multiselect("Further columns that hold numbers", others, key="numbers")
        categories = st.multiselect(
            "Further columns that hold categories", [c for c in others if c not in numbers], key="categories",
            help="Only what is known before the answer: a column that follows from it makes the figures worthless.",
        )  # fmt: skip
        if "ct" in columns:
            found["on_defect"] = st.selectbox(
                "Scans whose slices form no even, upright volume", list(_GEOMETRY), format_func=_GEOMETRY.__getitem__,
                key="train_on_defect",
            )  # fmt: skip
    return found | {"numbers": numbers, "categories": categories}


def _mentions(manifest: Manifest, config: ExperimentConfig) -> ExperimentConfig:
    """How often the texts name the answer, and the experiment without the words that the user hides."""
    found = _counted(manifest.fingerprint, str(config.to_json()), (), manifest)
    if not found:
        return config
    worst = max(one.whole.share() for one in found.values())
    with st.expander(f"Do the texts name the answer? Up to {worst:.0%} of the cases do."):
        _table(found)
        classes = [label.replace("_", " ") for label in classes_of(manifest)]
        words = st.text_input(
            "Words to hide from the model, in any case and with their plurals; commas between them",
            ", ".join(classes), key=f"hide_{'_'.join(classes)}",  # another table's labels are other words
        )  # fmt: skip
        hidden = tuple(w.strip() for w in words.split(",") if w.strip())
        if not st.checkbox("Hide these words in all texts, now and in every later case", key="mask") or not hidden:
            return config
        left = max(
            m.whole.share() for m in _counted(manifest.fingerprint, str(config.to_json()), hidden, manifest).values()
        )
        st.caption(f"Then {left:.0%} do. What a text describes, it still describes.")
    return recipe.excerpted(config, hide=hidden)


@st.cache_data(show_spinner="Reading the texts …", max_entries=16)
def _counted(table: str, config: str, hidden: tuple[str, ...], _manifest: Manifest) -> dict[str, reports.Mentions]:
    return mentions(_manifest, hidden)


def _table(found: Mapping[str, reports.Mentions]) -> None:
    rows = []
    for column, told in found.items():
        parts = {"all that may be used": told.whole} | dict(told.sections())
        rows += [{"text": answer.name(column), "part": part} | _shares(counts) for part, counts in parts.items()]
    formats = {
        k: st.column_config.NumberColumn(format="percent") for k in rows[0] if k not in ("text", "part", "cases")
    }
    st.dataframe(rows, hide_index=True, column_config=formats, alt="How often texts name the label")


def _shares(counts: reports.Counts) -> dict[str, float]:
    named = {"names its own label": "own", "names no other": "only_own", "names another": "other"}
    return {"cases": counts.cases} | {words: counts.share(what) for words, what in named.items()}


def _forget() -> None:
    """A case that is open, or that waits for a choice, was read for the model before."""
    for name in ("case", "pending"):
        st.session_state.pop(name, None)
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
    options=_options,
    refine=_mentions,
    papers=Diagnosis.checklists,
    opened=_forget,
)
