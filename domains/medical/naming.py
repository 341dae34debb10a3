"""How often the texts of a table name the answer, as far as a model may read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.excerpt import hide
from core.manifest import Manifest
from core.schema import Modality, TargetKind
from domains.medical.mentions import Mentions, label_mentions

MOST_CLASSES = 50  # more are no words to look for


def mentions(manifest: Manifest, hidden: Sequence[str] = ()) -> dict[str, Mentions]:
    """By text modality, how often it names its case's label; empty where the target is not one label a case.

    ``hidden``: words that are hidden besides.
    """
    config = manifest.config
    texts = [m.name for m in config.modalities if m.kind is Modality.TEXT]
    told = [i for i, label in enumerate(manifest.targets) if label]
    labels = [str(manifest.targets[i]) for i in told]
    classes = sorted(set(labels))
    if config.target.kind is not TargetKind.LABEL or not 2 <= len(classes) <= MOST_CLASSES:
        return {}
    read = {m: [str(manifest.cell(i, m) or "") for i in told] for m in texts}
    return {m: label_mentions([hide(t, hidden) if hidden else t for t in read[m]], labels, classes) for m in texts}


def screen(manifest: Manifest) -> tuple[dict[str, Any], list[str]]:
    """The same as JSON and in words, with what to do about it, for the command ``check``."""
    found = mentions(manifest)
    lines = [f"{name}: {line}" for name, one in found.items() for line in one.lines()]
    return {"mentions": {name: one.to_json() for name, one in found.items()}}, [*lines, *_advice(manifest, found)]


def _advice(manifest: Manifest, found: Mapping[str, Mentions]) -> list[str]:
    if not any(one.whole.own for one in found.values()):
        return []
    words = ",".join(sorted({str(label) for label in manifest.targets if label}))
    return [f'to hide these words from the model: --set "hide={words}"; to leave sections out: --set sections=…']
