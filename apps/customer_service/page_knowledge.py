"""The knowledge base: its pages, to read, change and add to; what is wrong is told before anything is saved."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
            st.session_state.pop("kb_drafts", None)
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
    """One page as text; what is not saved yet waits in the session, also while another page is open."""
    paths = [f for f in sorted(folder.rglob("*")) if f.suffix.lower() in knowledge.SUFFIXES]
    pages = {f.relative_to(folder).as_posix(): f for f in paths}
    if (saved := st.session_state.pop("kb_saved", None)) in pages:
        st.session_state["kb_page"] = saved
    name = st.selectbox("Page", [*pages, _NEW], key="kb_page")
    new = name == _NEW
    why = None
    if new:
        name, why = _name(list(pages))
    held = _EMPTY.get(Path(name).suffix.lower(), "") if new else pages[name].read_text(encoding="utf-8-sig")
    key, drafts = f"kb_text_{folder}_{Path(name).suffix if new else name}", _drafts()
    st.session_state[key] = drafts.get(key, held)
    text = st.text_area(
        "Content", height=340, key=key, label_visibility="collapsed",
        on_change=lambda: drafts.__setitem__(key, st.session_state[key]),
    )  # fmt: skip
    pieces, faults = knowledge.parse(text, name)
    for fault in faults:
        st.error(ui.escape(str(fault)), icon=":material/error:")
    why = why or (None if pieces else "nothing to save: no answer stands there yet, below a heading or in a row")
    save, remove = _buttons(not faults and why is None and text != held, not new)
    st.caption(f"{len(pieces)} answers. Placeholders such as {{order_number}} are filled when a reply is suggested.")
    if text != held:
        told = ":material/edit: Not saved yet; it waits here until this session ends."
        st.caption(f"{told} It cannot be saved: {ui.escape(why)}." if why else told)
    if save:
        check_path(folder / name)
        (files.own("knowledge") / name).write_text(text, encoding="utf-8")
        drafts.pop(key, None)
        st.session_state["kb_saved"] = name
        _changed("Saved. Replies are suggested from it at the next turn.")
    if remove:
        if len(pages) == 1:
            raise ConfigError("this is the last page; without any there is nothing to suggest from")
        (files.own("knowledge") / name).unlink()
        drafts.pop(key, None)
        _changed("Removed.")


def _drafts() -> dict[str, str]:
    """What was written and not saved, by the key of its field: a field that is not shown forgets its text."""
    drafts: dict[str, str] = st.session_state.setdefault("kb_drafts", {})
    return drafts


def _name(pages: Sequence[str]) -> tuple[str, str | None]:
    """The file name of a new page, and why it cannot be one."""
    told = st.text_input("Its file name, ending in .md or .csv", "my-answers.md", key="kb_name").strip()
    name = re.sub(r"[^\w.-]+", "-", told)
    place = Path(name)
    if not re.search(r"[^\W_]", place.stem) or place.suffix.lower() not in knowledge.SUFFIXES:
        return name, "the file name needs a letter or digit, and .md or .csv at its end"
    if name in pages:
        return name, f"a page {name} is there already; choose it above, or give another name"
    if name != told:
        st.caption(f"It is saved as {ui.escape(name)}: a file name is made of letters, digits, dots and dashes.")
    return name, None


def _buttons(savable: bool, removable: bool) -> tuple[bool, bool]:
    """Whether the page is to be saved, or removed."""
    with st.container(horizontal=True, vertical_alignment="center"):
        save = st.button("Save", type="primary", icon=":material/save:", key="kb_save", disabled=not savable)
        remove = removable and st.button("Remove page", icon=":material/delete:", key="kb_remove")
    return save, remove


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
