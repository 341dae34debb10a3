"""The stack of attention layers that encoders share."""

from __future__ import annotations

from torch import nn

from core.errors import ConfigError
from core.nn import drop, whole


def attention_stack(size: int, layers: int, heads: int, inner: int, dropout: float) -> nn.TransformerEncoder:
    """Pre-norm Transformer (Vaswani et al. 2017; Xiong et al. 2020): (B, T, size) -> (B, T, size), normalised.

    Raises:
        ConfigError: where the heads do not divide the size, or a number is out of range.
    """
    if whole("size", size) % whole("heads", heads):
        raise ConfigError(f"heads: size {size} cannot be shared out among {heads}; choose a divisor of {size}")
    rate = drop(dropout).p
    layer = nn.TransformerEncoderLayer(
        size, heads, whole("inner", inner), rate, "gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, whole("layers", layers), nn.LayerNorm(size), enable_nested_tensor=False)
