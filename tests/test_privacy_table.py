"""A whole table without identity: nothing planted survives, what cannot be cleaned is set aside, what is left told."""

from __future__ import annotations

import csv
import json
import math
import shutil
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import soundfile

from apps.cli import main
from core.errors import ConfigError, FileError
from core.privacy import Outcome, audio, deidentify, keep_key, roles_of
from core.privacy.columns import Role, Roles
from core.schema import Modality
from domains.medical import planted
from domains.medical.planted_identity import Secret
from domains.medical.planted_left import survivors
from domains.medical.recipe import build

CASES = 6
KEY = bytes(range(32))


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _roles(columns: object) -> Roles:
    return roles_of(list(columns), build(list(columns)))  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Secret]]:
    return planted.generate(tmp_path_factory.mktemp("cases"), CASES, 11)


@pytest.fixture(scope="module")
def cleaned(cases: tuple[Path, list[Secret]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    pytest.importorskip("rapidocr")
    out = tmp_path_factory.mktemp("clean") / "out"
    return out, deidentify(cases[0], out, _roles, key=KEY)


def test_no_planted_identifier_survives_anywhere(cases: tuple, cleaned: tuple[Path, Outcome]) -> None:
    out, outcome = cleaned
    assert [(s.kind, s.place, s.text) for s in survivors(cases[1], out)] == []
    assert outcome.is_clean
    assert (outcome.written, outcome.rejected) == (CASES, {})


def test_the_measure_sees_what_was_not_cleaned(cases: tuple, tmp_path: Path) -> None:
    shutil.copytree(cases[0].parent, tmp_path / "raw")
    (tmp_path / "raw/manifest.csv").rename(tmp_path / "raw/table.csv")
    left = survivors(cases[1], tmp_path / "raw")
    assert len(left) == len(cases[1])
    assert {s.place for s in left} >= {"report", "history", "header", "pixels", "file name", "phone"}


def test_the_table_keeps_what_tells_nobody(cases: tuple, cleaned: tuple[Path, Outcome]) -> None:
    for before, after in zip(_read(cases[0]), _read(cleaned[0] / "table.csv"), strict=True):
        assert [after[c] for c in ("diagnosis", "split", "crp", "sex")] == [
            before[c] for c in ("diagnosis", "split", "crp", "sex")
        ]
        assert after["age"] == str(min(int(before["age"]), 90))
        assert bool(after["report"]) == bool(before["report"])


def test_rows_of_one_patient_stay_together_on_one_time_line(cases: tuple, cleaned: tuple[Path, Outcome]) -> None:
    before, after = _read(cases[0]), _read(cleaned[0] / "table.csv")
    groups = [{(b["patient_id"], a["patient_id"]) for b, a in zip(before, after)}]
    assert len(groups[0]) == len({b["patient_id"] for b in before}) == len({a["patient_id"] for a in after})
    for b, a in zip(before, after):
        assert a["patient_name"] == a["patient_id"]
        if a["birth_date"]:
            assert _days(a) == _days(b)


def _days(row: dict[str, str]) -> int:
    day, month, year = map(int, row["exam_date"].split("/"))
    return (date(year, month, day) - date.fromisoformat(row["birth_date"])).days


def test_headers_share_the_time_line_and_the_name_of_the_table(cases: tuple, cleaned: tuple[Path, Outcome]) -> None:
    import pydicom

    out = cleaned[0]
    rows = [row for row in _read(out / "table.csv") if (out / row["ct"]).is_dir() and row["ct"]]
    assert rows
    for row in rows:
        header = pydicom.dcmread(next((out / row["ct"]).iterdir()))
        assert header.PatientID == row["patient_id"] == row["mrn"]
        day, month, year = row["exam_date"].split("/")
        assert header.StudyDate == f"{year}{month}{day}"


def test_the_report_tells_counts_and_nobody(cases: tuple, cleaned: tuple[Path, Outcome]) -> None:
    report = (cleaned[0] / "deidentified.json").read_text(encoding="utf-8")
    said = json.loads(report)
    assert said["cases"] == said["written"] == CASES
    assert said["replaced"]["patient_id"] == {"PERSON": CASES}
    assert said["replaced"]["ct"]["PRIVATE_TAG"] > 0
    assert said["left"] == {}
    for row in _read(cases[0]):
        assert not any(row[c] in report for c in ("patient_name", "mrn", "birth_date", "exam_date", "phone", "address"))


def test_the_key_alone_gives_the_same_table_again(cases: tuple, cleaned: tuple[Path, Outcome], tmp_path: Path) -> None:
    for key, same in ((KEY, True), (None, False)):
        deidentify(cases[0], tmp_path / str(same), _roles, key=key, pixels=False)
        again = (tmp_path / str(same) / "table.csv").read_bytes()
        assert (again == (cleaned[0] / "table.csv").read_bytes()) is same


def _recording(folder: Path, words: str = "") -> None:
    rate = 8000
    soundfile.write(folder / "Okonkwo.wav", np.random.default_rng(0).uniform(0.1, 0.3, 6 * rate), rate)
    times = [{"text": w, "start": i / 2, "end": i / 2 + 0.4} for i, w in enumerate(words.split())]
    if words:
        (folder / "Okonkwo.words.json").write_text(json.dumps(times))


def _plain(columns: object) -> Roles:
    roles = {"who": Role.PERSON, "name": Role.NAME, "sound": Role.FILE, "note": Role.TEXT}
    return Roles(roles, {"sound": Modality.AUDIO}, "who")


ROW = {"who": "a1", "name": "Xiomara Okonkwo", "sound": "Okonkwo.wav", "note": "Xiomara slept"}


def test_private_words_are_silent_and_the_others_sound(tmp_path: Path) -> None:
    _recording(tmp_path, "hello my name is Xiomara Okonkwo and I cough")
    outcome = deidentify(_write(tmp_path / "t.csv", [ROW]), tmp_path / "out", _plain)
    row = _read(tmp_path / "out/table.csv")[0]
    wave, rate = soundfile.read(tmp_path / "out" / row["sound"])
    assert not wave[2 * rate : int(2.9 * rate)].any()
    assert wave[: int(1.8 * rate)].all()
    assert wave[int(3.1 * rate) :].all()
    words = json.loads((tmp_path / "out" / row["sound"]).with_suffix(".words.json").read_bytes())
    assert [w["text"] for w in words].count("[silent]") == 2
    assert row["note"] == f"[{row['who']}] slept"
    assert outcome.is_clean


def test_sound_where_there_must_be_none_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _recording(tmp_path, "hello my name is Xiomara Okonkwo")  # the last one: its margin may reach behind the end
    monkeypatch.setattr("core.privacy.files.silence", lambda source, out, times: audio.silence(source, out, []))
    outcome = deidentify(_write(tmp_path / "t.csv", [ROW]), tmp_path / "out", _plain)
    assert outcome.left == {"sound": {"SOUND": 1}}


@pytest.mark.parametrize("end", [0.1, math.inf])
def test_a_word_that_ends_too_early_or_never_sets_its_row_aside(tmp_path: Path, end: float) -> None:
    _recording(tmp_path, "hello")
    (tmp_path / "Okonkwo.words.json").write_text(json.dumps([{"text": "Xiomara", "start": 0.2, "end": end}]))
    rows = [ROW, ROW | {"who": "b2", "sound": ""}]
    outcome = deidentify(_write(tmp_path / "t.csv", rows), tmp_path / "out", _plain)
    assert "a word ends before it starts, or never" in outcome.rejected[1]
    assert outcome.written == 1


def test_a_recording_without_words_is_set_aside_with_the_reason_and_no_copy(tmp_path: Path) -> None:
    _recording(tmp_path)
    rows = [ROW, ROW | {"who": "b2", "sound": ""}, ROW | {"who": "c3", "sound": "gone.wav"}]
    outcome = deidentify(_write(tmp_path / "t.csv", rows), tmp_path / "out", _plain)
    assert (outcome.written, sorted(outcome.rejected)) == (1, [1, 3])
    said = (tmp_path / "out/rejected.csv").read_text(encoding="utf-8")
    assert "without the times of its words" in said
    assert "no such file" in said
    assert "Okonkwo" not in said and str(tmp_path) not in said  # noqa: PT018
    assert not list((tmp_path / "out").rglob("*.flac"))


@pytest.mark.parametrize("place", ["folder", "zip", "words"])
def test_no_reason_names_a_file_below_or_beside_the_one_of_the_table(tmp_path: Path, place: str) -> None:
    kind = Modality.AUDIO if place == "words" else Modality.VOLUME
    if place == "folder":
        (tmp_path / "scan/Quill Dorit").mkdir(parents=True)
        (tmp_path / "scan/Quill Dorit/Quill-1931.dcm").write_bytes(b"\0" * 128 + b"DICMx")
    elif place == "zip":
        with zipfile.ZipFile(tmp_path / "scan.zip", "w") as archive:
            archive.writestr("Quill Dorit/Quill-1931.txt", "x")
    else:
        _recording(tmp_path, "hello")
        (tmp_path / "Okonkwo.wav").rename(tmp_path / "Quill.wav")
        (tmp_path / "Okonkwo.words.json").rename(tmp_path / "Quill.words.json")
        (tmp_path / "Quill.words.json").write_text("no list")
    name = {"folder": "scan", "zip": "scan.zip", "words": "Quill.wav"}[place]
    rows = [{"who": "b2", "scan": ""}, {"who": "a1", "scan": name}]
    roles = Roles({"who": Role.PERSON, "scan": Role.FILE}, {"scan": kind}, "who")
    outcome = deidentify(_write(tmp_path / "t.csv", rows), tmp_path / "out", lambda columns: roles)
    assert "the file" in outcome.rejected[2]
    assert "Quill" not in outcome.rejected[2]


def test_where_no_row_can_be_cleaned_nothing_is_written(tmp_path: Path) -> None:
    _recording(tmp_path)
    with pytest.raises(FileError, match="no row can be cleaned"):
        deidentify(_write(tmp_path / "t.csv", [ROW]), tmp_path / "out", _plain)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").touch()
    with pytest.raises(ConfigError, match="name a new folder"):
        deidentify(_write(tmp_path / "t.csv", [ROW | {"sound": ""}]), tmp_path / "out", _plain)


def test_words_that_are_heard_are_silenced_too(tmp_path: Path) -> None:
    _recording(tmp_path)
    heard = planted_words("hello my name is Xiomara Okonkwo thanks")
    listen = {"Okonkwo.wav": heard}
    outcome = deidentify(
        _write(tmp_path / "t.csv", [ROW]), tmp_path / "out", _plain, hear=lambda path: listen.get(path.name, [])
    )
    assert outcome.replaced["sound"] == {"NAME": 1}
    assert any("recognised" in note for note in outcome.notes)


def planted_words(text: str) -> list:
    from core.privacy.files import Word

    return [Word(w, i / 2, i / 2 + 0.4) for i, w in enumerate(text.split())]


def test_what_is_left_is_counted_and_gives_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A number column is kept as it is; where it holds the person's own number, the verification says so."""
    rows = [{"patient_id": "40228177", "score": "40228177", "text": "well"}]
    table = _write(tmp_path / "t.csv", rows)
    code = main(
        ["deidentify", str(table), "--number", "score", "--text", "text", "--out", str(tmp_path / "out"), "--json"]
    )
    assert code == 1
    said = json.loads(capsys.readouterr().out)
    assert said["left"] == {"score": {"PERSON": 1}}
    assert said["rows_left"] == [1]


def test_the_command_writes_the_table_and_keeps_the_key_outside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"customer_id": "c-771", "text": "I am Xiomara, born 3 May 1980, card 4111 1111 1111 1111", "plan": "basic"}
    ]
    table = _write(tmp_path / "t.csv", rows)
    arguments = ["deidentify", str(table), "--text", "text", "--out", str(tmp_path / "out"), "--key"]
    assert main([*arguments, str(tmp_path / "out/key")]) == 1
    assert "lies in the result" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "key")]) == 0
    assert "verified: nothing left" in capsys.readouterr().out
    text = _read(tmp_path / "out/table.csv")[0]["text"]
    assert not any(w in text for w in ("Xiomara", "1980", "4111"))
    assert keep_key(tmp_path / "key").hex() not in (tmp_path / "out/deidentified.json").read_text()


def test_a_column_that_names_files_and_was_not_called_one_is_told(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"scan {i}.png").write_bytes(b"x")
    rows = [{"who": f"p{i}", "picture": f"scan {i}.png", "text": "No effusion. " * 50} for i in range(3)]
    path = _write(tmp_path / "table.csv", [*rows, {"who": "p3", "picture": "", "text": "Clear."}])
    outcome = deidentify(path, tmp_path / "out", lambda columns: roles_of(columns, person="who"), key=KEY)
    assert outcome.files == 0
    assert [n for n in outcome.notes if n.startswith("picture seems to name files, which were not copied")]
    assert "who seems" not in outcome.text()
    assert "text seems" not in outcome.text()
    assert "a stranger's rare name" in outcome.text()
