from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lecture_video import Part, frames, write_video

from core.errors import BundleError, FileError, TableError
from core.progress import Progress, silent
from core.recognition import Recogniser, Transcript, Word
from core.recognition import Segment as Heard
from domains.education import Lecture
from domains.education.captions import Caption
from domains.education.index import main

pytest.importorskip("rapidocr", reason="the extra lecture is not installed")
PARTS = [
    Part("Bayes rule", ["The posterior is the prior", "times the likelihood"], 12),
    Part("Limits", ["A slope is the limit", "of a quotient"], 12),
    Part("Graphs", ["Vertices and edges", "make a graph"], 12),
]
SAID = ("evidence changes what we believe", "the derivative tells how fast it grows", "nodes are joined by lines")
VTT = "WEBVTT\n\n" + "\n".join(f"00:{12 * i + 1:02}.000 --> 00:{12 * i + 9:02}.000\n{t}\n" for i, t in enumerate(SAID))
FPS = 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short lecture with sound, its captions and its index."""
    folder = tmp_path_factory.mktemp("lecture")
    video = write_video(folder / "intro.mp4", frames(PARTS, FPS), FPS, sound=True)
    video.with_suffix(".vtt").write_text(VTT)
    Lecture.index(video)
    return folder


class Remembers:
    """Which stages reported, and where to stop."""

    def __init__(self, stop: str = "") -> None:
        self.stages: list[str] = []
        self.stop = stop

    def __call__(self, stage: str, done: int, total: int, figures: object = None) -> None:
        self.stages.append(stage)
        if stage == self.stop:
            raise KeyboardInterrupt


def test_an_index_has_segments_with_slide_picture_text_and_keywords(made: Path) -> None:
    lecture = Lecture.open(made / "intro.lecture")
    assert lecture.name == "intro"
    assert lecture.video == made / "intro.mp4"
    assert lecture.duration == pytest.approx(36, abs=0.5)
    assert [(round(s.start), round(s.end), s.slide, s.title, s.text) for s in lecture.segments] == [
        (0, 12, 0, "Bayes rule", SAID[0]), (12, 24, 1, "Limits", SAID[1]), (24, 36, 2, "Graphs", SAID[2])
    ]  # fmt: skip
    assert "likelihood" in lecture.segments[0].slide_text
    assert lecture.picture(lecture.segments[2]).name == "slide_003.png"
    assert all(lecture.picture(s).is_file() and s.keywords for s in lecture.segments)
    assert lecture.topics[0].first == 0
    assert lecture.at(13).title == "Limits"
    assert lecture.at(99).title == "Graphs"


def test_it_says_by_which_methods_and_what_was_found(made: Path) -> None:
    lecture = Lecture.open(made / "intro.lecture")
    assert lecture.found["slides"] == {
        "method": "lost ink", "step_seconds": 0.5, "slides": 3, "moving": 0, "scenes_joined_as_filmed": 0
    }  # fmt: skip
    assert lecture.found["transcript"] == {"method": "captions of intro.vtt", "captions": 3}
    assert lecture.found["topics"]["method"].startswith("TextTiling over ")
    assert lecture.notes == ()


def test_search_jumps_to_the_second_where_it_is_said_or_shown(made: Path) -> None:
    lecture = Lecture.open(made / "intro.lecture")
    said = lecture.search("derivative", 1)[0]
    assert (said.segment.title, said.second, said.text) == ("Limits", 13.0, SAID[1])
    shown = lecture.search("vertices", 1)[0]
    assert shown.segment.title == "Graphs"
    assert shown.parts["shown"] > shown.parts["said"]


def test_an_interrupted_index_goes_on_and_a_finished_one_is_opened(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        Lecture.index(made / "intro.mp4", out=out, progress=Remembers("topics"))
    assert not (out / "lecture.json").exists()
    second = Remembers()
    found = Lecture.index(made / "intro.mp4", out=out, progress=second)
    assert set(second.stages) == {"topics"}
    assert found.segments == Lecture.open(made / "intro.lecture").segments
    assert not (out / "work").exists()
    third = Remembers()
    assert Lecture.index(made / "intro.mp4", out=out, progress=third) == found
    assert third.stages == []


def test_folder_and_video_can_be_moved_together(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "moved")
    lecture = Lecture.open(tmp_path / "moved" / "intro.lecture")
    assert lecture.video == tmp_path / "moved" / "intro.mp4"
    assert lecture.picture(lecture.segments[0]).is_file()


def test_the_index_of_another_video_is_not_overwritten(made: Path, tmp_path: Path) -> None:
    other = write_video(tmp_path / "other.mp4", frames(PARTS[:1], FPS), FPS)
    with pytest.raises(FileError, match="holds the index of another video; name another folder"):
        Lecture.index(other, out=made / "intro.lecture")


class Reads(Recogniser):
    """A recogniser for tests: hears the same words in every recording, also in a tone."""

    name = "reads"

    def hear(self, wave: np.ndarray) -> list[Heard]:
        words = (Word("Recognised", 0.5, 1.0, 0.9), Word("evidence.", 1.0, 1.5, 0.7))
        return [Heard("Recognised evidence.", 0.5, 1.5, words)]

    def transcribe(self, path: Path | str, *, channel: str | int = "mix", progress: Progress = silent) -> Transcript:
        heard = self.hear(np.zeros(0))
        return Transcript(heard[0].text, heard[0].words, tuple(heard), 0.8, self.name, 36.0)


def test_without_sound_and_captions_it_says_so(tmp_path: Path) -> None:
    video = write_video(tmp_path / "mute.mp4", frames(PARTS[:1], FPS), FPS)
    lecture = Lecture.index(video)
    assert lecture.notes == (
        "the video has no sound",
        "no transcript: neither captions nor a recogniser; only slide text can be searched",
    )
    assert lecture.search("likelihood", 1)[0].parts.keys() == {"shown"}
    with pytest.raises(
        FileError, match=r"mute\.mp4: has no sound to recognise; give captions, or leave the recogniser"
    ):
        Lecture.index(video, recogniser=Reads(), out=tmp_path / "again")


def test_what_is_recognised_is_marked_as_such(made: Path, tmp_path: Path) -> None:
    video = tmp_path / "spoken.mp4"
    shutil.copy(made / "intro.mp4", video)
    lecture = Lecture.index(video, recogniser=Reads())
    assert lecture.found["transcript"] == {"method": "recognised by reads", "captions": 1, "confidence": 0.8}
    assert lecture.captions == (Caption(0.5, 1.5, "Recognised evidence."),)
    assert lecture.segments[0].text == "Recognised evidence."


def test_a_video_without_picture_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", np.sin(np.arange(8000.0)), 8000)
    with pytest.raises(FileError, match=r"talk.wav: holds no video stream, only audio; give a file with video"):
        Lecture.index(tmp_path / "talk.wav")


def test_a_video_cut_off_is_refused_and_leaves_no_index(made: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "cut.mkv", frames(PARTS, FPS, speaker=True), FPS)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with pytest.raises(FileError, match=r"cut.mkv: .*cut off"):
        Lecture.index(video)
    assert not (tmp_path / "cut.lecture" / "lecture.json").exists()


def test_captions_of_another_video_are_told_before_any_work(made: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.vtt"
    wrong.write_text(VTT + "\n05:00.000 --> 05:02.000\nlater\n")
    stages = Remembers()
    with pytest.raises(TableError, match=r"beyond the end of the video \(36"):
        Lecture.index(made / "intro.mp4", wrong, out=tmp_path / "out", progress=stages)
    assert stages.stages == []
    found = Lecture.index(made / "intro.mp4", wrong, out=tmp_path / "out", rejected=tmp_path / "aside.csv")
    assert found.notes == ("faulty captions were set aside in aside.csv, with their reasons",)
    assert len(found.captions) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "holds no lecture.json; index the lecture"), ("{", "damaged"), ('{"version": 9}', "newer version"),
     ('{"version": 1, "name": "a"}', "damaged")],
)  # fmt: skip
def test_an_index_that_cannot_be_opened(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "lecture.json").write_text(content)
    with pytest.raises(BundleError, match=message):
        Lecture.open(tmp_path)


def test_the_index_is_plain_json(made: Path) -> None:
    content = json.loads((made / "intro.lecture" / "lecture.json").read_text())
    assert content["video"] == "../intro.mp4"
    assert {"start", "end", "slide", "text", "keywords", "title"} <= content["segments"][0].keys()


def test_the_command_line_tells_what_it_found_and_what_is_wrong(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(made / "intro.mp4")])
    assert "intro.lecture: 3 segments, " in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"error: .*none\.mp4: no such file"):
        main([str(tmp_path / "none.mp4")])
    with pytest.raises(SystemExit):
        main(["a.mp4", "b.mp4", "--captions", "a.vtt"])
    assert "--captions and --name belong to one video" in capsys.readouterr().err
