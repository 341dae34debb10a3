"""A small convolutional network in 1, 2 or 3 dimensions: texts, sound, images, volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from core.encoders._conv import Conv, per_step, shortened
from core.encoders._embed import Embed
from core.encoders._items import TOKENS, in_chunks, item_channels, real_items, to_tokens
from core.encoders._shape import features, is_ids, to_width
from core.errors import ConfigError
from core.nn import blank, choice, drop, whole, wholes
from core.schema import Encoded, Modality, Signature

_POOL: dict[int, type[nn.MaxPool1d] | type[nn.MaxPool2d] | type[nn.MaxPool3d]] = {
    1: nn.MaxPool1d,
    2: nn.MaxPool2d,
    3: nn.MaxPool3d,
}


class Cnn(nn.Module):
    """Stages of convolution, batch normalisation, ReLU and max pooling.

    In 1 dimension over the time of ids or features (Kim, EMNLP 2014), in 2 over time and bands of a log-mel spectrum:
    tokens are steps of time, ``pool`` times fewer a stage. In 2 over images and frames, in 3 over volumes, item by
    item; in 2 over a volume slice by slice.

    Args:
        signature: ids (T,), features (T, F), images (T, C, H, W) or volumes (T, C, Z, H, W).
        width: D; None: the last of ``channels``.
        channels: one stage each.
        kernel: odd size of the convolutions.
        pool: size and step of max pooling after each stage; 1: none.
        spatial_dims: 1, 2 or 3; None: 1 over time, 2 over images, 3 over volumes. A log-mel spectrum takes 1 or 2.
        tokens: for images and volumes: "pooled" for one token each, "grid" for one a cell.
        embedding: width of the vectors of ids.
        dropout: of the result.

    Raises:
        ConfigError: for samples of another shape, or a value that does not exist.
    """

    accepts: ClassVar = frozenset(Modality) - {Modality.TABULAR, Modality.PAIR}

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        channels: Sequence[int] = (32, 64, 128),
        kernel: int = 3,
        pool: int = 2,
        spatial_dims: int | None = None,
        tokens: str = "pooled",
        embedding: int = 64,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.over_time = len(signature.shape) < 2
        self.dims = dims = max(1, len(signature.shape) - 1) if spatial_dims is None else spatial_dims
        if dims not in ((1, 2) if self.over_time else (2, 3)) or whole("kernel", kernel) % 2 == 0:
            raise ConfigError(f"cnn: spatial_dims={dims} and kernel={kernel} do not fit; kernels are odd, see the docs")
        self.tokens = choice("tokens", tokens, TOKENS)
        sizes = wholes("channels", channels)
        self.embed = Embed("cnn", signature, whole("embedding", embedding)) if is_ids(signature) else None
        first = self._first(signature, embedding)
        self.stages = nn.ModuleList(Conv(dims, a, b, kernel) for a, b in zip((first, *sizes), sizes))
        self.pool = _POOL[dims](whole("pool", pool), ceil_mode=True)
        self.step = pool
        bands = shortened(signature.shape[0], [pool] * len(sizes)) if self.over_time and dims == 2 else 1
        self.gather = nn.Linear(sizes[-1] * bands, sizes[-1]) if bands > 1 else nn.Identity()
        self.dropout = drop(dropout)
        self.project, self.width = to_width(sizes[-1], width)

    def _first(self, signature: Signature, embedding: int) -> int:
        if not self.over_time:
            return item_channels("cnn", signature, self.dims)
        if self.embed is None:
            bands = features("cnn", signature)
            return bands if self.dims == 1 else 1
        if self.dims == 2:
            raise ConfigError("cnn: spatial_dims=2 over time needs features (T, F), not ids; leave it out")
        return embedding

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T), (B, T, F) -> (B, T', D); images or volumes (B, T, C, *space) -> (B, T', D)."""
        if not self.over_time:
            maps = in_chunks(self._maps, real_items(x, mask, self.dims))  # (N, C', *grid)
            tokens, mask = to_tokens(maps, mask, self.tokens)  # (B, T', C')
        else:
            steps = blank(x, mask) if self.embed is None else self.embed(x, mask)  # (B, T, F)
            maps = steps[:, None] if self.dims == 2 else steps.transpose(1, 2)  # (B, 1, T, F) or (B, F, T)
            for stage in self.stages:
                maps, mask = stage(maps, mask)
                maps, mask = self.pool(maps), mask[:, :: self.step]  # padding is 0 and nothing is below
            tokens = self.gather(per_step(maps))  # (B, T', C')
        return Encoded(blank(self.project(self.dropout(tokens)), mask), mask)

    def _maps(self, items: Tensor) -> Tensor:
        for stage in self.stages:
            items = self.pool(stage(items, None)[0])
        return items
