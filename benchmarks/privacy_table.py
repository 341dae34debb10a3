"""Identity out of a whole table: what of 504 planted cases survives, and what it costs the diagnosis.

    python -m benchmarks privacy_table 0 … 11    a part of 42 cases each: plant, clean, verify, look again
    python -m benchmarks privacy_table diagnosis   the same model on the original and on the cleaned table of all parts

The rules were tried on the names ``TUNED_ON`` of ``domains.medical.planted_identity`` and seeds below 100; the figures
are made with the names below, of which the rules' own list of given names holds none, and with seeds from 2000 on.
"""

import csv
import dataclasses
import json
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.report import RESULTS, save
from core.config import ExperimentConfig
from core.privacy import deidentify, roles_of
from core.progress import Bars
from domains.medical import planted
from domains.medical.planted_left import survivors
from domains.medical.recipe import build

NAMES = (
    ("Ottoline", "Kwabena", "Marisela", "Torvald", "Philomena", "Anselm", "Yevgenia", "Ngozi", "Lucasta", "Ruaridh"),
    ("Abernathy", "Castellanos", "Wojciechowski", "Thorvaldsen", "Quintanilla", "Mukherjee", "Featherstone", "Adeyemi",
     "Brzezinski", "Papadakis"),
)  # fmt: skip
MIX = (8, 8, 6)  # one case of so many has a scan, a picture, a voice
PARTS, CASES, WORK = 12, 42, Path("runs/privacy_table")


def one_part(part: int) -> dict:
    folder = WORK / str(part)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "original").mkdir(parents=True)
    with Bars() as bars:
        manifest, secrets = planted.generate(folder / "original", CASES, 2000 + part, NAMES, every=MIX, progress=bars)
        start = time.perf_counter()
        done = deidentify(manifest, folder / "clean", lambda c: roles_of(c, build(c)), progress=bars)
    left = survivors(secrets, folder / "clean")
    where, kinds = (Counter(getattr(s, n) for s in secrets) for n in ("place", "kind"))
    return {
        "cases": done.cases,
        "written": done.written,
        "set_aside": len(done.rejected),
        "planted": sum(where.values()),
        "planted_by_place": dict(where),
        "planted_by_kind": dict(kinds),
        "survived": len(left),
        "survived_by_place": dict(Counter(s.place for s in left)),
        "survived_by_kind": dict(Counter(s.kind for s in left)),
        "verification_left": {c: dict(k) for c, k in done.left.items()},
        "seconds_per_case": round((time.perf_counter() - start) / done.cases, 2),
    }


def joined(name: str, table: str) -> Path:
    """The tables of all parts as one, below WORK, split by patient, half to train on and four tenths to measure on.

    Patients come in the same order in both, so the split is the same; patients of different parts are other people.
    """
    rows, seen = [], dict[str, int]()
    for part in sorted(p for p in WORK.iterdir() if p.is_dir()):
        with (part / name / table).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                files = {c: f"{part.name}/{name}/{row[c]}" if row[c] else "" for c in ("ct", "image", "voice")}
                marked = {c: f"{part.name}-{row[c]}" for c in ("case_id", "patient_id")}
                turn = seen.setdefault(marked["patient_id"], len(seen)) % 10
                rows.append(row | files | marked | {"split": "train" if turn < 5 else "val" if turn == 5 else "test"})
    out = WORK / f"{name}.csv"
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return out


def diagnosis() -> dict:
    from core.evaluation.evaluate import evaluate
    from core.experiment import train
    from core.manifest import Manifest

    figures = {}
    tables = {"original": joined("original", "manifest.csv"), "clean": joined("clean", "table.csv")}
    for name, table in tables.items():
        config = experiment(table)
        bundle = train(Manifest.open(table, config), config, WORK / f"model-{name}", overwrite=True)
        for other, where in tables.items():
            manifest = Manifest.open(where, config, for_training=False)
            found = evaluate(bundle, manifest, split="test")
            told = {"cases": found.cases, "metrics": found.metrics, "intervals": found.intervals}
            figures[f"trained on {name}, tested on {other}"] = told
    return figures


def experiment(table: Path) -> ExperimentConfig:
    """Scan, report, history and clinical columns, trained from scratch."""
    from core.table import StringTable

    config = build(StringTable.open(table).columns, preset="fast")
    some = tuple(m for m in config.modalities if m.name not in ("image", "voice"))
    return dataclasses.replace(config, modalities=some)


if __name__ == "__main__":
    kept = RESULTS / "privacy_table.json"
    figures = json.loads(kept.read_text())["figures"] if kept.is_file() else {}
    for asked in sys.argv[1:] or [*map(str, range(PARTS)), "diagnosis"]:
        figures[asked if asked == "diagnosis" else f"part {asked}"] = (
            diagnosis() if asked == "diagnosis" else one_part(int(asked))
        )
        parts = [f for name, f in figures.items() if name.startswith("part")]
        figures["all"] = {key: sum(p[key] for p in parts) for key in ("cases", "written", "planted", "survived")}
        save("privacy_table", figures)
