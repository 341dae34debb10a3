"""What a column is, by its name and its cells, and what happens to them."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from core.config import ExperimentConfig, ModalityConfig, TargetConfig, ViewConfig
from core.errors import ConfigError
from core.privacy import Outcome, deidentify, roles_of
from core.privacy.columns import Role
from core.schema import Modality
from domains.medical.recipe import build


def _cleaned(
    rows: list[dict[str, str]], folder: Path, config: ExperimentConfig | None = None
) -> tuple[list[dict[str, str]], Outcome]:
    """The rows of the result, and what is told of it."""
    with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    outcome = deidentify(folder / "t.csv", folder / "out", lambda columns: roles_of(columns, config))
    with (folder / "out/table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)), outcome


@pytest.mark.parametrize(
    ("column", "role"),
    [
        ("patient_name", Role.NAME), ("PatientName", Role.NAME), ("drug_name", Role.TEXT), ("old_mrn", Role.ID),
        ("date_of_birth", Role.DATE), ("zip", Role.ADDRESS), ("phone", Role.PHONE), ("email", Role.EMAIL),
        ("referring_physician", Role.OTHER_NAME), ("waiting_seconds", Role.TEXT), ("comment", Role.TEXT),
        ("dialogue_id", Role.ID), ("student_id", Role.PERSON), ("family_name", Role.NAME), ("given", Role.NAME),
        ("Patient's name", Role.NAME), ("birth_name", Role.NAME), ("OperatorsName", Role.OTHER_NAME),
        ("mother_name", Role.OTHER_NAME), ("doctor_phone", Role.PHONE), ("nurse_id", Role.ID),
        ("contrast_given", Role.TEXT), ("given_dose", Role.TEXT), ("family_history", Role.TEXT),
        ("procedure_name", Role.TEXT), ("disease_name", Role.TEXT), ("medication_name", Role.TEXT),
        ("doctor_notes", Role.TEXT), ("contrast_agent", Role.TEXT),
        ("hospital_stay", Role.TEXT), ("hospital_id", Role.ID), ("consultant_opinion", Role.TEXT),
        ("hospital_name", Role.ADDRESS), ("emergency_contact_phone", Role.PHONE),
    ],
)  # fmt: skip
def test_a_column_is_known_by_its_name(column: str, role: Role) -> None:
    assert roles_of([column]).roles[column] is role


def test_columns_that_are_no_names_take_nothing_out_of_a_report(tmp_path: Path) -> None:
    report = "No pneumothorax. Breast cancer in the left breast. No effusion."
    other = {"contrast_given": "No", "family_history": "breast cancer in mother", "medication_name": "Metformin"}
    row = {"patient_id": "P1", "report": report} | other
    (found,), _ = _cleaned([row], tmp_path)
    assert found["report"] == report
    assert {c: found[c] for c in other} == other


def test_ids_that_differ_stay_different_and_one_in_a_text_is_its_column_s(tmp_path: Path) -> None:
    ids = ["1-11", "11-1", "111", "V-20 31", "v-20 31 ", "okonkwo 1", "okonkwo 2"]
    rows = [{"patient_id": "P1", "surname": "Okonkwo", "note": "see V2031", "visit_id": i} for i in ids]
    result, _ = _cleaned(rows, tmp_path)
    found = [row["visit_id"] for row in result]
    assert len(set(found)) == 6
    assert found[3] == found[4]
    assert {row["note"] for row in result} == {f"see [{found[3]}]"}


def test_days_written_as_eight_digits_move_and_are_verified(tmp_path: Path) -> None:
    rows = [{"patient_id": "P1", "study_date": day} for day in ("20240303", "20240309")]
    result, outcome = _cleaned(rows, tmp_path)
    assert outcome.is_clean
    first, last = (date.fromisoformat(row["study_date"]) for row in result)
    assert (last - first).days == 6
    assert first < date(2024, 3, 1)


@pytest.mark.parametrize("column", ["PatientID", "Patient ID", "mrn", "MRN", "subject"])
def test_the_column_of_persons_is_known_in_any_writing(tmp_path: Path, column: str) -> None:
    rows = [{column: "q-7", "visit_date": day} for day in ("2024-03-03", "2024-03-09")]
    result, outcome = _cleaned(rows, tmp_path)
    first, last = (date.fromisoformat(row["visit_date"]) for row in result)
    assert (last - first).days == 6
    assert "repeats" not in outcome.text()


def test_ids_that_repeat_where_nothing_tells_persons_apart_are_told(tmp_path: Path) -> None:
    rows = [{"member_id": "q-7", "visit_id": str(i), "visit_date": "2024-03-03"} for i in range(2)]
    _, outcome = _cleaned(rows, tmp_path)
    assert [n.split(",")[0] for n in outcome.notes if "repeats" in n] == ["member_id repeats"]


def test_a_subject_that_an_experiment_reads_is_no_person() -> None:
    mail = ModalityConfig("mail", Modality.TEXT, ("subject",), (ViewConfig("hashed"),))
    config = ExperimentConfig((mail,), TargetConfig("label"))
    assert roles_of(["subject", "label"], config).person is None


def test_people_and_places_in_columns_without_the_word_name_go_and_are_learned(tmp_path: Path) -> None:
    told = {
        "patient": "Xiomara Quill", "surgeon": "Dr Okonkwo", "consultant": "T. Brzezinski", "next_of_kin": "Dorit Q",
        "emergency_contact": "Yevgen Papadakis", "hospital": "Saltmarsh Infirmary", "employer": "Ferrous Works",
    }  # fmt: skip
    report = f"No effusion. {'; '.join(told.values())}."
    (row,), outcome = _cleaned([{"patient_id": "P1", "report": report, **told}], tmp_path)
    assert row["report"].startswith("No effusion. ")
    words = ("Quill", "Okonkwo", "Brzezinski", "Dorit", "Papadakis", "Saltmarsh", "Ferrous")
    assert not [w for w in words if w in " ".join(row.values())]
    assert outcome.is_clean


def test_a_target_stays_as_it_is_and_what_identifies_in_it_is_told(tmp_path: Path) -> None:
    config = ExperimentConfig(
        (ModalityConfig("text", Modality.TEXT, ("text",), (ViewConfig("hashed"),)),), TargetConfig("diagnosis")
    )
    kept = ["pneumonia (Okonkwo, tel 0803 123 4567)", "Okonkwo", "J18.9012", "no finding", "Parkinson disease"]
    rows = [{"patient_id": "P1", "surname": "Okonkwo", "text": "", "diagnosis": d} for d in kept]
    result, outcome = _cleaned(rows, tmp_path, config)
    assert [row["diagnosis"] for row in result] == kept
    assert outcome.left == {"diagnosis": {"NAME": 2, "NUMBER": 1}}
    assert outcome.rows_left == [1, 2]


def test_measurements_stay_and_ages_of_people_are_capped(tmp_path: Path) -> None:
    rows = [{"patient_id": "p-1", "age": "93", "account_age_days": "789", "score": "0.843", "code": "48291"}]
    (row,), _ = _cleaned(rows, tmp_path)
    assert (row["age"], row["account_age_days"], row["score"]) == ("90+", "789", "0.843")
    assert row["code"].startswith("[NUMBER_")


def test_an_experiment_says_what_its_columns_are() -> None:
    columns = ["case_id", "patient_id", "split", "report", "age", "sex", "ct", "diagnosis", "phone"]
    roles = roles_of(columns, build(columns))
    assert roles.files == {"ct": Modality.VOLUME}
    assert roles.person == "patient_id"
    assert [roles.roles[c] for c in ("case_id", "split", "report", "age", "sex", "diagnosis")] == [
        Role.ID, Role.KEPT, Role.TEXT, Role.NUMBER, Role.TEXT, Role.KEPT,
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="unknown column of persons 'nobody'"):
        roles_of(columns, person="nobody")


@pytest.mark.parametrize("column", ["age", "Age (years)", "age_at_admission", "PatientAge", "AGE"])
@pytest.mark.parametrize("cell", ["93", "093Y", "94.5"])
def test_an_age_above_89_is_capped_whatever_its_column_is_called(tmp_path: Path, column: str, cell: str) -> None:
    (row,), outcome = _cleaned([{"patient_id": "P1", column: cell}], tmp_path)
    assert row[column] == "90+"
    assert outcome.is_clean


@pytest.mark.parametrize("column", ["account_age", "age_in_months", "gestational_age", "age_at_scan_days"])
def test_an_age_that_is_no_person_s_in_years_stays(tmp_path: Path, column: str) -> None:
    (row,), _ = _cleaned([{"patient_id": "P1", column: "123"}], tmp_path)
    assert row[column] == "123"


def test_numbers_in_columns_that_speak_of_time_stay_numbers_and_dates_do_not(tmp_path: Path) -> None:
    spans = {"survival_time": "412", "time_to_event": "0", "echo_time": "30.5"}
    dates = {"visit_date": "45360", "timestamp": "1709424000", "birth_year": "1931", "birth_day": "17"}
    (row,), outcome = _cleaned([{"patient_id": "P1"} | spans | dates], tmp_path)
    assert {c: row[c] for c in spans} == spans
    assert all(row[c].startswith("DATE_") for c in dates)
    assert outcome.columns["survival_time"] == "number"


def test_counts_that_several_persons_have_stay_and_numbers_of_one_person_do_not(tmp_path: Path) -> None:
    counts = [("150000", "12000"), ("150000", "12000.0"), ("210000", "12000"), ("210000", "9500")]
    rows = [
        {"patient_id": f"P{i}", "platelets": p, "wbc": w, "account_number": "40229", "badge": str(77123 + i)}
        for i, (p, w) in enumerate(counts)
    ]
    rows += [rows[0]]  # the badge stands twice, but with one person
    result, _ = _cleaned(rows, tmp_path)
    assert [(row["platelets"], row["wbc"]) for row in result] == [*counts, counts[0]]
    assert all(row[c].startswith("[NUMBER_") for row in result for c in ("account_number", "badge"))


def test_a_day_with_its_time_moves_and_dates_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    rows = [{"patient_id": "P1", "visit_date": cell} for cell in ("20240323101500", "20240325", "Easter week")]
    result, outcome = _cleaned(rows, tmp_path)
    first, last = (row["visit_date"] for row in result[:2])
    assert first[8:] == "101500"
    assert (date.fromisoformat(last) - date.fromisoformat(first[:8])).days == 2
    assert outcome.replaced["visit_date"] == {"DATE": 2, "UNREAD_DATE": 1}
    assert "visit_date: unreadable dates: 1; a code stands for each" in outcome.text()
    assert outcome.is_clean
