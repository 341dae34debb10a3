"""The conversation on the agent's page: what was said, masked; a way to add what the customer says; what they did."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import streamlit as st

from apps import ui
from apps.customer_service import assist, files, session
from apps.customer_service.session import Conversation, Message
from apps.customer_service.studio import STUDIO
from core.answer import label
from core.errors import PolyfuseError
from core.preprocess.decode import decode_sounds
from core.table import StringTable
from core.table_faults import split_of
from domains.customer_service import recipe
from domains.customer_service.hearing import SOUNDS

_WAYS = {"Type": ":material/keyboard:", "Record": ":material/mic:", "Upload": ":material/upload_file:"}
_TYPES = [ending[1:] for ending in SOUNDS]
_UPLOAD = (
    "The customer's turn, or a call with the customer on the first channel and the agent on the second. It stays on "
    "this machine, in a folder of this session that is deleted with it."
)
_HEIGHT = 330  # pixels of the conversation
_MOST, _READ = 1000, 20_000  # turns to choose from, of so many that are looked at


def show(found: Conversation) -> None:
    """Draw the column; what is added is open afterwards in the session."""
    _pick(found)
    with st.container(height=_HEIGHT, key="conversation_box"):
        _turns(found)
    way = st.segmented_control(
        "Add what the customer says", list(_WAYS), default="Type", required=True, key="way",
        format_func=lambda w: f"{_WAYS[w]} {w}", label_visibility="collapsed",
    )  # fmt: skip
    {"Type": _type, "Record": _record, "Upload": _upload}[way]()
    _behaviour(session.conversation() or found)


def _pick(found: Conversation) -> None:
    """Open another sample conversation, or a new one."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    table = files.turns_table()
    rows = turns(str(table), table.stat().st_mtime_ns)
    names = list(rows)
    chosen = left.selectbox(
        "Conversation", names, index=names.index(found.name) if found.name in names else None,
        placeholder=found.name, key=f"pick_{found.number}", label_visibility="collapsed",
        format_func=lambda n: f"{n} · {rows[n]['channel']}" if rows[n].get("channel") else n,
    )  # fmt: skip
    if chosen is not None and chosen != found.name:
        session.open_row(rows[chosen], table.parent, chosen)
        st.rerun()
    if right.button("New", icon=":material/add_comment:", key="new", width="stretch"):
        session.start()
        st.rerun()
    if not files.is_own(files.TURNS) and not STUDIO.model_folder().parent.name.startswith("sample-"):
        st.caption("These conversations are the sample's: name your own table on the page Knowledge base, Past turns.")


@st.cache_data(show_spinner="Opening the turns …", max_entries=4)
def turns(table: str, changed: int) -> dict[str, dict[str, str]]:
    """The first turns of a table that no model trained on, by name; any, where there are none."""
    opened = StringTable.open(Path(table))
    rows = [opened.row(i) for i in range(min(len(opened), _READ))]
    named = {r.get("turn_id") or f"row {i}": r for i, r in enumerate(rows, 1)}
    asked = {n: r for n, r in named.items() if split_of(r.get("split", "test")) == "test"} or named
    return dict(itertools.islice(asked.items(), _MOST))


def _turns(found: Conversation) -> None:
    turns = found.shown()
    if not turns and found.message is None:
        st.caption("Nothing was said yet.")
    for who, text in turns:
        with st.chat_message("user" if who == "customer" else "assistant", avatar=_avatar(who)):
            st.markdown(ui.escape(text))
    message = found.message
    if message is None:
        return
    if message.audio is not None and not message.words:
        st.chat_message("user", avatar=_avatar("customer")).markdown(f"*A recording: {ui.escape(message.audio.name)}*")
    if not message.text and message.recognised:
        sure = "" if message.confidence is None else f", confidence {message.confidence:.0%}"
        st.caption(f":material/hearing: heard by a recogniser{sure}; words may be wrong")
    if message.audio is not None:
        _listen(found, message.audio)


def _listen(found: Conversation, audio: Path) -> None:
    """Play the open recording; what the text masks is silent in it."""
    if st.toggle("Listen", key=f"listen_{found.turn}", help="Names, numbers and addresses are silenced."):
        with st.spinner("Silencing what is private …"):
            sound = assist.playable(found, audio)
        st.audio(sound)


def _avatar(who: str) -> str:
    return ":material/person:" if who == "customer" else ":material/support_agent:"


def _type() -> None:
    text = st.chat_input("What the customer writes; Enter to read it", key="typed", max_chars=20_000)
    if text and text.strip():
        _say(Message(text.strip()))


def _record() -> None:
    """The microphone; recordings stay in this session's folder."""
    sound = st.audio_input("Record what the customer says", key="recorded", label_visibility="collapsed")
    if sound is not None:
        _sound(sound)


def _upload() -> None:
    sound = st.file_uploader("A recording", _TYPES, key="uploaded", label_visibility="collapsed", help=_UPLOAD)
    if sound is not None:
        _sound(sound)


def _sound(sound: Any) -> None:
    """Open a recording once, not at every rerun; what was said against it stays as long as it stands there."""
    key = str(getattr(sound, "file_id", id(sound)))
    refused: dict[str, PolyfuseError | None] = st.session_state.setdefault("sounds", {})
    if key not in refused:
        try:
            with st.spinner("Reading the recording …"):
                path = ui.keep_read(sound, decode_sounds)
            with ui.Steps("Listening") as steps:
                assist.open_sound(path, steps)
        except PolyfuseError as error:
            refused[key] = error
        else:
            refused[key] = None
            st.rerun()
    if (told := refused[key]) is not None:
        ui.show_error(told)


def _say(message: Message) -> None:
    session.hear(message)
    st.rerun()


def _behaviour(found: Conversation) -> None:
    """What is known of the customer; blanks are missing."""
    known = {**dict.fromkeys(_asked(), ""), **found.behaviour}
    filled = sum(bool(v) for v in known.values())
    with st.expander(f"What the customer did: {filled} of {len(known)} known", icon=":material/footprint:"):
        columns = st.columns(2)
        told = {
            name: columns[i % 2].text_input(_title(name), value, key=f"did_{found.number}_{name}").strip()
            for i, (name, value) in enumerate(known.items())
        }
    session.behave({name: value for name, value in told.items() if value})


def _asked() -> tuple[str, ...]:
    """The behaviour columns that the open model reads."""
    read = [m.columns for m in STUDIO.model().bundle.config.modalities if m.name == "behaviour"]
    return tuple(c for c in (read[0] if read else ()) if c in (*recipe.NUMBERS, *recipe.CATEGORIES))


def _title(name: str) -> str:
    return label(name).capitalize()
