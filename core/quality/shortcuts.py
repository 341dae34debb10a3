"""Whether facts that carry no content tell the answer: which kinds a case has, its files' sizes and formats.

A model would learn them and fail elsewhere. In a published set of chest CT, such facts alone reach an AUROC of .94.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.cells import named_series
from core.manifest import Manifest
from core.metrics import score
from core.schema import Modality, TargetKind
from core.splits import folds, some_of
from core.targets import Target

MOST = 5_000  # cases
LOOKS_LIKE_ONE = 0.65  # AUROC, where .5 is chance


def shortcut_auroc(manifest: Manifest, rows: Sequence[int]) -> float | None:
    """AUROC of a forest on such facts, cross-validated with groups whole; None without labels or with too few cases."""
    from sklearn.ensemble import RandomForestClassifier

    if manifest.config.target.kind not in (TargetKind.LABEL, TargetKind.GRADE):
        return None
    chosen = some_of(rows, MOST)
    targets, groups = [manifest.targets[i] for i in chosen], [manifest.groups[i] for i in chosen]
    if len(chosen) < 40 or manifest.count_groups(chosen) < 5:
        return None
    facts = np.array([_facts(manifest, i) for i in chosen])  # (N, F)
    if not facts.std(axis=0).any():
        return None
    target = Target.fit(manifest.config.target, targets)
    y = target.encode(targets).numpy()
    answers = np.tile(np.asarray(target.prior), (len(y), 1))
    for a, b in folds(targets, groups, 5, 0):
        forest = RandomForestClassifier(200, min_samples_leaf=5, random_state=0).fit(facts[a], y[a])
        answers[b] = 0.0
        answers[np.ix_(b, forest.classes_)] = forest.predict_proba(facts[b])
    return score(target.kind, "auroc", y, answers)


def _facts(manifest: Manifest, row: int) -> list[float]:
    found: list[float] = []
    for m, here in zip(manifest.config.modalities, manifest.present[row]):
        found.append(float(here))
        if m.kind.is_file:
            cell = manifest.cell(row, m.name) if here else None
            found += _file_facts(m.kind, [p for p in cell or () if isinstance(p, Path)])
    return found


def _file_facts(kind: Modality, paths: Sequence[Path]) -> list[float]:
    """How many files, their kind of name, the size of the first one, and an image's width and height."""
    if not paths:
        return [0.0] * 5
    first, _ = named_series(paths[0])
    size = sum(f.stat().st_size for f in first.rglob("*") if f.is_file()) if first.is_dir() else first.stat().st_size
    ending = float(sum(first.suffix.lower().encode()) % 97)
    return [
        float(len(paths)),
        ending,
        float(np.log1p(size)),
        *(_shape(first) if kind is Modality.IMAGE else (0.0, 0.0)),
    ]


def _shape(path: Path) -> tuple[float, float]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return float(image.width), float(image.height)
    except (OSError, Image.DecompressionBombError):
        return 0.0, 0.0
