"""The middle of the agent's page: what the customer wants, how sure that is and why, and the agent's own word on it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from apps import ui
from apps.customer_service import assist, figures
from apps.customer_service.session import Conversation
from apps.customer_service.studio import STUDIO, modality
from apps.ui import why
from core import answer
from core.answer import label
from core.predict import as_row
from core.privacy.text import masked
from core.schema import TargetKind
from domains.customer_service.desk import Help
from domains.customer_service.intent import Detection

_BARS, _NAMED = 5, 3


def show(found: Conversation) -> Help | None:
    """Draw the column; None where there is nothing to answer."""
    present = assist.given(found)
    head = st.container()
    on = _switches(found, present)
    if not on:
        head.info("Everything is switched off: switch on at least one kind of data.", icon=":material/toggle_off:")
        return None
    off = frozenset(present) - set(on)
    with head:
        whole = assist.help_with(found)
        helped = assist.help_with(found, off) if off else whole
        _headline(helped.found, whole.found if off else None)
        _more(found, helped.found)
        _why(helped.found, present)
    _own_word(found, helped)
    _latency(helped)
    return helped


def _switches(found: Conversation, present: list[str]) -> list[str]:
    """The kinds of data that the model may look at."""
    with st.container(horizontal=True):
        return [m for m in present if st.toggle(modality(m), True, key=f"on_{found.number}_{m}")]


def _headline(found: Detection, whole: Detection | None) -> None:
    """The intent, how sure it is, and the bars."""
    target = label(STUDIO.model().bundle.config.target.column).capitalize()
    st.subheader(f"{target}: {ui.escape('out of scope' if found.is_outside else answer.headline(found))}", anchor=False)
    if found.is_outside:
        st.error("Out of scope: about nothing that the service handles. A person decides.", icon=":material/block:")
    elif answer.is_referred(found):
        st.warning(ui.escape(_unsure(found)), icon=":material/person_alert:")
    elif sure := answer.how_sure(found):
        st.success(ui.escape(sure), icon=":material/check_circle:")
    why.disagreement(found, modality)
    if not found.probabilities:
        return
    now = {label(c): p for c, p in found.top[:_BARS]}
    before = {label(c): whole.probabilities[c] for c, _ in found.top[:_BARS]} if whole else None
    marked = [label(c) for c in found.conformal_set or found.labels]
    listed = ", ".join(f"{c} {p:.0%}" for c, p in now.items())
    ui.chart(ui.bars(now, before, marked), f"Probabilities: {listed}", "bars")
    st.caption(("Orange mark: with everything switched on. " if whole else "") + _scope(found))


def _more(open_now: Conversation, found: Detection) -> None:
    """The group that the intent belongs to, and what was found in the words, masked."""
    if found.domains:
        listed = ", ".join(f"{ui.escape(label(d))} {p:.0%}" for d, p in list(found.domains.items())[:_NAMED])
        st.markdown(f":material/account_tree: Domain: {listed}")
    if found.slots:
        listed = ", ".join(f"{label(s.name)} **{ui.escape(open_now.masked(s.text))}**" for s in found.slots[:_BARS])
        st.markdown(f":material/sell: In the words: {listed}")


def _unsure(found: Detection) -> str:
    """Which intents are left; of many only the first."""
    left = sorted(found.conformal_set, key=lambda c: -found.probabilities[c])
    if len(left) <= _NAMED:
        return answer.how_sure(found)
    named = ", ".join(map(label, left[:_NAMED]))
    return f"Unsure: refer to a person. {len(left)} intents cannot be ruled out at {found.coverage:.0%}, first {named}."


def _scope(found: Detection) -> str:
    """How much at home the turn is among the intents that the model knows."""
    if found.outside is None:
        return "Whether it is out of scope is not judged by this model."
    mark = "Marked out of scope" if found.is_outside else "In scope"
    return f"{mark}: {found.outside:.0%} of known turns look more at home."


def _why(found: Detection, present: list[str]) -> None:
    nearest = found.is_outside and bool(found.top)
    why.shares(found, modality, f"Nearest intent, {label(found.top[0][0])}." if nearest else "Why.")
    lacking = [modality(m.name) for m in STUDIO.model().bundle.config.modalities if m.name not in present]
    if lacking:
        st.markdown(f":material/block: Missing in this turn: **{ui.escape(', '.join(lacking))}**.")
    for warning in found.warnings:
        st.markdown(f":orange[:material/warning:] {ui.escape(ui.without_folder(warning))}")


def rests_on(found: Conversation, helped: Help) -> None:
    """The words (masked), seconds and values that the intent rests on; drawn last, as it takes longest."""
    if not helped.found.top or not st.toggle("Show the words, seconds and values it rests on", True, key="rests_on"):
        return
    predictor = STUDIO.model().predictor
    off = [m for m in assist.given(found) if not st.session_state.get(f"on_{found.number}_{m}", True)]
    given = assist.case(found, helped, off)
    key = (found.turn, tuple(sorted(found.behaviour.items())), tuple(off))
    parts = why.explained(predictor, given, helped.found.top[0][0], key)
    row = as_row(given, predictor.bundle.config.modalities)
    for name, explanation in parts.items():
        st.markdown(f"**{ui.escape(modality(name).capitalize())}**")
        cell = row.values[name]
        why.draw(predictor, row, name, explanation, found.mask(cell).spans if isinstance(cell, str) else ())
    st.caption(why.LEGEND)
    why.nearest(predictor, given, masked)


def _own_word(found: Conversation, helped: Help) -> None:
    """The agent confirms or corrects the intent; kept for the next training."""
    if not STUDIO.model().tells_intent:
        return
    known = assist.decided_intent(found)
    with st.container(horizontal=True, vertical_alignment="center"):
        if known is not None:
            st.markdown(f":green[:material/task_alt:] Kept: the intent is **{ui.escape(label(known))}**.")
            return
        told = assist.intent_of(helped)
        if told and st.button("Intent is right", icon=":material/check:", key=f"right_{found.turn}"):
            assist.keep_intent(found, helped, told)
            st.rerun()
        with st.popover("It is another", icon=":material/edit:"):
            names = sorted(helped.found.probabilities)
            asked: dict[str, Any] = {"options": names, "format_func": label, "key": f"other_{found.turn}"}
            if STUDIO.model().bundle.config.target.kind is TargetKind.LABELS:
                chosen: str | None = "|".join(st.multiselect("The intents are", **asked))
            else:
                chosen = st.selectbox("The intent is", index=None, **asked)
            if st.button("Keep", type="primary", disabled=not chosen, key=f"keep_{found.turn}") and chosen:
                assist.keep_intent(found, helped, chosen)
                st.rerun()
        if found.truth and st.toggle("Show the table's", key=f"truth_{found.turn}"):
            st.markdown(f"The table says **{ui.escape(label(found.truth))}**.")


def _latency(helped: Help) -> None:
    """How long each stage took, for this turn and over the session."""
    total = sum(helped.seconds.values())
    stages = ", ".join(f"{name} {s * 1000:.0f}" for name, s in helped.seconds.items())
    with st.expander(f"{total * 1000:.0f} ms: {stages}", icon=":material/timer:"):
        rows = figures.latency(assist.timings())
        st.dataframe(rows, hide_index=True, alt="Milliseconds of each stage in this session")
        st.caption("Milliseconds of each stage over the turns of this session, on this machine.")
