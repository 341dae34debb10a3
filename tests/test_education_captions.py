from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FileError, TableError
from domains.education.captions import Caption, read_captions

VTT = """WEBVTT - Lecture 1

NOTE made by hand
second line of the note

intro
00:01.000 --> 00:02.500 align:start position:0%
<v Ann>The <b>mean</b> &amp; the median

1:00:03.250 --> 1:00:04.000
later
"""
SRT = """1
00:00:01,000 --> 00:00:02,000
first
line two
2
00:00:03,000 --> 00:00:04,000
second without a blank line above

3
00:00:05.5 --> 00:00:06,000

"""


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_webvtt_without_its_markup(tmp_path: Path) -> None:
    found = read_captions(write(tmp_path / "a.vtt", VTT))
    assert found == [Caption(1.0, 2.5, "The mean & the median"), Caption(3603.25, 3604.0, "later")]


def test_inequalities_are_no_markup(tmp_path: Path) -> None:
    text = "00:01.000 --> 00:02.000\n<c.yellow>if x < 3</c> <00:01.500>and <i>y</i> > 2\n"
    found = read_captions(write(tmp_path / "a.vtt", f"WEBVTT\n\n{text}"))
    assert [c.text for c in found] == ["if x < 3 and y > 2"]


def test_subrip_also_where_blank_lines_are_left_out(tmp_path: Path) -> None:
    found = read_captions(write(tmp_path / "a.srt", SRT))
    assert found == [Caption(1, 2, "first line two"), Caption(3, 4, "second without a blank line above")]


def test_lines_that_roll_are_told_once(tmp_path: Path) -> None:
    lines = ["so this is the mean", "so this is the mean\nand here the median", "and here the median\nof all values"]
    cues = [f"00:0{i}.000 --> 00:0{i + 1}.000\n{text}\n" for i, text in enumerate(lines)]
    found = read_captions(write(tmp_path / "a.vtt", "WEBVTT\n\n" + "\n".join(cues)))
    assert [c.text for c in found] == ["so this is the mean", "and here the median", "of all values"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_of_an_encoding_are_obeyed(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nÜbung 1\n", encoding)
    assert read_captions(path) == [Caption(1, 2, "Übung 1")]


def test_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.srt", "1\n00:00:01,000 --> 00:00:02,000\nÜbung 1\n", "cp1252")
    with pytest.raises(FileError, match=r"a.srt: is not utf-8 at line 3; save it as UTF-8, or name its encoding"):
        read_captions(path)
    assert read_captions(path, encoding="cp1252") == [Caption(1, 2, "Übung 1")]
    with pytest.raises(FileError, match="is not latin-99;"):
        read_captions(path, encoding="latin-99")


FAULTY = """WEBVTT

00:05.000 --> 00:06.000
sound

00:01.000 --> 00:02.000
too early

00:08.000 --> 00:07.000
backwards

later --> 00:09.000
no time

00:10.000 --> 00:12.000
sound too

01:10.000 --> 01:12.000
beyond
"""


def test_all_faulty_captions_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.vtt", FAULTY)
    with pytest.raises(TableError) as caught:
        read_captions(path, 30.0)
    assert [f.row for f in caught.value.faults] == [6, 9, 12, 18]
    for part in (
        "a.vtt: 4 faults",
        "row 6, column 'times': out of order: a caption above it begins at 5.000 s; sort the captions by time",
        "row 9, column 'times': ends before it begins",
        "row 12, column 'times': not of the form hh:mm:ss.mmm --> hh:mm:ss.mmm",
        "row 18, column 'times': beyond the end of the video (30.0 s); is this the caption file of another video?",
    ):
        assert part in str(caught.value)


def test_faulty_captions_can_be_set_aside_with_their_reasons(tmp_path: Path) -> None:
    found = read_captions(write(tmp_path / "a.vtt", FAULTY), 30.0, rejected=tmp_path / "aside.csv")
    assert [c.text for c in found] == ["sound", "sound too"]
    rows = list(csv.DictReader((tmp_path / "aside.csv").open(encoding="utf-8")))
    assert [(r["line"], r["reason"].split(";")[0]) for r in rows][:2] == [
        ("6", "out of order: a caption above it begins at 5.000 s"),
        ("9", "ends before it begins"),
    ]
    assert len(rows) == 4


def test_a_last_caption_that_stays_a_little_longer_ends_with_the_video(tmp_path: Path) -> None:
    path = write(tmp_path / "a.vtt", "WEBVTT\n\n00:01.000 --> 00:06.000\nend\n")
    assert read_captions(path, 4.5) == [Caption(1, 4.5, "end")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.vtt", "1\n00:00:01,000 --> 00:00:02,000\nx\n", "its first line is not WEBVTT"),
        ("a.vtt", "WEBVTT\n\nnothing here\n", "holds no caption"),
        ("a.srt", "", "holds no caption"),
        ("a.txt", "x", "captions are read from .vtt and .srt files"),
    ],
)
def test_files_that_are_no_captions(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read_captions(write(tmp_path / name, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none.vtt: cannot be read \(No such file"):
        read_captions(tmp_path / "none.vtt")


@given(st.lists(st.tuples(st.integers(1, 90_000), st.integers(1, 9_000)), min_size=1, max_size=20))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, times: list[tuple[int, int]]) -> None:
    path, at, cues, true = tmp_path_factory.mktemp("c") / "a.srt", 0, [], []
    for i, (step, length) in enumerate(times):
        at += step
        stamps = [
            f"{t // 3600000:02}:{t // 60000 % 60:02}:{t // 1000 % 60:02},{t % 1000:03}" for t in (at, at + length)
        ]
        cues.append(f"{i + 1}\n{stamps[0]} --> {stamps[1]}\nword {i} of the lecture\n")
        true.append((at, at + length, f"word {i} of the lecture"))
    found = read_captions(write(path, "\n".join(cues)))
    assert [(round(c.start * 1000), round(c.end * 1000), c.text) for c in found] == true
