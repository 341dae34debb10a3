"""Shares of boxes land on the voxels that the model saw in them; marks in texts stand where the words are."""

from __future__ import annotations

import itertools

import numpy as np

from apps.ui.parts import highlighted, listed
from core.explanation.parts import GRIDS, Part
from core.preprocess.volume import VolumePreprocessor
from core.preprocess.volume_io import Volume
from core.schema import Modality
from domains.medical.heat import Heat, heat_picture, strongest_slice

GRID = GRIDS[Modality.VOLUME]


def volume(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Volume:
    affine = np.diag([*spacing[::-1], 1.0])[:, [2, 1, 0, 3]]  # slices along z, rows along y, columns along x
    return Volume(np.full(shape, -500.0, np.float32), affine)


def parts(box: tuple[int, int, int]) -> list[Part]:
    places = itertools.product(*(range(n) for n in GRID))
    return [Part("", (), 2.0 if place == box else -0.5 if place == (0, 0, 0) else 0.0) for place in places]


def test_a_fitted_scan_is_covered_box_by_box() -> None:
    scan = volume((12, 50, 50), (2.0, 1.0, 1.0))
    heat = Heat.of(parts((4, 2, 3)), VolumePreprocessor(size=[12, 20, 20], spacing=None))
    shares = heat.on_voxels(scan)
    assert shares.shape == (12, 50, 50)
    assert set(map(tuple, np.argwhere(shares == 2.0))) == set(itertools.product((8, 9), range(20, 30), range(30, 40)))
    assert strongest_slice(heat, scan, "axial") in (8, 9)


def test_a_grid_in_mm_covers_what_it_reaches_and_no_more() -> None:
    scan = volume((60, 60, 60), (1.0, 1.0, 1.0))
    heat = Heat.of(parts((0, 0, 0)), VolumePreprocessor(size=[12, 20, 20], spacing=[2.0, 2.0, 2.0]))
    shares = heat.on_voxels(scan)  # the model saw 24 x 40 x 40 mm around the centre
    assert np.argwhere(shares != 0).min(axis=0).tolist() == [18, 10, 10]
    assert np.argwhere(shares != 0).max(axis=0).tolist() == [21, 17, 17]


def test_what_speaks_for_is_warm_and_what_against_cold() -> None:
    scan = volume((12, 50, 50), (2.0, 1.0, 1.0))
    heat = Heat.of(parts((0, 4, 4)), VolumePreprocessor(size=[12, 20, 20], spacing=None))
    picture = heat_picture(heat, scan, "axial", 0, (-600, 1500)).astype(int)
    assert picture.shape == (512, 512, 3)
    red, blue = picture[..., 0], picture[..., 2]
    assert red[480, 480] > blue[480, 480] + 50
    assert blue[30, 30] > red[30, 30] + 10
    assert abs(red[256, 256] - blue[256, 256]) < 3


def test_words_are_marked_where_they_stand_and_weak_ones_are_not() -> None:
    text = "no *effusion*, clear"
    found = [Part("no", ((0, 2),), -1.0), Part("effusion", ((4, 12),), 2.0), Part("clear", ((15, 20),), 0.01)]
    assert highlighted(text, found) == ":red-background[no] \\*:green-background[effusion]\\*, clear"
    assert listed(found) == "effusion (+2.00), no (−1.00)"
    assert listed([Part("", ((0.5, 1.0),), 0.7)]) == "0.5 to 1.0 s (+0.70)"
    assert listed([]) == "no part of it alone"
