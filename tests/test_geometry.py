"""The geometry gate: no false alarm on clean series, each fault named with its mm, and what each policy does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ct_phantom import AXIAL, CORONAL, OBLIQUE, SAGITTAL, Phantom, body, write_slice
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError, FileError
from core.preprocess.geometry import Defect, GeometryError, Slice, inspect, points
from core.preprocess.volume_io import read_volume


def slices(heights: Any, axes: Any = AXIAL, noise: float = 0.0, seed: int = 0) -> list[Slice]:
    rng = np.random.default_rng(seed)
    directions = np.asarray(axes, dtype=float)
    normal = np.cross(*directions)
    spots = np.asarray(heights)[:, None] * normal + [-120.0, 55.5, -800.25]
    spots = spots + rng.uniform(-noise, noise, spots.shape)
    return [Slice(f"{i}", p, directions, (0.7, 0.7), (8, 8), "1.2", number=i) for i, p in enumerate(spots)]


def kinds(found: list[Defect]) -> list[str]:
    return [d.kind for d in found]


def rotation(angles: tuple[float, float, float]) -> np.ndarray:
    """(2, 3) row and column direction of a turned axial plane."""
    x, y, z = np.radians(angles)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return (about_x @ about_y @ about_z)[:, :2].T


@settings(max_examples=300, deadline=None)
@given(
    spacing=st.one_of(st.sampled_from([0.625, 0.75, 1.0, 1.25, 2.5, 3.0, 5.0, 7.5, 10.0]), st.floats(0.625, 10)),
    count=st.integers(1, 120),
    axes=st.one_of(
        st.sampled_from([AXIAL, CORONAL, SAGITTAL, OBLIQUE]),
        st.tuples(*[st.floats(-180, 180)] * 3).map(rotation),
    ),
    noise=st.sampled_from([0.0, 1e-6, 1e-3]),
    order=st.randoms(use_true_random=False),
    seed=st.integers(0, 1000),
)
def test_a_clean_series_raises_no_alarm(
    spacing: float, count: int, axes: Any, noise: float, order: Any, seed: int
) -> None:
    series = slices(np.arange(count) * spacing, axes, noise, seed)
    order.shuffle(series)
    assert inspect(series) == []


@settings(max_examples=100, deadline=None)
@given(
    spacing=st.floats(0.625, 10), count=st.integers(5, 60), axes=st.sampled_from([AXIAL, CORONAL, SAGITTAL, OBLIQUE]),
    data=st.data(),
)  # fmt: skip
def test_a_missing_slice_is_always_a_gap(spacing: float, count: int, axes: Any, data: st.DataObject) -> None:
    series = slices(np.arange(count) * spacing, axes, 1e-3)
    lost = data.draw(st.integers(1, count - 2))
    found = inspect(series[:lost] + series[lost + 1 :])
    assert kinds(found) == ["gap"]
    assert found[0].slices == (str(lost - 1), str(lost + 1))
    assert "missing, it seems: 1 slice" in found[0].sentence


@settings(max_examples=100, deadline=None)
@given(degrees=st.one_of(st.floats(0.6, 30), st.floats(-30, -0.6)), spacing=st.floats(0.625, 10))
def test_a_tilt_is_always_named_in_degrees(degrees: float, spacing: float) -> None:
    series = slices(np.arange(30) * spacing, AXIAL, 1e-3)
    leaning = [
        replace(s, position=np.add(s.position, [0, i * spacing * np.tan(np.radians(degrees)), 0]))  # type: ignore[arg-type]
        for i, s in enumerate(series)
    ]
    found = inspect(leaning)
    assert kinds(found) == ["tilt"]
    assert float(found[0].sentence.split(" by ")[1].split()[0]) == pytest.approx(abs(degrees), abs=0.3)


def test_each_fault_is_named_with_slices_and_millimetres() -> None:
    clean = slices(np.arange(10) * 2.0)
    other = slices([5.0], CORONAL)
    cases: dict[str, tuple[list[Slice], str]] = {
        "gap": (clean[:4] + clean[6:], "6.00 mm between 3 and 6 where 2.00 mm is usual; missing, it seems: 2 slices"),
        "duplicate position": ([*clean, replace(clean[3], name="again")], "3 and again at"),
        "mixed orientation": (clean + other, "1 of 11 slices lie in another direction"),
        "localiser": ([*clean, replace(other[0], localizer=True, name="scout")], r"scout views\): scout"),
        "missing position": ([*clean[:9], replace(clean[9], position=None)], "1 of 10 slices lack a position"),
        "mixed spacing": ([*clean[:9], replace(clean[9], spacing=(0.8, 0.7))], "another pixel spacing: 9"),
        "mixed size": ([*clean[:9], replace(clean[9], shape=(8, 9))], "other rows and columns: 9"),
        "mixed series": ([*clean[:9], replace(clean[9], series="1.3")], "2 series"),
        "non-uniform spacing": (slices([0, 2, 4, 5, 7, 9, 11]), "from 1.000 to 2.000 mm, usual is 2.000 mm"),
        "shift": (
            [*clean[:9], replace(clean[9], position=points(clean)[9] + (3, 0, 0))],
            "3.0 mm beside the stack: 9",
        ),
    }
    for kind, (series, sentence) in cases.items():
        found = inspect(series)
        assert kinds(found) == [kind]
        with pytest.raises(AssertionError, match=sentence):
            raise AssertionError(found[0].sentence)


def test_several_faults_are_named_together() -> None:
    clean = slices(np.arange(12) * 2.0)
    series = [*clean[:5], *clean[6:], replace(clean[1], name="again"), replace(clean[0], localizer=True)]
    assert kinds(inspect(series)) == ["localiser", "duplicate position", "gap"]


VOXELS = body((10, 12, 14))


def phantom(**changes: Any) -> Phantom:
    return Phantom(VOXELS, **changes)


def test_refuse_names_all_defects_and_the_next_step(tmp_path: Path) -> None:
    phantom().write(tmp_path, only=[0, 1, 2, 4, 5, 6, 7, 8, 9])
    write_slice(
        tmp_path / "scout.dcm", VOXELS[0], **phantom().slice_tags(3), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]
    )
    with pytest.raises(GeometryError, match="2 fault") as caught:
        read_volume(tmp_path)
    assert [d.kind for d in caught.value.defects] == ["localiser", "gap"]
    assert "'resample'" in str(caught.value)
    assert isinstance(caught.value, FileError)


def test_resample_fills_a_gap_by_interpolation_and_tells_it(tmp_path: Path) -> None:
    phantom().write(tmp_path, only=[0, 1, 2, 3, 5, 6, 7, 8, 9])
    volume = read_volume(tmp_path, on_defect="resample")
    assert volume.array.shape == VOXELS.shape
    assert np.allclose(volume.array[4], (VOXELS[3] + VOXELS[5]) / 2)
    assert np.array_equal(np.delete(volume.array, 4, 0), np.delete(VOXELS, 4, 0))
    assert volume.actions == ("interpolated 1 slice so that all are 2.000 mm apart",)
    assert volume.defects[0].startswith("gap: 4.00 mm")


def test_resample_straightens_a_tilted_stack(tmp_path: Path) -> None:
    """Every slice of the tilted scan shows the same body, moved one pixel a slice; upright it stands still."""
    tower = np.repeat(VOXELS[:1], 10, axis=0)
    moved = np.stack(
        [
            np.roll(one, -i, axis=0)
            for i, one in enumerate(np.pad(tower, ((0, 0), (9, 9), (0, 0)), constant_values=-1000))
        ]
    )
    offsets = np.arange(10)[:, None] * np.array([[0.0, 1.0, 0.0]])
    Phantom(moved, offsets=offsets).write(tmp_path)
    volume = read_volume(tmp_path, on_defect="resample")
    assert volume.defects[0].startswith("tilt: the stack leans by 26.6 degrees")
    upright = volume.array[:, 9 : 9 + 12]
    assert np.allclose(upright, tower, atol=1e-2)
    assert volume.spacing == pytest.approx((2, 1, 1))
    assert volume.affine[:3, 3] == pytest.approx([-10, -20, 30])
    assert "straightened" in volume.actions[0]
    assert read_volume(tmp_path, on_defect="accept").array.shape == moved.shape


def test_resample_drops_a_repeated_slice_but_refuses_two_that_differ(tmp_path: Path) -> None:
    phantom().write(tmp_path)
    tags = phantom().slice_tags(4)
    write_slice(tmp_path / "again.dcm", VOXELS[4], **tags)
    volume = read_volume(tmp_path, on_defect="resample")
    assert np.array_equal(volume.array, VOXELS)
    assert "dropped 1 slice" in volume.actions[0]
    write_slice(tmp_path / "again.dcm", VOXELS[4] + 50, **tags)
    with pytest.raises(GeometryError, match=r"show different things.*\n.*remove one of each pair"):
        read_volume(tmp_path, on_defect="resample")


@pytest.mark.parametrize("policy", ["resample", "accept"])
def test_what_cannot_be_stacked_is_left_out_and_told(tmp_path: Path, policy: str) -> None:
    phantom().write(tmp_path)
    tags = phantom().slice_tags(0)
    write_slice(tmp_path / "scout.dcm", VOXELS[0], **tags, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    write_slice(tmp_path / "lost.dcm", VOXELS[0], **{**tags, "ImagePositionPatient": None})
    write_slice(tmp_path / "side.dcm", VOXELS[0], **{**tags, "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]})
    write_slice(tmp_path / "wide.dcm", np.zeros((3, 3)), **tags)
    volume = read_volume(tmp_path, on_defect=policy)
    assert np.array_equal(volume.array, VOXELS)
    told = " ".join(volume.actions)
    for name in ("scout", "lost", "side", "wide"):
        assert f"{name}.dcm" in told
    assert len(volume.defects) == 4


def test_accept_goes_on_with_the_mean_distance(tmp_path: Path) -> None:
    phantom().write(tmp_path, only=[0, 1, 2, 3, 5, 6, 7, 8, 9])
    volume = read_volume(tmp_path, on_defect="accept")
    assert np.array_equal(volume.array, np.delete(VOXELS, 4, 0))
    assert volume.spacing[0] == pytest.approx(18 / 8)
    assert volume.actions == ("gone on as it is (gap): taken as upright, 2.250 mm apart",)


def test_without_any_position_only_accept_reads_by_instance_number(tmp_path: Path) -> None:
    phantom().write(tmp_path, ImagePositionPatient=None)
    for policy in ("refuse", "resample"):
        with pytest.raises(GeometryError, match="missing position"):
            read_volume(tmp_path, on_defect=policy)
    volume = read_volume(tmp_path, on_defect="accept")
    assert np.array_equal(volume.array, VOXELS)
    assert "ordered by InstanceNumber, 2 mm apart" in volume.actions[0]


def test_a_series_without_majority_or_of_localisers_is_refused_by_every_policy(tmp_path: Path) -> None:
    phantom().write(tmp_path / "half", only=[0, 1])
    turned = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
    for i in (2, 3):
        write_slice(tmp_path / "half" / f"side{i}.dcm", VOXELS[i], **{**phantom().slice_tags(i), **turned})
    phantom(tags={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}).write(tmp_path / "scouts", only=[0, 1])
    for policy in ("resample", "accept"):
        with pytest.raises(GeometryError, match="split the series"):
            read_volume(tmp_path / "half", on_defect=policy)
        with pytest.raises(GeometryError, match="holds localisers only"):
            read_volume(tmp_path / "scouts", on_defect=policy)


def test_a_series_that_is_mostly_missing_is_not_made_up(tmp_path: Path) -> None:
    phantom().write(tmp_path, only=[0, 1, 8, 9])
    with pytest.raises(GeometryError, match="6 of 10 slices would have to be made up"):
        read_volume(tmp_path, on_defect="resample")
    assert len(read_volume(tmp_path, on_defect="accept").array) == 4


def test_an_unknown_policy_lists_the_choices(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'resample'"):
        read_volume(tmp_path, on_defect="resampel")
