"""Hounsfield windows: the part of the CT scale that is spread over [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from torch import Tensor

from core.errors import ConfigError, unknown

Values = TypeVar("Values", np.ndarray, Tensor)
Window = str | Sequence[float]

WINDOWS: dict[str, tuple[float, float]] = {  # name: (centre, width) in Hounsfield units
    "lung": (-600.0, 1500.0),
    "mediastinum": (40.0, 400.0),
    "bone": (400.0, 1800.0),
    "brain": (40.0, 80.0),
    "wide": (200.0, 2400.0),
}


def resolve(window: Window) -> tuple[float, float]:
    """The (centre, width) of a preset's name or of a pair of numbers.

    Raises:
        ConfigError: for an unknown preset (the message lists them) or a pair that is none.
    """
    if isinstance(window, str):
        if window not in WINDOWS:
            raise unknown("window", window, WINDOWS)
        return WINDOWS[window]
    if not is_pair(window) or not float(window[1]) > 0:
        raise ConfigError(f"window: expected a preset or (centre, width) with a width above 0, found {window!r}")
    return float(window[0]), float(window[1])


def is_pair(window: object) -> bool:
    """Whether this is a (centre, width) pair, not a list of windows."""
    return isinstance(window, list | tuple) and len(window) == 2 and all(isinstance(v, int | float) for v in window)


def apply_window(values: Values, window: tuple[float, float]) -> Values:
    """Spread centre ± width / 2 over [0, 1] and clip the rest.

    >>> apply_window(np.array([-160.0, 40.0, 500.0]), WINDOWS["mediastinum"]).tolist()
    [0.0, 0.5, 1.0]
    """
    centre, width = window
    return ((values - (centre - width / 2)) / width).clip(0, 1)
