"""The case study of customer service runs as it stands and says what it should; the .ipynb holds the script's cells."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from domains.customer_service.intent import IntentDetector

FOLDER = Path(__file__).parents[1] / "domains" / "customer_service" / "notebooks"


def test_the_sample_study_runs_and_answers_its_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLYFUSE_SAMPLES", raising=False)
    for variable, place in (("POLYFUSE_HOME", "home"), ("POLYFUSE_CACHE", "cache")):
        monkeypatch.setenv(variable, str(tmp_path / place))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(FOLDER / "sample_study.ipynb", 4)
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    told = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")
    assert "0 faults" in told
    f1 = {name: float(v) for name, v in re.findall(r"^(fused|\w+ alone)\s+(0\.\d+)", told, re.MULTILINE)}
    assert set(f1) == {"fused", "text alone", "dialogue alone", "behaviour alone"}
    assert f1["fused"] > 0.6  # thirteen classes
    assert f1["behaviour alone"] > 0.2
    assert re.search(r"^(no )?gain: fusion", told, re.MULTILINE)
    assert re.search(r"can you recommend a good restaurant +→ out of scope", told)
    assert re.search(r"sim_blocked +→ security, priority \d: line \d+", told)
    assert "my number is [PHONE_1]" in told or "my number is [NUMBER_1]" in told
    right, among = map(int, re.findall(r"right matter first: (\d+)%; among three: (\d+)%", told)[0])
    assert 50 < right <= among
    assert "'approved': 1" in told
    assert "Ella Price" not in told.split("right matter first")[1]
    assert "the same answer after opening: True" in told
    bundle = tmp_path / "home" / "customer_service" / "sample-study" / "bundle"
    assert IntentDetector.load(bundle).bundle.card in told
