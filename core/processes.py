"""The processes of one run: one, or several that ``torchrun`` or ``accelerate launch`` started, on CPU or GPU."""

from __future__ import annotations

from datetime import timedelta

import torch
from accelerate import PartialState

_WAIT = timedelta(hours=24)  # the others wait while the first makes the frozen features


def on_cpu() -> bool:
    """Whether there is no accelerator; several processes on CPU are found only where this is said."""
    return not torch.accelerator.is_available()


def processes() -> PartialState:
    """Which process this is, of how many, and its device."""
    return PartialState(cpu=on_cpu(), timeout=_WAIT)
