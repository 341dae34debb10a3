"""Samples of a batch as one sparse row a case. Letters as in ``core.schema``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from torch import Tensor

from core.schema import Batch, Encoded, Modality, Signature
from core.view import View


@dataclass(frozen=True)
class Block:
    """One view's part of a row: ``place`` is its modality's column in ``keep`` (B, M)."""

    view: str
    place: int
    signature: Signature
    is_table: bool = False  # columns that a user named, not features of a file or text

    @property
    def is_sparse(self) -> bool:
        """Whether samples are pairs of term id and weight."""
        return self.signature.vocabulary is not None

    def width(self, one_hot: bool) -> int:
        """Columns of this block."""
        if self.signature.vocabulary is not None:
            return self.signature.vocabulary
        codes = self.signature.cardinalities
        return self.signature.shape[0] - len(codes) + (sum(codes) if one_hot else len(codes))


def usable(signature: Signature) -> bool:
    """Whether the floor can read a view: term weights, or one vector of floats an item."""
    is_terms = signature.vocabulary is not None and signature.shape == (2,)
    return is_terms or (signature.vocabulary is None and len(signature.shape) == 1)


def matrix(batch: Batch, blocks: Sequence[Block], keep: Tensor | None, *, one_hot: bool) -> sp.csr_matrix:
    """(B, columns) float32: term weights as they are, dense features averaged over items, then one flag a block.

    With ``one_hot`` category codes are spread for a linear model, else kept as codes for trees. An absent block is all
    zero, and its flag says so.
    """
    parts: list[sp.csr_matrix] = []
    for block in blocks:
        x = batch.inputs[block.view]
        here = x.present if keep is None else x.present & keep[:, block.place]  # (B,)
        rows = _terms(x, block) if block.is_sparse else _dense(x, block, one_hot)
        parts.append(sp.diags(here.numpy().astype(np.float32)) @ rows)
        parts.append(sp.csr_matrix(here.numpy().astype(np.float32)[:, None]))
    return sp.hstack(parts, format="csr", dtype=np.float32)


def _terms(x: Encoded, block: Block) -> sp.csr_matrix:
    pairs, mask = x.tokens.numpy(), x.mask.numpy()  # (B, T, 2), (B, T)
    case, item = mask.nonzero()
    ids, weights = pairs[case, item, 0].astype(int), pairs[case, item, 1]
    return sp.csr_matrix((weights, (case, ids)), shape=(len(pairs), block.width(True)), dtype=np.float32)


def _dense(x: Encoded, block: Block, one_hot: bool) -> sp.csr_matrix:
    weight = x.mask[..., None].float()  # (B, T, 1)
    mean = ((x.tokens * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1)).numpy()  # (B, F)
    codes = block.signature.cardinalities
    if not codes or not one_hot:
        return sp.csr_matrix(mean)
    numbers, code = mean[:, : -len(codes)], mean[:, -len(codes) :].astype(int)
    spread = [np.eye(n, dtype=np.float32)[code[:, i].clip(0, n - 1)] for i, n in enumerate(codes)]
    return sp.csr_matrix(np.concatenate([numbers, *spread], axis=1))


def block_scales(rows: sp.csr_matrix, blocks: Sequence[Block]) -> np.ndarray:
    """A scale a column: dense columns get unit spread and each block a mean squared row length of 1.

    So a block of 1,280 image features does not outweigh one of 20 table columns before anything is learned.
    """
    scales, start = [], 0
    for block in blocks:
        stop = start + block.width(one_hot=True)
        part = rows[:, start:stop]
        scale = np.ones(stop - start)
        if not block.is_sparse:
            mean = np.asarray(part.mean(axis=0)).ravel()
            variance = np.asarray(part.multiply(part).mean(axis=0)).ravel() - mean**2
            scale = 1 / np.sqrt(np.maximum(variance, 1e-4))
        length = float(part.multiply(scale[None] ** 2).multiply(part).sum()) / max(1, part.shape[0])
        scales.append(np.append(scale / np.sqrt(max(length, 1e-6)), 0.3))  # the flag weighs little
        start = stop + 1
    return np.concatenate(scales).astype(np.float32)


def blocks_of(views: Mapping[str, View], places: Mapping[str, int]) -> list[Block]:
    """The blocks of all views that the floor can read; ``places`` gives the column of each modality."""
    return [
        Block(name, places[v.modality.name], v.signature, v.modality.kind is Modality.TABULAR)
        for name, v in views.items()
        if usable(v.signature)
    ]
