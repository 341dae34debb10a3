"""A scan and pictures of one case, uploaded together: the model reads both, and the page shows both."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import nibabel
import numpy as np
import pytest
from medical_samples import phantom
from PIL import Image
from streamlit.testing.v1 import AppTest

from domains.medical import Diagnosis, recipe

COLUMNS = ["case_id", "ct", "image", "diagnosis", "split"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one epoch on small scans and pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i in range(12):
            kind = ("normal", "effusion")[i % 2]
            voxels = phantom(kind, i).transpose(2, 1, 0).astype(np.int16)
            nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-10.0, -10.0, 15.0, 1.0])), folder / f"{i}.nii.gz")
            Image.fromarray(np.full((32, 32), 60 * (i % 2) + i, np.uint8)).save(folder / f"{i}.png")
            writer.writerow([i, f"{i}.nii.gz", f"{i}.png", kind, "val" if i > 8 else "train"])
    config = recipe.build(COLUMNS, preset="fast")
    training = dataclasses.replace(config.training, epochs=1)
    Diagnosis(config=dataclasses.replace(config, training=training, floor=False)).fit(folder / "cases.csv").save(
        folder / "bundle"
    )
    return folder / "bundle"


def test_a_scan_and_a_picture_uploaded_together_are_one_case(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYFUSE_HOME", str(bundle.parent / "home"))
    at = AppTest.from_string(
        "from pathlib import Path\nimport streamlit as st\nfrom apps.medical import page_case, session\n"
        f"bundle = Path({str(bundle)!r})\n"
        "if 'case' not in st.session_state:\n    session.use_model(bundle)\n"
        "    files = tuple(bundle.parent / name for name in ('3.png', '3.nii.gz'))\n"
        "    session.open_upload('one', files, session.model())\npage_case.show()",
        default_timeout=60,
    ).run()
    assert not at.exception
    assert not at.error
    case = at.session_state["case"]
    assert case.scan is not None
    assert [p.name for paths in case.files.values() for p in paths] == ["3.png"]
    (found,) = at.session_state["answers"].values()
    assert set(found.shares) == {"ct", "image"}
    assert found.missing == ()
