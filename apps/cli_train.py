"""Commands on a table that is trained on: check, advise, train, tune, compare."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps import cli_open, cli_spec
from apps.cli_spec import Done
from core.errors import ConfigError
from core.numbers import counted, plain

if TYPE_CHECKING:
    from core.bundle import Bundle
    from core.config import ExperimentConfig
    from core.evaluation.subgroups import By
    from core.manifest import Manifest
    from core.progress import Progress

_STRESSED = 100  # cases


def check_options(check: argparse.ArgumentParser) -> None:
    """What ``check`` may be told."""
    check.add_argument("--open-files", action="store_true", help="also decode every file, with limited time and memory")
    check.add_argument("--leaks", action="store_true", help="also look for like cases on both sides of the split")


def check(options: argparse.Namespace, progress: Progress) -> Done:
    """All faults of a table, and what it holds."""
    from core.check import describe, file_faults, label_faults
    from core.missing_files import telling_once, told_once

    manifest, config = cli_open.open_table(options)
    facts = describe(manifest, config)
    if options.open_files:
        manifest.faults += file_faults(manifest, progress)
    place = manifest.table, config, manifest.root
    if manifest.faults and options.rejected:
        with telling_once(*place):
            manifest.without_faulty(options.rejected)
    found_wrong = told_once([*manifest.faults, *label_faults(manifest)], *place)
    faults = [str(f) for f in found_wrong]
    found = _leaks(manifest, config, progress) if options.leaks and not faults else []
    more, said = _screened(options.domain, manifest)
    lines = [*faults, *facts.lines(), *said, *(f"like cases in {d}" for d in found)]
    lines.append(counted(len(faults), "fault") if faults else "no faults")
    told = {"faults": [f.to_json() for f in found_wrong], "leaks": [dataclasses.asdict(d) for d in found]}
    return facts.to_json() | told | more, "\n".join(lines), not faults


def _screened(domain: str | None, manifest: Any) -> tuple[dict[str, Any], list[str]]:
    """What a domain itself looks at in a table, such as reports that name the answer; as JSON and in words."""
    look = cli_spec.of_domain(domain, "screen") if domain else None
    return look(manifest) if look else ({}, [])


def _leaks(manifest: Any, config: Any, progress: Progress) -> list[Any]:
    from core.quality.report import leaks
    from core.splits import split

    return leaks(manifest, split(manifest, config, config.seed), progress=progress)


def advise(options: argparse.Namespace, progress: Progress) -> Done:
    """What each kind of data carries."""
    from core.advise import advise as measure

    advice = measure(*cli_open.open_checked(options), progress=progress)
    return advice.to_json(), advice.text(), True


def train_options(train: argparse.ArgumentParser) -> None:
    """What ``train`` may be told."""
    train.add_argument("--overwrite", action="store_true", help="replace a bundle that is there already")
    train.add_argument(
        "--by", help="columns whose groups the card tells apart: sex,site,age:40:65; default: categories of few values"
    )
    train.add_argument(
        "--stress", action="store_true", help="measure robustness too, on up to 100 test rows, for the card; takes time"
    )
    _out(train)


def train(options: argparse.Namespace, progress: Progress) -> Done:
    """A trained model and its card."""
    from core.experiment import train as fit

    manifest, config = cli_open.open_checked(options)
    _warn_of_outsiders(manifest, config)
    more = cli_spec.beside(options, config)
    by = _groups(options, manifest)
    bundle = fit(manifest, config, options.out, progress=progress, command=options.command, overwrite=options.overwrite)
    if more is not None:
        more.learn(bundle, options.out / "bundle", progress)
    bundle = _measured(options, manifest, bundle, by, progress)
    return bundle.facts, f"{bundle.card}\nSaved to {options.out / 'bundle'}", True


def _warn_of_outsiders(manifest: Manifest, config: ExperimentConfig) -> None:
    from core.check import likely_outside

    labels = (label for t in manifest.targets for label in (t if isinstance(t, tuple) else (str(t),)))
    if found := likely_outside(labels, config):
        print(f"note: {found}", file=sys.stderr)


def _groups(options: argparse.Namespace, manifest: Manifest) -> list[By]:
    """The columns whose groups are told apart; a wrong one is refused before the training."""
    from core.evaluation.remember import usual_groups
    from core.evaluation.subgroups import parse_by

    return usual_groups(manifest) if options.by is None else parse_by(options.by, manifest.table.columns)


def _measured(
    options: argparse.Namespace, manifest: Manifest, bundle: Bundle, by: list[By], progress: Progress
) -> Bundle:
    """The bundle, its card now with groups of the test rows and, where asked for, robustness."""
    if not cli_spec.is_first():
        return bundle  # another process of torchrun writes
    from core.evaluation import remember
    from core.evaluation.robustness import stress

    folder = options.out / "bundle"
    groups = remember.groups_of_tests(bundle, manifest, by)
    if options.by is not None or any(g.figures for g in groups):
        bundle = remember.remember(folder, "subgroups", plain([g.to_json() for g in groups]))
    if options.stress:
        found = stress(bundle, manifest, most=_STRESSED, progress=progress)
        bundle = remember.remember(folder, "robustness", plain(found.summary()))
    return bundle


def tune_options(tune: argparse.ArgumentParser) -> None:
    """What ``tune`` may be told."""
    tune.add_argument("--trials", type=int, default=20, help="settings to try in all (default 20)")
    tune.add_argument("--space", help="comma-separated hyperparameters to search; default: the ones that matter most")
    tune.add_argument("--storage", help="URL of a database that several machines share; default: a file in --out")
    _out(tune)


def tune(options: argparse.Namespace, progress: Progress) -> Done:
    """The best settings, written as a config to train with."""
    from core.experiment import Experiment
    from core.tune import DEFAULT_SPACE
    from core.tune import tune as search

    manifest, config = cli_open.open_checked(options)
    space = tuple(options.space.split(",")) if options.space else DEFAULT_SPACE
    experiment = Experiment(manifest, config, progress=progress)
    found = search(experiment, options.trials, options.out, space=space, storage=options.storage, progress=progress)
    best = options.out / "best.json"
    best.write_text(json.dumps(found.config.to_json(), indent=1), encoding="utf-8")
    text = f"best held-out score {found.score:.4f} of {len(found.trials)} settings; train it with --config {best}"
    return {"score": found.score, "config": str(best), "trials": found.trials}, text, True


def compare_options(compare: argparse.ArgumentParser) -> None:
    """What ``compare`` may be told."""
    compare.add_argument(
        "--folds", type=int, default=0, help="cross-validate with so many folds; default: the test rows"
    )
    compare.add_argument("--fusions", default="", help="comma-separated further fusion methods to try, or 'all'")
    compare.add_argument("--metric", help="metric to compare by; default: macro F1, or R² for a number")
    compare.add_argument("--out", type=Path, help="folder of the run, to keep the models of one kind each in")
    compare.add_argument(
        "--curve", action="store_true", help="learning curve: the same on growing parts of the training rows"
    )


def compare(options: argparse.Namespace, progress: Progress) -> Done:
    """Fused against each kind alone and the floor, or how they grow with the training rows."""
    manifest, config = cli_open.open_checked(options)
    if options.curve:
        from core.learning_curve import learning_curve

        if options.fusions or options.out:
            raise ConfigError("--curve keeps no model and tries one fusion; leave --fusions and --out out")
        curve = learning_curve(manifest, config, outer_folds=options.folds, metric=options.metric, progress=progress)
        return curve.to_json(), curve.text(), True
    from core import fusion
    from core.compare import compare as measure

    fusions = fusion.names() if options.fusions == "all" else [f for f in options.fusions.split(",") if f]
    found = measure(
        manifest, config, outer_folds=options.folds, fusions=fusions, metric=options.metric, progress=progress,
        folder=options.out,
    )  # fmt: skip
    return found.to_json(), found.text(), True


def _out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for the result")
