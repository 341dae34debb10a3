"""Convolutions in 1, 2 or 3 dimensions in which padding along time has no influence, also while training.

Letters as in core/schema.py; N: cases, or real items; space: the dimensions convolved over. Where there is a mask
(N, T), time is the first of them; it is None for whole images and volumes, of which only real ones get here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

CONV: dict[int, type[nn.Conv1d] | type[nn.Conv2d] | type[nn.Conv3d]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


class MaskedNorm(nn.BatchNorm1d):
    """Batch normalisation (Ioffe and Szegedy 2015) whose statistics leave padding out: (N, C, *space), any space."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Take any number of dimensions."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """The shape stays."""
        if not self.training or (mask is None and x.numel() > x.shape[1]):
            return super().forward(x)
        real = torch.ones_like(x[:, :1]) if mask is None else along_time(mask, x.ndim).to(x.dtype)  # (N, 1, *space)
        over = [0, *range(2, x.ndim)]
        count = real.expand(-1, 1, *x.shape[2:]).sum()
        shape = (1, -1, *[1] * (x.ndim - 2))
        mean = (x * real).sum(over) / count  # (C,)
        variance = (((x - mean.view(shape)) * real) ** 2).sum(over) / count  # (C,)
        self._remember(mean, variance * count / (count - 1).clamp(min=1))
        scale = self.weight * (variance + self.eps).rsqrt()  # (C,)
        return x * scale.view(shape) + (self.bias - mean * scale).view(shape)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        cast(Tensor, self.running_mean).lerp_(mean.float(), self.momentum or 0.1)
        cast(Tensor, self.running_var).lerp_(variance.float(), self.momentum or 0.1)
        cast(Tensor, self.num_batches_tracked).add_(1)


class Conv(nn.Module):
    """Convolution of an odd kernel, normalisation and, unless ``activate`` is False, ReLU.

    A stride s along time leaves ⌈T / s⌉ steps, of which ⌈L / s⌉ are real where L were.
    """

    def __init__(
        self,
        dims: int,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int | Sequence[int] = 1,
        activate: bool = True,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.strides = (stride,) * dims if isinstance(stride, int) else tuple(stride)
        self.conv = CONV[dims](inputs, outputs, kernel, self.strides, kernel // 2, groups=groups, bias=False)  # type: ignore[arg-type]
        self.norm = MaskedNorm(outputs)
        self.activate = activate

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(N, C, *space), (N, T) -> (N, C', *space'), (N, T'); padding of the result is zero."""
        mask = None if mask is None else mask[:, :: self.strides[0]]  # (N, T')
        x = self.norm(self.conv(x), mask)
        return blank_time(x.relu() if self.activate else x, mask), mask


class Residual(nn.Module):
    """Two convolutions added to what came in (He et al., CVPR 2016); begins as the identity, or its projection."""

    def __init__(self, dims: int, inputs: int, outputs: int, stride: int | Sequence[int] = 1) -> None:
        super().__init__()
        self.first = Conv(dims, inputs, outputs, 3, stride)
        self.second = Conv(dims, outputs, outputs, 3, activate=False)
        nn.init.zeros_(self.second.norm.weight)
        same = inputs == outputs and set(self.first.strides) == {1}
        self.skip: nn.Module = (
            nn.Identity() if same else CONV[dims](inputs, outputs, 1, self.first.strides, bias=False)  # type: ignore[arg-type]
        )

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(N, C, *space), (N, T) -> (N, C', *space'), (N, T')."""
        inner, shorter = self.second(*self.first(x, mask))
        return (self.skip(x) + inner).relu(), shorter


def along_time(mask: Tensor, dims: int) -> Tensor:
    """(N, T) -> (N, 1, T, 1…) with ``dims`` dimensions."""
    return mask.reshape(len(mask), 1, -1, *[1] * (dims - 3))


def blank_time(x: Tensor, mask: Tensor | None) -> Tensor:
    """(N, C, T, …) with zeros where the mask is False."""
    return x if mask is None else x.masked_fill(~along_time(mask, x.ndim), 0)


def per_step(x: Tensor) -> Tensor:
    """(N, C, T) or (N, C, T, bands) -> (N, T, C * bands): the features of each step of time."""
    return x.movedim(2, 1).flatten(2)  # (N, T, C * bands)


def shortened(size: int, strides: Sequence[int]) -> int:
    """What is left of ``size`` places after strides, each rounded up."""
    for stride in strides:
        size = -(-size // stride)
    return size
