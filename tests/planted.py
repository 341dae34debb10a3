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


def shared(count: int, seed: int) -> tuple[dict[str, Encoded], Tensor]:
    """The label is a code that both modalities show, each blurred on its own: together they are better than alone."""
    rng = torch.Generator().manual_seed(seed)
    code = torch.randint(0, CODES, (count,), generator=rng)  # (B,)
    return {name: _tokens(code, rng, blur=1.2) for name in ("image", "text")}, code


def without_one(inputs: dict[str, Encoded], seed: int) -> dict[str, Encoded]:
    """The same cases, of which half lack one of the two modalities, chosen at random; its numbers become large junk."""
    rng = torch.Generator().manual_seed(seed)
    state = torch.randint(0, 4, (len(inputs["image"].mask),), generator=rng)  # 0: no image, 1: no text
    gone = {"image": state == 0, "text": state == 1}
    return {
        name: Encoded(x.tokens.masked_fill(gone[name][:, None, None], 1e4), x.mask & ~gone[name][:, None])
        for name, x in inputs.items()
    }


def _tokens(code: Tensor, rng: torch.Generator, blur: float = 0.25) -> Encoded:
    directions = torch.eye(CODES, FEATURES) * 2
    seen = directions[code][:, None].expand(-1, 3, -1)  # (B, 3, F)
    mask = torch.arange(3) < torch.randint(1, 4, (len(code), 1), generator=rng)  # (B, 3)
    return Encoded(seen + blur * torch.randn(seen.shape, generator=rng), mask)
