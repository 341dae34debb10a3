"""What within a modality an answer rests on, by gradients: a few passes, however many parts there are.

Integrated gradients (Sundararajan, Taly, Yan, "Axiomatic Attribution for Deep Networks", 2017) along the straight path
from an empty sample to the real one; the shares of one modality add up to what it gives, to the accuracy of ``STEPS``.
For sound through a convolutional network they do not (58 % is left in ``benchmarks/faithfulness.py audio``); 128 points
add up, but then the planted second was found in 7 % of the cases where 8 points find 93 % and occlusion, the default
there, all.
Grad-CAM (Selvaraju et al., 2017) multiplies the last maps of a convolutional network with their gradients; its shares
rank places and are no log-odds. Both by captum, on copies of the networks, so that answers meanwhile meet no hook.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.dataset import Sample, prepare_row
from core.encoders._conv import CONV, Residual
from core.ensemble import Network
from core.explanation.gather import by_cell, gathered
from core.explanation.parts import Part, check, emptied, places_of
from core.predict import Predictor
from core.schema import Encoded, Modality, Row, TargetKind
from core.view import View

STEPS = 8  # points on the path of integrated gradients
_MOST = 2**19  # values of the points that are looked at together: a scan of many slices goes point by point


def integrated_gradients(predictor: Predictor, row: Row, modality: str, *, label: str | None = None) -> list[Part]:
    """The share of each part of one modality in the answer ``label`` (None: the most probable one), in order of place.

    Raises:
        ConfigError: for a modality that the case does not have, or a label that the model does not know.
        ValueError: where ``unreachable`` says why not.
    """
    answer, ready, samples = _answer(predictor, row, modality, label)
    from captum.attr import LayerIntegratedGradients

    cell, views = row.values[modality], answer.views
    empty = tuple(emptied(v, cell, r)[None] for v, r in zip(views, ready))
    layers = [layer for _, layer in answer.layers]
    most = max(1, _MOST // max(s.numel() for s in samples))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Multiple layers")  # none of them depends on another
        rule = LayerIntegratedGradients(answer, layers)
    found = rule.attribute(samples, empty, n_steps=STEPS, internal_batch_size=most)
    names, spans = zip(*places_of(views[0], cell, ready[0]))
    total = torch.zeros(len(names), dtype=torch.float64)
    for (place, layer), values in zip(answer.layers, found):
        is_table = isinstance(layer, nn.Embedding)
        total += gathered(views[place], cell, spans, values[0].detach().double(), is_table)
    return [Part(n, s, float(v)) for n, s, v in zip(names, spans, total)]


def unexplained(predictor: Predictor, row: Row, modality: str) -> float:
    """How far the shares of ``integrated_gradients`` are from what the whole modality gives, as a part of that."""
    answer, ready, samples = _answer(predictor, row, modality, None)
    empty = (emptied(v, row.values[modality], r)[None] for v, r in zip(answer.views, ready))
    with torch.no_grad():
        gives = float(answer(*samples) - answer(*empty))
    shares = sum(p.share for p in integrated_gradients(predictor, row, modality))
    return abs(shares - gives) / max(abs(gives), 1e-6)


def grad_cam(predictor: Predictor, row: Row, modality: str, *, label: str | None = None) -> list[Part]:
    """As ``integrated_gradients``, for images, volumes, frames and seconds that a convolutional network looks at."""
    answer, ready, samples = _answer(predictor, row, modality, label)
    from captum.attr import LayerGradCam

    cell, view = row.values[modality], answer.views[0]
    names, spans = zip(*places_of(view, cell, ready[0]))
    total = torch.zeros(len(names), dtype=torch.float64)
    for layer in answer.convolutions():
        values = LayerGradCam(answer, layer).attribute(samples, attribute_to_layer_input=True)
        total += by_cell(view, values[:, 0].detach().double(), len(names))
    return [Part(n, s, float(v)) for n, s, v in zip(names, spans, total)]


def unreachable(predictor: Predictor, modality: str, *, cam: bool = False) -> str:
    """Why gradients, or those of Grad-CAM, do not reach a modality, in words; "" where they do."""
    ensemble = predictor.ensemble
    kinds = {e.kind for e, w in zip(ensemble.experts, ensemble.weights) if w > 0} - {Network.kind}
    if kinds:
        return f"the answer also comes from {', '.join(sorted(kinds))}, which gradients do not pass"
    for view in _views(predictor, modality):
        if view.modality.kind is Modality.PAIR or _is_compared(predictor, view):
            return "two texts are compared as a whole, which gradients do not pass"
        readers = _readers(predictor, view)
        if cam and any(_last(reader) is None for reader in readers):
            return "no convolutional network looks at it"
        if not cam and _size(view) and any(_table(r, view) is None for r in readers):
            return "its words have no vectors of their own, which gradients would reach"
    return ""


class _Answer(nn.Module):
    """The joint answer before calibration as a function of the samples of one modality: (S, T, *shape) each -> (S,)."""

    def __init__(self, predictor: Predictor, row: Row, modality: str, label: str | None) -> None:
        super().__init__()
        ensemble, every = predictor.ensemble, predictor.bundle.views
        self.target, self.modality, self.views = ensemble.target, modality, _views(predictor, modality)
        self.weights = [w for w in ensemble.weights if w > 0]
        used = [e for e, w in zip(ensemble.experts, ensemble.weights) if w > 0]
        self.members = nn.ModuleList(copy.deepcopy(e.model) for e in used if isinstance(e, Network))
        self.backbones = nn.ModuleList(copy.deepcopy(v.backbone) or nn.Identity() for v in self.views)
        self.entries = nn.ModuleList(nn.Identity() for _ in self.views)
        self.cpu().eval().requires_grad_(False)
        whole = {n: every[n].finish(p) for n, p in prepare_row(row, every).items()}
        batch = predictor.collate([Sample(row.id, 0, whole, None)])
        with torch.no_grad():
            self.others = [model.encode(batch.inputs) for model in self.members]  # type: ignore[operator]
        best = int(ensemble.answers(batch)[0][0].argmax())
        self.top = best if label is None else self.target.classes.index(label)

    @property
    def layers(self) -> list[tuple[int, nn.Module]]:
        """Where gradients end: the number of the view, and its sample or the vectors of its ids and codes."""
        found: list[tuple[int, nn.Module]] = []
        for i, view in enumerate(self.views):
            if not (_size(view) and not view.preprocessor.signature.cardinalities):
                found.append((i, self.entries[i]))
            if _size(view):
                found += [(i, t) for reader in self._readers(i) if (t := _table(reader, view)) is not None]
        return found

    def convolutions(self) -> list[nn.Module]:
        """The last one of each network that looks at the first view."""
        return [layer for reader in self._readers(0) if (layer := _last(reader)) is not None]

    def _readers(self, place: int) -> list[nn.Module]:
        view = self.views[place]
        if view.backbone is not None:
            return [self.backbones[place]]
        return [model.encoder(view.name) for model in self.members]  # type: ignore[operator]

    def forward(self, *samples: Tensor) -> Tensor:
        """(S, T, *shape) a view -> (S,): log-odds of the answer, or its value."""
        inputs = {v.name: self._enter(i, x) for i, (v, x) in enumerate(zip(self.views, samples))}
        count, total = len(samples[0]), torch.zeros(len(samples[0]), dtype=torch.float64)
        for model, weight, others in zip(self.members, self.weights, self.others):
            encoded = {m: Encoded(*(t.expand(count, *t.shape[1:]) for t in e)) for m, e in others.items()}
            own = model.encode_one(self.modality, inputs)  # type: ignore[operator]
            encoded |= {self.modality: own}
            present = torch.stack([e.present for e in encoded.values()], dim=1)  # (S, M)
            for kept, share in model.asked(present, torch.ones_like(present)):  # type: ignore[operator]
                total = total + weight * share * self._read(model.fuse(encoded, kept))  # type: ignore[operator]
        return total if self.target.kind is TargetKind.NUMBER else total.logit(eps=1e-15)

    def _read(self, logits: Tensor) -> Tensor:
        """(S, K) -> (S,): the probability of the answer, or the number."""
        if self.target.kind is TargetKind.NUMBER:
            return self.target.values(logits)
        return self.target.probabilities(logits.double())[:, self.top]

    def _enter(self, place: int, sample: Tensor) -> Encoded:
        x = self.entries[place](sample)
        mask = torch.ones(x.shape[:2], dtype=torch.bool)
        return Encoded(x, mask) if self.views[place].backbone is None else self.backbones[place](x, mask)


def _answer(
    predictor: Predictor, row: Row, modality: str, label: str | None
) -> tuple[_Answer, list[object], tuple[Tensor, ...]]:
    """The answer to differentiate, what each view prepared of the cell, and the samples (1, T, *shape)."""
    check(predictor, row, modality, label)
    answer = _Answer(predictor, row, modality, label)
    ready = [v.preprocessor.prepare(row.values[modality]) for v in answer.views]
    return answer, ready, tuple(v.preprocessor.finish(r)[None] for v, r in zip(answer.views, ready))


def _is_compared(predictor: Predictor, view: View) -> bool:
    """Whether a text also stands first in a comparison."""
    pairs = [m for m in predictor.bundle.config.modalities if m.kind is Modality.PAIR]
    return view.modality.kind is Modality.TEXT and any(p.columns[0] == view.modality.columns[0] for p in pairs)


def _views(predictor: Predictor, modality: str) -> list[View]:
    """The views that networks read; floors have their own."""
    names = next(m.view_names() for m in predictor.bundle.config.modalities if m.name == modality)
    return [predictor.view(n) for n in names]


def _readers(predictor: Predictor, view: View) -> Sequence[nn.Module]:
    """The modules that a view's plain sample goes into."""
    if view.backbone is not None:
        return [view.backbone]
    return [e.model.encoder(view.name) for e in predictor.ensemble.experts if isinstance(e, Network)]


def _size(view: View) -> int:
    """How many vectors the ids of a view's sample need; 0 for samples without ids."""
    signature = view.preprocessor.signature
    return sum(signature.cardinalities) or (signature.vocabulary or 0 if signature.shape == () else 0)


def _table(reader: nn.Module, view: View) -> nn.Embedding | None:
    tables = (m for m in reader.modules() if isinstance(m, nn.Embedding))
    return next((t for t in tables if t.num_embeddings >= _size(view)), None)


def _last(reader: nn.Module) -> nn.Module | None:
    """The convolution whose input are the last maps that keep their places apart: of the last residual block, if any.

    The first convolution of a residual block reads the same maps as its short cut, so both ways count.
    """
    blocks = [m for m in reader.modules() if isinstance(m, Residual)]
    if blocks:
        return blocks[-1].first.conv
    kinds = tuple(CONV.values())
    wide = [m for m in reader.modules() if isinstance(m, kinds) and max(m.kernel_size) > 1]
    return wide[-1] if wide else None
