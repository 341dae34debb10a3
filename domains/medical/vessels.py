"""Trees of vessels, and how thin tubes fill voxels: by volume, so that a vessel thinner than a voxel is fainter."""

from __future__ import annotations

import numpy as np

_RATIO = 2 ** (-1 / 3)  # radius of a child to its parent's (Murray, PNAS 1926)


def tree(
    rng: np.random.Generator, root: np.ndarray, outward: np.ndarray, scale: float, smallest: float = 0.7
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A tree that forks in two at every node, from 6 mm down to ``smallest`` mm of radius.

    Args:
        rng: draws angles and lengths.
        root: (3,) in mm.
        outward: (3,) unit vector that the tree spreads along.
        scale: of all lengths.
        smallest: radius in mm where it ends.

    Returns:
        starts (n, 3), ends (n, 3), radii (n,) in mm.
    """
    start, radius, length = np.repeat(root[None], 4, 0), 6.0 * scale, 27.0 * scale
    heading = outward * 0.7 + np.array(
        [[0.9, 0, 0], [0.1, -0.7, 0], [-0.4, 0.6, 0], [-1.1, 0.1, 0]]
    )  # up, front, back, down
    found = []
    while radius > smallest:
        heading = heading / np.linalg.norm(heading, axis=1, keepdims=True)
        end = start + heading * length * rng.uniform(0.7, 1.3, (len(start), 1))
        found.append((start, end, np.full(len(start), radius)))
        start = np.repeat(end, 2, axis=0)
        turn = rng.normal(0, 0.42, end.shape)
        heading = np.stack([heading + turn, heading - turn], axis=1).reshape(-1, 3) + 0.08 * outward
        radius, length = radius * _RATIO, length * 0.86
    starts, ends, radii = (np.concatenate(parts) for parts in zip(*found))
    return starts, ends, radii


def tubes(
    rng: np.random.Generator, starts: np.ndarray, ends: np.ndarray, radii: np.ndarray, grain: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points spread evenly in straight tubes, about one per ``grain`` mm³.

    Returns:
        points (n, 3) in mm; the volume (n,) in mm³ that each stands for.
    """
    lengths = np.linalg.norm(ends - starts, axis=1)
    volumes = np.pi * radii**2 * lengths
    counts = np.ceil(volumes / grain).astype(int) + 3
    owner = np.repeat(np.arange(len(radii)), counts)  # (n,)
    along = (ends - starts)[owner] * rng.random((len(owner), 1))
    aside = rng.normal(size=(len(owner), 3))
    axis = (ends - starts)[owner] / lengths[owner, None]
    aside -= (aside * axis).sum(axis=1, keepdims=True) * axis
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    aside *= (radii[owner] * np.sqrt(rng.random(len(owner))))[:, None]
    return starts[owner] + along + aside, (volumes / counts)[owner]


def splat(
    points: np.ndarray, volumes: np.ndarray, z: np.ndarray, y: np.ndarray, x: np.ndarray, spacing: tuple[float, ...]
) -> np.ndarray:
    """(Z, H, W) share of each voxel filled by points (n, 3) of z, y, x in mm, spread over the eight nearest voxels.

    ``z`` is (Z, 1, 1), ``y`` and ``x`` are (1, H, W): the mm of every voxel, turned within the plane at most.
    """
    shape = (z.shape[0], *x.shape[1:])
    grid = np.stack([np.broadcast_to(x[0, 0, 0], ()), y[0, 0, 0]])  # mm of the first pixel
    right = np.array([x[0, 0, 1] - x[0, 0, 0], y[0, 0, 1] - y[0, 0, 0]]) / spacing[2] ** 2
    down = np.array([x[0, 1, 0] - x[0, 0, 0], y[0, 1, 0] - y[0, 0, 0]]) / spacing[1] ** 2
    offset = points[:, [2, 1]] - grid  # (n, 2)
    place = np.stack([(points[:, 0] - z[0, 0, 0]) / spacing[0], offset @ down, offset @ right], axis=1)  # (n, 3)
    low = np.floor(place).astype(int)
    part = place - low
    total = np.zeros(int(np.prod(shape)))
    for corner in np.ndindex(2, 2, 2):
        index = low + corner
        inside = ((index >= 0) & (index < shape)).all(axis=1)
        weight = np.prod(np.where(corner, part, 1 - part), axis=1) * volumes
        flat = np.ravel_multi_index(tuple(index[inside].T), shape)
        total += np.bincount(flat, weight[inside], total.size)
    return np.minimum(total.reshape(shape) / np.prod(spacing), 1).astype(np.float32)
