"""What ``polyfuse evaluate`` and ``polyfuse stress`` do."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from apps import cli_open
from apps.cli_spec import Done
from core.numbers import plain
from core.schema import TargetKind

if TYPE_CHECKING:
    from core.bundle import Bundle
    from core.progress import Progress


def evaluate_options(evaluate: argparse.ArgumentParser) -> None:
    """What ``evaluate`` may be told."""
    evaluate.add_argument("--split", help="rows: train, val, test or all; default: the model's own test rows, or all")
    evaluate.add_argument(
        "--outside",
        default="",
        help="labels, with commas between, of cases that lie outside of all the model's classes",
    )
    evaluate.add_argument("--by", default="", help="columns whose groups are measured apart: sex,site,age:40:65")
    evaluate.add_argument(
        "--decide", action="store_true", help="with decision curves: what acting on an answer is worth"
    )
    evaluate.add_argument("--card", action="store_true", help="write groups and curves into the bundle's card too")


def evaluate(options: argparse.Namespace, progress: Progress) -> Done:
    """Measure a saved model on a table; with ``--card``, keep the figures of groups and decisions with the bundle."""
    from core.evaluation.evaluate import evaluate as measure
    from core.evaluation.remember import remember
    from core.evaluation.subgroups import parse_by

    outside = [label for label in map(str.strip, options.outside.split(",")) if label]
    predictor, manifest = cli_open.open_with_bundle(options, need_target=True, outside=outside)
    by = parse_by(options.by, manifest.table.columns)
    figures = measure(predictor.bundle, manifest, options.split, by=by, decide=options.decide, outside=outside)
    if options.card:
        if figures.subgroups:
            remember(options.bundle, "subgroups", plain([g.to_json() for g in figures.subgroups]))
        if figures.decisions:
            remember(options.bundle, "decisions", plain([d.to_json() for d in figures.decisions]))
    text = figures.text()
    if options.decide and predictor.bundle.ensemble.target.kind is TargetKind.NUMBER:
        text += "\n  no decision curves: they weigh acting on the probability of a label, and a number has none"
    return figures.to_json(), text, True


def stress_options(stress: argparse.ArgumentParser) -> None:
    """What ``stress`` may be told."""
    stress.add_argument(
        "--out", type=Path, help="folder for stress.json and stress.csv; default: stress/ beside BUNDLE"
    )
    stress.add_argument(
        "--alone", type=Path, help="folder of models trained on one kind each, which compare --out keeps"
    )
    stress.add_argument(
        "--damage", default="", help="comma-separated damages, such as 'blur,typing errors'; default: all"
    )
    stress.add_argument("--metric", help="metric of the curves; default: macro F1, or R² for a number")
    stress.add_argument("--split", help="rows: train, val, test or all; default: the model's own test rows, or all")
    stress.add_argument("--cases", type=int, default=200, help="of more cases, so many are drawn (default 200)")
    stress.add_argument("--seed", type=int, default=0, help="of the damage and of the cases drawn; default 0")
    stress.add_argument("--card", action="store_true", help="write the areas into the bundle's card too")


def stress(options: argparse.Namespace, progress: Progress) -> Done:
    """Measure, write, and say where it lies."""
    from core.evaluation.remember import remember
    from core.evaluation.robustness import stress as measure

    predictor, manifest = cli_open.open_with_bundle(options, need_target=True)
    found = measure(
        predictor.bundle,
        manifest,
        alone=_alone(options),
        damages=[d.strip() for d in options.damage.split(",") if d.strip()],
        metric=options.metric,
        split=options.split,
        most=options.cases,
        seed=options.seed,
        progress=progress,
    )
    out: Path = options.out or options.bundle.resolve().parent / "stress"
    out.mkdir(parents=True, exist_ok=True)
    (out / "stress.json").write_text(json.dumps(plain(found.to_json()), indent=1), encoding="utf-8")
    (out / "stress.csv").write_text(found.to_csv(), encoding="utf-8")
    if options.card:
        remember(options.bundle, "robustness", plain(found.summary()))
    return found.to_json(), f"{found.text()}\nSaved to {out}", True


def _alone(options: argparse.Namespace) -> dict[str, Bundle]:
    """Models trained on one kind of data each: those named, or those that lie beside the bundle."""
    from core.bundle import Bundle
    from core.errors import ConfigError

    folder: Path = options.alone or options.bundle.resolve().parent / "alone"
    found = {f.parent.name: f.parent for f in sorted(folder.glob("*/bundle.json"))}
    if options.alone and not found:
        raise ConfigError(f"{folder}: holds no models; name the folder alone/ that polyfuse compare --out wrote")
    return {name: Bundle.load(place) for name, place in found.items()}
