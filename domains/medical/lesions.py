"""Findings planted in a drawn chest, and look-alikes that are none. Each tells what it planted, in words and mm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from domains.medical.anatomy import Scene

Planted = tuple["Lesion", np.ndarray]  # with the share (Z, H, W) of each voxel that it fills


@dataclass(frozen=True)
class Lesion:
    """What was planted: ``size`` is a diameter, depth or thickness in mm, ``extent`` a share of both lungs."""

    kind: str
    side: str  # right, left, both
    zone: str  # upper, middle, lower
    size: float
    extent: float = 0.0


def nodule(scene: Scene, rng: np.random.Generator, severity: float) -> Planted:
    """A solid nodule of 5 to 25 mm, lobed or round."""
    size = 5 + 20 * severity
    center, share = _ball(scene, rng, size / 2, rough=float(rng.uniform(0.02, 0.16)))
    scene.paint(share, float(rng.uniform(15, 60)))
    return Lesion("nodule", "right" if center[2] < 0 else "left", _zone(scene, center[0]), size), share


def granuloma(scene: Scene, rng: np.random.Generator, severity: float) -> Planted:
    """A calcified granuloma of 3 to 7 mm: harmless."""
    size = 3 + 4 * severity
    center, share = _ball(scene, rng, size / 2, rough=0.0)
    scene.paint(share, float(rng.uniform(500, 950)))
    return Lesion("granuloma", "right" if center[2] < 0 else "left", _zone(scene, center[0]), size), share


def effusion(scene: Scene, rng: np.random.Generator, severity: float) -> Planted:
    """Fluid that sinks to the back of a patient who lies on it, and climbs where it touches the wall."""
    side = str(rng.choice(["right", "left", "both"], p=[0.4, 0.3, 0.3]))
    depth = 8 + 62 * severity
    share = _side(scene, side) * _layer(scene, depth, meniscus=6 + 0.2 * depth)
    scene.replace_lung(share, float(rng.uniform(5, 15)))
    return Lesion("effusion", side, "lower", depth), share


def thickening(scene: Scene, rng: np.random.Generator, severity: float) -> Planted:
    """Old thickening of the pleura at the back: looks like a small effusion, but denser."""
    side = str(rng.choice(["right", "left"]))
    depth = 5 + 6 * severity
    share = _side(scene, side) * _layer(scene, depth, meniscus=0.0)
    scene.replace_lung(share, float(rng.uniform(25, 50)))
    return Lesion("thickening", side, "lower", depth), share


def ground_glass(scene: Scene, rng: np.random.Generator, severity: float) -> Planted:
    """Patches of -650 to -500 HU, rather outside, at the back and below; vessels stay visible."""
    height, depth, _ = scene.patient.lungs
    extent, side = 0.03 + 0.4 * severity**1.5, str(rng.choice(["both", "right", "left"], p=[0.7, 0.15, 0.15]))
    likely = _clouds(scene, rng, 22.0) - 0.015 * np.clip(scene.wall, 0, 60)
    likely = likely + 0.35 * scene.y / depth - 0.35 * scene.z / height
    lungs = scene.lungs * _side(scene, side)
    inside = lungs > 0.5
    share_of_side = min(extent * float((scene.lungs > 0.5).sum()) / max(int(inside.sum()), 1), 0.8)
    threshold = float(np.quantile(likely[inside], 1 - share_of_side))
    share = lungs * np.clip((likely - threshold) / 0.25 + 0.5, 0, 1)
    value = float(rng.uniform(-650, -500)) + 25 * _clouds(scene, rng, 9.0)
    scene.paint(share * (scene.hounsfield < value), value)
    found = float(((share > 0.5) & (scene.lungs > 0.5)).sum() / (scene.lungs > 0.5).sum())
    weight = (share > 0.5).sum(axis=(1, 2))
    middle = float((scene.z[:, 0, 0] * weight).sum() / max(weight.sum(), 1))
    return Lesion("ground_glass", side, _zone(scene, middle), 0.0, found), share


def dependent(scene: Scene, rng: np.random.Generator, severity: float) -> Planted:
    """Haze at the very back where the lung is pressed by its own weight: no disease."""
    share = scene.lungs * np.clip(0.5 + (_layer_depth(scene, 8 + 22 * severity)) / 8, 0, 1)
    share = share * np.clip(0.5 + 0.5 * _clouds(scene, rng, 25.0), 0, 1)
    value = float(rng.uniform(-730, -620))
    scene.paint(share * (scene.hounsfield < value), value)
    return Lesion("dependent", "both", "lower", 8 + 22 * severity), share


def atelectasis(scene: Scene, rng: np.random.Generator, severity: float) -> Planted:
    """A band of collapsed lung above the diaphragm."""
    side, height = str(rng.choice(["right", "left"])), scene.patient.lungs[0]
    thick = 4 + 5 * severity
    tilt = rng.normal(0, 0.25, 2)
    level = -0.35 * height + rng.normal(0, 10) + tilt[0] * scene.x + tilt[1] * scene.y
    band = np.clip((thick / 2 - np.abs(scene.z - level)) / scene.spacing[0] + 0.5, 0, thick / scene.spacing[0])
    share = scene.lungs * _side(scene, side) * np.minimum(band, 1) * (np.abs(scene.wall - 22) < 24)
    scene.paint(share, float(rng.uniform(-60, 30)))
    return Lesion("atelectasis", side, "lower", thick), share


FINDINGS: dict[str, Callable[[Scene, np.random.Generator, float], Planted]] = {
    "nodule": nodule, "effusion": effusion, "ground_glass": ground_glass,
}  # fmt: skip
LOOKALIKES: dict[str, Callable[[Scene, np.random.Generator, float], Planted]] = {
    "granuloma": granuloma, "thickening": thickening, "dependent": dependent, "atelectasis": atelectasis,
}  # fmt: skip


def _side(scene: Scene, side: str) -> np.ndarray:
    """(Z, H, W) lungs of one side or both."""
    if side == "both":
        return scene.lungs
    return scene.lungs * ((scene.x < 0) if side == "right" else (scene.x > 0))


def _zone(scene: Scene, z: float) -> str:
    """Which third of the lungs a height in mm is in."""
    part = z / scene.patient.lungs[0]
    return "upper" if part > 0.3 else "middle" if part > -0.15 else "lower"


def _layer_depth(scene: Scene, depth: float) -> np.ndarray:
    """(Z, H, W) mm below the surface of a layer at the back that is ``depth`` mm deep at the base, less above."""
    height, back, _ = scene.patient.lungs
    taper = np.clip(0.75 - 0.45 * scene.z / height, 0, 1.0)  # (Z, 1, 1)
    return scene.y - (back - 3 - depth * taper)


def _layer(scene: Scene, depth: float, meniscus: float) -> np.ndarray:
    """(Z, H, W) share of such a layer, its surface raised by ``meniscus`` mm at the chest wall."""
    raised = meniscus * np.exp(-np.clip(scene.wall - 3, 0, None) / 9)
    return scene.edge(_layer_depth(scene, depth) + raised)


def _clouds(scene: Scene, rng: np.random.Generator, grain: float) -> np.ndarray:
    """(Z, H, W) smooth noise of unit spread with lumps of about ``grain`` mm."""
    from scipy.ndimage import map_coordinates

    shape = scene.hounsfield.shape
    coarse = [int(np.ceil(n * s / grain)) + 3 for n, s in zip(shape, scene.spacing, strict=True)]
    places = [np.linspace(0.5, c - 1.5, n) for c, n in zip(coarse, shape, strict=True)]
    lumps = rng.standard_normal(coarse).astype(np.float32)
    smooth = map_coordinates(lumps, np.meshgrid(*places, indexing="ij"), order=1, output=np.float32)
    return (smooth - smooth.mean()) / smooth.std()


def _ball(
    scene: Scene, rng: np.random.Generator, radius: float, rough: float, tries: int = 400
) -> tuple[np.ndarray, np.ndarray]:
    """A rough ball wholly inside a lung: its centre (z, y, x) in mm and the share (Z, H, W) that it fills."""
    spots = np.argwhere(scene.lungs > 0.95)
    for _ in range(tries):
        k, j, i = spots[rng.integers(len(spots))]
        center = np.array([scene.z[k, 0, 0], scene.y[0, j, i], scene.x[0, j, i]], dtype=np.float64)
        center += rng.uniform(-0.5, 0.5, 3) * scene.spacing
        clear = scene.lungs[scene.box(center, 0.8 * radius)]
        if clear.mean() > 0.9:
            break
    share = np.zeros_like(scene.lungs)
    box = scene.box(center, 1.6 * radius + 2)
    share[box] = _fill(scene, box, center, radius, rough, rng) * (scene.lungs[box] > 0.2)
    return center, share


def _fill(
    scene: Scene,
    box: tuple[slice, slice, slice],
    center: np.ndarray,
    radius: float,
    rough: float,
    rng: np.random.Generator,
    fine: int = 5,
) -> np.ndarray:
    """Share of each voxel of a box inside a rough ball, by sampling every voxel at ``fine``³ points."""
    bumps, sizes = rng.standard_normal((12, 3)), rng.normal(0, rough, 12)
    bumps /= np.linalg.norm(bumps, axis=1, keepdims=True)
    places = np.broadcast_arrays(scene.z[box[0]], scene.y[:, box[1], box[2]], scene.x[:, box[1], box[2]])
    voxels = np.stack(places, axis=-1) - center  # (z, h, w, 3)
    steps = (np.stack(np.meshgrid(*[np.arange(fine)] * 3), -1).reshape(-1, 3) + 0.5) / fine - 0.5
    points = voxels[..., None, :] + steps * scene.spacing  # (z, h, w, fine³, 3)
    distance = np.linalg.norm(points, axis=-1)
    toward = np.clip(points / np.maximum(distance, 1e-6)[..., None] @ bumps.T, 0, None) ** 4
    return (distance < radius * (1 + toward @ sizes)).mean(axis=-1).astype(np.float32)
