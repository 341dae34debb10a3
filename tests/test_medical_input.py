"""Bad and odd input to ``Diagnosis.diagnose``: what is refused, in which words, and what an answer says about it."""

from __future__ import annotations

import csv
import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import other_scans
import pydicom
import pytest
from ct_phantom import Phantom

from apps.cli import main
from core.config import ViewConfig
from core.errors import ConfigError, FileError
from core.preprocess.volume import read_volume
from core.schema import Modality
from domains.medical import Diagnosis, ct_files, recipe
from domains.medical.phantom import DIAGNOSES, phantom

SIZE, SPACING = (16, 32, 32), (15.0, 11.5, 11.5)
SAID = {
    "normal": "The lungs are clear on both sides. No effusion.",
    "nodule": "There is a round solid nodule in the right upper lobe.",
    "effusion": "A large pleural effusion on the left side of the chest.",
    "ground_glass": "Patchy ground-glass opacities in both lungs.",
}
GERMAN = "Befund: Kein Nachweis eines pulmonalen Rundherdes, kein Pleuraerguss. Beurteilung: unauffälliger Befund."
FRENCH = "Résultats: opacités en verre dépoli bilatérales, sans épanchement pleural. Conclusion: pneumopathie virale."


def chest(seed: int, finding: str = "normal") -> np.ndarray:
    return phantom(finding, np.random.default_rng(seed), SIZE, SPACING, severity=1.0).hounsfield


def report(seed: int, finding: str) -> str:
    history = ("Cough for a week.", "Shortness of breath.", "Chest pain.", "Fever and fatigue.")[seed % 4]
    return f"HISTORY: {history}\nTECHNIQUE: CT of the chest without contrast.\nFINDINGS: {SAID[finding]}"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Diagnosis:
    """A model of a few seconds, saved and opened again, on scans, reports and two numbers."""
    folder = tmp_path_factory.mktemp("cases")
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "ct", "report", "age", "sex", "diagnosis", "split"])
        for i in range(32):
            finding = DIAGNOSES[i % 4]
            ct_files.write_nifti(folder / f"{i}.nii.gz", chest(i, finding), SPACING)
            part = ("train", "train", "train", "val", "train")[i // 4 % 5]
            writer.writerow([i, f"{i}.nii.gz", report(i, finding), 30 + i, "fm"[i % 2], finding, part])
    columns = ["case_id", "ct", "report", "age", "sex", "diagnosis", "split"]
    config = recipe.build(columns, target="diagnosis", preset="fast")
    view = ViewConfig("resnet", {"widths": [4, 8]}, {"size": [12, 24, 24], "spacing": [20.0, 15.0, 15.0]})
    small = tuple(dataclasses.replace(m, views=(view,)) if m.name == "ct" else m for m in config.modalities)
    training = dataclasses.replace(config.training, epochs=2)
    config = dataclasses.replace(config, modalities=small, training=training, floor=False)
    Diagnosis(config=config).fit(folder / "cases.csv").save(folder / "bundle")
    return Diagnosis.load(folder / "bundle")


def told(model: Diagnosis, **case: Any) -> str:
    return "\n".join(model.diagnose(explain=False, **case).warnings)


def refused(model: Diagnosis, message: str, **case: Any) -> None:
    with pytest.raises(FileError, match=message):
        model.diagnose(**case)


def nifti(path: Path, voxels: np.ndarray, spacing: tuple[float, float, float] = SPACING) -> Path:
    return ct_files.write_nifti(path, np.round(voxels), spacing)


def test_the_same_ct_in_every_format_has_the_same_answer(model: Diagnosis, tmp_path: Path) -> None:
    voxels = chest(100, "effusion")
    folder = ct_files.write_dicom(tmp_path / "dicom", voxels, SPACING)
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    files = [folder, tmp_path / "scan.zip", sorted(folder.iterdir()), nifti(tmp_path / "scan.nii", voxels),
             ct_files.write_mha(tmp_path / "scan.mha", voxels, SPACING), read_volume(folder)]  # fmt: skip
    answers = [list(model.diagnose(ct=f, age=50, explain=False).probabilities.values()) for f in files]
    assert np.ptp(answers, axis=0).max() <= 1e-3
    alone = list(model.diagnose(age=50, explain=False).probabilities.values())
    assert np.abs(np.subtract(answers[0], alone)).max() > 1e-6  # the scan counts


def test_a_chest_and_its_report_are_not_unlike_the_training_cases(model: Diagnosis, tmp_path: Path) -> None:
    flagged = 0
    for seed in range(200, 208):
        finding = DIAGNOSES[seed % 4]
        folder = ct_files.write_dicom(tmp_path / str(seed), chest(seed, finding), SPACING)
        flagged += "unlike" in told(model, ct=folder, report=report(seed, finding), age=44, sex="f")
    assert flagged == 0


@pytest.mark.parametrize("kind", ["head", "abdomen", "magnetic", "noise"])
def test_what_is_no_chest_ct_is_called_unlike_the_training_cases(model: Diagnosis, tmp_path: Path, kind: str) -> None:
    for seed in range(3):
        voxels = (
            other_scans.magnetic(chest(seed), seed)
            if kind == "magnetic"
            else {"head": other_scans.head, "abdomen": other_scans.abdomen, "noise": other_scans.noise}[kind](
                SIZE, seed
            )
        )
        found = told(model, ct=nifti(tmp_path / f"{seed}.nii.gz", voxels), report=report(1, "normal"))
        assert "ct: unlike the training cases (score " in found
        assert "report: unlike" not in found


@pytest.mark.parametrize("text", [GERMAN, FRENCH])
def test_a_report_in_another_language_is_called_unlike(model: Diagnosis, text: str) -> None:
    found = told(model, report=text)
    assert "report: unlike the training cases" in found
    assert "of its words are in no training text: another language or subject?" in found


def test_a_number_out_of_range_is_called_unlike(model: Diagnosis) -> None:
    assert "clinical: unlike the training cases" in told(model, age=340, sex="f")
    assert "age 340 where 30 to " in told(model, age=340, sex="f")
    assert told(model, age=50, sex="f") == ""


def test_a_category_that_training_never_had_is_called_unlike(model: Diagnosis) -> None:
    found = model.diagnose(age=50, sex="M")
    assert found.warnings == ("clinical: unlike the training cases (sex 'M' where f, m was seen)",)
    assert "unlike the training cases: clinical" in found.refer
    assert "age 340 where 30 to 61 was seen; sex 'M' where f, m was seen)" in told(model, age=340, sex="M")
    assert told(model, age=50, sex=" m ") == told(model, age=50) == ""


def test_an_mr_series_is_refused_by_its_modality(model: Diagnosis, tmp_path: Path) -> None:
    folder = ct_files.write_dicom(tmp_path / "mr", chest(0), SPACING, tags={"Modality": "MR"})
    refused(model, "case 'case', ct: .*the DICOM tag Modality says MR, expected CT", ct=folder)
    refused(model, "the DICOM tag Modality says MR, expected CT", ct=read_volume(folder, allow_modality=None))
    refused(model, "the DICOM tag Modality says MR, expected CT", ct=folder, on_defect="accept")


def test_a_truncated_dicom_file_is_refused(model: Diagnosis, tmp_path: Path) -> None:
    folder = ct_files.write_dicom(tmp_path / "ct", chest(0), SPACING)
    cut = folder / "slice-004.dcm"
    cut.write_bytes(cut.read_bytes()[:-700])
    refused(model, "ct: slice-004.dcm: the pixels cannot be decoded .* export the file again", ct=folder)
    cut.write_bytes(cut.read_bytes()[:200])
    refused(model, "ct: slice-004.dcm: .*export it again", ct=folder)


def test_a_text_file_with_the_name_of_a_scan_is_refused(model: Diagnosis, tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    path.write_text("this is no scan")
    refused(model, "scan.nii.gz: not a readable NIfTI file, or cut off .*export it again", ct=path)


def test_a_zip_of_something_else_is_refused(model: Diagnosis, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as archive:
        archive.writestr("letter.docx", b"dear colleague")
    refused(model, "the zip holds files that are not DICOM: letter.docx; pack nothing but", ct=tmp_path / "scan.zip")


@pytest.mark.parametrize("blank", ["", "  \n\t "])
def test_an_empty_report_is_missing_and_said_so(model: Diagnosis, blank: str) -> None:
    found = model.diagnose(report=blank, age=60)
    assert found.missing == ("ct", "report")
    assert found.warnings == ("report: given, but empty; treated as missing",)
    assert found.probabilities == model.diagnose(age=60).probabilities
    with pytest.raises(ConfigError, match="no modality is present; give at least one of"):
        model.diagnose(report=blank)


def test_a_case_of_nothing_is_refused(model: Diagnosis) -> None:
    with pytest.raises(ConfigError, match=r"no modality is present; give at least one of .*'ct', 'report', 'clinical'"):
        model.diagnose()
    with pytest.raises(ConfigError, match="on_defect and series say how a CT is read, but the case gives none"):
        model.diagnose(age=50, on_defect="resample")


def test_one_slice_is_answered_with_a_warning(model: Diagnosis, tmp_path: Path) -> None:
    folder = ct_files.write_dicom(tmp_path / "one", chest(0)[8:9], SPACING)
    found = told(model, ct=folder)
    assert "ct: one slice only: there is no third dimension to look at" in found
    assert "ct: unlike the training cases" in found


def test_five_thousand_slices_are_refused(model: Diagnosis, tmp_path: Path) -> None:
    many = np.zeros((5000, 4, 4), np.int16)
    refused(model, "5000 voxels; at most 4096 along an axis", ct=nifti(tmp_path / "many.nii.gz", many))
    file = ct_files.write_dicom(tmp_path / "many", many[:1], SPACING) / "slice-001.dcm"
    dataset = pydicom.dcmread(file)
    dataset.NumberOfFrames = 5000
    dataset.save_as(file)
    refused(model, "5000 frames; at most 4096 are read, leave out what is not needed", ct=file)


def faulty(kind: str) -> tuple[Phantom, list[int], dict[str, Any]]:
    """A series of 16 slices with one fault: the series, the slices written, and tags of all of them."""
    series, every = Phantom(chest(3).astype(float), SPACING), list(range(16))
    lean, late = np.zeros((16, 3)), np.zeros((16, 3))
    lean[:, 1], late[9, 2] = np.arange(16) * 2.0, -SPACING[0]
    return {
        "gap": (series, [i for i in every if i != 7], {}),
        "tilt": (dataclasses.replace(series, offsets=lean), every, {}),
        "duplicate position": (dataclasses.replace(series, offsets=late), every, {}),
        "missing position": (series, every, {"ImagePositionPatient": None}),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "policy", "action"),
    [
        ("gap", "resample", "interpolated 1 slice"),
        ("gap", "accept", "gone on as it is (gap)"),
        ("tilt", "resample", "straightened the stack"),
        ("tilt", "accept", "gone on as it is (tilt)"),
        ("duplicate position", "accept", "gone on as it is (duplicate position, gap)"),
        ("missing position", "accept", "no slice has a full position: ordered by InstanceNumber"),
    ],
)
def test_a_fault_of_geometry_is_refused_or_done_as_chosen_and_told(
    model: Diagnosis, tmp_path: Path, kind: str, policy: str, action: str
) -> None:
    series, only, tags = faulty(kind)
    folder = series.write(tmp_path / "ct", only, **tags)
    refused(model, f"faults? of geometry\n(.*\n)*.*{kind}: ", ct=folder)
    found = told(model, ct=folder, on_defect=policy)
    assert f"ct: {kind}: " in found
    assert f"ct: {action}" in found


def test_a_localiser_in_the_series_is_left_out_and_told(model: Diagnosis, tmp_path: Path) -> None:
    series = Phantom(chest(3).astype(float), SPACING)
    folder = series.write(tmp_path / "ct", range(15))
    series.write(folder, [15], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    refused(model, "localiser: 1 of 16 slices", ct=folder)
    assert "ct: left out 1 slice for localiser" in told(model, ct=folder, on_defect="resample")


def test_one_of_several_series_is_chosen(model: Diagnosis, tmp_path: Path) -> None:
    for name, finding in (("a", "normal"), ("b", "effusion")):
        ct_files.write_dicom(tmp_path / "both" / name, chest(3, finding), SPACING, name=name)
    refused(model, "2 series stand together; choose one by its number", ct=tmp_path / "both")
    first, second = (model.diagnose(ct=tmp_path / "both", series=n, explain=False) for n in (1, 2))
    alone = {tuple(model.diagnose(ct=tmp_path / "both" / n, explain=False).probabilities.values()) for n in "ab"}
    assert {tuple(f.probabilities.values()) for f in (first, second)} == alone
    refused(model, "no series 3; choose one by its number", ct=tmp_path / "both", series=3)


def test_a_faulty_scan_of_a_table_is_set_aside_or_repaired_as_chosen(
    model: Diagnosis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.save(tmp_path / "bundle")
    series, only, _ = faulty("gap")
    series.write(tmp_path / "gap", only)
    series.write(tmp_path / "whole")
    rows = ["case_id,ct,report,age,sex", "whole,whole,,40,f", "gap,gap,,40,f"]
    (tmp_path / "cases.csv").write_text("\n".join(rows), encoding="utf-8")
    command = ["predict", str(tmp_path / "bundle"), str(tmp_path / "cases.csv")]
    assert main(command) == 1
    assert "case 'gap', ct: " in capsys.readouterr().err
    assert main([*command, "--open-files", "--rejected", str(tmp_path / "rejected.csv")]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["whole"]
    assert "1 fault of geometry" in (tmp_path / "rejected.csv").read_text(encoding="utf-8")
    assert main([*command, "--on-defect", "resample"]) == 0
    whole, gap = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (whole["warnings"], gap["warnings"][1]) == (
        [],
        "ct: interpolated 1 slice so that all are 15.000 mm apart",
    )
    assert main([*command, "--on-defect", "repair"]) == 1
    assert "unknown on_defect 'repair'" in capsys.readouterr().err


def test_notes_are_told_when_a_scan_is_read_once(model: Diagnosis, tmp_path: Path) -> None:
    path = nifti(tmp_path / "scan.nii.gz", chest(5))
    assert "ct: NIfTI does not tell the modality" in told(model, ct=path)
    kinds = [m for m in model.bundle.config.modalities if m.kind is Modality.VOLUME]
    view = model.predictor.view(kinds[0].name)
    view.prepare((path,))
    path.unlink()
    assert "NIfTI does not tell the modality" in view.notes((path,))[0]
