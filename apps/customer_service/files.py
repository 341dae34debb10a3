"""The knowledge base, the routing table and the table of turns: the user's own once there is one, else the sample's."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from pathlib import Path

import streamlit as st

from core.errors import ConfigError, FileError, PolyfuseError
from core.privacy.text import masked
from core.progress import Progress, silent
from core.record import Record
from core.table import StringTable
from domains.customer_service import recipe, starter
from domains.customer_service.knowledge import Knowledge
from domains.customer_service.replies import ReplySuggester
from domains.customer_service.routing import RoutingTable

TURNS, WRITER = "turns.json", "writer.json"  # name the user's own table, and a model that drafts replies


def knowledge_folder() -> Path:
    """Where the pages of the knowledge base lie."""
    return _own_or_sample("knowledge")


def routing_file() -> Path:
    """Where the routing table lies."""
    return _own_or_sample("routing.toml")


def turns_table() -> Path:
    """The table of turns that conversations are opened from and replies are learned from.

    Raises:
        FileError: if the user's own is no longer there.
    """
    if (named := told(TURNS)) is None:
        return starter.sample_table()
    table = Path(named)
    if not table.is_file():
        raise FileError(f"{table}: the table of turns is no longer there; name another on the page Knowledge base")
    return table


def use_turns(table: Path, progress: Progress = silent) -> None:
    """From now on conversations are opened from this table, and replies are learned from it; learned here and now.

    Raises:
        FileError, TableError: if it cannot be read; all is then as it was before.
        ConfigError: if it has no column that a customer's words or voice may stand in.
    """
    found = StringTable.open(table).columns
    wanted = (*recipe.WRITTEN, *recipe.RECOGNISED, "audio")
    if not set(wanted) & set(found):
        raise ConfigError(f"{table}: no turn can be read from it; it needs one of the columns {', '.join(wanted)}")
    before = told(TURNS)
    tell(TURNS, str(table.absolute()))
    try:
        suggester(progress)
    except PolyfuseError:
        tell(TURNS, before)
        raise


def told(name: str) -> str | None:
    """What the user named: the table ``TURNS``, or the model ``WRITER``."""
    place = starter.home() / name
    return str(json.loads(place.read_text(encoding="utf-8"))) if place.is_file() else None


def tell(name: str, value: str | None) -> None:
    """Keep what the user named; None: nothing any more."""
    place = starter.home() / name
    if value is None:
        place.unlink(missing_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(value), encoding="utf-8")


def own(name: str) -> Path:
    """The user's copy of ``knowledge`` or ``routing.toml``, made now where there is none, to write to."""
    place = starter.home() / name
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        sample = _own_or_sample(name)
        (shutil.copytree if sample.is_dir() else shutil.copy)(sample, place)
    return place


def is_own(name: str) -> bool:
    """Whether the user edited it."""
    return (starter.home() / name).exists()


def forget(name: str) -> None:
    """Back to the sample's."""
    place = starter.home() / name
    (shutil.rmtree if place.is_dir() else Path.unlink)(place)


def version() -> str:
    """Changes whenever a page or the routing table does."""
    files = [routing_file(), *sorted(knowledge_folder().rglob("*"))]
    return " ".join(f"{f}:{f.stat().st_mtime_ns}" for f in files if f.is_file())


def routing() -> RoutingTable | None:
    """The routing table, or None where there is none.

    Raises:
        TableError: with all its faults.
    """
    return RoutingTable.read(routing_file()) if routing_file().is_file() else None


def suggester(progress: Progress = silent) -> ReplySuggester:
    """What suggests replies, from the knowledge base, past answered turns and what agents decided before it was made.

    It is made anew when a page of the knowledge base changes, and by ``learn``.

    Raises:
        TableError: with all faults of the knowledge base.
    """
    place = _replies()
    if not place.exists():
        learn(progress)
    return _open(str(place), (place / "replies.json").stat().st_mtime_ns)


def learn(progress: Progress = silent) -> None:
    """Make the suggestions anew, now with all decisions that are in the record."""
    known, table = Knowledge.read(knowledge_folder()), turns_table()
    held = set(StringTable.open(table).columns)
    answered = "reply" in held and bool(held & {*recipe.WRITTEN, *recipe.RECOGNISED})  # else only knowledge is there
    record = Record(starter.record_file(), clean=masked)
    suggests = ReplySuggester().fit(table if answered else None, known, record=record, progress=progress)
    suggests.save(_replies())


def _replies() -> Path:
    """Where the suggestions of this knowledge base and these turns lie."""
    files = sorted(f for f in knowledge_folder().rglob("*") if f.is_file())
    read = "".join(f.name + _digest(f, f.stat().st_mtime_ns, f.stat().st_size) for f in [*files, turns_table()])
    return starter.home() / f"replies-{hashlib.sha256(read.encode()).hexdigest()[:8]}"


@functools.lru_cache(maxsize=1000)
def _digest(file: Path, changed: int, size: int) -> str:
    """Of a file that was changed then; read once, as it is asked for at every turn."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@st.cache_resource(show_spinner="Opening the replies …", max_entries=2)
def _open(folder: str, changed: int) -> ReplySuggester:
    found = ReplySuggester.load(folder)
    found.suggest("customer: hello")  # opens what turns words into vectors, which is no part of a turn's time
    return found


def _own_or_sample(name: str) -> Path:
    own = starter.home() / name
    return own if own.exists() else Path(__file__).parents[2] / "sample_data" / starter.DOMAIN / name
