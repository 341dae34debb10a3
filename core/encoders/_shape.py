"""What encoders ask of a signature, and the step to the width that the fusion wants."""

from __future__ import annotations

from torch import nn

from core.errors import ConfigError
from core.nn import whole
from core.schema import Signature


def features(name: str, signature: Signature) -> int:
    """F of samples (T, F).

    Raises:
        ConfigError: for samples of another shape.
    """
    if len(signature.shape) != 1 or signature.vocabulary is not None:
        raise ConfigError(f"encoder {name!r} takes samples of features (T, F), not {describe(signature)}")
    return signature.shape[0]


def is_ids(signature: Signature) -> bool:
    """Whether samples are integer ids (T,)."""
    return signature.vocabulary is not None and signature.shape == ()


def describe(signature: Signature) -> str:
    """The shape of a sample in words, for messages."""
    shape = ", ".join(("T", *map(str, signature.shape)))
    return f"({shape})" + (f" of ids below {signature.vocabulary}" if signature.vocabulary is not None else "")


def to_width(native: int, width: int | None) -> tuple[nn.Module, int]:
    """A linear step (…, native) -> (…, width) and its width; nothing is done where ``width`` is None.

    Raises:
        ConfigError: for a width below 1.
    """
    return (nn.Identity(), native) if width is None else (nn.Linear(native, whole("width", width)), width)
