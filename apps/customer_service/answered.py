"""A table of turns, answered once by the open model and kept for all sessions: labels and times, masked texts later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from apps import ui
from apps.customer_service import assist
from apps.ui.studio import Studio
from core.errors import ConfigError
from core.estimator import Estimator
from core.manifest import Manifest
from core.schema import Prediction
from core.table import StringTable
from core.table_faults import split_of
from domains.customer_service import recipe


@dataclass(frozen=True)
class Answered:
    """Turns of a table in order; what a column does not hold is None."""

    answers: Sequence[Prediction]
    truth: Sequence[str | None]
    learned: Sequence[bool]  # turns that the model was trained or chosen on, or that the table marks so
    times: Sequence[str | None]
    texts: Sequence[str | None]
    total: int  # turns of the table
    unread: int  # of the first turns: left out, as they hold nothing that the model reads


def answer_table(studio: Studio, table: Path, most: int) -> Answered:
    """The first ``most`` turns of a table with the answers of the open model; a second time from memory.

    That they were asked for is kept in the record.

    Raises:
        TableError: with all faults of the table.
        ConfigError: if no turn holds anything that the model reads.
    """
    model = studio.model()
    return _answered(str(table), table.stat().st_mtime_ns, str(studio.model_folder()), most, model)


@st.cache_resource(show_spinner=False, max_entries=3)
def _answered(table: str, changed: int, model: str, most: int, _model: Estimator) -> Answered:
    config = _model.bundle.config
    opened = StringTable.open(Path(table))
    target = config.target.column
    manifest = Manifest.open(Path(table), config, need_target=False)
    looked = min(len(opened), most)
    read = [i for i in range(looked) if manifest.present[i].any()]
    manifest = manifest.select(read)
    manifest.raise_faults()
    if not read:
        names = ", ".join(m.name for m in config.modalities)
        raise ConfigError(f"{table}: no turn holds anything that the model reads ({names}); name a table that does")
    cells = [opened.row(i) for i in read]
    known = np.isin(manifest.case_hashes(config), _model.bundle.learned)
    answers: list[Prediction] = []
    with ui.Steps("Answering the turns") as steps:
        for found in _model.predictor.predict_table(manifest):
            answers.append(found)
            if len(answers) % 64 == 0 or len(answers) == len(cells):
                steps("turns", len(answers), len(cells))
    assist.keep_answered(_model, ((manifest.row(i), found) for i, found in enumerate(answers)))
    texts = (*recipe.WRITTEN, *recipe.RECOGNISED)
    return Answered(
        answers,
        [c.get(target) or None for c in cells],
        [bool(k) or split_of(c.get(config.table.split or "", "")) in ("train", "val") for c, k in zip(cells, known)],
        [c.get("time") or None for c in cells],
        [next((c[t] for t in texts if c.get(t)), None) for c in cells],
        len(opened),
        looked - len(read),
    )
