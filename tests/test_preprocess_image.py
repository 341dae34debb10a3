"""Images to tensors: values by hand, and every kind of bad file refused in words."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ct_phantom import write_slice
from PIL import Image

from core.errors import ConfigError, FileError
from core.preprocess.denoising import noise_level, non_local_means
from core.preprocess.image import ImagePreprocessor, evenly

OFF: dict[str, Any] = {"rotate": 0, "flip": False, "zoom": 0, "shift": 0, "brightness": 0, "noise": 0}


def save(path: Path, pixels: Any, **options: Any) -> Path:
    Image.fromarray(np.asarray(pixels)).save(path, **options)
    return path


def sample(path: Path, **options: Any) -> torch.Tensor:
    part = ImagePreprocessor(**{"size": 4, **options})
    return part.finish(part.prepare((path,)))


def test_a_grey_png_of_the_right_size_keeps_its_pixels(tmp_path: Path) -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4) * 17
    part = ImagePreprocessor(size=4)
    prepared = part.prepare((save(tmp_path / "a.png", pixels),))
    assert prepared.dtype == torch.uint8
    assert prepared.shape == (1, *part.signature.shape)
    assert torch.equal(part.finish(prepared)[0, 0], torch.from_numpy(pixels) / 255)


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    pixels = np.full((4, 4), 30001, np.uint16)
    assert sample(save(tmp_path / "a.png", pixels)).mean().item() == pytest.approx(30001 / 65535, abs=1e-6)


def test_eight_and_sixteen_bits_in_one_cell_share_a_scale(tmp_path: Path) -> None:
    deep = save(tmp_path / "a.png", np.full((4, 4), 65535, np.uint16))
    flat = save(tmp_path / "b.png", np.full((4, 4), 255, np.uint8))
    assert torch.allclose(ImagePreprocessor(size=4).prepare((deep, flat)), torch.ones(2, 1, 4, 4))


def test_colours_become_grey_by_luminance_and_grey_three_channels(tmp_path: Path) -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    assert (sample(save(tmp_path / "r.png", red)) * 255).round().unique().tolist() == [60]  # .299 * 200
    assert sample(save(tmp_path / "r.png", red), channels=3)[0, :, 0, 0].tolist() == pytest.approx([200 / 255, 0, 0])
    grey = sample(save(tmp_path / "g.png", np.full((4, 4), 51, np.uint8)), channels=3)
    assert torch.allclose(grey, torch.full((1, 3, 4, 4), 0.2))


def test_transparent_parts_become_black(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 4), 255, np.uint8)
    pixels[:2, :, 3] = 0
    assert sample(save(tmp_path / "a.png", pixels))[0, 0, :, 0].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("resize", "left", "middle"), [("pad", [0, 1, 1, 0], 1.0), ("stretch", [1] * 4, 1.0), ("crop", [1] * 4, 1.0)]
)
def test_resize_keeps_or_fills_the_square(tmp_path: Path, resize: str, left: list[float], middle: float) -> None:
    wide = save(tmp_path / "a.png", np.full((2, 4), 255, np.uint8))
    result = sample(wide, resize=resize)[0, 0]
    assert result.shape == (4, 4)
    assert result[:, 0].tolist() == left
    assert result[1, 1].item() == middle


def test_crop_resize_keeps_the_middle(tmp_path: Path) -> None:
    pixels = np.zeros((4, 8), np.uint8)
    pixels[:, 2:6] = 255
    assert sample(save(tmp_path / "a.png", pixels), resize="crop").min() == 1
    assert sample(save(tmp_path / "a.png", pixels), crop="center").min() == 1
    assert sample(save(tmp_path / "a.png", pixels), resize="stretch").min() < 0.2


def test_foreground_crop_removes_the_plain_border_of_any_colour(tmp_path: Path) -> None:
    pixels = np.full((12, 12), 255, np.uint8)
    pixels[3:7, 5:9] = 100
    assert (sample(save(tmp_path / "a.png", pixels), crop="foreground") * 255).round().unique().tolist() == [100]
    plain = save(tmp_path / "b.png", np.full((12, 12), 9, np.uint8))
    assert (sample(plain, crop="foreground") * 255).round().unique().tolist() == [9]


def test_trim_bottom_cuts_a_footer(tmp_path: Path) -> None:
    pixels = np.zeros((10, 10), np.uint8)
    pixels[8:] = 255
    assert sample(save(tmp_path / "a.png", pixels), size=10, trim_bottom=0.2).max() == 0


@pytest.mark.parametrize("how", ["median", "gaussian", "nlm"])
def test_denoising_lowers_noise_and_keeps_an_edge(tmp_path: Path, how: str) -> None:
    rng = np.random.default_rng(0)
    clean = np.where(np.arange(48) < 24, 60, 190)[None].repeat(48, 0)
    noisy = save(tmp_path / "a.png", (clean + rng.normal(0, 12, clean.shape)).clip(0, 255).astype(np.uint8))
    before, after = (sample(noisy, size=48, denoise=d)[0, 0] * 255 for d in ("none", how))
    flat = np.s_[4:44, 4:20]
    assert after[flat].std() < 0.75 * before[flat].std()
    assert abs(after[:, :20].mean() - 60) < 2
    assert abs(after[:, 28:].mean() - 190) < 2


def test_noise_level_and_non_local_means_of_a_plain_image() -> None:
    rng = np.random.default_rng(1)
    image = (0.5 + rng.normal(0, 0.05, (1, 64, 64))).astype(np.float32)
    assert noise_level(image) == pytest.approx(0.05, rel=0.1)
    assert np.allclose(non_local_means(np.full((1, 3, 3), 0.25, np.float32)), 0.25)


def test_intensity_scales(tmp_path: Path) -> None:
    pixels = np.linspace(50, 200, 10000).astype(np.uint8).reshape(100, 100)
    path = save(tmp_path / "a.png", pixels)
    unit = sample(path, size=100)
    assert torch.allclose(sample(path, size=100, intensity="symmetric"), unit * 2 - 1)
    score = sample(path, size=100, intensity="zscore")
    assert score.mean().abs() < 1e-4
    assert score.std(correction=0).item() == pytest.approx(1, abs=1e-4)
    spread = sample(path, size=100, intensity="percentile")
    assert (spread.min(), spread.max()) == (0, 1)
    assert spread.median().item() == pytest.approx(0.5, abs=0.02)
    net = sample(path, size=100, channels=3, intensity="imagenet")
    assert net[0, 0, 0, 0].item() == pytest.approx((50 / 255 - 0.485) / 0.229, abs=1e-4)


def test_a_plain_image_has_no_infinite_score(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.full((4, 4), 7, np.uint8))
    for intensity in ("zscore", "percentile"):
        assert torch.isfinite(sample(path, intensity=intensity)).all()


def test_more_images_than_allowed_are_thinned_evenly(tmp_path: Path) -> None:
    cell = tuple(save(tmp_path / f"{i}.png", np.full((4, 4), i, np.uint8)) for i in range(9))
    kept = ImagePreprocessor(size=4, max_images=3).prepare(cell)
    assert kept[:, 0, 0, 0].tolist() == [0, 4, 8]
    assert evenly(cell, 20) == list(cell)
    assert evenly(cell, 1) == [cell[0]]


def test_augmentation_follows_the_generator_and_each_image_on_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = save(tmp_path / "a.png", rng.integers(0, 255, (32, 32)).astype(np.uint8))
    part = ImagePreprocessor(size=32)
    prepared = part.prepare((path, path))
    one, two, other = (part.finish(prepared, np.random.default_rng(s)) for s in (3, 3, 4))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.equal(part.finish(prepared), part.finish(prepared))


def test_augmentation_switched_off_changes_nothing_and_flip_mirrors(tmp_path: Path) -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4) * 10
    path = save(tmp_path / "a.png", pixels)
    off = ImagePreprocessor(size=4, augment=OFF)
    plain = off.finish(off.prepare((path,)))
    assert torch.allclose(off.finish(off.prepare((path,)), np.random.default_rng(0)), plain, atol=1e-6)
    flip = ImagePreprocessor(size=4, augment={**OFF, "flip": True})
    results = [flip.finish(flip.prepare((path,)), np.random.default_rng(s)) for s in range(12)]
    mirrored = [torch.allclose(r, plain.flip(-1), atol=1e-6) for r in results]
    assert any(mirrored)
    assert not all(mirrored)
    assert all(m or torch.allclose(r, plain, atol=1e-6) for m, r in zip(mirrored, results, strict=True))


def test_rotation_does_not_shear_an_image_that_is_not_square() -> None:
    from core.preprocess.augmentation import Augmentation

    theta = Augmentation(**{**OFF, "rotate": 90.0})._theta(_Fixed(90.0), 0.5)
    assert torch.allclose(theta[:, :2], torch.tensor([[0.0, -0.5], [2.0, 0.0]]), atol=1e-6)


class _Fixed(np.random.Generator):
    """A generator whose first draw is the angle; everything else is 0."""

    def __init__(self, angle: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.draws = [angle]

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        return self.draws.pop() if self.draws else (0.0 if size is None else np.zeros(size))


def test_a_ct_slice_is_rescaled_and_windowed(tmp_path: Path) -> None:
    path = write_slice(tmp_path / "a.dcm", np.full((4, 4), 40.0), slope=2.0, intercept=-1000.0)
    assert torch.allclose(sample(path, window="mediastinum"), torch.full((1, 1, 4, 4), 0.5))
    assert torch.allclose(sample(path, window=[140, 400]), torch.full((1, 1, 4, 4), 0.25))


def test_a_dicom_uses_its_own_window_and_inverts_monochrome1(tmp_path: Path) -> None:
    path = write_slice(tmp_path / "a.dcm", np.full((4, 4), 0.0), WindowCenter=100, WindowWidth=400)
    assert sample(path)[0, 0, 0, 0].item() == pytest.approx(0.25)
    tags: dict[str, Any] = {"WindowCenter": 100, "WindowWidth": 400, "PhotometricInterpretation": "MONOCHROME1"}
    assert sample(write_slice(tmp_path / "b.dcm", np.full((4, 4), 0.0), **tags))[0, 0, 0, 0].item() == pytest.approx(
        0.75
    )


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\0\1IDAT"


def test_bad_files_are_refused_in_words(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    whole = save(tmp_path / "whole.png", noise).read_bytes()
    jpeg = save(tmp_path / "whole.jpg", noise).read_bytes()
    frames = [Image.fromarray(noise), Image.fromarray(noise[::-1].copy())]
    frames[0].save(tmp_path / "film.png", save_all=True, append_images=frames[1:])
    dicom = write_slice(tmp_path / "whole.dcm", np.zeros((32, 32))).read_bytes()
    cases = {
        "cut.png": (whole[: len(whole) // 2], "damaged or cut off"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "damaged or cut off"),
        "cut.dcm": (dicom[:-500], "cannot be decoded"),
        "text.png": (b"hello, not an image", "neither PNG, JPEG nor DICOM but is named .png"),
        "wrong.png": (jpeg, "holds JPEG but is named .png"),
        "wrong.dcm": (whole, "holds PNG but is named .dcm"),
        "empty.png": (b"", "file is empty"),
        "zero.png": (png_header(0, 5), "damaged|0 x 5"),
        "huge.png": (png_header(100_000, 100_000), "at most 64000000 pixels"),
        "big.png": (png_header(9000, 8000), "9000 x 8000 pixels"),
        "film.png": ((tmp_path / "film.png").read_bytes(), "holds 2 frames where one is due"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileError, match=message) as caught:
            ImagePreprocessor().prepare((tmp_path / name,))
        assert name in str(caught.value)
    with pytest.raises(FileError, match="cannot be opened"):
        ImagePreprocessor().prepare((tmp_path / "none.png",))


def test_a_dicom_film_is_refused(tmp_path: Path) -> None:
    from pydicom.data import get_testdata_file

    film = get_testdata_file("SC_rgb_rle_2frame.dcm", download=False)
    with pytest.raises(FileError, match="holds 2 frames"):
        ImagePreprocessor().prepare((Path(str(film)),))


def test_a_colour_dicom_keeps_its_colours() -> None:
    from pydicom.data import get_testdata_file

    path = Path(str(get_testdata_file("SC_rgb_rle.dcm", download=False)))
    image = ImagePreprocessor(size=100, channels=3).prepare((path,))[0]
    assert image[:, 5, 50].tolist() == [1, 0, 0]  # its first bar is pure red


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resize": "padd"}, "Did you mean 'pad'"),
        ({"denoise": "nl"}, "Choices: gaussian, median, nlm, none"),
        ({"intensity": "imagenet"}, "3 for intensity='imagenet'"),
        ({"channels": 2}, "channels: 1 or 3"),
        ({"trim_bottom": 1.0}, "trim_bottom from 0 to below 1"),
        ({"augment": {"rotation": 3}}, "Did you mean 'rotate'"),
        ({"augment": {"zoom": -1}}, "augment.zoom: expected a number from 0"),
        ({"augment": {"flip": 1}}, "expected true or false"),
        ({"window": "lungs"}, "Did you mean 'lung'"),
        ({"window": [40, 0]}, "width above 0"),
    ],
)
def test_options_that_do_not_exist_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ImagePreprocessor(**options)
