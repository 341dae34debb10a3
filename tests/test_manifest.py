"""Tables in, cases out: every fault named with its row, and nothing guessed."""

from __future__ import annotations

import csv
import gzip
import pickle
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import ExperimentConfig
from core.csv_rows import csv_frame, csv_reader
from core.errors import ConfigError, FileError, TableError
from core.manifest import Manifest
from core.numbers import parse_number
from core.table import StringTable
from core.table_folder import folder_table
from core.table_sources import text_of

IMAGE = {"name": "image", "kind": "image", "columns": ["image"], "views": [{"encoder": "cnn"}]}
NOTE = {"name": "note", "kind": "text", "columns": ["history", "exam"], "views": [{"encoder": "lexical"}]}
DATA = {
    "name": "data",
    "kind": "tabular",
    "columns": ["age", "sex"],
    "views": [{"encoder": "table", "preprocess": {"numbers": ["age"], "categories": ["sex"]}}],
}
HEADER = "id,image,history,exam,age,sex,label"


def config(*modalities: dict[str, Any], target: dict[str, Any] | None = None, **table: Any) -> ExperimentConfig:
    chosen = list(modalities or (IMAGE, NOTE, DATA))
    aim = {"column": "label"} | (target or {})
    return ExperimentConfig.from_json({"modalities": chosen, "target": aim, "table": table})


def write(folder: Path, *lines: str, header: str = HEADER) -> Path:
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"\x89PNG")
    path = folder / "table.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def reasons(manifest: Manifest) -> str:
    return "\n".join(map(str, manifest.faults))


def test_a_row_holds_only_what_is_there(tmp_path: Path) -> None:
    path = write(tmp_path, "p1,a.png|b.png,cough,clear,61,F,yes", "p2,, ,NA,,,yes", "p3,b.png,,,0,,no", "p4,,x,,,,no")
    found = Manifest.open(path, config(id="id"))
    assert found.faults == []
    assert found.row(0).values == {
        "image": (tmp_path / "a.png", tmp_path / "b.png"),
        "note": "cough\nclear",
        "data": {"age": "61", "sex": "F"},
    }
    assert found.row(1).values == {"note": "NA"}
    assert found.row(2).values["data"] == {"age": "0", "sex": ""}
    assert found.cell(0, "note") == "cough\nclear"
    assert found.cell(1, "image") is None
    assert (found.ids, found.targets) == (["p1", "p2", "p3", "p4"], ["yes", "yes", "no", "no"])
    assert found.present.tolist() == [[1, 1, 1], [0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert (found.groups, found.splits) == ([None] * 4, [None] * 4)


def test_every_fault_of_a_table_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    path = write(
        tmp_path,
        "p1,gone.png,a,,61,F,yes",
        "p2,empty.png,a,,old,F,yes",
        "p3,../x.png,a,,NaN,F,no",
        "p3,folder,a,,inf,F,",
        ",,,,,,no",
        "p6,/etc/passwd,a,,1e999,F,perhaps",
    )
    found = Manifest.open(path, config(id="id"))
    with pytest.raises(TableError) as error:
        found.raise_faults()
    for said in (
        f"row 1, column 'image': no such file: {tmp_path / 'gone.png'} (found 'gone.png')",
        f"row 2, column 'image': an empty file (0 bytes): {tmp_path / 'empty.png'}",
        "row 2, column 'age': text where a number is due; write a number such as 12.5",
        "row 3, column 'image': leads out of the folder",
        "row 3, column 'age': not a finite number; leave the cell blank for a missing value (found 'NaN')",
        "row 4, column 'image': a folder where image files are due",
        "row 4, column 'age': not a finite number; leave the cell blank for a missing value (found 'inf')",
        "row 4, column 'id': the same id as row 3",
        "row 4, column 'label': the target is blank",
        "row 5, column 'image, history, exam, age, sex': no modality is present",
        "row 5, column 'id': the id is blank",
        "row 6, column 'image': leads out of the folder",
        "row 6, column 'age': not a finite number",
        "row 6, column 'label': the only case with this label",
    ):
        assert said in str(error.value)
    assert len(found.faults) == 14


def test_an_unknown_column_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, "p1,a.png,x,,1,F,yes", "p2,gone.png,x,,1,F,yes")
    note = NOTE | {"columns": ["histroy"]}
    found = Manifest.open(path, config(IMAGE, note, target={"column": "outcome"}, id="id"))
    assert [f.row for f in found.faults] == [0, 0, 2]
    assert "column 'histroy': no such column; did you mean 'history'?" in reasons(found)
    assert "column 'outcome': no such column; the table has 'id', 'image'" in reasons(found)
    with pytest.raises(TableError, match="no such column"):
        found.without_faulty(tmp_path / "rejected.csv")


def test_classes_of_the_config_bind(tmp_path: Path) -> None:
    path = write(tmp_path, "1,,x,,,,mild", "2,,x,,,,severe", "3,,x,,,,sever")
    target = {"kind": "grade", "classes": ["mild", "severe"]}
    found = Manifest.open(path, config(NOTE, target=target))
    assert "'sever' is not one of the classes mild, severe; did you mean 'severe'?" in reasons(found)
    assert found.targets == ["mild", "severe", None]


def test_grades_in_words_need_a_stated_order(tmp_path: Path) -> None:
    rows = [f"{i},,x,,,,{grade}" for i, grade in enumerate(("low", "medium", "high", "low", "medium", "high"))]
    path = write(tmp_path, *rows)
    found = Manifest.open(path, config(NOTE, target={"kind": "grade"}))
    (fault,) = found.faults
    assert (fault.row, fault.column) == (0, "label")
    assert "no order of their own, found 'high', 'low', 'medium'; state it, lowest first: --classes" in fault.reason
    stated = Manifest.open(path, config(NOTE, target={"kind": "grade", "classes": ["low", "medium", "high"]}))
    assert not stated.faults
    numbers = write(tmp_path, *(f"{i},,x,,,,{i % 2 + 9}" for i in range(4)))
    assert not Manifest.open(numbers, config(NOTE, target={"kind": "grade"})).faults  # 9 and 10 have one


def test_targets_by_kind(tmp_path: Path) -> None:
    path = write(tmp_path, "1,,x,,,, 2.50 ", "2,,x,,,,3|2.50", "3,,x,,,,3;2.50", "4,,x,,,,|", "5,,x,,,,")
    several = Manifest.open(path, config(NOTE, target={"kind": "labels"}))
    assert several.targets == [("2.50",), ("3", "2.50"), ("3", "2.50"), (), None]
    assert [(f.row, f.reason) for f in several.faults] == [
        (5, "the target is blank; write '|' for a case with none of the labels")
    ]
    number = Manifest.open(path, config(NOTE, target={"kind": "number"}))
    assert number.targets == [2.5, None, None, None, None]
    assert [f.row for f in number.faults] == [2, 3, 4, 5]


def test_a_number_below_zero_has_no_logarithm(tmp_path: Path) -> None:
    path = write(tmp_path, "1,,x,,,,2", "2,,x,,,,-0.5", "3,,x,,,,0")
    found = Manifest.open(path, config(NOTE, target={"kind": "number", "transform": "log1p"}))
    assert "row 2, column 'label': a number below 0 has no log1p" in reasons(found)
    assert found.targets == [2.0, None, 0.0]
    assert not Manifest.open(path, config(NOTE, target={"kind": "number"})).faults


def test_other_words_for_a_split_are_understood(tmp_path: Path) -> None:
    rows = [f"x,,,{word},{label}" for word in ("training", "Validation", "valid", "dev", "test") for label in "ab"]
    found = Manifest.open(write(tmp_path, *rows, header="history,exam,who,part,label"), config(NOTE, split="part"))
    assert not found.faults
    assert found.splits[::2] == ["train", "val", "val", "val", "test"]


def test_splits_and_groups(tmp_path: Path) -> None:
    header = "history,exam,who,part,label"
    rows = ["x,,g1,train,a", "x,,g1,test,a", "x,,g2,Val,b", "x,,,holdout,b", "x,,g2,,b", "x,,,train,b"]
    found = Manifest.open(write(tmp_path, *rows, header=header), config(NOTE, group="who", split="part"))
    assert found.splits == ["train", "test", "val", None, None, "train"]
    assert found.groups == ["g1", "g1", "g2", None, "g2", None]
    assert [f.row for f in found.faults] == [4, 5, 2]
    assert "row 2, column 'who': the group is in 'train' (row 1) and here in 'test'; keep it in one" in reasons(found)
    assert "row 4, column 'part': a split is one of train, val, test (found 'holdout')" in reasons(found)
    rows = ["x,,g1,val,a", "x,,g1,val,a"]
    none = Manifest.open(write(tmp_path, *rows, header=header), config(NOTE, group="who", split="part"))
    assert "no training rows; mark some rows with 'train'" in reasons(none)


def test_rows_of_one_id_are_gathered(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "p1,b.png,cough,arms,61,F,yes",
        "p2,a.png,,,,,yes",
        "p1,a.png,cough,legs,,F,yes",
        "p1,b.png,cough,legs,61,F,",
    )
    found = Manifest.open(path, config(id="id", gather=True))
    assert found.faults == []
    assert found.ids == ["p1", "p2"]
    assert found.row(0).values == {
        "image": (tmp_path / "b.png", tmp_path / "a.png"),
        "note": "cough\narms\nlegs",
        "data": {"age": "61", "sex": "F"},
    }
    assert found.row_numbers(0) == (1, 3, 4)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_stands_between_cells_is_told_by_names_that_run_over_lines(tmp_path: Path, end: str) -> None:
    lines = ['"Patient', 'No. ""x"", y";"Age";note', "1;61;a, b, c, d, e", '2;62;"c;\n""d"""']
    (tmp_path / "t.csv").write_text("\ufeff" + end.join(lines) + end, encoding="utf-8", newline="")
    found = StringTable.open(tmp_path / "t.csv")
    assert found.columns == (f'Patient{end}No. "x", y', "Age", "note")
    assert [tuple(found.row(i).values()) for i in range(2)] == [("1", "61", "a, b, c, d, e"), ("2", "62", 'c;\n"d"')]
    assert csv_frame(tmp_path / "t.csv")["Age"].tolist() == ["61", "62"]
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        assert next(csv_reader(file)) == list(found.columns)


def test_files_of_one_kind_with_one_name_are_one_case(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "b.png"):
        (tmp_path / name).write_bytes(b"picture")
    (tmp_path / "a.txt").write_text("cough")
    found = folder_table(tmp_path, config(IMAGE, NOTE, id="id"))
    assert [found.row(i, ("id", "image", "history")) for i in range(2)] == [
        {"id": "a", "image": "a.jpg|a.png", "history": "cough"},
        {"id": "b", "image": "b.png", "history": ""},
    ]


def test_a_gathered_pair_holds_the_texts_of_all_its_rows(tmp_path: Path) -> None:
    pair = {"name": "pair", "kind": "pair", "columns": ["answer", "asked"], "views": [{"encoder": "mlp"}]}
    path = write(tmp_path, "p1,one,why?,yes", "p1, two ,why?,yes", "p2,one,,no", header="id,answer,asked,label")
    found = Manifest.open(path, config(pair, id="id", gather=True), need_target=False)
    assert found.row(0).values == {"pair": {"answer": "one\ntwo", "asked": "why?"}}
    assert "pair" not in found.row(1).values


def test_gathered_rows_must_agree(tmp_path: Path) -> None:
    path = write(tmp_path, "p1,a.png,,,61,F,yes", "p1,b.png,,,62,F,no", "p2,a.png,,,1,F,yes", "p3,a.png,,,1,F,yes")
    found = Manifest.open(path, config(id="id", gather=True))
    assert "row 2, column 'age': rows of one case must agree, but row 1 says '61' (found '62')" in reasons(found)
    assert "row 2, column 'label': rows of one case must agree, but row 1 says 'yes' (found 'no')" in reasons(found)
    kept = found.without_faulty(tmp_path / "rejected.csv")
    assert kept.ids == ["p2", "p3"]
    with (tmp_path / "rejected.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["row"] for r in rows] == ["1", "2"]
    assert rows[0]["reasons"] == "another row of this case is faulty"
    with pytest.raises(ConfigError, match="name the id column"):
        Manifest.open(path, config(gather=True))


def test_going_on_without_faulty_rows_keeps_their_reasons(tmp_path: Path) -> None:
    rows = [
        "p1,gone.png,a,,61,F,yes",
        "p2,a.png,a,,x,F,yes",
        "p3,a.png,a,,5,F,yes",
        "p4,,a,,5,F,no",
        'p5,,"a,b",,5,F,no',
    ]
    found = Manifest.open(write(tmp_path, *rows), config(id="id"))
    kept = found.without_faulty(tmp_path / "rejected.csv")
    assert kept.ids == ["p4", "p5"]  # p3 became the only case with its label
    assert kept.faults == []
    assert kept.row(1).values["note"] == "a,b"
    with (tmp_path / "rejected.csv").open(newline="") as file:
        written = list(csv.reader(file))
    assert written[0] == ["row", "reasons", *HEADER.split(",")]
    assert [w[0] for w in written[1:]] == ["1", "2", "3"]
    assert written[2][1].startswith("age: text where a number is due")
    assert written[3][1].startswith("label: the only case with this label")
    assert written[3][2:] == rows[2].split(",")


def test_nothing_left_is_refused(tmp_path: Path) -> None:
    found = Manifest.open(write(tmp_path, "p1,gone.png,,,,,yes", "p2,gone.png,,,,,yes"), config(id="id"))
    with pytest.raises(TableError, match="2 fault"):
        found.without_faulty(tmp_path / "rejected.csv")
    assert not (tmp_path / "rejected.csv").exists()


def test_prediction_needs_no_target_group_or_split(tmp_path: Path) -> None:
    path = write(tmp_path, "x,", ",y", header="history,exam")
    asked = config(NOTE, group="who", split="part")
    found = Manifest.open(path, asked, need_target=False)
    assert found.faults == []
    assert found.targets == [None, None]
    assert len(Manifest.open(path, asked).faults) == 3


def test_a_selection_is_a_view(tmp_path: Path) -> None:
    path = write(tmp_path, "p1,,a,,,,yes", "p2,gone.png,b,,,,yes", "p3,,c,,,,no", "p4,,d,,,,no")
    found = Manifest.open(path, config(id="id"))
    part = found.select(np.array([3, 0]))
    assert part.ids == ["p4", "p1"]
    assert part.row(0).values == {"note": "d"}
    assert part.row(0).index == 3
    assert part.faults == []
    assert found.select([1]).faults == found.faults
    assert part.table is found.table
    assert len({part.fingerprint, found.fingerprint, found.select([0, 3]).fingerprint}) == 3


def test_files_outside_need_leave(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    path = write(tmp_path / "tables", "p1,../c.png,a,,,,yes", "p2,b.png,a,,,,yes")
    (tmp_path / "c.png").write_bytes(b"x")
    assert "leads out of the folder" in reasons(Manifest.open(path, config()))
    for allowed in (
        Manifest.open(path, config(), allow_outside=True),
        Manifest.open(path, config(), tmp_path / "tables", allow_outside=True),
    ):
        assert allowed.faults == []
        assert allowed.row(0).values["image"] == (tmp_path / "c.png",)


def test_a_series_folder_is_one_path(tmp_path: Path) -> None:
    (tmp_path / "ct1").mkdir()
    (tmp_path / "ct2").mkdir()
    (tmp_path / "ct1" / "1.dcm").write_bytes(b"x")
    volume = {"name": "ct", "kind": "volume", "columns": ["image"], "views": [{"encoder": "cnn"}]}
    found = Manifest.open(write(tmp_path, "1,ct1,,,,,yes", "2,ct2,,,,,yes"), config(volume))
    assert found.row(0).values == {"ct": (tmp_path / "ct1",)}
    assert [f.reason for f in found.faults] == [f"an empty folder: {tmp_path / 'ct2'}"]


def test_a_frame_with_files_needs_a_root(tmp_path: Path) -> None:
    write(tmp_path)
    frame = pd.DataFrame({"image": ["a.png", None], "age": [3.0, np.nan], "sex": ["F", "M"], "label": [1, 1]})
    with pytest.raises(ConfigError, match="give root"):
        Manifest.open(frame, config(IMAGE, DATA))
    found = Manifest.open(frame, config(IMAGE, DATA), tmp_path)
    assert found.faults == []
    assert found.row(0).values == {"image": (tmp_path / "a.png",), "data": {"age": "3", "sex": "F"}}
    assert found.row(1).values == {"data": {"age": "", "sex": "M"}}
    assert found.targets == ["1", "1"]
    assert found.ids == ["1", "2"]


def test_csv_parquet_and_frame_are_one_table(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": ["1", "", "NA"] * 3000, "b": ["x\ny", '"', "é"] * 3000})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    frame.to_csv(tmp_path / "t.csv.gz", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    tables = [StringTable.open(tmp_path / f"t.{k}") for k in ("csv", "tsv", "csv.gz", "parquet")] + [
        StringTable.open(frame)
    ]
    assert len({t.fingerprint for t in tables}) == 1
    for table in tables:
        assert len(table) == 9000
        assert table.row(8999) == {"a": "NA", "b": "é"}
        assert table.row(4500, ["b"]) == {"b": "x\ny"}
        assert [c for part in table.column("a", 1000) for c in part] == frame["a"].tolist()
    changed = frame.assign(a=frame["a"] + "", b=frame["b"].replace("é", "e"))
    assert StringTable.open(changed).fingerprint != tables[0].fingerprint
    with pytest.raises(ConfigError, match="unknown column 'c'"):
        next(tables[0].column("c"))


def test_cells_of_a_frame_are_written_as_text() -> None:
    frame = pd.DataFrame(
        {
            "whole": [1, None, 3],
            "part": [0.1, 2.0, float("inf")],
            "small": np.array([0.1, 2, np.nan], dtype=np.float32),
            "flag": [True, False, None],
            "mixed": [1, "a", 2.0],
            "big": [2**60, 1, 2],
            "day": [pd.Timestamp("2020-01-02"), pd.Timestamp("2020-01-02 10:30"), pd.NaT],
            "named": pd.Categorical([True, False, True]),
            "kind": pd.Categorical(["u", None, "v"]),
        }
    )
    table = StringTable.open(frame)
    columns = {c: [cell for part in table.column(c) for cell in part] for c in table.columns}
    assert columns["whole"] == ["1", "", "3"]
    assert columns["part"] == ["0.1", "2", "inf"]
    assert columns["small"] == ["0.1", "2", ""]
    assert columns["flag"] == ["True", "False", ""]
    assert columns["mixed"] == ["1", "a", "2"]
    assert columns["big"] == ["1152921504606846976", "1", "2"]
    assert columns["day"] == ["2020-01-02", "2020-01-02 10:30:00", ""]
    assert columns["named"] == ["True", "False", "True"]
    assert columns["kind"] == ["u", "", "v"]


def test_a_value_has_one_text_from_every_source(tmp_path: Path) -> None:
    """A day and a truth value are categories of the same name in a CSV, a Parquet, a frame and a case."""
    day = pd.to_datetime(["2020-01-02", "2021-12-31"])
    frame = pd.DataFrame({"day": day, "hour": day + pd.Timedelta("1h"), "dose": [True, False], "wait": day - day[0]})
    frame["zone"] = day.tz_localize("UTC")
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    mixed = frame.astype(object)
    tables = [StringTable.open(source) for source in (tmp_path / "t.csv", tmp_path / "t.parquet", frame, mixed)]
    assert len({t.fingerprint for t in tables}) == 1
    assert [text_of(value) for value in frame.iloc[0]] == list(tables[0].row(0).values())
    assert text_of(np.datetime64("2020-01-02")) == text_of(date(2020, 1, 2)) == tables[0].row(0)["day"]


def test_columns_that_hold_no_text_are_faults_only_where_they_are_named(tmp_path: Path) -> None:
    rows = {
        "age": ["1", "2"], "sex": [[1, 2], None], "y": ["a", "b"], "box": [{"x": 1}, {"x": 2}],
        "when": pa.array([2**60, 0], pa.timestamp("ms")),
    }  # fmt: skip
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    age = DATA | {"columns": ["age"], "views": [{"encoder": "table", "preprocess": {"numbers": ["age"]}}]}
    config = {"modalities": [age], "target": {"column": "y"}}
    found = Manifest.open(tmp_path / "t.parquet", ExperimentConfig.from_json(config), need_target=False)
    assert found.faults == []
    table = pickle.loads(pickle.dumps(found.table))
    assert table.row(0, ["sex", "box"]) == {"sex": "<list<element: int64>>", "box": "<struct<x: int64>>"}
    assert table.row(1, ["sex"]) == {"sex": ""}
    for column in ("sex", "box"):
        with pytest.raises(TableError, match=rf"column {column!r}: cells of .* are not text or numbers; make them"):
            next(table.column(column))
    named = ExperimentConfig.from_json(config | {"modalities": [DATA], "target": {"column": "when"}})
    faults = {f.column: f.reason for f in Manifest.open(tmp_path / "t.parquet", named).faults}
    assert faults["sex"].startswith("cells of list<element: int64> are not text or numbers")
    assert faults["when"].startswith("times (timestamp[ms]) beyond the years 1 to 9999")


def test_a_list_of_files_is_a_cell_of_several(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"x")
    frame = pd.DataFrame({"image": [["a.png", "b.png"], ["b.png"], None], "y": ["u", "u", "u"]})
    frame.to_parquet(tmp_path / "t.parquet")
    config = ExperimentConfig.from_json({"modalities": [IMAGE], "target": {"column": "y"}})
    for source in (tmp_path / "t.parquet", frame):
        found = Manifest.open(source, config, tmp_path, need_target=False)
        assert [found.row(i).values["image"] for i in range(2)] == [
            (tmp_path / "a.png", tmp_path / "b.png"),
            (tmp_path / "b.png",),
        ]


def test_the_working_copy_lives_as_long_as_the_table(tmp_path: Path) -> None:
    table = StringTable.open(pd.DataFrame({"a": ["x"]}), folder=tmp_path)
    copy, path = pickle.loads(pickle.dumps(table)), table.path
    assert copy.row(0) == {"a": "x"}
    del copy
    assert path.exists()
    assert path.is_relative_to(tmp_path)
    del table
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_cells_may_stand_apart_as_a_spreadsheet_writes_them(tmp_path: Path, name: str, mark: str) -> None:
    text = mark.join(["id", '"a,b;c\td,e;f\t"', "words"]) + "\n" + mark.join(["1", '"x,y"', '"one; two\tthree"']) + "\n"
    content = b"\xef\xbb\xbf" + text.encode()
    (tmp_path / name).write_bytes(gzip.compress(content, mtime=0) if name.endswith("gz") else content)
    table = StringTable.open(tmp_path / name)
    assert table.columns == ("id", "a,b;c\td,e;f\t", "words")
    assert list(table.row(0).values()) == ["1", "x,y", "one; two\tthree"]


def test_rows_that_are_ragged_and_not_utf8_are_told_by_their_bytes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_bytes("a,b\n1,2,ü\n".encode("latin1"))
    with pytest.raises(FileError, match=r"not UTF-8 at byte 8 \(line 2\)"):
        StringTable.open(tmp_path / "t.csv")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "a,b\n1,ä\nü,é\n".encode("latin1"), r"not UTF-8 at byte 6 \(line 2\); save the table as UTF-8"),
        ("t.csv.gz", gzip.compress("a\nä".encode("utf-16")), r"not UTF-8 at byte 0 \(line 1\)"),
        ("t.csv", b"", "Empty CSV file"),
        ("t.xlsx", b"PK", "save it as .csv"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 1000)[:-20], "cannot be read as a table"),
        ("t.csv.gz", b"a,b\n1,2\n", "cannot be read as a table"),
        ("t.parquet", b"PAR1xxxx", "not a readable Parquet file"),
        ("t.csv", b'a,b\n1,"2\n3,4\n', "a quote is never closed"),
        ("t.csv", b'a,b\n1,"' + b"x\n" * 10**7, "a quote is never closed"),
    ],
    # Named here: the bytes that gzip writes hold the time, and every worker of a run must find the same tests.
    ids=[
        "latin1",
        "utf16_zipped",
        "empty",
        "excel",
        "cut_gzip",
        "not_gzip",
        "not_parquet",
        "open_quote",
        "open_quote_of_20_mb",
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError, match=said):
        StringTable.open(tmp_path / name)
    with pytest.raises(FileError, match="no such file"):
        StringTable.open(tmp_path / "other.csv")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n", "no rows below the header"),
        ("a,a\n1,2\n", "column 'a': two columns have this name"),
        (",".join(f"c{i}" for i in range(10_001)) + "\n" + "," * 10_000 + "\n", "more than 10,000 columns"),
        ("a,b\n1," + "x" * (4 * 2**20 + 1) + "\n", "row 1, column 'b': a cell of 4,194,305 bytes; at most 4,194,304"),
        ('a,b\n1,2,3\n1,2\n"p\nq",2\n1\n', r"row 1.*3 cells, the header has 2[\s\S]*row 4.*1 cell"),
        ("a,b\n" + "1,2345678\n" * 10**6 + "1\n", "row 1000001.*1 cell, the header has 2"),
    ],
)
def test_a_table_of_a_wrong_form_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(TableError, match=said):
        StringTable.open(tmp_path / "t.csv")


def test_a_fault_of_the_whole_table_names_no_column(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(TableError, match="1 fault\n  no rows below the header"):
        StringTable.open(tmp_path / "t.csv")


def test_a_web_address_is_not_fetched(tmp_path: Path) -> None:
    rows = ["p1,https://example.org/a.png,a,,5,F,yes", "p2,,a,,5,F,yes"]
    found = Manifest.open(write(tmp_path, *rows), config(id="id"))
    assert "row 1, column 'image': a web address; nothing is fetched: save the file on this machine" in reasons(found)


def test_what_is_no_table_is_told_by_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="a folder; name the CSV, TSV or Parquet table in it"):
        StringTable.open(tmp_path)
    with zipfile.ZipFile(tmp_path / "excel.csv", "w") as book:
        book.writestr("xl/workbook.xml", bytes(range(128, 256)) * 20)
    with pytest.raises(FileError, match="not CSV but a zip, as Excel saves its tables; save it as CSV"):
        StringTable.open(tmp_path / "excel.csv")


CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_any_text_survives_a_csv(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    table = StringTable.open(path)
    assert [tuple(table.row(i).values()) for i in range(len(table))] == rows
    assert table.fingerprint == StringTable.open(pd.DataFrame(rows, columns=["a", "b"])).fingerprint


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_is_read_back(value: float) -> None:
    assert parse_number(f" {value!r} ") == value


@pytest.mark.parametrize("text", ["1_000", "1,5", "12 kg", "0x1F", "", "１２", "1e"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="text where a number is due"):
        parse_number(text)
