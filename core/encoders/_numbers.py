"""Numbers of a table as vectors (Gorishniy et al., NeurIPS 2022). Letters as in core/schema.py; E: a vector's width."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from core.nn import choice, whole


class Numbers(nn.Module):
    """Each of F numbers to its own vector: (…, F) -> (…, F, E).

    "linear": x times a vector plus a vector. "periodic": sines and cosines of learned frequencies. "piecewise": how far
    x has come through each of equal shares of a standard normal distribution, to which preprocessing scales. The last
    two are followed by a linear step of each number's own and a ReLU.
    """

    def __init__(self, count: int, size: int, how: str = "linear", parts: int = 16, sigma: float = 0.3) -> None:
        super().__init__()
        self.how = choice("numbers", how, ("linear", "periodic", "piecewise"))
        parts = whole("parts", parts, 2)
        if how == "periodic":
            self.frequencies = nn.Parameter(torch.randn(count, parts) * sigma)  # (F, parts)
        if how == "piecewise":
            inner = torch.special.ndtri(torch.linspace(0, 1, parts + 1)[1:-1])  # (parts - 1,)
            edges = torch.cat([inner[:1] - 1, inner, inner[-1:] + 1])  # (parts + 1,): the outer bins end 1 further out
            self.edges: Tensor
            self.register_buffer("edges", edges)
        inputs = {"linear": 1, "periodic": 2 * parts, "piecewise": parts}[how]
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(count, inputs, size).uniform_(-bound, bound))  # (F, I, E)
        self.bias = nn.Parameter(torch.empty(count, size).uniform_(-bound, bound))  # (F, E)

    def forward(self, x: Tensor) -> Tensor:
        """(…, F) -> (…, F, E)."""
        parts = x[..., None]  # (…, F, I)
        if self.how == "periodic":
            angle = 2 * math.pi * self.frequencies * parts  # (…, F, parts)
            parts = torch.cat([angle.sin(), angle.cos()], dim=-1)  # (…, F, 2 * parts)
        elif self.how == "piecewise":
            low, high = self.edges[:-1], self.edges[1:]
            parts = (parts - low) / (high - low)  # (…, F, parts)
            inside = parts[..., 1:-1].clamp(0, 1)
            parts = torch.cat([parts[..., :1].clamp(max=1), inside, parts[..., -1:].clamp(min=0)], dim=-1)
        vectors = torch.einsum("...fi,fie->...fe", parts, self.weight) + self.bias  # (…, F, E)
        return vectors if self.how == "linear" else vectors.relu()


class Categories(nn.Module):
    """Codes of categories to vectors: (…, G) -> (…, G, E); one table for all, each category has its own part of it."""

    def __init__(self, cardinalities: tuple[int, ...], size: int) -> None:
        super().__init__()
        starts = torch.tensor([0, *cardinalities])[:-1].cumsum(0)  # (G,)
        self.starts: Tensor
        self.register_buffer("starts", starts, persistent=False)
        self.vectors = nn.Embedding(sum(cardinalities), size)

    def forward(self, codes: Tensor) -> Tensor:
        """(…, G) -> (…, G, E)."""
        return self.vectors(codes.long() + self.starts)
