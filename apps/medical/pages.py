"""The pages of the app, each inside the error boundary. A page is loaded when it is opened."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import streamlit as st

from apps import ui
from domains.medical import starter

_PAGES = {  # name: (title, icon)
    "start": ("Open a case", ":material/folder_open:"),
    "case": ("Case", ":material/radiology:"),
    "train": ("Train and compare", ":material/model_training:"),
    "model": ("Model", ":material/fact_check:"),
}


def page(name: str) -> Any:
    """The page of a name, to switch to."""
    title, icon = _PAGES[name]
    return st.Page(
        _framed(name), title=title, icon=icon, url_path="" if name == "start" else name, default=name == "start"
    )


def all_pages() -> list[Any]:
    """All pages in order."""
    return [page(name) for name in _PAGES]


def boundary() -> AbstractContextManager[None]:
    """Whatever fails inside is told in words, at its place on the page."""
    return ui.errors(starter.home() / "app.log")


def _framed(name: str) -> Callable[[], None]:
    def show() -> None:
        with boundary():
            importlib.import_module(f"apps.medical.page_{name}").show()

    show.__name__ = name
    return show
