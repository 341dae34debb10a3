"""Which planted secrets are still there after a table was cleaned: a look apart from the cleaner's verification."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from domains.medical.planted_identity import Secret

_PAINTED = 0.9  # share of the strokes of a text that must be gone


def survivors(secrets: Sequence[Secret], clean: Path) -> list[Secret]:
    """The secrets that are left in the folder ``clean`` that ``deidentify`` wrote; rows set aside have none."""
    with (clean / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    aside = set(_set_aside(clean))
    kept = [n for n in range(len(rows) + len(aside)) if n not in aside]
    cells = dict(zip(kept, rows, strict=True))
    seen: dict[int, _Case] = {}
    left = []
    for secret in secrets:
        if secret.case in cells:
            case = seen.setdefault(secret.case, _Case(cells[secret.case], clean))
            left += [secret] if case.shows(secret) else []
    return left


def _set_aside(clean: Path) -> Iterable[int]:
    if (clean / "rejected.csv").is_file():
        with (clean / "rejected.csv").open(encoding="utf-8", newline="") as file:
            yield from (int(row["row"]) - 1 for row in csv.DictReader(file))


class _Case:
    """All that was written for one case."""

    def __init__(self, cells: dict[str, str], clean: Path) -> None:
        self.cells = cells
        self.places = {c: clean / cells[c] for c in ("ct", "image", "voice") if cells.get(c)}
        files = [
            f
            for p in self.places.values()
            for f in (sorted(p.rglob("*")) if p.is_dir() else p.parent.glob(p.stem.split(".")[0] + "*"))
        ]
        self.bytes = b"\0".join(gzip.decompress(f.read_bytes()) if f.suffix == ".gz" else f.read_bytes() for f in files)
        self.bytes = self.bytes.lower()
        self.text = "\n".join([*cells.values(), *(str(f.relative_to(clean)) for f in files)]).lower()

    def shows(self, secret: Secret) -> bool:
        """Whether a secret can still be read, seen or heard."""
        if secret.mask is not None:
            return self._seen(secret.mask)
        if secret.span is not None:
            return self._heard(secret.span, secret.text)
        told = _telling(secret)
        if secret.place == "header":
            return told.encode() in self.bytes or told in self.text
        digits = secret.kind in ("ID", "PHONE")
        return told in (re.sub(r"[^\d\n]", "", self.text) if digits else self.text)

    def _seen(self, mask: np.ndarray) -> bool:
        from PIL import Image

        from core.preprocess.volume_io import read_volume

        is_picture = mask.shape[0] == 192
        planes: Any = (
            [np.asarray(Image.open(self.places["image"]))] if is_picture else read_volume(self.places["ct"]).array
        )
        return any(float((p[mask] == p.min()).mean()) < _PAINTED for p in planes)

    def _heard(self, span: tuple[float, float], word: str) -> bool:
        import soundfile

        wave, rate = soundfile.read(self.places["voice"])
        words = json.loads(self.places["voice"].with_suffix(".words.json").read_bytes())
        said = any(w["text"].lower() == word.lower() and w["start"] == span[0] for w in words)
        return said or bool(np.any(wave[round(span[0] * rate) : round(span[1] * rate)]))


def _telling(secret: Secret) -> str:
    """The part of a secret that tells: a name, the digits of a number, the name of a street, a whole date."""
    if secret.kind in ("ID", "PHONE") and secret.place != "header":
        return re.sub(r"\D", "", secret.text)
    return (secret.text.split()[1] if secret.kind == "ADDRESS" else secret.text).lower()
