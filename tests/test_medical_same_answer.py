"""One case, four ways in: app, Python, command line and notebook give the same probabilities, whatever is missing."""

from __future__ import annotations

import json
import os
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from apps import cli
from domains.medical import Diagnosis

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_data" / "medical"
STUDY = ROOT / "domains" / "medical" / "notebooks" / "sample_study.py"
MODALITIES = {
    "ct": ["ct"],
    "report": ["report"],
    "history": ["history"],
    "clinical": ["age", "sex", "crp", "temperature", "oxygen_saturation", "pack_years", "d_dimer"],
}
APP = """
from pathlib import Path
import streamlit as st
from apps.medical import session
from core.table import StringTable
table = Path({table!r})
session.use_model(Path({bundle!r}))
session.open_row(table, 0, StringTable.open(table).row(0), session.model())
case = session.case()
st.session_state["found"] = {{
    name: session.answer(session.model(), case, case.cells, frozenset(name.split())).probabilities
    for name in {switched_off!r}
}}
"""


def few_cases(folder: Path) -> Path:
    """Some sample cases of every diagnosis and split, copied with their scans."""
    table = pd.read_csv(SAMPLES / "manifest.csv", dtype=str, keep_default_na=False)
    table = table.groupby(["split", "diagnosis"]).head(3)
    for scan in table.ct:
        (folder / scan).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (SAMPLES / scan).is_dir() else shutil.copy)(SAMPLES / scan, folder / scan)
    table.to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """All names of the notebook after it ran on few cases."""
    before, folder = dict(os.environ), tmp_path_factory.mktemp("study")
    (folder / "cases").mkdir()
    os.environ |= {
        "POLYFUSE_HOME": str(folder / "home"),
        "POLYFUSE_CACHE": str(folder / "cache"),
        "POLYFUSE_SAMPLES": str(few_cases(folder / "cases")),
    }
    yield runpy.run_path(str(STUDY))
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def one_case(study: dict[str, Any]) -> Path:
    """A table of the notebook's case, complete in its first row, then without each modality."""
    row = study["complete"].to_dict()
    rows = [row | {"case_id": "nothing"}]
    rows += [row | {"case_id": name} | dict.fromkeys(columns, "") for name, columns in MODALITIES.items()]
    path = study["TABLE"].parent / "one.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def by_notebook(study: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Probabilities by what is missing."""
    found = {"nothing": study["found"]} | study["without"]
    return {name: answer.probabilities for name, answer in found.items()}


def test_the_answers_differ_by_what_is_missing(by_notebook: dict[str, dict[str, float]]) -> None:
    assert list(by_notebook) == ["nothing", *MODALITIES]
    assert len({tuple(p.values()) for p in by_notebook.values()}) == len(by_notebook)


def test_python_gives_the_notebook_s_answers(
    study: dict[str, Any], one_case: Path, by_notebook: dict[str, dict[str, float]]
) -> None:
    diagnosis = Diagnosis.load(study["folder"])
    row = pd.read_csv(one_case, dtype=str, keep_default_na=False).iloc[0]
    whole = {c: row[c] for columns in MODALITIES.values() for c in columns} | {"ct": one_case.parent / row.ct}
    for name, expected in by_notebook.items():
        case = {c: value for c, value in whole.items() if c not in MODALITIES.get(name, ())}
        assert diagnosis.diagnose(**case).probabilities == pytest.approx(expected, abs=1e-6)


def test_the_command_line_gives_the_notebook_s_answers(
    study: dict[str, Any], one_case: Path, by_notebook: dict[str, dict[str, float]], tmp_path: Path
) -> None:
    out = tmp_path / "answers.jsonl"
    assert cli.main(["predict", str(study["folder"]), str(one_case), "--out", str(out)]) == 0
    found = {answer["id"]: answer for answer in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    assert list(found) == list(by_notebook)
    for name, expected in by_notebook.items():
        assert found[name]["probabilities"] == pytest.approx(expected, abs=1e-6)
        assert found[name]["missing"] == ([] if name == "nothing" else [name])


def test_the_app_gives_the_notebook_s_answers(
    study: dict[str, Any], one_case: Path, by_notebook: dict[str, dict[str, float]]
) -> None:
    names = ["" if name == "nothing" else name for name in by_notebook]
    script = APP.format(table=str(one_case), bundle=str(study["folder"]), switched_off=names)
    at = AppTest.from_string(script, default_timeout=120).run()
    assert not at.exception
    for name, expected in zip(names, by_notebook.values(), strict=True):
        assert at.session_state["found"][name] == pytest.approx(expected, abs=1e-6)
