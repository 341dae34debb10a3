"""Images and volumes of a case one by one: only real ones run through a network, and come back to their places.

Letters as in core/schema.py. A network of two dimensions reads a volume slice by slice: S slices an item, S = 1 else.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from core.encoders._shape import describe
from core.errors import ConfigError
from core.nn import choice, scatter
from core.schema import Encoded, Signature

TOKENS = ("pooled", "grid")


def item_channels(name: str, signature: Signature, dims: int) -> int:
    """C of images (C, H, W) or volumes (C, Z, H, W) that a network of ``dims`` dimensions can read.

    Raises:
        ConfigError: for samples of another shape.
    """
    if len(signature.shape) not in (dims + 1, dims + 2) or len(signature.shape) > 4:
        wanted = "images (T, C, H, W) or volumes (T, C, Z, H, W)" if dims == 2 else "volumes (T, C, Z, H, W)"
        raise ConfigError(f"encoder {name!r} in {dims} dimensions takes {wanted}, not {describe(signature)}")
    return signature.shape[0]


def colour_channels(name: str, signature: Signature) -> int:
    """C, which must be 1 or 3, of images or volumes for a network trained on colour images.

    Raises:
        ConfigError: for samples of another shape.
    """
    channels = item_channels(name, signature, 2)
    if channels not in (1, 3):
        raise ConfigError(f"encoder {name!r} takes 1 or 3 channels, found {channels}; set preprocess channels to 3")
    return channels


def real_items(x: Tensor, mask: Tensor, dims: int) -> Tensor:
    """(B, T, C, *space), (B, T) -> (N * S, C, *space) without padding; slices become items where space has one more."""
    items = x[mask]  # (N, C, *space)
    return items if items.ndim == dims + 2 else items.movedim(2, 1).flatten(0, 1)  # (N * S, C, H, W)


def colours(items: Tensor) -> Tensor:
    """(N, 1 or 3, H, W) -> (N, 3, H, W)."""
    return items.expand(-1, 3, -1, -1)


def in_chunks(network: Callable[[Tensor], Tensor], items: Tensor, size: int = 32) -> Tensor:
    """The network over (N, …); in pieces where no gradient is kept, so that many slices do not fill the memory."""
    if torch.is_grad_enabled() or len(items) <= size:
        return network(items)
    return torch.cat([network(part) for part in items.split(size)])


def to_tokens(maps: Tensor, mask: Tensor, tokens: str = "pooled") -> Encoded:
    """Maps (N * S, D, *grid) of real items to tokens (B, T * S, D), their mean, or every cell (B, T * S * G, D)."""
    flat = maps.flatten(2).transpose(1, 2) if maps.ndim > 2 else maps[:, None]  # (N * S, G, D)
    flat = flat.mean(1, keepdim=True) if choice("tokens", tokens, TOKENS) == "pooled" else flat
    each = flat.reshape(int(mask.sum()), -1, flat.shape[-1])  # (N, S * G, D)
    return Encoded(scatter(each, mask).flatten(1, 2), mask.repeat_interleave(each.shape[1], dim=1))
