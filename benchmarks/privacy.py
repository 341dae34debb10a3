"""Masking of personal data: what survives of planted identifiers, and what is masked in sentences that hold none.

The planted sentences are made up (``core.privacy.planted``), with a seed on which no rule was written. Banking77's
questions are real; their writers hardly ever name themselves, so what is masked there is counted as masked too much.
None of them is shown.
"""

import time
from collections import Counter

import pandas as pd

from benchmarks.report import public_data, save
from core.privacy.planted import plant
from core.privacy.text import mask

PLANTED = 4_500


def planted() -> dict:
    sentences = plant(PLANTED, seed=2024)
    survived = Counter(p.kind for p in sentences if p.survives(mask(p.text).text))
    kinds = Counter(p.kind for p in sentences)
    return {kind: {"planted": kinds[kind], "survived": survived[kind]} for kind in sorted(kinds)}


def too_much(texts: list[str]) -> dict:
    start = time.perf_counter()
    found = [mask(text).spans for text in texts]
    seconds = time.perf_counter() - start
    kinds = Counter(span.kind for spans in found for span in spans)
    return {
        "sentences": len(texts),
        "masked_sentences": sum(map(bool, found)),
        "masked_by_kind": dict(kinds),
        "milliseconds_per_sentence": round(1000 * seconds / len(texts), 3),
    }


if __name__ == "__main__":
    banking = pd.read_csv(public_data("service") / "text/banking77.csv", dtype=str, keep_default_na=False)
    save("privacy", {"planted": planted(), "banking77": too_much(banking["text"].tolist())})
