"""Damage does what its step says, alike for the same row, and preprocessing reads what it leaves."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.cache import MemoryCache
from core.config import ModalityConfig, ViewConfig
from core.damage import DROPPED, Damage, check_names, damages_of, sight, sound, words
from core.damage.apply import Surroundings, damaged
from core.damage.cells_of_table import blank, deviations_of, perturb
from core.errors import ConfigError
from core.preprocess.audio_io import read_audio
from core.preprocess.image_file import read_image
from core.preprocess.video_frames import duration, every_frame
from core.samples import make_table
from core.schema import Modality
from core.view import View

RATE = 8000


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def view(kind: Modality, **preprocess: object) -> View:
    """A view of a modality, as a bundle holds it."""
    look = ViewConfig("mlp", {}, dict(preprocess))
    return View("x", ModalityConfig("x", kind, ("x",), (look,)), look, MemoryCache())


def damage(kind: Modality, name: str) -> Damage:
    return damages_of(kind, [name])[0]


def test_every_kind_of_data_has_damage_and_a_wrong_name_is_refused() -> None:
    for kind in Modality:
        for one in damages_of(kind):
            assert len(one.ladder) >= 3
            assert sorted(set(one.ladder)) in (list(one.ladder), list(one.ladder)[::-1])
    with pytest.raises(ConfigError, match=r"unknown damage 'blurr'\. Did you mean 'blur'"):
        check_names([Modality.IMAGE], ["noise", "blurr"])


def test_noise_on_a_picture_has_the_stated_deviation_and_blur_takes_detail() -> None:
    grey = np.full((200, 200), 0.5, np.float32)
    assert sight.noise(grey, 0.1, rng()).std() == pytest.approx(0.1, rel=0.02)
    detail = rng().random((64, 64)).astype(np.float32)
    steps = [sight.blur(detail, s, rng()).std() for s in damage(Modality.IMAGE, "blur").ladder]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] < 0.1 * detail.std()
    assert sight.contrast(detail, 0.2, rng()).std() == pytest.approx(0.2 * detail.std(), rel=1e-4)


def test_jpeg_is_what_a_jpeg_of_that_quality_holds() -> None:
    pixels = rng().integers(0, 255, (40, 40, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=20)
    with Image.open(file) as same:
        found = sight.jpeg(pixels.astype(np.float32) / 255, 20, rng())
        assert (found * 255).round().astype(int).tolist() == np.asarray(same).astype(int).tolist()


def test_rings_lie_around_the_middle_and_streaks_in_a_third_of_the_slices() -> None:
    scan = np.zeros((9, 41, 41), np.float32)
    ring = sight.rings(scan, 100, rng())
    assert np.abs(ring).max() > 50
    assert ring[0].tolist() == ring[8].tolist() == np.rot90(ring[0]).tolist()
    streaked = sight.streaks(scan, 100, rng())
    assert (np.abs(streaked).max(axis=(1, 2)) > 50).sum() == 3
    assert sight.scan_noise(scan, 40, rng()).std() == pytest.approx(40, rel=1e-3)
    assert not scan.any()


@pytest.mark.parametrize("level", [20.0, 5.0, 0.0])
def test_background_noise_has_the_stated_ratio(level: float) -> None:
    wave = 0.1 * np.sin(np.arange(RATE) / 7).astype(np.float32)
    added = sound.background(wave, level, rng(), rate=RATE) - wave
    assert 10 * np.log10(np.mean(wave**2) / np.mean(added**2)) == pytest.approx(level, abs=0.01)


def test_clipping_cuts_the_stated_share_and_the_telephone_keeps_its_band() -> None:
    wave = rng().standard_normal(RATE).astype(np.float32)
    clipped = sound.clip(wave, 0.25, rng(), rate=RATE)
    assert (np.abs(clipped) >= np.abs(clipped).max() - 1e-6).mean() == pytest.approx(0.25, abs=0.01)
    power = np.abs(np.fft.rfft(sound.line(wave, 1200, rng(), rate=RATE))) ** 2
    hertz = np.fft.rfftfreq(RATE, 1 / RATE)
    assert power[(hertz < 300) | (hertz > 1200)].sum() < 1e-6 * power.sum()


TEXT = st.text(st.sampled_from("abcdefg hijk,.\n'Überß9"), min_size=1, max_size=80)


@settings(max_examples=60, deadline=None)
@given(TEXT, st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 9))
def test_a_damaged_text_is_never_empty_and_at_zero_untouched(text: str, share: float, seed: int) -> None:
    heard = words.sounds_of([text])
    for change in (words.mistype, words.mishear):
        found = change(text, share, np.random.default_rng(seed), heard=heard)
        assert found or not text.strip()
        assert found == change(text, share, np.random.default_rng(seed), heard=heard)
        if share == 0:
            assert found.strip() == text.strip()


def test_a_severer_step_keeps_the_words_that_a_milder_one_changed() -> None:
    text = " ".join(f"word{i}" for i in range(200))
    mild, severe = (words.mistype(text, s, rng(), heard={}).split() for s in (0.1, 0.4))
    changed = [[i for i, (a, b) in enumerate(zip(text.split(), t)) if a != b] for t in (mild, severe)]
    assert 10 <= len(changed[0]) <= 30
    assert set(changed[0]) < set(changed[1])
    assert all(mild[i] == severe[i] for i in changed[0])


def test_a_misheard_word_becomes_one_of_the_table_that_sounds_alike() -> None:
    heard = words.sounds_of(["the battle of the paddle", "no sound"])
    found = words.mishear("battle battle battle battle", 1.0, rng(), heard=heard)
    assert set(found.split()) == {"paddle"}
    assert len(re.findall("paddle", found)) < 4  # some are not heard at all


def test_cells_are_blanked_by_share_and_numbers_moved_by_their_deviation() -> None:
    rows = [{"a": str(v), "b": f"{v * 10}", "c": "red"} for v in range(11)]
    spread = deviations_of(rows)
    assert spread == {"a": pytest.approx(10**0.5), "b": pytest.approx(10 * 10**0.5)}
    many = [perturb(r, 2.0, np.random.default_rng(i), deviations=spread) for i, r in enumerate(rows * 40)]
    moved = [float(new["b"]) - float(old["b"]) for new, old in zip(many, rows * 40)]
    assert np.std(moved) == pytest.approx(2 * spread["b"], rel=0.1)
    assert {r["c"] for r in many} == {"red"}
    gone = [v for i, r in enumerate(rows * 40) for v in blank(r, 0.5, np.random.default_rng(i), deviations={}).values()]
    assert gone.count("") / len(gone) == pytest.approx(0.5, abs=0.05)


def around() -> Surroundings:
    return Surroundings(words.sounds_of(["a dog and a rose"]), {"n": 2.0})


def test_pictures_keep_their_depth_and_size(tmp_path: Path) -> None:
    Image.fromarray(rng().integers(0, 65535, (20, 30)).astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(rng().integers(0, 255, (20, 30, 3)).astype(np.uint8)).save(tmp_path / "colour.png")
    cell = (tmp_path / "deep.png", tmp_path / "colour.png")
    out = tmp_path / "out"
    out.mkdir()
    keep = Damage("contrast", "", (1.0,), sight.contrast)  # all of the contrast: nothing may change
    found = damaged(view(Modality.IMAGE), cell, keep, 1.0, (0, 1), around(), out)
    for old, new in zip(cell, found, strict=True):
        before, after = read_image(old), read_image(new)
        assert (before.dtype, before.shape) == (after.dtype, after.shape)
        assert np.allclose(before.astype(float), after.astype(float), atol=1e-4 if before.dtype == np.float32 else 1)


def test_sound_keeps_its_rate_and_the_channel_that_is_read(tmp_path: Path) -> None:
    left, right = np.zeros(4000), 0.5 * np.sin(np.arange(4000) / 5)
    soundfile.write(tmp_path / "two.wav", np.stack([left, right], axis=1), 11025)
    none = Damage("background noise", "", (60.0,), sound.background)
    found = damaged(view(Modality.AUDIO, channel=1), (tmp_path / "two.wav",), none, 90.0, (0, 0), around(), tmp_path)
    assert soundfile.info(found[0]).samplerate == 11025
    assert np.allclose(read_audio(found[0], 11025, 1).numpy(), right, atol=2e-3)


def test_a_video_with_dropped_frames_shows_the_one_before(tmp_path: Path) -> None:
    table = make_table(tmp_path / "t", 1, ["video"])
    path = table.parent / "00000.mp4"
    found = damaged(view(Modality.VIDEO), (path,), damage(Modality.VIDEO, DROPPED), 0.75, (0, 2), around(), tmp_path)
    before, after = ([pixels for _, pixels in every_frame(p)] for p in (path, found[0]))
    assert len(before) == len(after) == 8
    held = [i for i in range(1, 8) if (after[i] == after[i - 1]).all()]
    assert len(held) >= 3
    assert (after[0] == before[0]).all()
    for i in set(range(1, 8)) - set(held):
        assert (after[i] == before[i]).all()
    assert duration(found[0]) == pytest.approx(duration(path), abs=0.15)


def test_a_pair_is_damaged_in_its_first_column_alone() -> None:
    cell = {"answer": "a dog and a rose", "reference": "a dog and a rose"}
    typed = damage(Modality.PAIR, "typing errors")
    found = damaged(view(Modality.PAIR), cell, typed, 1.0, (1, 1), around(), Path())
    assert found["reference"] == cell["reference"]
    assert found["answer"] != cell["answer"]


def test_a_row_that_loses_every_cell_is_absent() -> None:
    gone = Damage("missing cells", "", (1.0,), blank)
    look = view(Modality.TABULAR, numbers=["n"])
    assert damaged(look, {"n": "1", "m": "x"}, gone, 1.1, (0, 0), around(), Path()) is None
