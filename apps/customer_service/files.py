"""The knowledge base and the routing table: the user's own once they are edited, else those of the sample."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import streamlit as st

from core.privacy.text import masked
from core.progress import Progress, silent
from core.record import Record
from domains.customer_service import starter
from domains.customer_service.knowledge import Knowledge
from domains.customer_service.replies import ReplySuggester
from domains.customer_service.routing import RoutingTable


def knowledge_folder() -> Path:
    """Where the pages of the knowledge base lie."""
    return _own_or_sample("knowledge")


def routing_file() -> Path:
    """Where the routing table lies."""
    return _own_or_sample("routing.toml")


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
    known = Knowledge.read(knowledge_folder())
    record = Record(starter.record_file(), clean=masked)
    ReplySuggester().fit(starter.sample_table(), known, record=record, progress=progress).save(_replies())


def _replies() -> Path:
    """Where the suggestions of this knowledge base lie."""
    files = sorted(f for f in knowledge_folder().rglob("*") if f.is_file())
    read = b"".join(f.name.encode() + f.read_bytes() for f in [*files, starter.sample_table()])
    return starter.home() / f"replies-{hashlib.sha256(read).hexdigest()[:8]}"


@st.cache_resource(show_spinner="Opening the replies …", max_entries=2)
def _open(folder: str, changed: int) -> ReplySuggester:
    return ReplySuggester.load(folder)


def _own_or_sample(name: str) -> Path:
    own = starter.home() / name
    return own if own.exists() else Path(__file__).parents[2] / "sample_data" / starter.DOMAIN / name
