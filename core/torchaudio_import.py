"""Import torchaudio beside any torch. Call this before torchaudio, and before audio classes of transformers.

torchaudio 2.11 on PyPI is compiled for CUDA 13.0: beside a CPU torch ``import torchaudio`` raises OSError, beside a
torch of another CUDA RuntimeError, and transformers, which imports torchaudio where it is installed, fails with it. The
compiled part is needed for forced alignment and fast IIR filters only; everything else is plain Python.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


def torchaudio() -> Any:
    """The module torchaudio; where its compiled part cannot load, without that part."""
    try:
        return importlib.import_module("torchaudio")
    except (OSError, RuntimeError):
        stub: Any = ModuleType("torchaudio._extension")
        stub._IS_TORCHAUDIO_EXT_AVAILABLE = False
        stub.fail_if_no_align = lambda function: function  # a decorator; forced alignment itself still fails
        sys.modules[stub.__name__] = stub
        return importlib.import_module("torchaudio")
