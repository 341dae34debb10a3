"""The pages of one app, each inside the error boundary. A page is loaded when it is opened."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import streamlit as st

from apps import ui
from core import starter


@dataclass(frozen=True)
class Pages:
    """``titles``: title and icon by name, first the one that opens; ``apps.<domain>.page_<name>`` shows a page."""

    domain: str
    titles: Mapping[str, tuple[str, str]]

    def page(self, name: str) -> Any:
        """The page of a name, to switch to."""
        title, icon = self.titles[name]
        first = name == next(iter(self.titles))
        return st.Page(self._framed(name), title=title, icon=icon, url_path="" if first else name, default=first)

    def first(self) -> Any:
        """The page that opens."""
        return self.page(next(iter(self.titles)))

    def all_pages(self) -> list[Any]:
        """All pages in order."""
        return [self.page(name) for name in self.titles]

    def boundary(self) -> AbstractContextManager[None]:
        """Whatever fails inside is told in words, at its place on the page."""
        return ui.errors(starter.home(self.domain) / "app.log")

    def _framed(self, name: str) -> Callable[[], None]:
        def show() -> None:
            with self.boundary():
                importlib.import_module(f"apps.{self.domain}.page_{name}").show()

        show.__name__ = name
        return show
