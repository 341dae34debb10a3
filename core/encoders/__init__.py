"""Encoders: one file each, one public class each, found by file name.

The contract, held by ``tests/test_encoders.py`` over every file of this folder:

    class Name(nn.Module):
        accepts: frozenset[Modality]      # the kinds of data it understands
        width: int                        # D of its tokens
        def __init__(self, signature: Signature, width: int | None, **options): ...   # None: the encoder's own width
        def forward(self, x, mask) -> Encoded: ...   # (B, T, *shape), (B, T) -> tokens (B, T', D), mask (B, T')

Every row that reaches ``forward`` has at least one real item (the model leaves absent rows out). Padding has no
influence on real tokens; a row's tokens do not depend on its batch mates in evaluation; a row keeps at least one token.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import ClassVar, Protocol, cast

from torch import Tensor, nn

from core import plugins
from core.errors import ConfigError
from core.schema import Encoded, Modality, Signature


class Encoder(Protocol):
    """What every encoder is; see the module's text."""

    accepts: ClassVar[frozenset[Modality]]
    width: int

    # An encoder on a pretrained model also has save_assets(folder): all but weights that rebuilding it needs.

    def __call__(self, x: Tensor, mask: Tensor) -> Encoded:
        """Encode (B, T, *shape) to tokens (B, T', D)."""
        ...


def names() -> list[str]:
    """Names of all encoders."""
    return plugins.names(sys.modules[__name__])


def build(
    name: str,
    kind: Modality,
    signature: Signature,
    width: int | None,
    options: dict[str, object],
    assets: Path | None = None,
) -> nn.Module:
    """Build the encoder ``name`` for samples of one kind.

    ``assets`` is the folder where a bundle keeps what the encoder wrote with ``save_assets``; given it, an encoder that
    starts from outside weights is built without them, because the bundle's own are loaded next.

    Raises:
        ConfigError: for an unknown name, a kind that it does not accept or an option that it does not have.
    """
    encoder = plugins.find(sys.modules[__name__], "encoder", name)
    accepts = cast(type[Encoder], encoder).accepts
    if kind not in accepts:
        raise ConfigError(f"encoder {name!r} does not accept {kind}; it accepts {', '.join(sorted(accepts))}")
    if assets is not None:
        known = inspect.signature(encoder).parameters
        options = options | {k: v for k, v in (("weights", False), ("model", str(assets))) if k in known}
    try:
        return encoder(signature, width, **options)
    except TypeError as error:
        raise ConfigError(f"encoder {name!r}: {error}") from error
