"""A chest in Hounsfield units, drawn from a patient's build: the scene that findings are planted in.

Axes as everywhere: slices (Z) from feet to head, rows (H) from front to back, columns (W) from the patient's right to
left. Coordinates in mm from the middle of the chest: x to the left, y to the back, z to the head. Shapes are smooth
quadrics, drawn with soft edges as wide as a voxel. This is no atlas: lobes, fissures and small organs are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from domains.medical.vessels import splat, tree, tubes

AIR, FAT, MUSCLE, BLOOD = -1000.0, -100.0, 40.0, 48.0


@dataclass(frozen=True)
class Patient:
    """The build of one patient: two scans of the same patient share it."""

    male: bool
    scale: float  # 1: average
    fat: float  # mm under the skin
    heart: float  # 1: average
    tree: int  # seed of the vessels

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Patient:
        """A random adult; men are larger, women have breasts and somewhat more fat."""
        male = bool(rng.random() < 0.5)
        scale = float(np.clip(rng.normal(1.04 if male else 0.94, 0.045), 0.82, 1.15))
        fat = float(np.clip(rng.gamma(4, 3.2 if male else 4.0), 4, 32))
        return cls(male, scale, fat, float(rng.normal(1, 0.08)), int(rng.integers(2**31)))

    @property
    def lungs(self) -> tuple[float, float, float]:
        """Half the height, depth and width in mm of the space that holds the lungs."""
        return 118 * self.scale, 84 * self.scale, 122 * self.scale


@dataclass
class Scene:
    """A chest while it is drawn. All arrays (Z, H, W) or broadcast to it."""

    patient: Patient
    spacing: tuple[float, float, float]
    x: np.ndarray  # (1, H, W) mm
    y: np.ndarray  # (1, H, W) mm
    z: np.ndarray  # (Z, 1, 1) mm
    hounsfield: np.ndarray  # (Z, H, W) float32
    lungs: np.ndarray  # (Z, H, W) float32, share of each voxel that is lung
    aerated: np.ndarray  # (1, H, W) HU of lung tissue without vessels
    body: np.ndarray  # (Z, H, W) float32, share of each voxel inside the skin
    wall: np.ndarray  # (Z, H, W) float32, mm from the chest wall, positive inside

    def paint(self, share: np.ndarray, value: np.ndarray | float) -> None:
        """Replace this share of each voxel by tissue of ``value`` HU."""
        self.hounsfield += share * (value - self.hounsfield)

    def replace_lung(self, share: np.ndarray, value: float) -> None:
        """Put denser tissue where this share of each voxel was lung; what else is in a voxel stays."""
        replaced = self.hounsfield + share * (value - self.aerated)
        self.hounsfield = np.minimum(replaced, np.maximum(self.hounsfield, value))

    def edge(self, inside: np.ndarray, axis: int = 1) -> np.ndarray:
        """Share of each voxel that lies inside, from the distance in mm to the border (positive inside)."""
        return np.clip(0.5 + inside / self.spacing[axis], 0, 1)

    def box(self, center: np.ndarray, reach: float) -> tuple[slice, slice, slice]:
        """The voxels within ``reach`` mm of a point (z, y, x) in mm, the patient's rotation allowed for."""
        index = [int(np.abs(self.z[:, 0, 0] - center[0]).argmin())]
        flat = int(((self.y - center[1]) ** 2 + (self.x - center[2]) ** 2).argmin())
        index += divmod(flat, self.x.shape[2])
        pads = [int(np.ceil(reach / s)) + 1 for s in self.spacing]
        return tuple(slice(max(i - p, 0), i + p + 1) for i, p in zip(index, pads, strict=True))  # type: ignore[return-value]


def draw(
    patient: Patient, rng: np.random.Generator, shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> Scene:
    """A healthy chest, lying a little off centre and turned by up to a few degrees."""
    angle, moved = rng.normal(0, 0.03), rng.normal(0, 5, 3)
    z, v, u = ((np.arange(n) - (n - 1) / 2) * s - m for n, s, m in zip(shape, spacing, moved, strict=True))
    x = (np.cos(angle) * u[None, :] + np.sin(angle) * v[:, None])[None].astype(np.float32)  # (1, H, W)
    y = (np.cos(angle) * v[:, None] - np.sin(angle) * u[None, :])[None].astype(np.float32)  # (1, H, W)
    air, unknown = np.full(shape, AIR, np.float32), [np.zeros((1, 1, 1), np.float32)] * 4  # drawn below, in this order
    scene = Scene(patient, spacing, x, y, z[:, None, None].astype(np.float32), air, *unknown)
    _trunk(scene)
    _mediastinum(scene)
    _lungs(scene, rng)
    _airways_and_vessels(scene)
    _bones(scene)
    return scene


def _round(scene: Scene, width: float, depth: float, power: float = 2.4) -> np.ndarray:
    """(1, H, W) 1 on the outline of a chest in cross-section, which is squarer than an ellipse."""
    return (np.abs(scene.x / width) ** power + np.abs(scene.y / depth) ** power) ** (1 / power)


def _ellipse(scene: Scene, center: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    """(Z, H, W) about the distance in mm inside an ellipsoid (x, y, z), or a column (x, y)."""
    total = sum(((c - m) / r) ** 2 for c, m, r in zip((scene.x, scene.y, scene.z), center, radii))
    return (1 - np.sqrt(total)) * min(radii)


def _trunk(scene: Scene) -> None:
    """Skin, fat and muscle around the cavity, breasts, and the distance from the chest wall."""
    p, (height, depth, width) = scene.patient, scene.patient.lungs
    narrow = 1 - 0.55 * np.clip(scene.z / height - 0.05, 0, None) ** 2  # (Z, 1, 1) towards the neck
    scene.wall = (1 - _round(scene, width, depth) / narrow) * depth * narrow  # (Z, H, W)
    muscle, skin = ((1 - _round(scene, width + rim, depth + rim)) * (depth + rim) for rim in (28, 28 + p.fat))
    inside = [np.broadcast_to(scene.edge(skin), scene.hounsfield.shape)]
    glands = []
    if not p.male:
        for side in (-1, 1):
            center = (side * 0.5 * width, -depth - 20 - p.fat / 2, 0.0)
            inside.append(scene.edge(_ellipse(scene, center, (52 * p.scale, 26 + p.fat / 2, 50 * p.scale))))
            glands.append(scene.edge(_ellipse(scene, center, (26 * p.scale, 13, 26 * p.scale))))
    scene.body = np.maximum.reduce(inside)
    scene.paint(scene.body, FAT)
    for gland in glands:
        scene.paint(gland * 0.7, 20.0)
    scene.paint(scene.edge(muscle), MUSCLE)


def _dome(scene: Scene) -> np.ndarray:
    """(1, H, W) height in mm of the diaphragm, higher on the right and in front, deep recesses at the back."""
    height, depth, width = scene.patient.lungs
    top = np.where(scene.x < 0, -0.50, -0.62) * height
    across = (np.abs(scene.x) - 0.45 * width) / (0.62 * width)
    return top - 60 * across**2 - 65 * np.clip(scene.y / depth + 0.25, 0, None) ** 2


def _mediastinum(scene: Scene) -> None:
    """Fat and soft tissue between the lungs, organs under the diaphragm, heart and aorta."""
    s, (height, depth, width) = scene.patient.scale, scene.patient.lungs
    scene.paint(scene.edge(scene.wall), -30.0)
    below = scene.edge(scene.wall - 2) * scene.edge(_dome(scene) - scene.z, 0)
    scene.paint(below, np.where(scene.x < 25 * s, 58.0, 44.0))  # liver; spleen and stomach
    bubble = _ellipse(scene, (0.42 * width, -0.3 * depth, -0.95 * height), (26 * s, 20 * s, 18 * s))
    scene.paint(scene.edge(bubble) * below, AIR)
    scene.paint(scene.edge(_heart(scene)), 45.0)
    arch = np.array([[-12, -12, -0.1], [-10, -14, 0.3], [2, -4, 0.44], [16, 14, 0.42], [20, 34, 0.3], [17, 40, -1.2]])
    path = (arch * [s, s, height])[:, ::-1]  # (n, 3) z, y, x in mm
    _tube(scene, path, 12.5 * s, BLOOD + 4)


def _heart(scene: Scene) -> np.ndarray:
    """(Z, H, W) mm inside the heart."""
    s, size = scene.patient.scale, scene.patient.heart
    radii = (54 * s * size, 42 * s * size, 50 * s * size)
    return _ellipse(scene, (20 * s, -24 * s, -0.36 * scene.patient.lungs[0]), radii)


def _lungs(scene: Scene, rng: np.random.Generator) -> None:
    """Both lungs: the cavity without what stands between them and below; denser at the back, as blood sinks."""
    s, (height, depth, _) = scene.patient.scale, scene.patient.lungs
    bulge = np.exp(-(((scene.y + 4 * s) / (40 * s)) ** 2)) * (1 - 0.3 * np.abs(scene.z / height))  # (Z, H, W)
    between = np.abs(scene.x - 3 - 0.08 * scene.y) - s * (6 + 24 * bulge)
    spine = 26 * s - np.hypot(scene.x, scene.y - depth + 6 * s)
    inside = np.minimum(np.minimum(scene.wall - 3, between), np.minimum(-spine, -_heart(scene) - 2))
    ends = scene.edge(scene.z - _dome(scene), 0) * scene.edge(0.96 * height - scene.z, 0)
    scene.lungs = (scene.edge(inside) * ends).astype(np.float32)
    breath = float(np.clip(rng.normal(-858, 22), -905, -790))  # a shallow breath leaves dense lungs
    gradient = float(np.clip(rng.normal(55, 25), 0, 130))
    scene.aerated = breath + 0.5 * gradient * scene.y / depth
    scene.paint(scene.lungs, scene.aerated)


def _airways_and_vessels(scene: Scene) -> None:
    """Trachea and main bronchi with their walls; a tree of vessels from each hilum."""
    s, height = scene.patient.scale, scene.patient.lungs[0]
    fork = np.array([0.12 * height, 6 * s, 0])
    ways = [np.array([[1.2 * height, -8 * s, 0], fork])]
    hila = [np.array([-0.04 * height, 10 * s, side * 36 * s]) for side in (-1, 1)]
    ways += [np.array([fork, hilum]) for hilum in hila]
    for way, radius in zip(ways, (8.5 * s, 6.5 * s, 6 * s)):
        _tube(scene, way, radius + 2, MUSCLE)
        _tube(scene, way, radius, AIR)
    rng = np.random.default_rng(scene.patient.tree)
    segments = [tree(rng, hilum, np.array([0.0, 0.0, np.sign(hilum[2])]), s) for hilum in hila]
    starts, ends, radii = (np.concatenate(parts) for parts in zip(*segments))
    points, volumes = tubes(rng, starts, ends, radii, float(np.prod(scene.spacing)) / 6)
    share = splat(points, volumes, scene.z, scene.y, scene.x, scene.spacing)
    scene.paint(share * scene.lungs, BLOOD)


def _tube(scene: Scene, path: np.ndarray, radius: float, value: float) -> None:
    """Paint a bent tube along points (n, 3) of z, y, x in mm."""
    best = np.full(scene.hounsfield.shape, -np.inf, np.float32)
    for a, b in pairwise(path):
        step = b - a
        along = (scene.z - a[0]) * step[0] + (scene.y - a[1]) * step[1] + (scene.x - a[2]) * step[2]
        t = np.clip(along / (step @ step), 0, 1).astype(np.float32)  # (Z, H, W)
        square = (scene.z - a[0] - t * step[0]) ** 2 + (scene.y - a[1] - t * step[1]) ** 2
        square += (scene.x - a[2] - t * step[2]) ** 2
        np.maximum(best, radius - np.sqrt(square), out=best)
    scene.paint(scene.edge(best), value)


def _bones(scene: Scene) -> None:
    """Ribs that slope down to the front, sternum, vertebrae with discs, canal and spinous processes."""
    s, (height, depth, _) = scene.patient.scale, scene.patient.lungs
    front = 0.5 - 0.5 * np.clip(scene.y / depth, -1, 1)  # (1, H, W) 0 at the back, 1 in front
    phase = (scene.z + 75 * s * front + 9) % (27 * s) - 13.5 * s  # (Z, H, W)
    rib = scene.edge(4.5 * s - np.abs(scene.wall + 4.5)) * scene.edge(6 * s - np.abs(phase), 0)
    rib *= np.abs(scene.x) > 16 * s
    scene.paint(rib, np.where(front < 0.85, 480.0, 110.0))  # cartilage in front
    breast = np.minimum(17 * s - np.abs(scene.x), 5.5 * s - np.abs(scene.y + depth + 8 * s))
    scene.paint(scene.edge(breast) * scene.edge(0.62 * height - np.abs(scene.z - 0.18 * height), 0), 320.0)
    middle = depth - 6 * s
    vertebra = 18 * s - np.hypot(scene.x, scene.y - middle)
    disc = scene.edge(3 - np.abs(scene.z % (26 * s) - 13 * s), 0)
    scene.paint(scene.edge(vertebra), 700 - disc * 600)
    scene.paint(scene.edge(vertebra - 3.5), 230 - disc * 140)
    back = np.minimum(4 * s - np.abs(scene.x), 11 * s - np.abs(scene.y - middle - 40 * s))
    arch = np.minimum(20 * s - np.abs(scene.x), 14 * s - np.abs(scene.y - middle - 24 * s))
    scene.paint(scene.edge(np.maximum(back, arch)) * (1 - 0.6 * disc) * scene.body, 450.0)
    scene.paint(scene.edge(8.5 * s - np.hypot(scene.x, scene.y - middle - 26 * s)), 30.0)
