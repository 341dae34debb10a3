"""MONAI's networks for images and volumes."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from core.encoders._items import TOKENS, in_chunks, item_channels, real_items, to_tokens
from core.encoders._shape import to_width
from core.errors import ConfigError
from core.nn import blank, choice, drop
from core.schema import Encoded, Modality, Signature

ARCHITECTURES = ("densenet121", "resnet10", "resnet18")
_SMALLEST = {"densenet121": 32, "resnet10": 1, "resnet18": 1}  # side in pixels that the poolings need


class MonaiNet(nn.Module):
    """DenseNet121 (Huang et al., CVPR 2017) or a ResNet (He et al., CVPR 2016) of MONAI, in 2 or 3 dimensions.

    Args:
        signature: images (T, C, H, W) or volumes (T, C, Z, H, W).
        width: D; None: 1024 for DenseNet121, 512 for the ResNets.
        architecture: "densenet121", "resnet10" or "resnet18".
        spatial_dims: 2 over a volume reads it slice by slice; None: as many as an item has.
        tokens: "pooled" for one token an item, "grid" for one a cell.
        dropout: of the result.

    Raises:
        ConfigError: for samples of another shape, or a value that does not exist.
    """

    accepts: ClassVar = frozenset({Modality.IMAGE, Modality.VOLUME, Modality.VIDEO})

    def __init__(
        self,
        signature: Signature,
        width: int | None,
        architecture: str = "densenet121",
        spatial_dims: int | None = None,
        tokens: str = "pooled",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.dims = max(2, len(signature.shape) - 1) if spatial_dims is None else spatial_dims
        if self.dims not in (2, 3):
            raise ConfigError(f"monai_net: spatial_dims is 2 or 3, found {spatial_dims}")
        channels = item_channels("monai_net", signature, self.dims)
        smallest = _SMALLEST[choice("architecture", architecture, ARCHITECTURES)]
        if min(signature.shape[-self.dims :]) < smallest:
            raise ConfigError(
                f"monai_net: {architecture} needs at least {smallest} pixels a side, found {signature.shape[1:]}; "
                "raise the preprocess size or choose resnet10"
            )
        self.tokens = choice("tokens", tokens, TOKENS)
        self.network, native = _build(architecture, self.dims, channels)
        self.dropout = drop(dropout)
        self.project, self.width = to_width(native, width)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T, C, *space) -> (B, T', D)."""
        maps = in_chunks(self.network, real_items(x, mask, self.dims))  # (N, C', *grid)
        tokens, mask = to_tokens(functional.relu(maps), mask, self.tokens)  # (B, T', C')
        return Encoded(blank(self.project(self.dropout(tokens)), mask), mask)


def _build(architecture: str, dims: int, channels: int) -> tuple[nn.Module, int]:
    """The network up to its last feature map, and the channels of that."""
    from monai.networks import nets  # takes seconds to import

    if architecture == "densenet121":
        return nets.DenseNet121(spatial_dims=dims, in_channels=channels, out_channels=1).features, 1024
    make: Any = getattr(nets, architecture)
    network = make(spatial_dims=dims, n_input_channels=channels, num_classes=1)
    parts = (network.conv1, network.bn1, network.act, network.maxpool)
    return nn.Sequential(*parts, *(getattr(network, f"layer{i}") for i in range(1, 5))), 512
