"""Files made to harm: refused in words, before memory is taken, and without running or reading anything else."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import re
import shutil
import struct
import wave
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ct_phantom import Phantom, write_slice
from small import config, experiment, table

from benchmarks.fuzzing.readers import sign
from core.bundle import Bundle
from core.cache import MemoryCache
from core.config import ExperimentConfig, read_config
from core.errors import BundleError, ConfigError, FileError, TableError
from core.floor.trees_file import read_trees
from core.manifest import Manifest
from core.preprocess.audio_io import read_audio
from core.preprocess.image_file import read_image
from core.preprocess.volume_io import read_volume
from core.table import StringTable
from domains.customer_service.knowledge import Knowledge
from domains.customer_service.routing import RoutingTable
from domains.education.assignments import read_assignments
from domains.education.records import import_records

VOXELS = np.arange(4 * 8 * 8, dtype=np.float32).reshape(4, 8, 8) - 1000
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Harm:
    """Unpickled, it writes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    path = table(folder, "tabular", cases=40)
    experiment(folder, config("tabular", training={"epochs": 1}), path, folder / "run").run()
    return folder / "run" / "bundle"


@pytest.fixture
def mine(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "bundle"))


def _pickle_by_name(folder: Path) -> None:
    (folder / "model.pt").write_bytes(pickle.dumps(Harm(folder.parent / "harm")))
    sign(folder)


def _pickle_as_safetensors(folder: Path) -> None:
    (folder / "experts/0/weights.safetensors").write_bytes(pickle.dumps(Harm(folder.parent / "harm")))
    sign(folder)


def _header_beyond_the_file(folder: Path) -> None:
    (folder / "experts/0/weights.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"{}")
    sign(folder)


def _tensor_beyond_the_file(folder: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**20, 2**20], "data_offsets": [0, 2**42]}}).encode()
    (folder / "experts/0/weights.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    sign(folder)


def _link_to_a_file(folder: Path) -> None:
    file = folder / "views/tabular.json"
    file.rename(folder.parent / "elsewhere.json")
    file.symlink_to(folder.parent / "elsewhere.json")


def _pipe(folder: Path) -> None:
    (folder / "views/tabular.json").unlink()
    os.mkfifo(folder / "views/tabular.json")  # whoever opened it would wait for ever


def _nested(folder: Path) -> None:
    (folder / "bundle.json").write_text("[" * 100_000)


def _nested_view(folder: Path) -> None:
    (folder / "views/tabular.json").write_text('{"a":' * 100_000)
    sign(folder)


def _not_a_number(folder: Path) -> None:
    text = (folder / "bundle.json").read_text()
    (folder / "bundle.json").write_text(text.replace('"temperature": ', '"temperature": NaN, "was": ', 1))
    sign(folder)


def _name_outside(folder: Path) -> None:
    content = json.loads((folder / "bundle.json").read_text())
    content["files"]["../../etc/passwd"] = "0" * 64
    (folder / "bundle.json").write_text(json.dumps(content))
    sign(folder)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_pickle_by_name, "holds 'model.pt', which is no part of this bundle"),
        (_pickle_as_safetensors, r"the bundle is corrupt \("),
        (_header_beyond_the_file, r"the bundle is corrupt \("),
        (_tensor_beyond_the_file, r"the bundle is corrupt \("),
        (_link_to_a_file, "holds 'views/tabular.json', which is no part"),
        (_pipe, "holds 'views/tabular.json', which is no part"),
        (_nested, r"the bundle is corrupt \(maximum recursion"),
        (_nested_view, r"the bundle is corrupt \(maximum recursion"),
        (_not_a_number, "a weight or temperature is nan"),
        (_name_outside, "../../etc/passwd is missing"),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_a_bundle_made_to_harm_is_refused_and_runs_nothing(mine: Path, harm: Callable[[Path], None], said: str) -> None:
    harm(mine)
    with pytest.raises(BundleError, match=said):
        Bundle.load(mine, MemoryCache())
    assert not (mine.parent / "harm").exists()


def _nifti(folder: Path) -> Path:
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)), folder / "a.nii")
    content = bytearray((folder / "a.nii").read_bytes())
    content[40:48] = struct.pack("<4h", 3, 30_000, 30_000, 30_000)
    (folder / "a.nii").write_bytes(content)
    return folder / "a.nii"


def _nifti_gz(folder: Path) -> Path:
    path = folder / "a.nii.gz"
    path.write_bytes(gzip.compress(_nifti(folder).read_bytes()))
    return path


def _mha(folder: Path) -> Path:
    size = "NDims = 3\nDimSize = 100000 100000 100000\nElementType = MET_SHORT"
    (folder / "a.mha").write_text(f"ObjectType = Image\n{size}\nElementDataFile = LOCAL\n")
    return folder / "a.mha"


def _nrrd(folder: Path) -> Path:
    head = "NRRD0004\ntype: short\ndimension: 3\nsizes: 100000 100000 100000\nencoding: raw\nendian: little\n\n"
    (folder / "a.nrrd").write_text(head)
    return folder / "a.nrrd"


def _frames(folder: Path) -> Path:
    return write_slice(folder / "a.dcm", np.zeros((8, 8)), NumberOfFrames=10_000_000, **Phantom(VOXELS).slice_tags(0))


def _rows(folder: Path) -> Path:
    return write_slice(
        folder / "a.dcm", np.zeros((8, 8)), **(Phantom(VOXELS).slice_tags(0) | {"Rows": 4000, "Columns": 4000})
    )


def _away(folder: Path) -> Path:
    outside = Phantom(VOXELS).write(folder / "of another case")
    (folder / "case").mkdir()
    for i, file in enumerate(sorted(outside.iterdir())):
        (folder / "case" / f"{i}.dcm").symlink_to(file)
    return folder / "case"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_nifti, "30000 x 30000 x 30000 voxels; at most"),
        (_nifti_gz, "30000 x 30000 x 30000 voxels; at most"),
        (_mha, "100000 x 100000 x 100000 voxels; at most"),
        (_nrrd, "100000 x 100000 x 100000 voxels; at most"),
        (_frames, "the header claims 10000000 frames; at most 4096"),
        (_rows, "the pixels cannot be decoded"),
        (_away, "links lead out of the folder"),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_a_scan_that_claims_or_reaches_too_much_is_refused(
    make: Callable[[Path], Path], said: str, tmp_path: Path
) -> None:
    with pytest.raises(FileError, match=said):
        read_volume(make(tmp_path))


def test_links_within_a_case_folder_are_read(tmp_path: Path) -> None:
    folder = Phantom(VOXELS).write(tmp_path / "case")
    before = read_volume(folder).array
    first = sorted(folder.iterdir())[0]
    (folder / "kept").mkdir()
    first.rename(folder / "kept" / "Thumbs.db")  # not read by this name
    first.symlink_to(Path("kept") / "Thumbs.db")
    assert np.array_equal(read_volume(folder).array, before)


def test_a_sound_that_claims_hours_and_a_picture_that_claims_acres(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0" * 8000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[40:44] = struct.pack("<I", 8000 * 2 * 3600 * 5)
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(FileError, match="cut off, 8000 of 288000000 bytes of sound are there"):
        read_audio(tmp_path / "a.wav", 8000)
    header = struct.pack(">I4sII5B", 13, b"IHDR", 100_000, 100_000, 8, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + b"\0\0\0\0")
    with pytest.raises(FileError):
        read_image(tmp_path / "a.png")


def test_a_table_of_a_million_columns_is_refused_by_its_header(tmp_path: Path) -> None:
    row = ",".join(f"c{i}" for i in range(1_000_000))
    (tmp_path / "a.csv").write_text(f"{row}\n{row}\n")
    with pytest.raises(TableError, match="more than 10,000 columns") as told:
        StringTable.open(tmp_path / "a.csv")
    assert told.value.faults[0].value == "1000000"
    pq.write_table(pa.table({str(i): [0] for i in range(10_001)}), tmp_path / "a.parquet")
    with pytest.raises(TableError, match="more than 10,000 columns"):
        StringTable.open(tmp_path / "a.parquet")


@pytest.mark.parametrize("kind", ["csv.gz", "parquet"])
def test_a_table_that_unpacks_without_end_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "csv.gz":
        path.write_bytes(gzip.compress(b"a,b\n" + b"0,0\n" * 400_000))
    else:
        pd.DataFrame({"a": ["x" * 1000] * 30_000}).to_parquet(path)
    assert StringTable.open(path).columns
    monkeypatch.setattr("core.table_sources.BOMB_BYTES", 1 << 20)
    with pytest.raises(FileError, match="unpacks to more than 0 GiB and 500 times its size"):
        StringTable.open(path)


def _zipped(path: Path, members: dict[str, bytes], mode: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr, member.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return path


ENROLMENTS = b"classSourcedId,userSourcedId,role\nc1,s1,student\n"


@pytest.mark.parametrize(
    ("members", "mode", "said"),
    [
        ({"enrollments.csv": ENROLMENTS, "../../x.csv": b"a"}, 0o100644, "names a place outside itself"),
        ({"enrollments.csv": ENROLMENTS, "C:/x.csv": b"a"}, 0o100644, "names a place outside itself"),
        ({"enrollments.csv": b"/etc/passwd"}, 0o120777, "holds a symbolic link"),
        ({"enrollments.csv": ENROLMENTS + b"," * 3_000_000}, 0o100644, "of a zip of its size at most"),
    ],
    ids=["up", "drive", "link", "bomb"],
)
def test_a_gradebook_zip_made_to_harm_is_refused(
    members: dict[str, bytes], mode: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.archive.BOMB_BYTES", 1 << 20)
    with pytest.raises(FileError, match=said):
        import_records([_zipped(tmp_path / "a.zip", members, mode)], tmp_path / "out", now=NOW)
    assert not (tmp_path / "out").exists()


def test_a_damaged_gradebook_zip_is_told_in_words(tmp_path: Path) -> None:
    path = _zipped(tmp_path / "a.zip", {"enrollments.csv": ENROLMENTS * 50})
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(FileError, match="not a readable zip"):
        import_records([path], tmp_path / "out", now=NOW)


def test_statements_nested_deep_or_endless_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("[" + "[" * 100_000)
    (tmp_path / "b.jsonl").write_text("{\n" + '{"a":' * 100_000 + "\n" + "x" * 3_000_000 + "\n")
    found = import_records([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "out", now=NOW)
    aside = pd.read_csv(tmp_path / "out/set_aside.csv")
    assert sum("nested too deep" in r for r in aside["reason"]) == 2
    assert set(found.rows) == {"set_aside.csv"}


def test_a_config_nested_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="not a readable JSON config"):
        read_config(tmp_path / "a.json")


@pytest.mark.parametrize("kind", ["jsonl.gz", "csv.gz"])
def test_a_packed_file_cut_off_is_told_in_words(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(gzip.compress(os.urandom(2000).hex().encode())[:900])
    with pytest.raises(FileError, match=r"not a readable \.gz file, or cut off"):
        import_records([path], tmp_path / "out", kind="xapi" if "json" in kind else "log", now=NOW)
    if kind == "csv.gz":
        with pytest.raises(FileError, match=r"not a readable \.gz file, or cut off"):
            read_assignments(path)


@pytest.mark.parametrize("cell", ["../../etc/passwd", "/etc/passwd", "images/../../x.png"])
def test_a_table_reads_nothing_outside_of_its_folder_unless_allowed(cell: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    image = {"name": "image", "kind": "image", "columns": ["image"], "views": [{"encoder": "cnn"}]}
    settings = ExperimentConfig.from_json({"modalities": [image], "target": {"column": "label"}})
    frame = pd.DataFrame({"image": [cell, cell], "label": ["a", "b"]})
    said = [f.reason for f in Manifest.open(frame, settings, home).faults if f.column == "image"]
    assert said
    assert all("leads out of the folder" in reason for reason in said)
    allowed = Manifest.open(frame, settings, home, allow_outside=True).faults
    assert not any("leads out" in f.reason for f in allowed)


@pytest.fixture(scope="module")
def trees() -> str:
    import lightgbm as lgb

    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    data = lgb.Dataset(x, x[:, 0] + x[:, 1] > 0)
    return str(lgb.train({"objective": "binary", "verbose": -1, "num_leaves": 4}, data, 5).model_to_string())


def test_sound_trees_are_read_alike(trees: str) -> None:
    import lightgbm as lgb

    x = np.random.default_rng(1).normal(size=(50, 3))
    assert np.array_equal(read_trees(trees).predict(x), lgb.Booster(model_str=trees).predict(x))
    moved = trees.replace("\n\nTree=1\n", "\n\n\nTree=1\n", 1)  # the places in its header are wrong now
    assert np.array_equal(read_trees(moved).predict(x), lgb.Booster(model_str=trees).predict(x))


@pytest.mark.parametrize(
    ("line", "changed", "said"),
    [
        (r"left_child=\d", "left_child=0", "tree 0: a split leads nowhere"),
        (r"right_child=-?\d+", "right_child=-99", "tree 0: a split leads nowhere"),
        (r"split_feature=\d", "split_feature=9", "tree 0: a split leads nowhere"),
        (r"leaf_value=\S+", "leaf_value=", "tree 0: not one value a leaf"),
        ("num_leaves=4", "num_leaves=3", "tree 0: not one value"),
        ("num_cat=0", "num_cat=7", "tree 0 is not a plain numeric one"),
        ("max_feature_idx=2", "max_feature_idx=2000000000", "do not fit their header"),
        (r"threshold=\S+", "threshold=x|y", "no readable trees"),
    ],
)
def test_trees_that_lead_out_of_themselves_are_refused(trees: str, line: str, changed: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_trees(re.sub(line, changed, trees, count=1))


def test_a_cell_without_end_is_told_with_its_line(tmp_path: Path) -> None:
    endless = '"' + "x" * 200_000
    (tmp_path / "a.csv").write_text(f"student_id,question_id,answer\ns1,q1,{endless}\n")
    (tmp_path / "r.csv").write_text(f"intent,queue,priority\n,general,{endless}\n")
    (tmp_path / "k.csv").write_text(f"question,answer\nwhy,{endless}\n")
    for read, name in ((read_assignments, "a"), (RoutingTable.read, "r"), (Knowledge.read, "k")):
        with pytest.raises(FileError, match=f"{name}.csv: no readable CSV at line 2"):
            read(tmp_path / f"{name}.csv")
