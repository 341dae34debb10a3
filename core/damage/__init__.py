"""Damage that data of each kind meets in use, on stated ladders from mild to severe, for curves of robustness.

Damage is done to what was decoded (pixels, Hounsfield units, samples, letters, cells) before any preprocessing, by a
seed of the row: the same row is damaged alike by each model, and by a severer step in the same places. After Hendrycks
and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", 2019; the steps are
ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.damage import cells_of_table, sight, sound, words
from core.errors import unknown
from core.schema import Modality


@dataclass(frozen=True)
class Damage:
    """One kind of damage: what a step means (``unit``), the steps, and what does it.

    ``apply``: (decoded value, step, generator) and what its kind needs besides; see ``core.damage.apply``.
    """

    name: str
    unit: str
    ladder: tuple[float, ...]
    apply: Callable[..., Any]


DROPPED = "dropped frames"  # done to a whole video; the other damage to a video is done frame by frame
_PICTURES = (
    Damage("noise", "standard deviation, share of the scale", (0.05, 0.1, 0.2, 0.4), sight.noise),
    Damage("blur", "Gaussian, share of the shorter side", (0.01, 0.02, 0.04, 0.08), sight.blur),
    Damage("jpeg", "quality", (40, 20, 10, 5), sight.jpeg),
    Damage("contrast", "share kept", (0.6, 0.4, 0.2, 0.1), sight.contrast),
)
_VOLUMES = (
    Damage("noise", "standard deviation, HU", (25, 50, 100, 200), sight.scan_noise),
    Damage("rings", "strength, HU", (50, 100, 200, 400), sight.rings),
    Damage("streaks", "strength, HU", (100, 200, 400, 800), sight.streaks),
    Damage("blur", "Gaussian, mm", (1, 2, 4, 8), sight.scan_blur),
)
_SOUND = (
    Damage("background noise", "dB of the sound over pink noise", (20, 10, 5, 0), sound.background),
    Damage("clipping", "share of samples cut", (0.02, 0.1, 0.25, 0.5), sound.clip),
    Damage("telephone", "Hz, upper end of the band from 300", (3400, 2400, 1700, 1200), sound.line),
)
_WORDS = (
    Damage("typing errors", "share of words", (0.05, 0.1, 0.2, 0.4), words.mistype),
    Damage("recognition errors", "share of words", (0.05, 0.1, 0.2, 0.4), words.mishear),
)
_VIDEO = (
    Damage(DROPPED, "share", (0.25, 0.5, 0.75, 0.9), sight.dropped),
    *(d for d in _PICTURES if d.name != "contrast"),
)
_TABLE = (
    Damage("missing cells", "share", (0.1, 0.25, 0.5, 0.75), cells_of_table.blank),
    Damage("wrong numbers", "standard deviations added", (0.25, 0.5, 1, 2), cells_of_table.perturb),
)
_DAMAGES: dict[Modality, tuple[Damage, ...]] = {
    Modality.IMAGE: _PICTURES,
    Modality.VOLUME: _VOLUMES,
    Modality.AUDIO: _SOUND,
    Modality.TEXT: _WORDS,
    Modality.PAIR: _WORDS,
    Modality.VIDEO: _VIDEO,
    Modality.TABULAR: _TABLE,
}


def damages_of(kind: Modality, names: Iterable[str] = ()) -> tuple[Damage, ...]:
    """All damages of a kind of data, or those of them that are among ``names``.

    >>> [d.name for d in damages_of(Modality.TEXT)]
    ['typing errors', 'recognition errors']
    """
    wanted = set(names)
    return tuple(d for d in _DAMAGES[kind] if not wanted or d.name in wanted)


def check_names(kinds: Sequence[Modality], names: Iterable[str]) -> None:
    """Refuse a damage that none of these kinds of data knows.

    Raises:
        ConfigError: with the known names.
    """
    known = {d.name for kind in kinds for d in _DAMAGES[kind]}
    if alien := [n for n in names if n not in known]:
        raise unknown("damage", alien[0], known)
