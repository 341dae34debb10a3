"""Chest CT phantoms in Hounsfield units with one planted finding: seeded, fast, for samples and tests.

They hold what simple methods look at (densities, sizes, places), not what a radiologist sees: no lobes, no contrast
medium, no motion. Nothing measured on them says anything about patients.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.errors import ConfigError, unknown
from domains.medical.anatomy import Patient, draw
from domains.medical.lesions import FINDINGS, LOOKALIKES, Lesion

DIAGNOSES = ("normal", *FINDINGS)


class Phantom(NamedTuple):
    """A generated scan. Slices run from feet to head, rows from front to back, columns from right to left."""

    hounsfield: np.ndarray  # (Z, H, W) int16
    spacing: tuple[float, float, float]  # mm between slices, rows, columns
    mask: np.ndarray  # (Z, H, W) bool: the planted finding; empty where normal
    lesions: tuple[Lesion, ...]  # the finding first, then look-alikes


def phantom(
    finding: str,
    rng: np.random.Generator,
    shape: tuple[int, int, int] = (40, 128, 128),
    spacing: tuple[float, float, float] = (6.0, 2.9, 2.9),
    *,
    patient: Patient | None = None,
    severity: float | None = None,
    lookalikes: bool = True,
    noise: float = 12.0,
    step: int = 4,
) -> Phantom:
    """One scan of one patient.

    Args:
        finding: normal, nodule, effusion or ground_glass.
        rng: draws everything that is not given; the same state gives the same scan.
        shape: slices, rows, columns; about 240 x 370 x 370 mm show the whole chest.
        spacing: mm between slices, rows and columns.
        patient: the build; None: drawn.
        severity: from 0, hardly visible, to 1, plain; None: drawn, more often slight.
        lookalikes: plant harmless changes too (calcified granuloma, pleural thickening, dependent haze, band).
        noise: standard deviation in HU inside the body.
        step: values are rounded to multiples of this many HU; the larger, the smaller the files.

    Raises:
        ConfigError: for an unknown finding, or a severity outside of [0, 1].
    """
    if finding not in DIAGNOSES:
        raise unknown("finding", finding, DIAGNOSES)
    if severity is not None and not 0 <= severity <= 1:
        raise ConfigError(f"severity: expected a number from 0 to 1, found {severity!r}")
    scene = draw(patient or Patient.draw(rng), rng, shape, spacing)
    severity = float(rng.beta(1.1, 1.6)) if severity is None else severity
    lesions: list[Lesion] = []
    mask = np.zeros(shape, dtype=bool)
    if finding != "normal":
        lesion, share = FINDINGS[finding](scene, rng, severity)
        lesions.append(lesion)
        mask = share > min(0.5, 0.6 * float(share.max()))
    for name, plant in LOOKALIKES.items():
        if rng.random() < 0.2 and lookalikes and not (name == "thickening" and finding == "effusion"):
            lesions.append(plant(scene, rng, float(rng.random()))[0])
    hounsfield = _scan(scene.hounsfield, scene.body, rng, noise)
    rounded = np.clip(np.round(hounsfield / step) * step, -1000, 2000).astype(np.int16)
    return Phantom(rounded, spacing, mask, tuple(lesions))


def _scan(tissue: np.ndarray, body: np.ndarray, rng: np.random.Generator, noise: float) -> np.ndarray:
    """What a scanner makes of tissue (Z, H, W): the blur of a soft or sharp kernel, and noise that it colours."""
    from scipy.ndimage import gaussian_filter

    blur = float(rng.uniform(0.3, 0.75))  # pixels; kernels differ from scan to scan
    grain = rng.standard_normal(tissue.shape, dtype=np.float32)
    grain = gaussian_filter(grain, (0, blur, blur))
    grain *= noise * float(rng.uniform(0.7, 1.3)) / float(grain.std())
    return gaussian_filter(tissue, (0, blur, blur)) + grain * (body > 0.5)
