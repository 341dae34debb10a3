"""Spoken customer turns: intent and slots from speech alone, speech fused with what a recogniser heard over noise, and
answers before the turn ends. Voices of the measured rows were never heard in training.

Measured is the part that the data names valid: 85 real orders of barista in voices of their own, 231 turns of
banking77_tts in two SYNTHETIC voices of their own. Settings were chosen within the training part. The text is never the
derived transcript: clean, it is what the data's recogniser heard, with noise what ours hears in the noisy sound. Every
fourth training turn is heard at one level of noise, too. ``service_speech barista 10 0`` takes those levels alone;
``service_speech barista:pooled 10`` measures all 481 given turns, groups of voices in four folds,
and ``service_speech intent:fast`` has a network that is trained here instead of Whisper's encoder.
For banking77_tts, which speaks sentences of Banking77, the written ones that no measured or validating turn speaks are
learned from too, as turns without sound.
"""

import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.report import public_data, save
from benchmarks.speech_noise import noisy_table
from core.bundle import Bundle
from core.config import ExperimentConfig
from core.evaluation.intervals import interval
from core.experiment import Experiment
from core.manifest import Manifest
from core.preprocess.audio_io import read_audio
from core.progress import Bars
from core.schema import TargetKind
from core.splits import folds
from core.table_answers import table_answers
from domains.customer_service import recipe
from domains.customer_service.intent import IntentDetector
from domains.customer_service.noisy import LEVELS, SHARES, cut_copies
from domains.customer_service.streaming import LONGEST, RATE, detect_growing

ALONE = ("intent", "size", "roast", "shots", "milk", "sugar")
TRAINED_CLEAN = "fused, trained clean"
BOTH = ("speech", "text")
SYSTEMS = {"fused": BOTH, "speech": ("speech",), "text": ("text",), TRAINED_CLEAN: BOTH}
POOLED = 4  # outer folds of ``pooled``
READ = {"speech": ("audio",), "text": ("text", "recognised")}
Split = dict[str, list[int]]


def settings(
    table: pd.DataFrame, target: str, modalities: tuple[str, ...], preset: str = "default"
) -> ExperimentConfig:
    """The domain's recipe, three seeds of the network instead of members stacked with the floors."""
    config = recipe.build(list(table.columns), target=f"{target}:label", modalities=modalities, preset=preset)
    return dataclasses.replace(config, seeds=3, folds=1, floor=False, stack=False)


def train(table: pd.DataFrame, config: ExperimentConfig, rows: Split, root: Path) -> tuple[Bundle, np.ndarray]:
    """A model and its answers on the test rows (N, classes)."""
    manifest = Manifest.open(table, config, root, allow_outside=True)
    with Bars() as progress:
        bundle = Experiment(manifest, config, progress=progress, rows=rows).combine()
    return bundle, table_answers(bundle, manifest, rows["test"])


def parts(table: pd.DataFrame) -> Split:
    """Test rows are those of the part valid; of the others whole groups are for validation."""
    tested = (table["split"] == "valid").to_numpy()
    rest = np.flatnonzero(~tested)
    learned, judged = folds(table["intent"].iloc[rest].tolist(), table["group"].iloc[rest].tolist(), 6, 0)[0]
    return {"train": rest[learned].tolist(), "val": rest[judged].tolist(), "test": np.flatnonzero(tested).tolist()}


def pooled_parts(table: pd.DataFrame) -> list[Split]:
    """Each group of voices measured once: outer folds of whole groups, and of the others some for validation."""
    found, reads = [], table["learned"].to_numpy()
    for rest, test in folds(table["intent"].tolist(), table["group"].tolist(), POOLED, 0):
        rest = rest[reads[rest]]
        learned, judged = folds(table["intent"].iloc[rest].tolist(), table["group"].iloc[rest].tolist(), 6, 0)[0]
        found.append({"train": rest[learned].tolist(), "val": rest[judged].tolist(), "test": test.tolist()})
    return found


def written(root: Path, kept_apart: pd.DataFrame) -> pd.DataFrame:
    """Training sentences of Banking77, but those of spoken turns that are kept apart."""
    table = pd.read_csv(root / "text/banking77.csv", dtype=str, keep_default_na=False)
    table = table[(table["split"] == "train") & ~table["utt_id"].isin(kept_apart["source_id"])]
    return table.rename(columns={"utt_id": "turn_id"}).assign(group=table["utt_id"], noise_db="clean")


def over_noise(root: Path, part: str, levels: Sequence[float] = LEVELS, pooled: bool = False) -> dict:
    """Accuracy of fused, speech alone and text alone by level of noise; and of fused, trained on clean turns alone."""
    table = noisy_table(root, part, levels, pooled)
    table["group"] = table["group"] if "group" in table else table["speaker"]
    measured = [by_system(root, table, part, rows) for rows in (pooled_parts(table) if pooled else [parts(table)])]
    return report(pd.concat(measured), part)


def by_system(root: Path, table: pd.DataFrame, part: str, rows: Split) -> pd.DataFrame:
    """The test rows, and whether each system is right."""
    if part == "banking77_tts":
        spoken = len(table)
        table = pd.concat([table, written(root, table.iloc[rows["val"] + rows["test"]])])
        table, rows["train"] = table.fillna("").reset_index(drop=True), [*rows["train"], *range(spoken, len(table))]
    inputs = table[[c for c in ("turn_id", "audio", "text", "recognised", "intent", "group") if c in table]]
    is_clean = (table["noise_db"] == "clean").tolist()
    clean = {p: [i for i in rows[p] if is_clean[i]] for p in ("train", "val")} | {"test": rows["test"]}
    tested = table.iloc[rows["test"]].copy()
    for system, modalities in SYSTEMS.items():
        read = inputs[[c for m in modalities for c in READ[m] if c in inputs]]
        here = np.flatnonzero((read != "").any(axis=1))  # in noise nothing may be recognised: text alone is wrong then
        place = {int(row): i for i, row in enumerate(here)}
        parted = clean if system == TRAINED_CLEAN else rows
        used = {k: [place[i] for i in v if i in place] for k, v in parted.items()}
        bundle, answers = train(inputs.iloc[here], settings(inputs, "intent", modalities), used, root)
        label = np.array(bundle.ensemble.target.classes)[answers.argmax(1)]
        given = dict(zip(here[used["test"]].tolist(), label))
        tested[system] = [float(given.get(i) == table["intent"][i]) for i in rows["test"]]
        print(part, system, tested.groupby("noise_db")[system].mean().round(3).to_dict(), flush=True)
    return tested


def report(tested: pd.DataFrame, part: str) -> dict:
    """Accuracies by level, and how far the fused is ahead of the better one alone, with a paired interval by voices."""
    figures: dict = {
        "voices": "real" if part == "barista" else "synthetic",
        "turns": int(tested["turn"].nunique()),
    }
    for level in tested["noise_db"].unique():
        rows = tested[tested["noise_db"] == level]
        accuracy = {s: float(rows[s].mean()) for s in SYSTEMS}
        best = max(("speech", "text"), key=lambda s: accuracy[s])
        fused, alone = (np.stack([1 - rows[s], rows[s]], 1) for s in ("fused", best))  # (N, 2): wrong, right
        ends = interval(
            TargetKind.LABEL, "accuracy", np.ones(len(rows), int), fused, rows["group"].tolist(), against=alone
        )
        figures[level] = accuracy | {"lead": accuracy["fused"] - accuracy[best], "lead_interval": ends}
    return figures


def alone(root: Path, target: str, preset: str) -> dict:
    """The intent or a slot of barista from speech alone, on the voices of the part valid; the worst group of voices."""
    table = pd.read_csv(root / "speech/barista/manifest.csv", dtype=str, keep_default_na=False)
    table["turn_id"] = table["utt_id"]
    inputs, rows = table[["turn_id", "audio", "group", target]], parts(table)
    bundle, answers = train(inputs, settings(inputs, target, ("speech",), preset), rows, root)
    label = np.array(bundle.ensemble.target.classes)[answers.argmax(1)]
    truth = table.iloc[rows["test"]]
    right = pd.Series(label == truth[target].to_numpy(), index=truth["group"].to_numpy())
    by_voice = right.groupby(level=0).mean()
    scope = bundle.scope
    outside = {} if scope is None else {
        "stated_false_alarms": scope.false_alarm,
        "called_out_of_scope": float((scope.scores(bundle.ensemble.target, answers) > scope.threshold).mean()),
    }  # fmt: skip
    return outside | {
        "accuracy": float(right.mean()),
        "majority": float(truth[target].value_counts(normalize=True).iloc[0]),
        "worst_group": {str(by_voice.idxmin()): float(by_voice.min())},
        "turns": len(right),
    }


def early(root: Path) -> dict:
    """Speech alone on barista, learned from whole turns, and from their beginnings too; see ``_early``."""
    return {"whole turns": _early(root, []), "and beginnings": _early(root, SHARES)}


def _early(root: Path, shares: Sequence[float]) -> dict:
    """How often the answer is right after so many seconds, how sure it is, and when it is settled."""
    table = pd.read_csv(root / "speech/barista/manifest.csv", dtype=str, keep_default_na=False)
    table["turn_id"], table["audio"] = table["utt_id"], [str(root / a) for a in table["audio"]]
    rows = parts(table)
    inputs = table[["turn_id", "audio", "group", "intent"]]
    learned = inputs.iloc[rows["train"] + rows["val"]].assign(
        split=["train"] * len(rows["train"]) + ["val"] * len(rows["val"])
    )
    with tempfile.TemporaryDirectory() as scratch:
        if shares:
            learned = pd.concat([learned, cut_copies(learned, Path(scratch), shares=shares)], ignore_index=True)
        config = settings(learned, "intent", ("speech",))
        detector = IntentDetector(config=config).fit(learned, root=Path("/"))
    turns = []
    for row in table.iloc[rows["test"]].to_dict("records"):
        wave = read_audio(Path(row["audio"]), RATE).numpy()
        blocks = (wave[i : i + RATE // 4] for i in range(0, len(wave), RATE // 4))
        answers = list(detect_growing(detector, blocks, RATE, every=1.0, least=0.25, pause=LONGEST))
        right = [(a.heard, a.answer.label == row["intent"], a.confidence, a.settled) for a in answers]
        turns.append((len(wave) / RATE, right))
    return _early_figures(turns)


def _early_figures(turns: list[tuple[float, list]]) -> dict:
    figures: dict = {"turns": len(turns), "mean_seconds": float(np.mean([s for s, _ in turns])), "by_seconds_heard": {}}
    for second in (1, 2, 3, 4, 5, 6):
        so_far = [[a for a in answers if a[0] <= second + 0.01] for _, answers in turns]
        given = [a[-1] for a in so_far if a]
        figures["by_seconds_heard"][str(second)] = {
            "answered": len(given),
            "right": float(np.mean([a[1] for a in given])) if given else 0.0,
            "mean_confidence": float(np.mean([a[2] for a in given])) if given else 0.0,
        }
    settled = [(next((a for a in answers if a[3]), None), length) for length, answers in turns]
    firm = [(a, length) for a, length in settled if a is not None]
    figures["settled"] = {
        "share": len(firm) / len(turns),
        "right": float(np.mean([a[1] for a, _ in firm])) if firm else 0.0,
        "seconds_before_the_end": float(np.mean([length - a[0] for a, length in firm])) if firm else 0.0,
    }
    figures["at_the_end"] = sum(answers[-1][1] for _, answers in turns if answers) / len(turns)
    return figures


if __name__ == "__main__":
    service = public_data("service")
    numbers = [float(a) for a in sys.argv[1:] if a.isdigit()]
    wanted = [a for a in sys.argv[1:] if not a.isdigit()] or [*ALONE, "early", "barista", "banking77_tts"]
    for asked in wanted:
        what, _, how = asked.partition(":")
        name = f"service_speech_{what}" + (f"_{how}" if how else "")
        if what in ALONE:
            save(name, alone(service, what, how or "default"))
        elif what == "early":
            save(name, early(service))
        else:
            save(name, over_noise(service, what, numbers or LEVELS, pooled=how == "pooled"))
