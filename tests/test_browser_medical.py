"""The medical app in a real browser: headless Chromium, the system's; skipped where there is none."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from browser import at_rest, chromium, give, listening, needs_chromium, served, visit
from ct_phantom import Phantom
from medical_samples import FINDINGS, phantom, prepare
from prepared import prepared

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The temporary folder of the server."""
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, uploads: Path) -> Iterator[str]:
    how = "apps/medical", {"TMPDIR": str(uploads)}, "--server.disconnectedSessionTTL=1"
    with prepared(prepare, tmp_path_factory), served(*how) as url:
        yield url
    assert [p.name for p in uploads.iterdir() if p.name.startswith("polyfuse")] == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with visit(browser, address) as found:
        found.get_by_role("button", name="Open case").first.wait_for()
        yield found


def open_sample(page: Any) -> None:
    page.get_by_role("button", name="Open case").first.click()
    page.get_by_role("button", name="Result as JSON").wait_for()


def upload(page: Any, *files: Path, name: str = "") -> None:
    page.get_by_role("tab", name="Upload").click()
    give(page, files, page.locator("input[type=file]"))
    if name:
        page.get_by_label("Name of the case").fill(name)
    page.get_by_role("button", name="Open upload").click()


def probabilities(page: Any) -> str:
    return str(
        page.locator("[aria-label^='Probabilities:'], [alt^='Probabilities:']").first.get_attribute("aria-label")
    )


def result(page: Any) -> dict[str, Any]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Result as JSON").click()
    return dict(json.loads(Path(download.value.path()).read_text(encoding="utf-8")))


def test_a_sample_case_shows_an_answer_above_the_fold(page: Any) -> None:
    open_sample(page)
    headline = page.get_by_role("heading", name="Diagnosis:")
    assert headline.inner_text().split(": ")[1].split(" · ")[0] in FINDINGS
    assert headline.bounding_box()["y"] < 300
    width = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert width <= 1366
    assert page.get_by_text("Not a medical device").is_visible()


def test_switching_a_modality_off_changes_the_bars(page: Any) -> None:
    open_sample(page)
    before = probabilities(page)
    page.get_by_text("report", exact=True).first.click()
    page.get_by_text("Orange mark").wait_for()
    assert probabilities(page) != before


def test_the_download_equals_the_answer_of_the_api(page: Any) -> None:
    from domains.medical import Diagnosis, starter

    open_sample(page)
    content = result(page)
    table = starter.sample_table()
    report = f"TECHNIQUE: CT of the chest.\nFINDINGS: {FINDINGS['normal']}\nIMPRESSION: As above."
    found = Diagnosis.load(starter.ensure()).diagnose(
        ct=table.parent / "0.nii.gz", report=report, history="Cough for a week.", age=40, sex="F", crp=5
    )
    assert content["probabilities"] == pytest.approx(found.probabilities, abs=1e-6)
    assert content["shares"] == pytest.approx(found.shares, abs=1e-4)


def test_the_arrow_key_moves_a_slice(page: Any) -> None:
    open_sample(page)
    page.get_by_text("How it was found").first.wait_for()  # the scan is then at its strongest slice
    slider = at_rest(page).get_by_role("slider", name="Slice")
    caption = page.get_by_text(" of 16, z = ").first.inner_text()
    before = int(caption.split()[1])
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text(f"Axial {before + 1} of 16").wait_for()


def test_a_nifti_upload_is_diagnosed(page: Any, tmp_path: Path) -> None:
    voxels = phantom("effusion", 99).transpose(2, 1, 0).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-10.0, -10.0, 15.0, 1.0])), tmp_path / "new.nii.gz")
    upload(page, tmp_path / "new.nii.gz")
    content = result(page)
    assert set(content["missing"]) == {"report", "history", "clinical"}
    assert sum(content["probabilities"].values()) == pytest.approx(1)


def test_a_zip_of_dicom_with_a_gap_asks_what_to_do_and_records_it(page: Any, tmp_path: Path) -> None:
    folder = Phantom(phantom("consolidation", 7), (15.0, 10.0, 10.0)).write(
        tmp_path / "series", [*range(9), *range(11, 16)]
    )
    with zipfile.ZipFile(tmp_path / "series.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    upload(page, tmp_path / "series.zip")
    page.get_by_text("gap").first.wait_for()
    page.get_by_text("Resample: repair").click()
    page.get_by_role("button", name="Go on").click()
    content = result(page)
    assert content["scan"]["on_defect"] == "resample"
    assert any(defect.startswith("gap") for defect in content["scan"]["defects"])
    assert content["scan"]["size"][0] == 16


def test_a_text_named_nifti_is_told_in_words(page: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.nii.gz").write_text("this is no scan", encoding="utf-8")
    upload(page, tmp_path / "bad.nii.gz")
    page.get_by_text("not a readable NIfTI").wait_for()
    assert page.get_by_role("heading", name="Open a case").is_visible()
    assert "/tmp" not in page.get_by_test_id("stAlert").first.inner_text()


@pytest.mark.parametrize(("path", "shown"), [("train", "4 · Train and compare"), ("model", "Macro F1")])
def test_other_pages_load(page: Any, address: str, path: str, shown: str) -> None:
    page.goto(f"{address}/{path}")
    page.get_by_text(shown).first.wait_for()
    assert page.get_by_text("Not a medical device").is_visible()


def test_only_this_machine_can_open_the_app(page: Any, address: str) -> None:
    assert listening(address) <= {"127.0.0.1", "::1"}


def test_two_users_see_only_their_own_case_and_uploads_go_with_the_session(
    page: Any, browser: Any, address: str, uploads: Path, tmp_path: Path
) -> None:
    voxels = phantom("effusion", 98).transpose(2, 1, 0).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-10.0, -10.0, 15.0, 1.0])), tmp_path / "private.nii.gz")
    open_sample(page)
    shown = page.content()
    with visit(browser, address) as other:
        upload(other, tmp_path / "private.nii.gz", name="case of another user")
        other.get_by_text("case of another user").first.wait_for()
        assert [p.name for p in uploads.rglob("private.nii.gz")] == ["private.nii.gz"]
        page.get_by_text("report", exact=True).first.click()  # the first user goes on
        page.get_by_text("Orange mark").wait_for()
        assert "another user" not in page.content()
        assert "case of another user" not in shown
    for _ in range(120):
        if not list(uploads.rglob("private.nii.gz")):
            break
        page.wait_for_timeout(500)
    assert list(uploads.rglob("private.nii.gz")) == []
    with visit(browser, address) as third:
        third.get_by_role("button", name="Open case").first.wait_for()
        assert "another user" not in third.content()
