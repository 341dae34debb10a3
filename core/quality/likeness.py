"""Cases alike in content though not in bytes: a sentence put in other words, a picture cut, sound encoded anew.

Compared are vectors: those of the experiment's own frozen backbone, averaged over a case's items, where it has one (so
they are computed once and training finds them in the cache); else plain ones: weighted words, a coarse grid of
brightness, a coarse log-mel picture. All have the table's mean taken off, so that what all cases share counts nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from core.cache import FeatureCache
from core.config import ModalityConfig
from core.dataset import cells_of
from core.errors import FileError
from core.manifest import Manifest
from core.preprocess import build
from core.progress import Progress, silent
from core.quality.duplicates import Duplicates, Pairs, counted
from core.schema import Modality
from core.splits import some_of
from core.view import View, build_views

MOST = 1_000  # cases compared; of more, so many are drawn
LEAST = 20  # cases; of fewer the mean says nothing
FROZEN, WORDS, COARSE = 0.9, 0.65, 0.95  # cosine from which on two cases are called alike
PICTURES = 0.7  # of a frozen image backbone: pictures of other cases stay below, those cut by 5 % lie around it
_GRIDS: dict[Modality, dict[str, Any]] = {
    Modality.IMAGE: {"size": 16, "resize": "stretch", "max_images": 4},
    Modality.VIDEO: {"size": 16, "channels": 1, "frames": 4, "resize": "stretch"},
    Modality.VOLUME: {"size": [12, 16, 16], "spacing": None},
    Modality.AUDIO: {"rate": 8000, "mels": 32, "normalise": "scalar", "floor_db": 50.0},
}
_STEPS = 48  # that a recording's length is brought to


def find_alike(
    manifest: Manifest,
    part: Sequence[str],
    fit_on: Sequence[int],
    *,
    progress: Progress = silent,
    cache: FeatureCache | None = None,
) -> list[Duplicates]:
    """Pairs of cases alike in content, of every modality but tables; ``part`` is train, val or test of every case.

    What cannot be read is left out here: it is reported elsewhere.
    """
    rows = some_of(range(len(manifest)), MOST)
    found = []
    for m in manifest.config.modalities:
        if m.kind is Modality.TABULAR:
            continue
        place, x, words, limit = _vectors(manifest, m, rows, fit_on, progress, cache)
        pairs = alike(x, limit)
        if len(pairs):
            how = f"alike in content (cosine of {words} from {limit:g})"
            found.append(counted(manifest, part, m.name, len(place), np.array(place)[pairs], how))
    return found


def alike(x: np.ndarray, limit: float) -> Pairs:
    """Pairs of rows of (n, F) whose cosine is at least ``limit`` once the mean is off; none of fewer than ``LEAST``."""
    if len(x) < LEAST:
        return np.zeros((0, 2), int)
    x = x - x.mean(axis=0)
    unit = (x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-9)).astype(np.float32)
    found = []
    for start in range(0, len(unit), 500):
        a, b = np.nonzero(unit[start : start + 500] @ unit.T >= limit)
        found.append(np.stack([a + start, b], axis=1)[a + start < b])
    return np.concatenate(found)


def _vectors(
    manifest: Manifest,
    modality: ModalityConfig,
    rows: Sequence[int],
    fit_on: Sequence[int],
    progress: Progress,
    cache: FeatureCache | None,
) -> tuple[list[int], np.ndarray, str, float]:
    """The rows that have the modality, their vectors (n, F), what these are, and the limit of their cosine."""
    views = build_views([modality], cache)
    frozen = next((v for v in views.values() if v.config.backbone), None)
    if frozen is None and modality.kind in (Modality.TEXT, Modality.PAIR):
        place = [i for i in rows if manifest.cell(i, modality.name) is not None]
        return place, _words([_text(manifest.cell(i, modality.name)) for i in place]), "weighted words", WORDS
    if frozen is not None:
        frozen.fit(cells_of(manifest, modality.name, fit_on)())
        with contextlib.suppress(FileError):  # what cannot be read is left out below
            frozen.warm(cells_of(manifest, modality.name, rows)(), lambda count: None)
        make, words, limit = _pooled(frozen), f"features of the frozen {frozen.config.backbone}", FROZEN
        limit = PICTURES if modality.kind is Modality.IMAGE else limit
    else:
        make, words, limit = _coarse(modality), "a coarse picture", COARSE
    place, found = [], []
    for done, i in enumerate(rows, start=1):
        if (cell := manifest.cell(i, modality.name)) is not None:
            try:
                found.append(make(cell))
                place.append(i)
            except FileError:
                continue
        progress(f"content of {modality.name}", done, len(rows))
    return place, np.stack(found) if found else np.zeros((0, 1)), words, limit


def _pooled(view: View) -> Callable[[Any], np.ndarray]:
    return lambda cell: view.prepare(cell).mean(dim=0).numpy()  # (T, F) -> (F,)


def _coarse(modality: ModalityConfig) -> Callable[[Any], np.ndarray]:
    """What makes a small vector of a cell, its own mean off and its length 1, so that brightness is no likeness."""
    options = dict(modality.views[0].preprocess) | _GRIDS[modality.kind]
    reader = build(
        modality.kind, {k: v for k, v in options.items() if k not in ("augment", "features", "coefficients")}
    )

    def vector(cell: Any) -> np.ndarray:
        sample = reader.finish(reader.prepare(cell)).float()  # (T, *shape)
        if modality.kind is Modality.AUDIO:
            sample = functional.adaptive_avg_pool1d(sample.T[None], _STEPS)[0]  # (mels, steps)
        elif modality.kind is not Modality.VIDEO:
            sample = sample.mean(dim=0)
        flat = torch.flatten(sample)
        flat = flat - flat.mean()
        return (flat / flat.norm().clamp_min(1e-9)).numpy()

    return vector


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else "\n".join(cell.values())


def _words(texts: Sequence[str]) -> np.ndarray:
    """(n, F) words weighted by rarity, whatever their order and their endings."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(t.strip() for t in texts):
        return np.zeros((len(texts), 1))
    terms = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True).fit_transform(texts)
    if terms.shape[1] <= 256:
        return terms.toarray()
    return TruncatedSVD(256, random_state=0).fit_transform(terms)
