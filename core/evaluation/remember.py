"""Figures that were measured after training, written into a saved bundle's facts and card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.bundle import Bundle
from core.cache import MemoryCache
from core.card import write_card


def remember(folder: Path, name: str, figures: Any) -> None:
    """Keep ``figures`` (JSON) under facts["measured"][name] and write the card anew; weights and answers stay.

    Raises:
        BundleError: if the bundle cannot be opened or written.
    """
    bundle = Bundle.load(folder, MemoryCache())
    bundle.facts["measured"] = bundle.facts.get("measured", {}) | {name: figures}
    bundle.card = write_card(bundle)
    bundle.save(folder)
