"""An mkv is put into an mp4 without a change; what browsers know stays, what they cannot play is told."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import av
import pytest
from lecture_video import Part, frames, write_video

from apps.education import page_lecture
from core.errors import FileError
from domains.education.captions import Caption
from domains.education.lecture import Lecture
from domains.education.playing import playable


def packets(path: Path) -> dict[str, list[tuple[float, bytes]]]:
    """Second and content of every packet, by kind of stream."""
    with av.open(str(path)) as file:
        found: dict[str, list[tuple[float, bytes]]] = {s.type: [] for s in file.streams}
        for packet in file.demux():
            if packet.dts is not None:
                found[packet.stream.type].append((float(packet.pts * packet.time_base), bytes(packet)))
    return found


@pytest.fixture
def mkv(tmp_path: Path) -> Path:
    pictures = islice(frames([Part("Mean", ["of a sample"], 8)], 6, speaker=True), 30)
    return write_video(tmp_path / "talk.mkv", pictures, sound=True)


def test_pictures_and_sound_of_an_mkv_stay_as_they_are_in_an_mp4(mkv: Path, tmp_path: Path) -> None:
    made = playable(mkv, tmp_path)
    assert made == tmp_path / "video.mp4"
    before, after = packets(mkv), packets(made)
    assert before.keys() == after.keys() == {"video", "audio"}
    for kind in before:
        assert [len(c) for _, c in before[kind]] == [len(c) for _, c in after[kind]]
        assert [t for t, _ in after[kind]] == pytest.approx([t for t, _ in before[kind]], abs=0.03)
    when = made.stat().st_mtime_ns
    assert playable(mkv, tmp_path) == made
    assert made.stat().st_mtime_ns == when


def test_what_browsers_know_stays_and_what_they_do_not_is_none(tmp_path: Path) -> None:
    assert playable(tmp_path / "a.webm", tmp_path) == tmp_path / "a.webm"
    pictures = islice(frames([Part("Mean", ["of a sample"], 8)], 6, speaker=True), 6)
    old = write_video(tmp_path / "old.avi", pictures, codec="mpeg4")
    assert playable(old, tmp_path) is None
    assert not list(tmp_path.glob("video*"))


def test_a_damaged_video_is_told_and_leaves_nothing(mkv: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.mkv").write_bytes(mkv.read_bytes()[:40])
    with pytest.raises(FileError, match=r"cut\.mkv"):
        playable(tmp_path / "cut.mkv", tmp_path)
    with pytest.raises(FileError, match=r"talk\.mkv: cannot be put into"):
        playable(mkv, tmp_path / "gone")
    assert not list(tmp_path.glob("video*"))


def test_captions_are_no_markup_to_the_player() -> None:
    said = Caption(0.0, 4.0, "p < 0.05 rejects, p > 0.05 & less does not")
    lecture = Lecture(Path("x"), "x", Path("x.mp4"), 4.0, (), (), (said,), {}, ())
    shown = page_lecture._subtitles(lecture)["Captions"]
    assert shown.endswith("00:00:04.000\np &lt; 0.05 rejects, p &gt; 0.05 &amp; less does not\n")
