from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
import torch

from core import preprocess
from core.errors import ConfigError, FileError
from core.preprocess import video_frames
from core.preprocess.video import VideoPreprocessor
from core.schema import Modality

CODECS = {"a.mp4": "mpeg4", "a.webm": "libvpx", "a.mkv": "libx264"}


def write(path: Path, count: int = 50, fps: int = 10, flags: str = "", size: tuple[int, int] = (64, 48)) -> Path:
    """A video that grows from black to white; its brightness tells the time."""
    with av.open(str(path), "w", options={"movflags": flags} if flags else {}) as container:
        stream: Any = container.add_stream(CODECS[f"a{path.suffix}"], rate=fps)
        (stream.width, stream.height), stream.pix_fmt, stream.gop_size = size, "yuv420p", 12
        stream.options = {"deadline": "realtime", "cpu-used": "8"} if path.suffix == ".webm" else {}
        for index in range(count):
            pixels = np.full((size[1], size[0], 3), 250 * index // max(count - 1, 1), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def brightness(frames: torch.Tensor) -> list[float]:
    return frames[:, :, 8, 8].float().mean(dim=1).tolist()


@pytest.mark.parametrize("name", list(CODECS))
def test_uniform_takes_the_middles_of_equal_parts(tmp_path: Path, name: str) -> None:
    part, cell = VideoPreprocessor(frames=5, size=16), (write(tmp_path / name),)
    frames = part.prepare(cell)
    assert frames.shape == (5, 3, 16, 16)
    assert frames.dtype == torch.uint8
    assert part.times(cell) == pytest.approx([0.5, 1.5, 2.5, 3.5, 4.5])
    assert brightness(frames) == pytest.approx([250 * i // 49 for i in (5, 15, 25, 35, 45)], abs=5)


@pytest.mark.parametrize("name", list(CODECS))
def test_fps_takes_one_frame_per_step_also_where_it_seeks(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, 200)
    for fps in (0.2, 1.0):  # steps of 5 s are reached by seeking, of 1 s by decoding on
        part = VideoPreprocessor(sampling="fps", fps=fps, size=16)
        expected = [i / fps for i in range(round(20 * fps))]
        assert part.times((path,)) == pytest.approx(expected)
        assert brightness(part.prepare((path,))) == pytest.approx([250 * 10 * t / 199 for t in expected], abs=6)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_seconds_are_those_of_a_player_where_sound_begins_before_the_picture(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        picture: Any = container.add_stream(CODECS[name], rate=10)
        (picture.width, picture.height), picture.pix_fmt = (64, 48), "yuv420p"
        tone: Any = container.add_stream("aac", rate=16000)
        for second in range(14):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 16000, second * 16000
            container.mux(tone.encode(sound))
        for index in range(40, 140):  # from 4 s on; white from 9 s on
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 250 * (index >= 90), np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(picture.encode(frame))
        for stream in container.streams:
            container.mux(stream.encode(None))
    assert video_frames.duration(path) == pytest.approx(14, abs=0.15)
    turned = [second for second, small in video_frames.grey_every(path, 0.5, (4, 4)) if small.mean() > 128]
    assert turned[0] == pytest.approx(9, abs=0.5)
    assert [float(pixels.mean()) > 128 for _, pixels in video_frames.frames_at(path, [8.8, 9.2])] == [False, True]
    assert next(second for second, _ in video_frames.every_frame(path)) == pytest.approx(4, abs=0.1)


def test_seeking_reads_a_small_part_of_a_long_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: set[int] = set()
    time = video_frames._Reader.time

    def noting_time(self: Any, frame: Any) -> float:
        decoded.add(frame.pts)
        return time(self, frame)

    monkeypatch.setattr(video_frames._Reader, "time", noting_time)
    times = VideoPreprocessor(frames=3, size=16).times((write(tmp_path / "a.mp4", 600),))
    assert times == pytest.approx([10, 30, 50])
    assert len(decoded) < 3 * 24  # at most two groups of pictures each, of 50 in the file


def test_a_video_with_fewer_frames_gives_each_once(tmp_path: Path) -> None:
    part, cell = VideoPreprocessor(frames=16, size=16), (write(tmp_path / "a.mp4", 3),)
    assert part.prepare(cell).shape == (3, 3, 16, 16)
    assert part.times(cell) == pytest.approx([0, 0.1, 0.2])


def test_several_files_are_taken_in_order(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.mp4"), write(tmp_path / "a.webm", 20)
    part = VideoPreprocessor(frames=2, size=16)
    assert part.times((b, a, b)) == pytest.approx([0.5, 1.5, 1.2, 3.7, 0.5, 1.5])
    assert torch.equal(part.prepare((b, a)), torch.cat([part.prepare((b,)), part.prepare((a,))]))


def test_too_many_frames_are_refused_and_not_thinned(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    with pytest.raises(FileError, match=r"5.0 s at 10 fps are 50 frames; allowed are max_frames=20"):
        VideoPreprocessor(sampling="fps", fps=10, max_frames=20).prepare((path,))
    with pytest.raises(FileError, match=r"24 frames of 2 files; allowed are max_frames=20"):
        VideoPreprocessor(frames=12, max_frames=20).prepare((path, path))


def test_the_turn_that_a_phone_notes_is_applied(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", 3)
    upright = b"".join(v.to_bytes(4, "big", signed=True) for v in (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
    turned = b"".join(v.to_bytes(4, "big", signed=True) for v in (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
    content = path.read_bytes()
    assert content.count(upright) == 2  # of the film, then of the track
    at = content.rfind(upright)
    path.write_bytes(content[:at] + turned + content[at + 36 :])
    shapes = [pixels.shape for _, pixels in video_frames.frames_at(path, [0.0])]
    assert shapes == [(64, 48, 3)]


def test_samples_are_normalised_and_all_frames_change_alike(tmp_path: Path) -> None:
    part = VideoPreprocessor(frames=3, size=16, intensity="symmetric", augment={"noise": 0})
    prepared = torch.full((3, 3, 16, 16), 200, dtype=torch.uint8)
    plain = part.finish(prepared)
    assert torch.allclose(plain, torch.full(plain.shape, 2 * 200 / 255 - 1))
    changed = part.finish(prepared, np.random.default_rng(0))
    assert not torch.equal(changed, plain)
    assert torch.equal(changed[0], changed[1])
    assert torch.equal(changed, part.finish(prepared, np.random.default_rng(0)))


def test_grey_and_colour_signatures(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", 10)
    for channels in (1, 3):
        part = preprocess.build(Modality.VIDEO, {"channels": channels, "size": 24, "frames": 2})
        sample = part.finish(part.prepare((path,)))
        assert sample.shape[1:] == part.signature.shape == (channels, 24, 24)
        assert sample.dtype == torch.float32
        assert 0 <= sample.min() <= sample.max() <= 1
    assert part.state() == {}


@pytest.mark.parametrize(("name", "flags"), [("a.webm", ""), ("a.mkv", ""), ("a.mp4", "faststart"), ("a.mp4", "")])
def test_a_file_cut_off_is_refused(tmp_path: Path, name: str, flags: str) -> None:
    path = write(tmp_path / name, 200, flags=flags)
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    with pytest.raises(FileError, match=f"{name}: .*cut off"):
        VideoPreprocessor(frames=4).prepare((path,))


def test_files_that_are_no_video_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("hello world " * 100)
    (tmp_path / "empty.mp4").touch()
    soundfile.write(tmp_path / "sound.wav", np.sin(np.arange(4000.0)), 8000)
    part = VideoPreprocessor()
    with pytest.raises(FileError, match=r"text.mp4: not a sound or video file"):
        part.prepare((tmp_path / "text.mp4",))
    with pytest.raises(FileError, match=r"empty.mp4: the file is empty \(0 bytes\)"):
        part.prepare((tmp_path / "empty.mp4",))
    with pytest.raises(FileError, match=r"sound.wav: holds no video stream, only audio"):
        part.prepare((tmp_path / "sound.wav",))


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "none.avi"), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.open()
        container.start_encoding()
    with pytest.raises(FileError, match=r"none.avi: no frame can be decoded"):
        VideoPreprocessor().prepare((tmp_path / "none.avi",))


def test_frames_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_frames, "MAX_PIXELS", 1000)
    with pytest.raises(FileError, match="frames of 64 x 48; at most 1000 pixels"):
        VideoPreprocessor().prepare((write(tmp_path / "a.mp4", 3),))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampling": "unifrom"}, "Did you mean 'uniform'"),
        ({"intensity": "hu"}, "Choices: imagenet"),
        ({"channels": 2}, "channels: 1 or 3"),
        ({"fps": 0}, "fps above 0; found"),
        ({"frames": 0}, "must be at least 1"),
        ({"augment": {"rotat": 3}}, "Did you mean 'rotate'"),
        ({"frame": 3}, "unexpected keyword"),
    ],
)
def test_options_that_do_not_exist_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        preprocess.build(Modality.VIDEO, options)
