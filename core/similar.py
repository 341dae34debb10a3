"""The training cases nearest to a case, to show beside an answer: kept in a bundle only where a user allows it.

Nearest is what the first network makes most alike: the mean token of every present modality, side by side, by cosine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from core.config import KEPT
from core.dataset import Collate, Sample, prepare_row
from core.ensemble import Ensemble, Network
from core.manifest import Manifest
from core.nn import Pool
from core.schema import Batch, Modality, Row
from core.splits import some_of
from core.view import View

MOST = 5000  # training cases that are kept; of more, so many are drawn
_LETTERS, _BATCH = 400, 64


class Neighbour(NamedTuple):
    """A training case: its id, its true answer, how alike it is (1: the same), and its texts where they were kept."""

    id: str
    answer: str
    likeness: float
    text: str


@dataclass(frozen=True)
class Similar:
    """Vectors (N, modalities * D) of training cases and what may be shown of each."""

    vectors: Tensor
    ids: tuple[str, ...]
    answers: tuple[str, ...]
    texts: tuple[str, ...]  # empty texts where only ids are kept

    @classmethod
    def fit(
        cls, ensemble: Ensemble, views: dict[str, View], manifest: Manifest, rows: Sequence[int], keep: str, seed: int
    ) -> Self | None:
        """From training rows; None where nothing may be kept (``core.config.KEPT``) or no network answers."""
        if keep == KEPT[0] or _network(ensemble) is None:
            return None
        cases = [manifest.row(i) for i in some_of(rows, MOST, seed)]
        collate, found = Collate(views, None), list[Tensor]()
        for start in range(0, len(cases), _BATCH):
            part = cases[start : start + _BATCH]
            prepared = [{n: views[n].finish(p) for n, p in prepare_row(row, views).items()} for row in part]
            found.append(vectors(ensemble, collate([Sample(r.id, 0, p, None) for r, p in zip(part, prepared)])))
        texts = tuple(_text(row, views) if keep == KEPT[2] else "" for row in cases)
        answers = tuple(_answer(row.target) for row in cases)
        return cls(torch.cat(found).half(), tuple(row.id for row in cases), answers, texts)

    def nearest(self, vector: Tensor, k: int = 3) -> list[Neighbour]:
        """The ``k`` cases most alike to a vector (modalities * D,) of ``vectors``, the nearest first."""
        likeness = self.vectors.float() @ vector  # (N,)
        best = likeness.topk(min(k, len(likeness)))
        return [
            Neighbour(self.ids[i], self.answers[i], round(p, 3), self.texts[i])
            for p, i in zip(best.values.tolist(), best.indices.tolist())
        ]

    def save(self, folder: Path) -> None:
        """Write ``similar.safetensors`` and ``similar.json``."""
        save_file({"vectors": self.vectors.contiguous()}, folder / "similar.safetensors")
        told = {"ids": self.ids, "answers": self.answers, "texts": self.texts}
        (folder / "similar.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Take over what ``save`` wrote; None where nothing was kept."""
        if not (folder / "similar.json").is_file():
            return None
        told = json.loads((folder / "similar.json").read_text(encoding="utf-8"))
        kept = {name: tuple(map(str, told[name])) for name in ("ids", "answers", "texts")}
        return cls(load_file(folder / "similar.safetensors")["vectors"], **kept)


@torch.inference_mode()
def vectors(ensemble: Ensemble, batch: Batch) -> Tensor:
    """(B, modalities * D) of length 1: the mean token of each modality, all of one weight; 0 for an absent one."""
    network = _network(ensemble)
    assert network is not None
    pool = Pool(network.model.width)
    encoded = network.model.encode(batch.to(next(network.model.parameters()).device).inputs)
    parts = [normalize(pool(encoded[m]), dim=1) * encoded[m].present[:, None] for m in ensemble.modalities]
    return normalize(torch.cat(parts, dim=1), dim=1).cpu()


def _network(ensemble: Ensemble) -> Network | None:
    return next((e for e in ensemble.experts if isinstance(e, Network)), None)  # whatever its weight: it knows cases


def _answer(target: object) -> str:
    return " | ".join(map(str, target)) if isinstance(target, tuple) else str(target)


def _text(row: Row, views: dict[str, View]) -> str:
    """The texts of a row, cut where they are long."""
    kinds = {v.modality.name: v.modality.kind for v in views.values()}
    found = (str(cell)[:_LETTERS] for name, cell in row.values.items() if kinds.get(name) is Modality.TEXT)
    return "\n".join(found)
