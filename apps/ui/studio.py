"""What the pages "Train and compare" and "Model" need to know of a domain, and which model a session has open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import streamlit as st

from apps.ui.pages import Pages
from core import starter
from core.answer import label
from core.config import ExperimentConfig
from core.estimator import Estimator
from core.manifest import Manifest
from core.table import StringTable


@dataclass(frozen=True)
class Source:
    """The table that is worked on and the folder that its file paths start from."""

    path: Path
    root: Path
    columns: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """The table as strings, blanks kept as text."""
        return StringTable.open(self.path).frame()


Change: TypeAlias = Callable[[pd.DataFrame], pd.DataFrame]  # to a table before it is trained on


def _no_options(columns: Sequence[str], target: str) -> dict[str, Any]:
    return {}


def _no_screen(source: Source, config: ExperimentConfig) -> Change | None:
    return None


def _all_read(manifest: Manifest, config: ExperimentConfig) -> ExperimentConfig:
    return config


@dataclass(frozen=True)
class Studio:
    """A domain's models as the app works with them."""

    pages: Pages
    disclaimer: str
    estimator: type[Estimator]
    sample: starter.SampleModel
    targets: Sequence[str]  # likely target columns, the likeliest first
    icon: str  # of the button that opens a trained model
    groups: str = "Groups"  # what the groups of a table are, such as patients
    name: Callable[[str], str] = label  # a modality as people of the field call it
    options: Callable[[Sequence[str], str], dict[str, Any]] = _no_options  # draws inputs; options for recipe.build
    screen: Callable[[Source, ExperimentConfig], Change | None] = _no_screen  # a further check, drawn on the page
    refine: Callable[[Manifest, ExperimentConfig], ExperimentConfig] = _all_read  # the same; what to train after it
    by: Sequence[str] = ()  # columns that cases are looked at by, where a table has them
    decides: bool = False  # whether decision curves are drawn
    papers: Callable[[Any], Mapping[str, str]] = lambda estimator: {}  # Markdown to have beside the card, by file name
    opened: Callable[[], None] = lambda: None  # what a session forgets when another model is opened

    @property
    def domain(self) -> str:
        """The domain's name: of its folders, and of what a session keeps."""
        return self.pages.domain

    def model(self) -> Any:
        """The model that is open; at first the sample model, where it is trained; else None."""
        if self._key not in st.session_state:
            found = self.sample.ready()
            if found is None:
                return None
            self.use_model(found)
        folder, changed = st.session_state[self._key]
        return _load(folder, changed, self.estimator.__name__, self.estimator)

    def use_model(self, folder: Path) -> None:
        """Open a bundle for this session.

        Raises:
            BundleError: if it cannot be opened.
        """
        file = folder / "bundle.json"
        changed = file.stat().st_mtime_ns if file.is_file() else 0
        _load(str(folder), changed, self.estimator.__name__, self.estimator)
        st.session_state[self._key] = str(folder), changed
        self.opened()

    def model_folder(self) -> Path:
        """The folder of the open model."""
        return Path(st.session_state[self._key][0])

    def model_name(self) -> str:
        """The open model as people call it."""
        return self.shown_name(self.model_folder())

    def shown_name(self, bundle: Path) -> str:
        """A bundle as people call it: the sample model, or the name of its run."""
        name = bundle.parent.name if bundle.name == "bundle" else bundle.name
        return f"{label(self.sample.name)} model" if name.startswith(f"{self.sample.name}-") else name

    def models(self) -> Mapping[str, Path]:
        """Bundles of the user's folder by name, the newest first."""
        return starter.models(self.domain)

    @property
    def _key(self) -> str:
        return f"model-{self.domain}-{self.sample.name}"


@st.cache_resource(show_spinner="Opening the model …", max_entries=6)
def _load(folder: str, changed: int, kind: str, _estimator: type[Estimator]) -> Estimator:
    return _estimator.load(folder)
