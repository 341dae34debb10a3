"""Spoken digits and Arabic commands from sound alone, by the plain table and the log-mel network trained here.

Speakers of the test rows were never heard in training: FSDD leaves one speaker out at a time (floor: MFCC statistics
and a support-vector machine, .747), the Arabic commands use their own speaker-disjoint split (floor .667).
"""

import dataclasses
import sys

import numpy as np
import pandas as pd

from benchmarks.report import public_data, save, timed
from core.config import TableConfig, TargetConfig
from core.experiment import Experiment
from core.manifest import Manifest
from core.progress import Bars
from core.recipes import Columns, build_config
from core.schema import Modality


def measure(table: pd.DataFrame, root, epochs: int) -> dict:
    named = {"speech": Columns(Modality.AUDIO, ("audio",))}
    config = build_config(named, TargetConfig("intent"), TableConfig("utt_id", split="split"), "fast")
    training = dataclasses.replace(config.training, epochs=epochs, patience=0, modality_dropout=0.0, unimodal_loss=0.0)
    config = dataclasses.replace(config, floor=False, training=training)
    seconds: dict[str, float] = {}
    with timed(seconds, "seconds"), Bars() as progress:
        bundle = Experiment(Manifest.open(table, config, root), config, progress=progress).combine()
    return {"accuracy": bundle.facts["test"]["accuracy"]} | seconds


def digits(root, epochs: int) -> dict:
    table = pd.read_csv(root / "speech/fsdd/manifest.csv", dtype=str, keep_default_na=False)
    found = {}
    for speaker in sorted(table["speaker"].unique()):
        table["split"] = np.where(table["speaker"] == speaker, "test", "train")  # val is cut from the other five
        found[speaker] = measure(table, root, epochs)
        print(speaker, found[speaker], flush=True)
    return {"accuracy": float(np.mean([f["accuracy"] for f in found.values()])), "speakers": found}


def commands(root, epochs: int) -> dict:
    table = pd.read_csv(root / "speech/arabic_commands/manifest.csv", dtype=str, keep_default_na=False)
    table["split"] = table["split"].replace({"valid": "val"})
    return measure(table, root, epochs)


if __name__ == "__main__":
    service = public_data("service")
    wanted = sys.argv[1:] or ["fsdd", "arabic"]
    if "fsdd" in wanted:
        save("speech_fsdd", digits(service, 16))
    if "arabic" in wanted:
        save("speech_arabic", commands(service, 24))
