"""Cases that are the same, or nearly: they inflate every figure when they stand on both sides of a split.

Texts: cosine of character 4-grams weighted by rarity. Files: the same bytes. Images also: the same difference hash
(each of 8 x 8 brightnesses against its right neighbour) but for at most three bits. Tables of numbers are not compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.cache import content_key
from core.errors import FileError
from core.manifest import Manifest
from core.preprocess.image_file import read_image
from core.schema import Modality
from core.splits import some_of

MOST = 5_000  # cases compared; of more, so many are drawn
ALIKE, BITS = 0.95, 3
_SHOWN = 5
HASHED = "of (nearly) the same"

Pairs = np.ndarray  # (P, 2) positions, the smaller first


@dataclass(frozen=True)
class Duplicates:
    """Pairs of like cases in one modality among ``compared`` cases; the counts overlap."""

    modality: str
    compared: int
    pairs: int
    across_groups: int  # of two groups, so the group column does not keep them together
    across_splits: int  # one is trained on, the other held out or tested on
    other_answer: int  # with another answer
    examples: tuple[tuple[str, str], ...]  # ids
    how: str = HASHED  # they are like each other

    def __str__(self) -> str:
        shown = ", ".join(f"{a} = {b}" for a, b in self.examples)
        return (
            f"{self.modality}: {self.pairs} pairs {self.how} among {self.compared} cases; "
            f"{self.across_splits} on both sides of the split, {self.across_groups} in two groups, "
            f"{self.other_answer} with another answer ({shown})"
        )


def find_duplicates(manifest: Manifest, part: Sequence[str]) -> list[Duplicates]:
    """Like cases of every modality that has any; ``part`` is train, val or test of every case."""
    rows = some_of(range(len(manifest)), MOST)
    found = []
    for m in manifest.config.modalities:
        if m.kind is Modality.TABULAR:
            continue
        here = [(i, cell) for i in rows if (cell := manifest.cell(i, m.name)) is not None]
        pairs = _like(m.kind, [cell for _, cell in here])
        if len(pairs):
            place = np.array([i for i, _ in here])
            found.append(counted(manifest, part, m.name, len(here), place[pairs]))
    return found


def counted(
    manifest: Manifest, part: Sequence[str], name: str, compared: int, pairs: Pairs, how: str = HASHED
) -> Duplicates:
    """What pairs of row numbers mean for splits, groups and answers."""

    def differing(values: Sequence[object], unknown_differs: bool) -> int:
        both = [(values[a], values[b]) for a, b in pairs]
        return sum(a != b or (unknown_differs and a is None) for a, b in both)

    groups = manifest.groups
    ids = manifest.ids
    return Duplicates(
        name,
        compared,
        len(pairs),
        differing(groups, unknown_differs=True),
        sum((part[a] == "train") != (part[b] == "train") for a, b in pairs),
        differing(manifest.targets, unknown_differs=False),
        tuple((ids[a], ids[b]) for a, b in pairs[:_SHOWN]),
        how,
    )


def _like(kind: Modality, cells: Sequence[object]) -> Pairs:
    if kind is Modality.TEXT:
        return like_texts([str(c) for c in cells])
    if kind is Modality.PAIR:
        return like_texts(["\n".join(c.values()) for c in cells if isinstance(c, dict)])
    pairs = _equal([content_key(c) for c in cells])
    if kind is Modality.IMAGE:
        pairs = np.unique(np.concatenate([pairs, _like_images([c for c in cells if isinstance(c, tuple)])]), axis=0)
    return pairs


def like_texts(texts: Sequence[str]) -> Pairs:
    """Pairs of texts whose words are the same, or whose 4-grams have a cosine of at least ``ALIKE``."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    plain = [re.sub(r"\W+", " ", t.lower()).strip() for t in texts]
    equal = _equal(plain)
    if not any(len(t) >= 4 for t in plain):
        return equal
    rows = TfidfVectorizer(analyzer="char", ngram_range=(4, 4), sublinear_tf=True).fit_transform(plain)
    found = [equal]
    for start in range(0, len(plain), 500):
        near = (rows[start : start + 500] @ rows.T).tocoo()
        keep = (near.data >= ALIKE) & (near.row + start < near.col)
        found.append(np.stack([near.row[keep] + start, near.col[keep]], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _equal(keys: Iterable[object]) -> Pairs:
    """Each case with the first one of the same key."""
    first: dict[object, int] = {}
    pairs = [(first[k], i) for i, k in enumerate(keys) if first.setdefault(k, i) != i]
    return np.array(pairs, dtype=int).reshape(-1, 2)


def _like_images(files: Sequence[tuple[Path, ...]]) -> Pairs:
    """Pairs of cases that share an image."""
    owner, hashes = [], []
    for i, paths in enumerate(files):
        for path in paths:
            if (bits := difference_hash(path)) is not None:
                owner.append(i)
                hashes.append(bits)
    if not hashes:
        return np.zeros((0, 2), int)
    bits, case = np.stack(hashes).astype(np.float32), np.array(owner)  # (n, 64), (n,)
    found = []
    for start in range(0, len(bits), 500):
        block = bits[start : start + 500]
        apart = block @ (1 - bits.T) + (1 - block) @ bits.T  # (500, n) differing bits
        a, b = np.nonzero(apart <= BITS)
        pairs = np.stack([case[a + start], case[b]], axis=1)
        found.append(pairs[pairs[:, 0] < pairs[:, 1]])
    return np.unique(np.concatenate(found), axis=0)


def difference_hash(path: Path) -> np.ndarray | None:
    """(64,) bool; None for what cannot be read (that is reported elsewhere), or is almost of one brightness."""
    from PIL import Image

    try:
        picture = read_image(path)
    except FileError:
        return None
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)  # (H, W)
    if grey.std() <= 0.01 * max(float(grey.max()), 1e-6):
        return None
    small = np.asarray(Image.fromarray(grey.astype(np.float32)).resize((9, 8), Image.Resampling.BOX))  # (8, 9)
    return (small[:, 1:] > small[:, :-1]).ravel()
