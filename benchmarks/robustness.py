"""Do the training options earn their place? Each on and off, by accuracy over the number of views that are left.

Modality dropout, the loss of each modality alone and balanced gradients (OGM-GE), each against the same model without
it, on the same rows and seed, by a paired interval of the area under the curve. Modalities are taken away through the
mask, so that nothing of the table has to be missing.

    python -m benchmarks.robustness views 3        # six views of handwritten digits, so many random splits
    python -m benchmarks.robustness medpix 3       # body part (MedPix 2.0) from images, history, age and sex
    python -m benchmarks.robustness sound theo     # the augmentation of sound with and without noise

``sound``: spoken digits (FSDD), one speaker never heard in training; the curve over added noise of each model.
"""

import dataclasses
import sys
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split

from benchmarks import medpix
from benchmarks.report import public_data, save, timed
from core.bundle import Bundle
from core.config import ExperimentConfig, TableConfig, TargetConfig
from core.dataset import CaseDataset, Collate
from core.evaluation.intervals import Resamples
from core.evaluation.robustness import stress
from core.experiment import Experiment
from core.manifest import Manifest
from core.progress import Bars
from core.recipes import Columns, build_config
from core.schema import Modality

VIEWS = ("fac", "fou", "kar", "mor", "pix", "zer")
OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {"modality_dropout": 0.0, "unimodal_loss": 0.0},
    "modality dropout 0.5": {"modality_dropout": 0.5, "unimodal_loss": 0.0},
    "loss of each alone, as in the presets": {},
    "both": {"modality_dropout": 0.5},
    "OGM-GE": {"modality_dropout": 0.0, "unimodal_loss": 0.0, "balance": "ogm_ge"},
}
TRAIN, EPOCHS = 300, 40  # few rows: with all of the set every option is near .97 and nothing can be told apart


def changed(config: ExperimentConfig, options: dict[str, Any]) -> ExperimentConfig:
    return dataclasses.replace(config, training=dataclasses.replace(config.training, **options))


def right(bundle: Bundle, manifest: Manifest, rows: list[int], y: np.ndarray, seed: int) -> np.ndarray:
    """(M, N): whether a case is answered rightly with M … 1 of its modalities, drawn by ``seed``, alike for all models.

    A case that has fewer is asked with all of them meanwhile.
    """
    present = manifest.present[rows]  # (N, M)
    drawn = np.random.default_rng(seed).random(present.shape) + ~present
    order = drawn.argsort(axis=1).argsort(axis=1)  # (N, M), absent ones last
    data, collate = CaseDataset(manifest, bundle.views, room=0), Collate(bundle.views, None)
    batch = collate([data[i] for i in rows])
    keeps = [torch.from_numpy(order < kept) for kept in range(present.shape[1], 0, -1)]
    return np.stack([a.argmax(axis=1) == y for a in bundle.ensemble.answers(batch, keeps)])


def digits(seeds: int) -> dict[str, Any]:
    table = pd.read_csv(public_data("engine") / "digits_six_views.csv.gz", dtype=str, keep_default_na=False)
    columns = {v: tuple(c for c in table.columns if c.startswith(v + "_")) for v in VIEWS}
    named = {v: Columns(Modality.TABULAR, c, c) for v, c in columns.items()}
    config = build_config(named, TargetConfig("digit"), TableConfig(split="split"), "default")
    config = dataclasses.replace(config, floor=False, stack=False, folds=1)
    parts = []
    for seed in range(seeds):
        train, test = train_test_split(
            np.arange(len(table)), train_size=TRAIN, test_size=600, stratify=table["digit"], random_state=seed
        )
        table["split"] = ""
        table.loc[train, "split"], table.loc[test, "split"] = "train", "test"
        part = table.iloc[np.sort(np.concatenate([train, test]))].reset_index(drop=True)
        parts.append(Manifest.open(part, config))
    return compared(parts, changed(config, {"epochs": EPOCHS}))


def body_parts(seeds: int) -> dict[str, Any]:
    manifest, config = medpix.opened(public_data("medical"), *medpix.TASKS["body part, history + images"])
    table = dataclasses.replace(config.table, fractions=(0.45, 0.15, 0.4))
    config = dataclasses.replace(config, floor=False, stack=False, folds=1, table=table)
    return compared([manifest] * seeds, config)


def compared(manifests: list[Manifest], config: ExperimentConfig) -> dict[str, Any]:
    """All options on the test rows of each split."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in OPTIONS}
    seconds: dict[str, float] = {}
    for seed, manifest in enumerate(manifests):
        for name, options in OPTIONS.items():
            one = dataclasses.replace(changed(config, options), seed=seed)
            with timed(seconds, f"{name}, split {seed}"):
                experiment = Experiment(manifest, one)
                bundle = experiment.combine()
            rows = experiment.rows["test"]
            y = np.array([bundle.ensemble.target.classes.index(manifest.targets[i]) for i in rows])
            found[name].append(right(bundle, manifest, rows, y, seed))
            print(seed, name, found[name][-1].mean(axis=1).round(3), flush=True)
    return _told({name: np.concatenate(parts, axis=1) for name, parts in found.items()}) | {"seconds": seconds}


def _told(found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Accuracy with all … 1 modalities, its mean as the area, and the paired interval of its lead over "nothing"."""
    samples = Resamples(found["nothing"].shape[1], None, 300)
    base = found["nothing"].mean(axis=0)  # (N,)
    told = {}
    for name, hits in found.items():
        lead = hits.mean(axis=0) - base
        ends = np.quantile([lead[rows].mean() for rows in samples], [0.025, 0.975]).tolist()
        area = float(hits.mean())
        told[name] = {
            "accuracy": hits.mean(axis=1).tolist(),
            "area": area,
            "lead": float(lead.mean()),
            "interval": ends,
        }
    kept = list(range(len(found["nothing"]), 0, -1))
    return {"kept": kept, "options": told, "cases": int(found["nothing"].shape[1])}


def sound(speaker: str) -> dict[str, Any]:
    """Macro F1 on a speaker who was never heard over the ladder of noise, trained with and without noise."""
    root = public_data("service")
    table = pd.read_csv(root / "speech/fsdd/manifest.csv", dtype=str, keep_default_na=False)
    table["split"] = np.where(table["speaker"] == f"fsdd-{speaker}", "test", "train")
    rows = TableConfig("utt_id", split="split", fractions=(0.75, 0.1, 0.15))
    named = {"speech": Columns(Modality.AUDIO, ("audio",))}
    config = build_config(named, TargetConfig("intent"), rows, "fast")
    (speech,) = config.modalities
    (look,) = speech.views
    found: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for name, change in {"with noise, as in the presets": {}, "without noise": {"noise": 0.0}}.items():
        heard = look.preprocess | {"augment": look.preprocess["augment"] | change}
        view = dataclasses.replace(look, preprocess=heard)
        one = dataclasses.replace(config, floor=False, modalities=(dataclasses.replace(speech, views=(view,)),))
        manifest = Manifest.open(table, one, root)
        with timed(seconds, name), Bars() as progress:
            bundle = Experiment(manifest, one, progress=progress).combine()
            told = stress(bundle, manifest, damages=["background noise"], progress=progress)
        print(name, told.text(), flush=True)
        found[name] = told.to_json()["curves"]
    return found | {"seconds": seconds}


if __name__ == "__main__":
    wanted, *of = sys.argv[1:] or ["views"]
    if wanted == "sound":
        save("robustness_sound", {speaker: sound(speaker) for speaker in of or ("theo", "lucas")})
    elif wanted == "medpix":
        save("robustness_medpix", body_parts(int(of[0]) if of else 3))
    else:
        save("robustness", digits(int(of[0]) if of else 3))
