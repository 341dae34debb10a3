"""Generated tensors whose answer is known: what each modality holds is planted, the rest is noise."""

from __future__ import annotations

import torch
from torch import Tensor

from core.schema import Encoded

CODES = 4
FEATURES = 6


def synergy(count: int, seed: int) -> tuple[dict[str, Encoded], Tensor]:
    """Each of "image" and "text" hides a code of 0..3; the label is whether their sum is odd. Alone each is chance.

    Tokens (B, 1..3, 6) hold the code as a direction plus noise; no code is ever mistaken by a good reader.
    """
    rng = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, CODES, (2, count), generator=rng)  # (M, B)
    return {name: _tokens(code, rng) for name, code in zip(("image", "text"), codes)}, codes.sum(0) % 2


def noisy_partner(count: int, seed: int) -> tuple[dict[str, Encoded], Tensor]:
    """The label is the code in "image", blurred so that about one case in twelve is misread; "text" is pure noise."""
    rng = torch.Generator().manual_seed(seed)
    code = torch.randint(0, CODES, (count,), generator=rng)  # (B,)
    noise = torch.randint(0, CODES, (count,), generator=rng)  # (B,)
    return {"image": _tokens(code, rng, blur=1.0), "text": _tokens(noise, rng)}, code


def _tokens(code: Tensor, rng: torch.Generator, blur: float = 0.25) -> Encoded:
    directions = torch.eye(CODES, FEATURES) * 2
    seen = directions[code][:, None].expand(-1, 3, -1)  # (B, 3, F)
    mask = torch.arange(3) < torch.randint(1, 4, (len(code), 1), generator=rng)  # (B, 3)
    return Encoded(seen + blur * torch.randn(seen.shape, generator=rng), mask)
