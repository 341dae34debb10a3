"""Group in the place of batch normalisation, for training in which no case may leave a trace in the others."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.encoders._conv import along_time

GROUPS = 8  # at most; fewer where the channels do not divide


class MaskedGroupNorm(nn.Module):
    """Group normalisation (Wu and He 2018) whose statistics leave padding out: (N, C, *space), any space."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.groups = next(g for g in range(min(GROUPS, channels), 0, -1) if channels % g == 0)
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """The shape stays."""
        real = torch.ones_like(x[:, :1]) if mask is None else along_time(mask, x.ndim).to(x.dtype)  # (N, 1, *space)
        over = list(range(2, x.ndim + 1))
        grouped = x.unflatten(1, (self.groups, -1))  # (N, G, C / G, *space)
        weight = real.expand(-1, 1, *x.shape[2:])[:, None]  # (N, 1, 1, *space)
        count = (weight.sum(over, keepdim=True) * grouped.shape[2]).clamp(min=1)  # (N, 1, 1, …)
        mean = (grouped * weight).sum(over, keepdim=True) / count  # (N, G, 1, …)
        variance = (((grouped - mean) * weight) ** 2).sum(over, keepdim=True) / count
        plain = ((grouped - mean) * (variance + 1e-5).rsqrt()).flatten(1, 2)  # (N, C, *space)
        shape = (1, -1, *[1] * (x.ndim - 2))
        return plain * self.weight.view(shape) + self.bias.view(shape)


def without_batch_norm(module: nn.Module) -> None:
    """Replace every batch normalisation inside a module; scale and shift are taken over, running statistics go."""
    for name, part in module.named_children():
        if not isinstance(part, _BatchNorm):
            without_batch_norm(part)
            continue
        norm = MaskedGroupNorm(part.num_features)
        if part.affine:
            norm.weight.data.copy_(cast(Tensor, part.weight))
            norm.bias.data.copy_(cast(Tensor, part.bias))
        setattr(module, name, norm)
