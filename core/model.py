"""The whole network: an encoder a view, tokens joined a modality, one fusion. Letters as in ``core.schema``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from core import encoders, fusion
from core.config import ExperimentConfig
from core.encoders._group_norm import without_batch_norm
from core.schema import Encoded, Signature
from core.view import save_assets


class FusionModel(nn.Module):
    """Encoders and one fusion, all keyed by modality.

    ``keep`` switches modalities off a case by case through the mask: modality dropout in training, missing-data curves
    and Shapley shares all use it.
    """

    def __init__(
        self, config: ExperimentConfig, signatures: dict[str, Signature], outputs: int, assets: Path | None = None
    ) -> None:
        """``assets``: the ``views`` folder of a bundle, when the weights are loaded from there next."""
        super().__init__()
        self.names = tuple(m.name for m in config.modalities)
        self.width = config.width
        self.views = {m.name: m.view_names() for m in config.modalities}
        self.encoders = nn.ModuleDict(
            {
                _key(name): encoders.build(
                    view.encoder,
                    m.kind,
                    signatures[name],
                    config.width,
                    view.options,
                    assets / name if assets else None,
                )
                for m in config.modalities
                for name, view in zip(m.view_names(), m.views)
            }
        )
        self.fusion = fusion.build(config.fusion, self.names, config.width, outputs, config.fusion_options)
        self.trust: Tensor  # (1 + M,): of the answer from everything and of each modality's alone; see ``asked``
        self.register_buffer("trust", torch.eye(1 + len(self.names))[0])
        if config.training.privacy is not None:
            without_batch_norm(self)

    def forward(self, inputs: dict[str, Encoded], keep: Tensor | None = None) -> Tensor:
        """Samples (B, T, *shape) a view, and optionally ``keep`` (B, M) bool, to logits (B, K)."""
        return self.fusion(self.encode(inputs if keep is None else self.restrict(inputs, keep)))

    def restrict(self, inputs: dict[str, Encoded], keep: Tensor) -> dict[str, Encoded]:
        """Switch modalities off before they are encoded; ``keep`` (B, M) in the order of ``names``."""
        place = {view: i for i, m in enumerate(self.names) for view in self.views[m]}
        return {v: Encoded(inputs[v].tokens, inputs[v].mask & keep[:, i, None]) for v, i in place.items()}

    def encode(self, inputs: dict[str, Encoded]) -> dict[str, Encoded]:
        """Samples of every view to the tokens (B, T, D) of every modality."""
        return {m: self.encode_one(m, inputs) for m in self.views}

    def encode_one(self, modality: str, inputs: dict[str, Encoded]) -> Encoded:
        """Samples of the views of one modality to its tokens (B, T, D)."""
        return _join([self._encode(v, inputs[v]) for v in self.views[modality]])

    def _encode(self, view: str, samples: Encoded) -> Encoded:
        encoder = self.encoders[_key(view)]
        present = samples.present  # (B,)
        if bool(present.all()):
            return encoder(*samples)
        if not bool(present.any()):
            return Encoded(
                samples.tokens.new_zeros((len(present), 1, self.width), dtype=torch.float32), samples.mask[:, :1]
            )
        some = encoder(samples.tokens[present], samples.mask[present])  # absent rows never meet an encoder
        tokens = some.tokens.new_zeros((len(present), *some.tokens.shape[1:])).index_put(
            (present,), some.tokens
        )  # (B, T', D)
        mask = some.mask.new_zeros((len(present), some.mask.shape[1])).index_put((present,), some.mask)  # (B, T')
        return Encoded(tokens, mask)

    def fuse(self, encoded: dict[str, Encoded], keep: Tensor | None = None) -> Tensor:
        """Tokens (B, T, D) a modality to logits (B, K); ``keep`` (B, M) in the order of ``names``."""
        if keep is not None:
            encoded = {
                m: Encoded(encoded[m].tokens, encoded[m].mask & keep[:, i, None]) for i, m in enumerate(self.names)
            }
        return self.fusion(encoded)

    def asked(self, present: Tensor, keep: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """What a trained network is asked: modalities to keep (B, M), and the weight (B,) of the answer with these.

        First everything that ``keep`` (B, M) leaves of what is ``present`` (B, M), then each modality alone that is
        trusted at all. Where one is absent, its weight goes to everything. Weights of a case add up to 1.
        """
        here = present & keep  # (B, M)
        alone = self.trust[1:] * here  # (B, M)
        yield keep, 1 - alone.sum(dim=1)
        for i in torch.nonzero(self.trust[1:]).flatten().tolist():
            only = torch.zeros_like(keep)
            only[:, i] = keep[:, i]
            yield only, alone[:, i]

    def save_assets(self, folder: Path) -> None:
        """Let encoders built on pretrained models write their configuration into the ``views`` folder of a bundle."""
        for name in (v for views in self.views.values() for v in views):
            save_assets(self.encoders[_key(name)], folder / name)

    def encoder(self, view: str) -> nn.Module:
        """The encoder of one view."""
        return self.encoders[_key(view)]

    def encoder_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """All weights that belong to one modality alone."""
        for view in self.views[modality]:
            yield from self.encoders[_key(view)].parameters()

    def present(self, inputs: dict[str, Encoded]) -> Tensor:
        """(B, M) bool: which modalities each case has, in the order of ``names``."""
        return torch.stack(
            [torch.stack([inputs[v].present for v in self.views[m]]).any(dim=0) for m in self.names], dim=1
        )


def _key(view: str) -> str:
    return view.replace(".", "__")  # module names may not hold a dot


def _join(parts: list[Encoded]) -> Encoded:
    if len(parts) == 1:
        return parts[0]
    return Encoded(torch.cat([p.tokens for p in parts], dim=1), torch.cat([p.mask for p in parts], dim=1))
