"""The knowledge base: its pages, to read, change and add to; what is wrong is told before anything is saved."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from apps import ui
from apps.customer_service import assist, files
from apps.customer_service.pages import DISCLAIMER, PAGES
from core.errors import ConfigError, PolyfuseError
from core.paths import check_path, typed_path
from domains.customer_service import knowledge
from domains.customer_service.knowledge import Knowledge

_NEW = "New page"
_EMPTY = {".md": "# Title\n\n## A question\n\nIts answer.\n", ".csv": "question,answer,intent\n"}


def show() -> None:
    """The page."""
    ui.page("Knowledge base", DISCLAIMER)
    folder = files.knowledge_folder()
    own = files.is_own("knowledge")
    whose = f"your own, in {ui.escape(str(folder))}" if own else "the sample's; saving makes a copy of your own"
    st.markdown(f"Replies are suggested from these pages and from past answered turns. Open is **{whose}**.")
    left, right = st.columns([1.6, 1], gap="large")
    with left, PAGES.boundary():
        _edit(folder)
    with right:
        with PAGES.boundary():
            _search(folder)
        with PAGES.boundary():
            _turns()
        with PAGES.boundary():
            _writer()
        if own and st.button("Back to the sample's pages", icon=":material/undo:", key="kb_back"):
            files.forget("knowledge")
            _changed("Back to the sample's pages.")


def _turns() -> None:
    """Which past answered turns replies are learned from."""
    with st.expander("Past turns", icon=":material/history:"):
        st.caption(
            "A table of the documented columns, on this machine. Replies are learned from its `reply` column, and the "
            "page Agent opens its turns. Test rows are never learned from."
        )
        held = files.told(files.TURNS) or ""
        path = st.text_input("Table of turns", held, placeholder="the sample's; or a path of your own", key="kb_turns")
        with st.container(horizontal=True):
            use = st.button("Learn from it", disabled=not path.strip(), icon=":material/school:", key="kb_learn")
            back = held and st.button("The sample's", icon=":material/undo:", key="kb_turns_back")
        if use or back:
            with ui.Steps("Learning the replies") as steps:
                if use:
                    files.use_turns(typed_path(path), steps)
                else:
                    files.tell(files.TURNS, None)
                    files.suggester(steps)
            st.session_state.pop("conversation", None)
            _changed("Replies are suggested from these turns.")


def _writer() -> None:
    """A language model that the user names, which may draft replies; without one nothing is ever generated."""
    with st.expander("A model that drafts replies", icon=":material/stylus_note:"):
        st.caption(
            "None is used unless you name one: a folder with a causal language model of the transformers library. It "
            "sees the masked conversation and the best replies, and its words are marked for the agent to check."
        )
        held = files.told(files.WRITER) or ""
        model = st.text_input("Folder of the model", held, placeholder="none", key="kb_writer").strip()
        if st.button("Use it" if model else "Use none", disabled=model == held, key="kb_writer_use"):
            if model:
                assist.open_writer(model)  # refused in words where it is none
            files.tell(files.WRITER, model or None)
            _changed("Drafts are offered under the replies." if model else "No replies are drafted.")


def _edit(folder: Path) -> None:
    """One page as text."""
    paths = [f for f in sorted(folder.rglob("*")) if f.suffix.lower() in knowledge.SUFFIXES]
    pages = {f.relative_to(folder).as_posix(): f for f in paths}
    name = st.selectbox("Page", [*pages, _NEW], key="kb_page")
    if name == _NEW:
        told = st.text_input("Its file name, ending in .md or .csv", "my-answers.md", key="kb_name").strip()
        name = re.sub(r"[^\w.-]+", "-", told)
    held = pages[name].read_text(encoding="utf-8-sig") if name in pages else _EMPTY.get(Path(name).suffix, "")
    text = st.text_area("Content", held, height=340, key=f"kb_text_{folder}_{name}", label_visibility="collapsed")
    pieces, faults = knowledge.parse(text, name)
    for fault in faults:
        st.error(ui.escape(str(fault)), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center"):
        save = st.button(
            "Save", type="primary", icon=":material/save:", key="kb_save", disabled=bool(faults) or text == held
        )
        remove = name in pages and st.button("Remove page", icon=":material/delete:", key="kb_remove")
        st.caption(
            f"{len(pieces)} answers. Placeholders such as {{order_number}} are filled when a reply is suggested."
        )
    if save:
        if Path(name).suffix.lower() not in knowledge.SUFFIXES:
            raise ConfigError(f"{name}: a page is a .md or .csv file; give it such a name")
        check_path(folder / name)
        (files.own("knowledge") / name).write_text(text, encoding="utf-8")
        _changed("Saved. Replies are suggested from it at the next turn.")
    if remove:
        if len(pages) == 1:
            raise ConfigError("this is the last page; without any there is nothing to suggest from")
        (files.own("knowledge") / name).unlink()
        _changed("Removed.")


def _changed(words: str) -> None:
    st.session_state["help"] = {}
    st.toast(words, icon=":material/check:")
    st.rerun()


def _search(folder: Path) -> None:
    """What the knowledge base and past turns answer to a question."""
    try:
        known = Knowledge.read(folder)
    except PolyfuseError as error:
        ui.show_error(error)
        return
    st.metric("Answers", len(known))
    asked = st.text_input("Try a question", key="kb_ask", placeholder="Why is my bill so high?")
    if not asked:
        return
    for found in files.suggester().suggest([f"customer: {asked}"]):
        with st.container(border=True):
            st.markdown(f"{ui.escape(found.text)}  \n:small[:gray[{ui.escape(found.source)} · {found.score:.2f}]]")
