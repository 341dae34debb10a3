"""Figures that are measured after training, written into a saved bundle's facts and card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.bundle import Bundle
from core.cache import MemoryCache
from core.card import write_card
from core.evaluation.subgroups import By, Subgroup, subgroups
from core.manifest import Manifest
from core.schema import Modality, TargetKind
from core.splits import rows_to_measure
from core.table_answers import table_answers

FEW = 8  # values of a column that is looked at by without being named


def remember(folder: Path, name: str, figures: Any) -> Bundle:
    """Keep ``figures`` (JSON) under facts["measured"][name] and write the card anew; weights and answers stay.

    Returns the bundle as it is now.

    Raises:
        BundleError: if the bundle cannot be opened or written.
    """
    bundle = Bundle.load(folder, MemoryCache())
    bundle.facts["measured"] = bundle.facts.get("measured", {}) | {name: figures}
    bundle.card = write_card(bundle)
    bundle.save(folder)
    return bundle


def groups_of_tests(bundle: Bundle, manifest: Manifest, by: Sequence[By]) -> list[Subgroup]:
    """The groups of the rows that a model of this table never saw; see ``core.evaluation.subgroups``."""
    rows, seen = rows_to_measure(manifest, None, bundle.config, bundle.facts["fingerprint"], bundle.learned)
    target = bundle.ensemble.target
    if target.kind in (TargetKind.LABEL, TargetKind.GRADE):
        rows = [i for i in rows if manifest.targets[i] in target.classes]
    if seen or not rows or not by:
        return []
    y = target.decoded(target.encode([manifest.targets[i] for i in rows]))
    return subgroups(target.kind, y, table_answers(bundle, manifest, rows), manifest, rows, by)


def usual_groups(manifest: Manifest) -> list[By]:
    """The categories among the inputs that have a few values, such as sex or site."""
    tabular = [m for m in manifest.config.modalities if m.kind is Modality.TABULAR]
    named = dict.fromkeys(c for m in tabular for c in m.views[0].preprocess.get("categories", ()))
    return [By(c) for c in named if 1 < len({cell for part in manifest.table.column(c) for cell in part}) <= FEW]
