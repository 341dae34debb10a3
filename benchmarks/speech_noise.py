"""Spoken turns at several levels of noise, and what the recogniser hears in each: made once, kept beside the features.

``python -m benchmarks.speech_noise barista 10 0`` makes them ahead of a benchmark, at 10 and 0 dB (without a number: at
all levels), and goes on where it stopped.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.report import public_data
from core import recognition
from core.cache import default_folder
from core.progress import Bars
from domains.customer_service.noisy import LEVELS, noisy_copies


def noisy_table(root: Path, part: str, levels: Sequence[float] = LEVELS, pooled: bool = False) -> pd.DataFrame:
    """A row a recording and level; ``noise_db`` is "clean" or the level.

    Clean recordings have the recognition of the data itself, noisy ones that of the noisy sound. Rows that are not for
    training come at every level, every fourth training row at one level besides clean. ``pooled``: every row is for
    both, so all come at every level. The column ``learned`` tells the rows that training may read.
    """
    table = pd.read_csv(root / f"speech/{part}/manifest.csv", dtype=str, keep_default_na=False)
    table = table.rename(columns={"utt_id": "turn_id", "asr_tiny_en": "recognised"}).drop(columns="transcript")
    table["turn"] = table["turn_id"]
    learned = (table["split"] == "train") | pooled
    tested = ~learned | pooled
    folder, recogniser = default_folder() / "benchmarks" / part, recognition.build("faster_whisper", threads=1)
    with Bars() as progress:
        made = [
            noisy_copies(
                rows, folder, root=root, levels=levels, every_level=every, recogniser=recogniser, progress=progress
            )
            for rows, every in ((table[tested], True), (table[learned].iloc[::4], False))
        ]
    clean = table.assign(noise_db="clean", audio=[str(root / a) for a in table["audio"]])
    read = {*clean["turn_id"], *made[1]["turn_id"]}
    found = pd.concat([clean, *made], ignore_index=True).drop_duplicates("turn_id", ignore_index=True)
    found["learned"] = found["turn_id"].isin(read)
    return found.assign(noise_db=found["noise_db"].map(lambda x: x if x == "clean" else f"{x:g}"))


if __name__ == "__main__":
    numbers = [float(a) for a in sys.argv[1:] if a.isdigit()]
    for name in [a for a in sys.argv[1:] if not a.isdigit()] or ["barista"]:
        noisy_table(public_data("service"), name, numbers or LEVELS)
