"""Phantoms true to Hounsfield units, files that agree, reports that tell what was planted, and the committed set."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest

from core.errors import ConfigError
from core.manifest import Manifest
from core.preprocess.volume_io import read_volume
from domains.medical import ct_files, recipe, report_writer
from domains.medical.anatomy import Patient, draw
from domains.medical.lesions import FINDINGS, LOOKALIKES, Lesion
from domains.medical.phantom import DIAGNOSES, Phantom, phantom
from domains.medical.reports import looks_english, sections
from domains.medical.sample import COLUMNS, NEVER_INPUTS, Look, generate, main, make_case, plan, write_case

SHAPE, SPACING = (24, 64, 64), (10.0, 5.8, 5.8)
COMMITTED = Path(__file__).parents[1] / "sample_data" / "medical"
SMALL = Look(shape=(10, 32, 32))


def clean(finding: str, seed: int = 0, severity: float = 0.8, fine: bool = False) -> Phantom:
    shape, spacing = ((80, 128, 128), (3.0, 2.9, 2.9)) if fine else (SHAPE, SPACING)
    rng = np.random.default_rng(seed)
    return phantom(finding, rng, shape, spacing, severity=severity, lookalikes=False, noise=0.0, step=1)


def test_a_normal_chest_has_the_densities_of_its_tissues() -> None:
    patient = Patient(male=True, scale=1.0, fat=20.0, heart=1.0, tree=3)
    scene = draw(patient, np.random.default_rng(0), (80, 128, 128), (3.0, 2.9, 2.9))
    hounsfield = scene.hounsfield
    assert (hounsfield[scene.body == 0] == -1000).all()
    assert -905 < np.median(hounsfield[scene.lungs == 1]) < -790
    rim = (scene.body == 1) & (scene.wall < -36) & (np.abs(scene.x) > 60)
    assert np.median(hounsfield[rim]) == pytest.approx(-100, abs=1)  # fat under the skin
    heart = np.hypot(scene.x - 20, scene.y + 24) + np.abs(scene.z + 43) < 25
    assert np.median(hounsfield[heart]) == pytest.approx(45, abs=3)
    assert 400 < np.percentile(hounsfield[hounsfield > 300], 50) < 1000  # bone
    trachea = (np.hypot(scene.x, scene.y + 2) < 3) & (scene.z > 50) & (scene.z < 90)
    assert np.median(hounsfield[trachea]) == pytest.approx(-1000, abs=5)
    volume = float((scene.lungs.sum() * 3.0 * 2.9 * 2.9) / 1e6)
    assert 2 < volume < 7  # litres
    left, right = (float(scene.lungs[:, side].sum()) for side in (scene.x[0] > 0, scene.x[0] < 0))
    assert left < right  # the heart lies on the left


def test_the_same_state_gives_the_same_scan_and_patients_differ() -> None:
    first, again = (phantom("effusion", np.random.default_rng(5), SHAPE, SPACING) for _ in range(2))
    assert np.array_equal(first.hounsfield, again.hounsfield)
    assert first.lesions == again.lesions
    other = phantom("effusion", np.random.default_rng(6), SHAPE, SPACING)
    assert (first.hounsfield != other.hounsfield).mean() > 0.2
    assert first.hounsfield.dtype == np.int16
    assert (first.hounsfield % 4 == 0).all()


def test_women_are_smaller_and_have_breasts() -> None:
    people = [Patient.draw(np.random.default_rng(i)) for i in range(200)]
    scale = {sex: np.mean([p.scale for p in people if p.male is sex]) for sex in (True, False)}
    assert scale[True] > scale[False] + 0.05
    bodies = []
    for male in (True, False):
        patient = Patient(male, 1.0, 15.0, 1.0, 1)
        scene = draw(patient, np.random.default_rng(0), SHAPE, SPACING)
        bodies.append(float((scene.body * (scene.y < -118)).sum()))
    assert bodies[1] > bodies[0] + 50


@pytest.mark.parametrize("severity", [0.3, 1.0])
def test_a_nodule_has_its_size_place_and_density(severity: float) -> None:
    found = clean("nodule", 1, severity, fine=True)
    lesion = found.lesions[0]
    assert lesion.size == pytest.approx(5 + 20 * severity)
    volume = found.mask.sum() * np.prod(found.spacing)
    assert (6 * volume / np.pi) ** (1 / 3) == pytest.approx(lesion.size, rel=0.3)
    columns = np.argwhere(found.mask)[:, 2].mean()
    assert (lesion.side == "right") == (columns < 63.5)
    if severity == 1:
        assert 0 < np.percentile(found.hounsfield[found.mask], 75) < 65


def test_an_effusion_lies_at_the_back_and_is_fluid() -> None:
    found = clean("effusion", 2, fine=True)
    rows = np.argwhere(found.mask)[:, 1]
    assert rows.mean() > 72
    assert 3 <= np.median(found.hounsfield[found.mask]) <= 17
    assert found.mask.sum() > 3 * clean("effusion", 2, 0.1, fine=True).mask.sum()


def test_ground_glass_is_hazy_not_solid_and_normal_has_no_mask() -> None:
    found = clean("ground_glass", 3, fine=True)
    assert -680 < np.median(found.hounsfield[found.mask]) < -470
    assert 0.05 < found.lesions[0].extent < 0.6
    assert clean("ground_glass", 3, 0.2, fine=True).mask.sum() < found.mask.sum() / 3
    assert not clean("normal").mask.any()
    assert clean("normal").lesions == ()


def test_lookalikes_are_planted_in_some_cases_and_are_not_the_finding() -> None:
    kinds = Counter(
        lesion.kind
        for seed in range(25)
        for lesion in phantom("normal", np.random.default_rng(seed), SHAPE, SPACING).lesions
    )
    assert set(kinds) == set(LOOKALIKES)
    assert not set(kinds) & set(FINDINGS)


def test_unknown_finding_and_severity_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown finding 'nodul'.*Did you mean 'nodule'"):
        phantom("nodul", np.random.default_rng(0))
    with pytest.raises(ConfigError, match="severity: expected a number from 0 to 1, found 3"):
        phantom("nodule", np.random.default_rng(0), severity=3)


def test_one_scan_is_the_same_in_every_format(tmp_path: Path) -> None:
    scan = phantom("nodule", np.random.default_rng(0), (6, 40, 48), (7.5, 3.1, 3.3), step=10)
    places = [ct_files.write_dicom(tmp_path / s, *scan[:2], syntax=s, slope=10) for s in ct_files.SYNTAXES]
    places += [ct_files.write_dicom(tmp_path / "unit", *scan[:2], name="another")]
    places += [ct_files.write_nifti(tmp_path / n, *scan[:2]) for n in ("a.nii.gz", "a.nii")]
    places += [ct_files.write_mha(tmp_path / "a.mha", *scan[:2])]
    first = read_volume(places[0])
    assert np.array_equal(first.array, scan.hounsfield)
    assert first.spacing == pytest.approx(scan.spacing)
    for place in places:
        volume = read_volume(place)
        assert np.array_equal(volume.array, first.array), place.name
        assert volume.affine == pytest.approx(first.affine, abs=1e-5), place.name
        assert not volume.defects
    assert (tmp_path / "a.nii.gz").read_bytes() == ct_files.write_nifti(tmp_path / "b.nii.gz", *scan[:2]).read_bytes()


def test_the_dicom_series_is_a_valid_ct(tmp_path: Path) -> None:
    import highdicom

    scan = phantom("normal", np.random.default_rng(0), (5, 32, 32), (8.0, 11.0, 11.0))
    folder = ct_files.write_dicom(tmp_path, *scan[:2], tags={"PatientSex": "F"})
    datasets = [pydicom.dcmread(f) for f in sorted(folder.iterdir())]
    assert len({d.SOPInstanceUID for d in datasets}) == 5
    assert len({(d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID) for d in datasets}) == 1
    first = datasets[0]
    assert all(pydicom.uid.UID(d.SOPInstanceUID).is_valid for d in datasets)
    assert first.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert (first.SOPClassUID.name, first.RescaleType, first.PatientSex) == ("CT Image Storage", "HU", "F")
    volume = highdicom.get_volume_from_series(datasets, apply_modality_transform=True)
    assert np.array_equal(np.sort(volume.array, axis=None), np.sort(scan.hounsfield, axis=None))


def test_values_that_a_slope_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="slope 10: the values"):
        ct_files.write_dicom(tmp_path, np.full((2, 4, 4), 5), (1, 1, 1), slope=10)
    with pytest.raises(ConfigError, match="unknown transfer syntax 'zip'"):
        ct_files.write_dicom(tmp_path, np.zeros((2, 4, 4)), (1, 1, 1), syntax="zip")


def test_reports_tell_what_was_planted_as_often_as_they_should() -> None:
    lesion = Lesion("nodule", "left", "upper", 12.4)
    reports = [
        report_writer.write("nodule", [lesion], np.random.default_rng(i), age=60, male=False) for i in range(400)
    ]
    shares = {kind: n / 400 for kind, n in Counter(r.agrees for r in reports).items()}
    expected = {"yes": 0.71, "vague": 0.15, "no": 0.08, "missing": 0.06}
    assert shares == pytest.approx(expected, abs=0.06)
    right = [r for r in reports if r.agrees == "yes"]
    assert all("12 mm" in r.text or "1.2 cm" in r.text for r in right)
    assert all("left upper lobe" in r.text for r in right)
    assert not any("left upper lobe" in r.text and "12 mm" in r.text for r in reports if r.agrees != "yes")
    assert all(r.text == "" and r.history for r in reports if r.agrees == "missing")
    assert len({r.text for r in right}) > 0.95 * len(right)
    assert all(looks_english(r.text) for r in reports)


def test_reports_have_sections_with_the_history_of_the_table() -> None:
    for seed in range(30):
        report = report_writer.write("normal", [], np.random.default_rng(seed), age=40, male=True)
        if report.text:
            found = sections(report.text)
            assert {"history", "technique", "findings"} <= set(found) <= {*found, "comparison", "impression"}
            assert "preamble" not in found
            assert found["history"] == report.history


def test_patients_stay_in_one_split_and_small_sets_begin_large_ones() -> None:
    cases = plan(400, 3)
    assert plan(50, 3) == cases[:50]
    splits: dict[int, set[str]] = {}
    for case in cases:
        splits.setdefault(case.patient, set()).add(case.split)
    assert all(len(s) == 1 for s in splits.values())
    assert {s for found in splits.values() for s in found} == {"train", "val", "test"}
    assert 0.1 < sum(c.visit for c in cases) / len(splits) < 0.3
    assert set(Counter(c.finding for c in cases)) == set(DIAGNOSES)
    assert plan(20, 4) != plan(20, 3)


def test_both_visits_of_a_patient_are_the_same_person() -> None:
    second = next(c for c in plan(60, 3) if c.visit)
    first = plan(60, 3)[second.number - 1]
    rows = [make_case(c, SMALL)[1] for c in (first, second)]
    assert rows[0]["sex"] == rows[1]["sex"]
    assert int(rows[1]["age"]) == int(rows[0]["age"]) + 1
    assert rows[0]["patient_id"] == rows[1]["patient_id"]


def test_a_generated_set_is_a_table_without_faults(tmp_path: Path) -> None:
    seen: list[int] = []
    table = generate(
        tmp_path / "set", 24, 1, look=SMALL, progress=lambda stage, done, total, figures=None: seen.append(done)
    )
    assert seen == list(range(1, 25))
    config = recipe.build(COLUMNS, target="diagnosis", preset="fast")
    manifest = Manifest.open(table, config)
    assert manifest.faults == []
    assert len(manifest) == 24
    used = {c for m in config.modalities for c in m.columns}
    assert used.isdisjoint({*NEVER_INPUTS, "diagnosis", "outcome"})
    assert {"ct", "report", "history", "age", "sex", "crp", "temperature", "oxygen_saturation"} <= used
    generate(tmp_path / "set", 2, 1, look=SMALL)  # its own folder is replaced
    assert len(list((tmp_path / "set" / "ct").iterdir())) == 2


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"did not make \(notes.txt\).*choose another folder"):
        generate(tmp_path, 2)
    with pytest.raises(SystemExit, match="choose another folder"):
        main([str(tmp_path), "--cases", "2"])
    made = generate(tmp_path / "set", 1, look=SMALL).parent
    (made / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"\(notes.txt\)"):
        generate(made, 1)
    assert (made / "notes.txt").read_text() == "mine"
    with pytest.raises(ConfigError, match="at least 1 is needed"):
        generate(tmp_path / "new", 0)


def committed_rows() -> list[dict[str, str]]:
    with (COMMITTED / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_committed_set_is_what_the_generator_makes(tmp_path: Path) -> None:
    rows = committed_rows()
    cases = plan(len(rows), 7)
    series = next(i for i, r in enumerate(rows) if (COMMITTED / r["ct"]).is_dir())
    single = next(i for i, r in enumerate(rows) if r["ct"].endswith(".nii.gz"))
    for number in (series, single):
        assert write_case(tmp_path, cases[number]) == rows[number]
        old, new = (read_volume(folder / rows[number]["ct"]) for folder in (COMMITTED, tmp_path))
        assert np.allclose(old.affine, new.affine, atol=1e-5)
        different = np.abs(old.array - new.array)  # another processor may round a voxel the other way
        assert different.max() <= Look().step
        assert (different > 0).mean() < 1e-3


def test_the_committed_set_is_whole_and_small() -> None:
    rows = committed_rows()
    assert len(rows) == 96
    assert {r["diagnosis"] for r in rows} == set(DIAGNOSES)
    assert sum(f.stat().st_size for f in COMMITTED.rglob("*") if f.is_file()) < 9e6
    assert {(COMMITTED / r["ct"]).name for r in rows} == {p.name for p in (COMMITTED / "ct").iterdir()}
    assert {"nii.gz", "mha", ""} == {r["ct"].partition(".")[2] for r in rows}
    assert "--cases 96 --seed 7" in (COMMITTED / "README.md").read_text(encoding="utf-8")
