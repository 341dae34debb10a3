"""How long work says how far it is: one callable for command line, app and notebook alike."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from tqdm.auto import tqdm


class Progress(Protocol):
    """Called with a stage's name, how much of it is done, and figures worth showing."""

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float] | None = None) -> None:
        """Report that ``done`` of ``total`` parts of a stage are done."""
        ...


def silent(stage: str, done: int, total: int, figures: Mapping[str, float] | None = None) -> None:
    """Report nothing."""


class Bars:
    """Progress bars on standard error, one a stage."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float] | None = None) -> None:
        """Move the bar of a stage; a new stage closes the last one's."""
        if self._bar is None or stage != self._stage:
            self.close()
            self._bar, self._stage = tqdm(total=total, desc=stage, leave=True), stage
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if figures:
            self._bar.set_postfix({k: f"{v:.4g}" for k, v in figures.items()})

    def close(self) -> None:
        """End the open bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
