"""The case study of the sample course runs as it stands, and says what it should; the .ipynb holds the same cells."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "domains" / "education" / "notebooks"


def test_the_study_of_the_sample_course_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLYFUSE_SAMPLES", raising=False)
    for variable, value in (("POLYFUSE_HOME", str(tmp_path / "home")), ("OMP_NUM_THREADS", "1")):
        monkeypatch.setenv(variable, value)
    notebook = nbformat.read(FOLDER / "sample_course.ipynb", 4)
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    told = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")
    assert not [o for o in outputs if o.output_type == "error"]
    assert re.findall(r"lecture-\d: (\d) segments", told) == ["6", "7", "7"]
    found = re.search(r"unseen answers +\d+ answers +f1 (0\.\d+)", told)
    assert found is not None
    assert float(found[1]) > 0.55  # four grades in wordings never seen: .25 by chance
    assert re.search(r"proposed \w+, the teacher said \w+", told)
    rank = re.search(r"rank correlation with the true mastery: (0\.\d+)", told)
    assert rank is not None
    assert float(rank[1]) > 0.4
    precision = [float(p) for p in re.findall(r"precision (\d\.\d+) \(", told)]
    assert len(precision) == 6
    assert max(precision) > 0.7  # about half are at risk
    assert re.search(r"re-watched by \d+% of \d+, question Q\d\d on .* wrong for \d+% of \d+", told)
    assert re.search(r"behind the first line: [1-9]\d* answers, [1-9]\d* stretches", told)
    placed = re.search(r"the first place of (\d) of 9 concepts", told)
    assert placed is not None
    assert int(placed[1]) >= 8
