"""Fusion methods: one file each, one public class each, found by file name.

The contract, held by ``tests/test_fusion.py`` over every file of this folder:

    class Name(nn.Module):
        def __init__(self, names: Sequence[str], width: int, outputs: int, **options): ...
        def forward(self, encoded: dict[str, Encoded]) -> Tensor: ...   # (B, T, D) each -> logits (B, K)

``encoded`` is keyed by modality, in any order, and may lack a modality. Laws: output shape (B, K); the order of keys
changes nothing; an absent modality (all False in its mask) and padding have no influence, whatever numbers stand
there; every non-empty subset of modalities predicts; gradients reach every present modality; a row's logits do not
depend on its batch mates; evaluation is deterministic. Constructors take hyperparameters only, with defaults.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from torch import nn

from core import plugins
from core.errors import ConfigError


def names() -> list[str]:
    """Names of all fusion methods."""
    return plugins.names(sys.modules[__name__])


def build(name: str, modalities: Sequence[str], width: int, outputs: int, options: dict[str, object]) -> nn.Module:
    """Build the fusion ``name`` over the named modalities.

    Raises:
        ConfigError: for an unknown name or an option that it does not have.
    """
    fusion = plugins.find(sys.modules[__name__], "fusion", name)
    try:
        return fusion(tuple(modalities), width, outputs, **options)
    except TypeError as error:
        raise ConfigError(f"fusion {name!r}: {error}") from error
