"""How often the texts of a table name the answer, as far as a model may read them, and which texts it does not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.excerpt import hide
from core.manifest import Manifest
from core.schema import Modality, TargetKind
from domains.medical.mentions import Mentions, label_mentions
from domains.medical.recipe import TEXTS

MOST_CLASSES = 50  # more are no words to look for


def mentions(manifest: Manifest, hidden: Sequence[str] = ()) -> dict[str, Mentions]:
    """By text modality, how often it names its case's label, or one of several; empty for numbers and many classes.

    ``hidden``: words that are hidden besides.
    """
    config = manifest.config
    texts = [m.name for m in config.modalities if m.kind is Modality.TEXT]
    if config.target.kind is TargetKind.NUMBER or not 2 <= len(classes := classes_of(manifest)) <= MOST_CLASSES:
        return {}
    told = [i for i, target in enumerate(manifest.targets) if target]
    labels = [manifest.targets[i] for i in told]
    read = {m: [str(manifest.cell(i, m) or "") for i in told] for m in texts}
    return {m: label_mentions([hide(t, hidden) if hidden else t for t in read[m]], labels, classes) for m in texts}


def classes_of(manifest: Manifest) -> list[str]:
    """The labels that occur."""
    targets = [t for t in manifest.targets if t]
    return sorted({label for t in targets for label in ((t,) if isinstance(t, str) else t)})


def screen(manifest: Manifest) -> tuple[dict[str, Any], list[str]]:
    """The same as JSON and in words, with what to do about it, for the command ``check``."""
    found, left = mentions(manifest), unread(manifest)
    lines = [f"{name}: {line}" for name, one in found.items() for line in one.lines()]
    more = {"mentions": {name: one.to_json() for name, one in found.items()}, "unread": left}
    return more, [*lines, *_advice(manifest, found), *_left_out(manifest, left)]


def unread(manifest: Manifest) -> list[str]:
    """The documented texts of a table that the experiment does not read."""
    config = manifest.config
    used = {config.target.column, *(c for m in config.modalities for c in m.columns)}
    return [c for c in TEXTS if c in manifest.table.columns and c not in used]


def _left_out(manifest: Manifest, left: Sequence[str]) -> list[str]:
    if not left:
        return []
    read = [m.columns[0] for m in manifest.config.modalities if m.kind is Modality.TEXT]
    return [f"texts that are not read: {', '.join(left)}; to read them too: --set texts={','.join([*read, *left])}"]


def _advice(manifest: Manifest, found: Mapping[str, Mentions]) -> list[str]:
    if not any(one.whole.own for one in found.values()):
        return []
    words = ",".join(classes_of(manifest))
    told = f'to hide these words from the model: --set "hide={words}"; to use some sections alone:'
    return [f"{told} --set sections=history,technique"]
