"""Uploads of one session: a folder that goes with it, and readers tried on them before anything else reads them."""

from __future__ import annotations

import re
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.errors import FileError
from core.sandbox import SECONDS, SandboxError, shared

_EVERY = 2.0  # seconds between looks at whether a session is still there


def without_folder(text: str) -> str:
    """A message that names uploads as the user did, without the session's folder."""
    home = re.escape(str(folder()))
    text = re.sub(home + r"(?:/\d+)?(?![/\w])", "of the upload", text)
    return re.sub(home + r"/(?:\d+/)?", "", text)


def folder() -> Path:
    """A folder of this session alone; it is deleted with the session, or when the server stops."""
    if "_folder" not in st.session_state:
        kept = tempfile.TemporaryDirectory(prefix="polyfuse-", ignore_cleanup_errors=True)
        st.session_state["_folder"] = kept
        session = get_script_run_ctx()
        if session is not None and runtime.exists():
            threading.Thread(target=_delete_with, args=(session.session_id, kept), daemon=True).start()
    return Path(st.session_state["_folder"].name).resolve()


def _delete_with(session: str, kept: tempfile.TemporaryDirectory[str]) -> None:
    """Delete a folder when its session has ended; Streamlit forgets one only when it next happens to look."""
    grace, left = float(st.get_option("server.disconnectedSessionTTL")), 0.0  # a lost connection may come back
    while left <= grace and runtime.exists():
        left = 0.0 if runtime.get_instance().is_active_session(session) else left + _EVERY
        time.sleep(_EVERY)
    kept.cleanup()


def keep_uploads(files: Sequence[Any], reader: Callable[..., Any] | None, together: bool = False) -> list[Path]:
    """Write uploaded files into a fresh part of the session's folder, under their own names without any path.

    ``reader`` is tried on each, or on all ``together``, in a process of its own, before anything else reads them; None
    where the caller tries them. A megabyte more gives it a second more.

    Raises:
        SandboxError: if it does not survive them; they are deleted.
    """
    place = folder() / str(sum(1 for _ in folder().iterdir()))
    place.mkdir()
    paths = []
    for file in files:
        path = place / (re.sub(r"[^\w.\- ]", "_", Path(file.name).name).lstrip(".") or "file")
        while path.exists():
            path = path.with_name(f"_{path.name}")
        path.write_bytes(file.getbuffer())
        paths.append(path)
    if reader is not None:
        for part in [paths] if together else [[p] for p in paths]:
            try_reading(reader, *part)
    return paths


def keep_read(file: Any, reader: Callable[..., Any]) -> Path:
    """Write one upload as ``keep_uploads`` does; what its reader says against it is said now.

    Raises:
        FileError: if the reader refuses it, or does not survive it; it is deleted.
    """
    path = keep_uploads([file], None)[0]
    try:
        shared().call(reader, path, limit=_limit(path))
    except FileError:
        path.unlink(missing_ok=True)
        raise
    return path


def try_reading(reader: Callable[..., Any], *paths: Path, **options: Any) -> None:
    """Find out whether a reader survives uploads; see ``core.sandbox``.

    Raises:
        SandboxError: if it does not; they are deleted.
    """
    try:
        shared().try_reading(reader, *paths, limit=_limit(*paths), **options)
    except SandboxError:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def _limit(*paths: Path) -> float:
    """Seconds that reading may take."""
    return SECONDS + sum(p.stat().st_size for p in paths) / 1e6
