"""Preprocessors: one file a kind of data. What is learned is learned from training rows and saved with the model.

The contract, held by ``tests/test_preprocess.py`` over every kind:

    class Name:
        def __init__(self, **options): ...
        def fit(self, cells) -> None: ...                    # an iterator over the present cells of the training rows
        signature: Signature                                 # property; known after ``fit``
        def prepare(self, cell) -> Any: ...                  # deterministic and expensive: read, decode, clean
        def finish(self, prepared, rng=None) -> Tensor: ...  # (T, *shape); ``rng``: augment
        def state(self) -> dict: ...                         # JSON: what ``fit`` learned
        def restore(self, state) -> None: ...
        def notes(self, cell) -> tuple[str, ...]: ...        # optional: what the result of a case must tell of its cell

A cell is never absent here. Its type by kind: TEXT a str; TABULAR and PAIR a dict of column to str ("" for a blank);
all others a tuple of absolute ``Path``s, at least one; VOLUME also takes scans that are read already
(``core.preprocess.grid``).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from core.errors import ConfigError
from core.schema import Modality, Signature


class Preprocessor(Protocol):
    """What every preprocessor is; see the module's text."""

    @property
    def signature(self) -> Signature:
        """What one sample looks like."""
        ...

    def fit(self, cells: Iterable[Any]) -> None:
        """Learn from the present cells of the training rows."""
        ...

    def prepare(self, cell: Any) -> Any:
        """The deterministic, expensive part: read, decode, clean."""
        ...

    def finish(self, prepared: Any, rng: np.random.Generator | None = None) -> Tensor:
        """The sample (T, *shape); with an ``rng``, randomly augmented."""
        ...

    def state(self) -> dict[str, Any]:
        """What ``fit`` learned, as JSON."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a saved ``state``."""
        ...


def build(kind: Modality, options: dict[str, Any]) -> Preprocessor:
    """Build the preprocessor of one kind of data: the class ``<Kind>Preprocessor`` of the file named like it.

    Raises:
        ConfigError: for an option that it does not have.
    """
    module = importlib.import_module(f"core.preprocess.{kind}")
    try:
        return getattr(module, f"{kind.capitalize()}Preprocessor")(**options)
    except TypeError as error:
        raise ConfigError(f"{kind} preprocessing: {error}") from error
