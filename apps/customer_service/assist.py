"""Between the page and the desk: the parts that answer, one answer a turn, and the record of what agents decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import streamlit as st

from apps import ui
from apps.customer_service import files, session
from apps.customer_service.session import Conversation, Message
from apps.customer_service.studio import STUDIO
from apps.ui.record import who
from core.errors import FileError, MissingExtraError
from core.estimator import Estimator
from core.numbers import number_or_none
from core.predict import as_row
from core.preprocess.audio_io import channel_count
from core.privacy.audio import private_times, silence
from core.privacy.text import masked
from core.progress import Progress, silent
from core.record import Record
from core.record_asked import Asked, keep_asked
from core.schema import Prediction, Row
from domains.customer_service import recipe, starter
from domains.customer_service.call import read_call
from domains.customer_service.desk import Desk, Help
from domains.customer_service.intent import IntentDetector
from domains.customer_service.reply_writer import ReplyWriter

TURN = "turn_id"  # names a turn in the record
CALL = "uploaded call"  # not by its file, whose name may tell who called


def record() -> Record:
    """The store of decisions; every text in it is masked."""
    return Record(starter.record_file(), clean=masked)


def desk() -> Desk:
    """The open model with those beside it, the knowledge base, the routing table and the recogniser of this machine."""
    model: IntentDetector = STUDIO.model()
    return Desk(model, files.routing(), files.suggester(), recogniser(), **{t: beside(t) for t in starter.BESIDE})


def beside(target: str) -> IntentDetector | None:
    """The model of the urgency or of the next step that stands beside the open one, or None."""
    folder = starter.beside(target, STUDIO.model_folder())
    if folder is None:
        return None
    return _open(str(folder), (folder / "bundle.json").stat().st_mtime_ns, STUDIO.model())


@st.cache_resource(show_spinner=False, max_entries=4)
def _open(folder: str, changed: int, _model: IntentDetector) -> IntentDetector:
    shared = next(iter(_model.bundle.views.values())).cache  # what a frozen backbone heard once serves all
    return IntentDetector.load(folder, shared)


@st.cache_resource(show_spinner="Opening the recogniser …")
def recogniser() -> Any:
    """The recogniser that works offline, or None where its extra is not installed."""
    if find_spec("faster_whisper") is None:
        return None
    from core import recognition

    return recognition.build("faster_whisper")


def open_sound(path: Path, progress: Progress = silent) -> None:
    """Open a recording: one voice is the customer's next turn; two channels are a call, its last customer turn open.

    Raises:
        FileError: if it cannot be read, or the customer says nothing in the call.
    """
    if channel_count(path) != 2:
        session.hear(Message(audio=path))
        return
    folder = path.parent / "turns"
    rows = read_call(path).write(folder, recogniser=recogniser(), progress=progress)
    if rows.empty:
        raise FileError(
            f"{path}: the customer, on the first channel, says nothing; swap the channels, or give one voice alone"
        )
    last = {str(name): "" if value != value else str(value) for name, value in rows.iloc[-1].items()}
    session.open_row(last, folder, CALL)


def given(found: Conversation) -> list[str]:
    """The kinds of data of the open message that the model reads."""
    message = found.message
    assert message is not None
    has = {
        "speech": message.audio is not None,
        "text": bool(message.words) or (message.audio is not None and recogniser() is not None),
        "dialogue": bool(found.lines),
        "behaviour": bool(found.behaviour),
    }
    return [m.name for m in STUDIO.model().bundle.config.modalities if has.get(m.name)]


def case(
    found: Conversation, helped: Help, off: Iterable[str], detector: IntentDetector | None = None
) -> dict[str, Any]:
    """The open message by the names of a model's modalities (None: of the open one), without those in ``off``."""
    message, model = found.message, detector or STUDIO.model()
    assert message is not None
    read = {c for m in model.bundle.config.modalities if m.name == "behaviour" for c in m.columns}
    values: dict[str, Any] = {
        "speech": message.audio, "text": helped.found.text or None, "dialogue": found.dialogue,
        "behaviour": {k: v for k, v in found.behaviour.items() if k in read} or None,
    }  # fmt: skip
    known = [m.name for m in model.bundle.config.modalities if m.name not in off]
    return {m: v for m in known if (v := values.get(m)) is not None}


def help_with(found: Conversation, off: frozenset[str] = frozenset()) -> Help:
    """What the desk says of the open message without the kinds of data in ``off``; asked once."""
    key = (found.turn, tuple(sorted(found.behaviour.items())), off, files.version())
    kept: dict[Any, Help] = st.session_state.setdefault("help", {})
    if key not in kept:
        message = found.message
        assert message is not None
        with st.spinner("Listening …" if not message.words else "Reading …"):
            kept[key] = desk().help(
                audio=message.audio, text=message.text or None, recognised=message.recognised or None,
                confidence=message.confidence, dialogue=found.lines, behaviour=found.behaviour, without=off,
            )  # fmt: skip
        st.session_state.setdefault("timings", []).append(kept[key].seconds)
        _keep_asked(found, kept[key], off)
        if (heard := kept[key].heard) is not None:
            session.heard(heard.text, heard.confidence)
            st.rerun()
    return _corrected(found, kept[key])


def _corrected(found: Conversation, helped: Help) -> Help:
    """The help with the intent that the agent named, where that is another; found once."""
    named = decided_intent(found)
    if named is None or named == intent_of(helped):
        return helped
    kept: dict[Any, Help] = st.session_state.setdefault("help_corrected", {})
    key = (found.turn, named, tuple(sorted(found.behaviour.items())), files.version(), helped.found.text)
    if key not in kept:
        kept[key] = desk().corrected(helped, named, dialogue=found.lines, behaviour=found.behaviour)
    return kept[key]


def playable(found: Conversation, audio: Path) -> Path:
    """The recording with what the conversation masks silenced, in the session's folder; heard once, for word times.

    Raises:
        MissingExtraError: where no recogniser is installed: what may be played is then not known.
        FileError: if it cannot be read, or nobody speaks in it.
    """
    kept: dict[Path, Path] = st.session_state.setdefault("playable", {})
    if audio not in kept:
        hearer = recogniser()
        if hearer is None:
            raise MissingExtraError(
                "faster-whisper", "speech", "Silencing what is private before a recording is played"
            )
        _, private = private_times(hearer.transcribe(audio).words, found)
        kept[audio] = silence(audio, ui.folder() / f"playable-{len(kept)}.wav", private)
    return kept[audio]


@st.cache_resource(show_spinner="Opening the model …", max_entries=1)
def open_writer(model: str) -> ReplyWriter:
    """A language model that the user named.

    Raises:
        ConfigError: if it is none.
    """
    return ReplyWriter(model)


def draft(found: Conversation, helped: Help, model: str) -> str:
    """A reply in the words of the named model, masked; nothing vouches for it."""
    lines = [*found.lines, *found.open_line]
    return found.masked(open_writer(model).write(lines, helped.replies).text)


def timings() -> list[dict[str, float]]:
    """Seconds of each stage, of every turn of this session."""
    return st.session_state.get("timings", [])


def decided_intent(found: Conversation) -> str | None:
    """The intent that the agent confirmed or named for the open turn."""
    kept: dict[str, str] = st.session_state.setdefault("intents_kept", {})
    return kept.get(found.turn)


def _keep_asked(found: Conversation, helped: Help, off: frozenset[str]) -> None:
    """Keep what each model answered of the open message, without any text of it."""
    answers = [(STUDIO.model(), helped.found), (beside("urgency"), helped.urgency), (beside("action"), helped.action)]
    for model, answer in answers:
        if model is not None and answer is not None:
            row = as_row(case(found, helped, off, model), model.bundle.config.modalities)
            keep_asked(record(), model.bundle, [({TURN: _name(found)}, row, answer)], who())


def keep_answered(model: Estimator, answers: Iterable[tuple[Row, Prediction]]) -> None:
    """Keep what a model answered of the turns of a table, by their ids."""
    asked: Iterable[Asked] = (({TURN: row.id}, row, answer) for row, answer in answers)
    keep_asked(record(), model.bundle, asked, who())


def keep_intent(found: Conversation, helped: Help, intent: str) -> int:
    """Keep the agent's word on the intent, to train on; the entry's number."""
    answered = {"intent": intent_of(helped), "probability": _sure(helped)}
    said = "confirmed" if intent == intent_of(helped) else "corrected"
    decided = {"decision": said, "intent": intent}
    number = record().append("intent", _case(found), answered, decided, _model(), who())
    st.session_state.setdefault("intents_kept", {})[found.turn] = intent
    if said == "corrected":  # other replies come in the places of these
        st.session_state.get("rejected", {}).pop(found.turn, None)
        for place in range(len(helped.replies)):
            st.session_state.pop(f"edit_{found.turn}_{place}", None)
    return number


def keep_reply(found: Conversation, helped: Help, place: int, decision: str, text: str) -> int:
    """Keep what the agent did with a suggested reply (place from 0); the entry's number."""
    given = helped.replies[place]
    answered = {
        "suggested": found.masked(given.text), "template": given.template, "source": given.source,
        "score": round(float(given.score), 4), "place": place + 1, "intent": _wanted(found, helped),
    }  # fmt: skip
    kept = {"decision": decision, "reply": text if decision != "rejected" else ""}
    return record().append("reply", _case(found), answered, kept, _model(), who())


def keep_own_reply(found: Conversation, helped: Help, text: str, drafted_by: str | None = None) -> int:
    """Keep a reply that the agent wrote without a suggestion, or out of a model's draft."""
    said = {"intent": _wanted(found, helped)} | ({"drafted_by": drafted_by} if drafted_by else {})
    return record().append("reply", _case(found), said, {"decision": "written", "reply": text}, _model(), who())


def _wanted(found: Conversation, helped: Help) -> str | None:
    """The intent that a kept reply answers: the agent's word goes before the model's."""
    return decided_intent(found) or intent_of(helped)


def _case(found: Conversation) -> dict[str, Any]:
    """The turn by the names of a table's columns, masked as a whole: what a line announced is hidden in all others."""
    message = found.message
    assert message is not None
    texts = {"text": message.text} if message.text else {"recognised": message.recognised}
    texts["dialogue"] = found.dialogue or ""
    return {TURN: _name(found), **{c: found.masked(t) for c, t in texts.items()}, **_measured(found.behaviour)}


def _measured(behaviour: Mapping[str, str]) -> dict[str, str | float]:
    """Values of behaviour, numbers as such: as text, 1095 days would be masked like a number of somebody."""
    numbers = {c: number_or_none(v) for c, v in behaviour.items() if c in recipe.NUMBERS}
    return {**behaviour, **{c: n for c, n in numbers.items() if n is not None}}


def _name(found: Conversation) -> str:
    """Tells the turn from those of other sessions, whose conversations are counted from 1 as well."""
    token: str = st.session_state.setdefault("session", uuid4().hex[:6])
    return f"{found.name} {token}-{found.turn}"


def intent_of(helped: Help) -> str | None:
    """What the open model says that the customer wants; see ``IntentDetector.intent_of``."""
    return STUDIO.model().intent_of(helped.found)


def _sure(helped: Help) -> float | None:
    label = helped.found.label
    return round(helped.found.probabilities[label], 4) if label in helped.found.probabilities else None


def _model() -> str:
    return str(STUDIO.model().bundle.fingerprint)
