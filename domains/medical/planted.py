"""Sample cases with a made-up identity planted in all that belongs to a case, to measure what is left of it.

Planted in: report and history, columns, file names, DICOM headers (private and nested ones too), NIfTI and MHA headers,
text burned into slices and pictures, EXIF, and recordings spoken word by word, so that the times are known. Every
secret is told with the place where it was planted. Nobody real is meant.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.progress import Progress, silent
from domains.medical import sample
from domains.medical.planted_files import LOOK, plant_picture, plant_scan, plant_voice
from domains.medical.planted_identity import SECRET_COLUMNS, TUNED_ON, Identity, Secret, columns, in_text, texts


def generate(
    folder: Path,
    cases: int,
    seed: int,
    names: Sequence[Sequence[str]] = TUNED_ON,
    *,
    every: tuple[int, int, int] = (2, 3, 5),
    progress: Progress = silent,
) -> tuple[Path, list[Secret]]:
    """Write cases below ``folder``; returns the path of the manifest and all secrets.

    ``every``: one case of so many has a scan, a picture, and (where espeak-ng is installed) a voice.
    """
    rows, secrets = [], list[Secret]()
    for i, case in enumerate(sample.plan(cases, seed)):
        person = np.random.default_rng([seed, 5, case.patient])
        who = Identity.draw(person, case.rng("identity"), names)
        scan, row = sample.make_case(case, LOOK)
        row |= texts(who, row) | columns(who)
        secrets += [s for column in ("report", "history") for s in in_text(i, who, column, row[column])]
        secrets += [Secret(i, kind, c, row[c]) for c, kind in SECRET_COLUMNS.items()]
        row["ct"], found = plant_scan(folder, i, case, who, scan) if i % every[0] == 0 else ("", [])
        row["image"], more = plant_picture(folder, i, who, scan) if i % every[1] == 0 else ("", [])
        row["voice"], spoken = (
            plant_voice(folder, i, who) if i % every[2] == 0 and shutil.which("espeak-ng") else ("", [])
        )
        secrets += [*found, *more, *spoken]
        rows.append(row)
        progress("planted cases", i + 1, cases)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [c for c in rows[0] if c not in sample.NEVER_INPUTS], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return folder / "manifest.csv", secrets
