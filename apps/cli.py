"""The command line ``polyfuse``: check, advise, train, tune, evaluate, compare, stress, predict, document,
record, info.

Exit codes: 0 done; 1 the table has faults (``check``) or an input is wrong; 2 the command itself is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps import cli_measure, cli_record, cli_spec
from core.errors import ConfigError, PolyfuseError, TableError
from core.numbers import plain

if TYPE_CHECKING:
    from core.progress import Progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors that a user can act on become one message and an exit code."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    options = _parser().parse_args(arguments)
    command = shlex.join(["polyfuse", *(arguments if arguments is not None else sys.argv[1:])])
    try:
        return options.run(options, command)
    except (PolyfuseError, OSError) as error:
        faults = [f.to_json() for f in error.faults] if isinstance(error, TableError) else []
        _show(options, {"error": str(error), "faults": faults}, f"polyfuse: {error}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("polyfuse: stopped; the same command goes on from the last epoch", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("polyfuse", description="Fuse several kinds of data about one case.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Any, text: str, *, spec: bool = True) -> argparse.ArgumentParser:
        found = commands.add_parser(name, help=text, description=text)
        found.set_defaults(run=run)
        found.add_argument("--json", action="store_true", help="print JSON instead of text")
        if spec:
            cli_spec.add_options(found)
        return found

    check = add("check", _check, "Check a whole table and report all its faults at once.")
    check.add_argument("--open-files", action="store_true", help="also decode every file, with limited time and memory")
    check.add_argument("--leaks", action="store_true", help="also look for like cases on both sides of the split")
    add("advise", _advise, "Measure what each kind of data carries, and advise a fusion, before training.")
    train = add("train", _train, "Train a fused model and the cheap floor, and save them.")
    train.add_argument("--overwrite", action="store_true", help="replace a bundle that is there already")
    tune = add("tune", _tune, "Search hyperparameters on held-out rows; goes on where it stopped.")
    tune.add_argument("--trials", type=int, default=20, help="settings to try in all (default 20)")
    tune.add_argument("--space", help="comma-separated hyperparameters to search; default: the ones that matter most")
    tune.add_argument("--storage", help="URL of a database that several machines share; default: a file in --out")
    for command in (train, tune):
        command.add_argument("--out", type=Path, required=True, help="folder for the result")
    compare = add("compare", _compare, "Train fused, each alone and the floor on the same splits, and compare them.")
    compare.add_argument(
        "--folds", type=int, default=0, help="cross-validate with so many folds; default: the test rows"
    )
    compare.add_argument("--fusions", default="", help="comma-separated further fusion methods to try, or 'all'")
    compare.add_argument("--metric", help="metric to compare by; default: macro F1, or R² for a number")
    compare.add_argument("--out", type=Path, help="folder of the run, to keep the models of one kind each in")
    compare.add_argument(
        "--curve", action="store_true", help="learning curve: the same on growing parts of the training rows"
    )
    clean = add("deidentify", _deidentify, "Write a table and all its files without identity.", spec=False)
    cli_spec.add_columns(clean)
    clean.add_argument("--out", type=Path, required=True, help="new folder for the result")
    clean.add_argument(
        "--person", help="column that tells persons apart; default: patient_id…, else --group, else --id"
    )
    clean.add_argument("--key", type=Path, help="file that keeps the key of the pseudonyms, outside --out; made if new")
    clean.add_argument("--listen", action="store_true", help="recognise recordings that have no transcript with times")
    clean.add_argument(
        "--skip-pixels", action="store_true", help="do not look for text burned into pictures and slices"
    )
    for name, run, text in (
        ("evaluate", _evaluate, "Measure a saved model on a table that has the target."),
        ("stress", _stress, "Curves of a saved model over damaged, missing and shifted data, as JSON, CSV and text."),
        ("predict", _predict, "Answer every case of a table with a saved model, as JSON lines."),
        ("document", _document, "Write each case's result as PDF, FHIR report or DICOM structured report (medical)."),
        ("info", _info, "Say what a saved model is: its card."),
    ):
        found = add(name, run, text, spec=False)
        found.add_argument("bundle", type=Path, help="folder that train wrote")
        if name != "info":
            many = ", or a folder of files" if name == "predict" else ""
            found.add_argument("table", type=Path, help=f"CSV or Parquet{many}")
            found.add_argument("--rejected", type=Path, help="go on without faulty rows and write them to this CSV")
    cli_measure.evaluate_options(commands.choices["evaluate"])
    cli_measure.stress_options(commands.choices["stress"])
    commands.choices["predict"].add_argument("--out", type=Path, help="file for the answers; default: standard output")
    commands.choices["predict"].add_argument(
        "--explain", action="store_true", help="with shares, and where modalities disagree"
    )
    commands.choices["predict"].add_argument(
        "--domain", help="with --explain, also the domain's own look for contradictions, such as medical"
    )
    commands.choices["predict"].add_argument(
        "--record", type=Path, help="keep in this file that the cases were answered"
    )
    commands.choices["predict"].add_argument("--by", default="", help="who asks, for the record; default: local")
    cli_record.document_options(commands.choices["document"])
    commands.choices["info"].add_argument(
        "--checklists", action="store_true", help="write TRIPOD+AI and CLAIM 2024 beside the bundle (medical)"
    )
    record = add(
        "record", _record, "What was answered and decided: list it, check it, make training rows of it.", spec=False
    )
    cli_record.record_options(record)
    return parser


def _show(options: argparse.Namespace, data: Any, text: str, stream: Any = None) -> None:
    if _is_first():
        print(json.dumps(plain(data), indent=1) if options.json else text, file=stream or sys.stdout)


def _is_first() -> bool:
    return os.environ.get("RANK", "0") == "0"  # of the processes that torchrun started


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    from core.progress import Bars, silent

    with Bars() if _is_first() else contextlib.nullcontext(silent) as progress:
        yield progress


def _check(options: argparse.Namespace, command: str) -> int:
    from core.check import describe, file_faults

    manifest, config = cli_spec.open_table(options)
    facts = describe(manifest, config)
    if options.open_files:
        with _progress() as progress:
            manifest.faults += file_faults(manifest, progress)
    if manifest.faults and options.rejected:
        manifest.without_faulty(options.rejected)
    faults = [str(f) for f in manifest.faults]
    found = _leaks(manifest, config) if options.leaks and not faults else []
    lines = [*faults, *facts.lines(), *(f"like cases in {d}" for d in found)]
    lines.append(f"{len(faults)} fault(s)" if faults else "no faults")
    told = {"faults": [f.to_json() for f in manifest.faults], "leaks": [dataclasses.asdict(d) for d in found]}
    _show(options, facts.to_json() | told, "\n".join(lines))
    return 1 if faults else 0


def _leaks(manifest: Any, config: Any) -> list[Any]:
    from core.quality.report import leaks
    from core.splits import split

    with _progress() as progress:
        return leaks(manifest, split(manifest, config, config.seed), progress=progress)


def _advise(options: argparse.Namespace, command: str) -> int:
    from core.advise import advise

    manifest, config = cli_spec.open_checked(options)
    with _progress() as progress:
        advice = advise(manifest, config, progress=progress)
    _show(options, advice.to_json(), advice.text())
    return 0


def _train(options: argparse.Namespace, command: str) -> int:
    from core.experiment import train

    manifest, config = cli_spec.open_checked(options)
    with _progress() as progress:
        bundle = train(manifest, config, options.out, progress=progress, command=command, overwrite=options.overwrite)
    _show(options, bundle.facts, f"{bundle.card}\nSaved to {options.out / 'bundle'}")
    return 0


def _tune(options: argparse.Namespace, command: str) -> int:
    from core.experiment import Experiment
    from core.tune import DEFAULT_SPACE, tune

    manifest, config = cli_spec.open_checked(options)
    space = tuple(options.space.split(",")) if options.space else DEFAULT_SPACE
    with _progress() as progress:
        experiment = Experiment(manifest, config, progress=progress)
        found = tune(experiment, options.trials, options.out, space=space, storage=options.storage, progress=progress)
    best = options.out / "best.json"
    best.write_text(json.dumps(found.config.to_json(), indent=1), encoding="utf-8")
    text = f"best held-out score {found.score:.4f} of {len(found.trials)} settings; train it with --config {best}"
    _show(options, {"score": found.score, "config": str(best), "trials": found.trials}, text)
    return 0


def _compare(options: argparse.Namespace, command: str) -> int:
    from core import fusion
    from core.compare import compare
    from core.learning_curve import learning_curve

    manifest, config = cli_spec.open_checked(options)
    fusions = fusion.names() if options.fusions == "all" else [f for f in options.fusions.split(",") if f]
    with _progress() as progress:
        if options.curve:
            curve = learning_curve(manifest, config, metric=options.metric, progress=progress)
            _show(options, curve.to_json(), curve.text())
            return 0
        found = compare(
            manifest,
            config,
            outer_folds=options.folds,
            fusions=fusions,
            metric=options.metric,
            progress=progress,
            folder=options.out,
        )
    _show(options, found.to_json(), found.text())
    return 0


def _evaluate(options: argparse.Namespace, command: str) -> int:
    figures = cli_measure.evaluate(options)
    _show(options, figures.to_json(), figures.text())
    return 0


def _stress(options: argparse.Namespace, command: str) -> int:
    with _progress() as progress:
        found, text = cli_measure.stress(options, progress)
    _show(options, found.to_json(), text)
    return 0


def _predict(options: argparse.Namespace, command: str) -> int:
    from core.batch import Windows, answer_file, answer_lines
    from core.cache import MemoryCache
    from core.predict import Predictor
    from core.table import StringTable
    from core.table_folder import folder_table

    predictor = Predictor.load(options.bundle, MemoryCache(), cli_spec.review(options.domain))
    is_folder = options.table.is_dir()
    table = folder_table(options.table, predictor.bundle.config) if is_folder else StringTable.open(options.table)
    root = (options.table if is_folder else options.table.parent).absolute().resolve()
    windows = Windows(table, predictor, root, options.rejected)
    if (left_out := len(table) - len(windows)) and not predictor.bundle.config.table.gather:
        print(f"{left_out} faulty case(s) set aside in {options.rejected}", file=sys.stderr)
    if options.out:
        with _progress() as progress:
            answer_file(windows, predictor, options.out, explain=options.explain, progress=progress)
        if options.record:
            with options.out.open(encoding="utf-8") as lines:
                cli_record.keep(options, predictor, windows, lines)
        return 0
    told: list[str] = []
    for part in answer_lines(windows, predictor, options.explain):
        sys.stdout.write(part)
        if options.record:
            told += part.splitlines()
    if options.record:
        cli_record.keep(options, predictor, windows, told)
    return 0


def _document(options: argparse.Namespace, command: str) -> int:
    with _progress() as progress:
        written = cli_record.document(options, progress)
    _show(options, {"files": [str(p) for p in written]}, f"{len(written)} documents in {options.out}")
    return 0


def _record(options: argparse.Namespace, command: str) -> int:
    found, text, is_well = cli_record.record(options)
    _show(options, found, text)
    return 0 if is_well else 1


def _deidentify(options: argparse.Namespace, command: str) -> int:
    from core.privacy import deidentify, keep_key, listener, roles_of

    if options.key and options.key.resolve().is_relative_to(options.out.resolve()):
        raise ConfigError(f"--key {options.key}: lies in the result; whoever gets that must not have the key")
    with _progress() as progress:
        found = deidentify(
            options.table,
            options.out,
            lambda columns: roles_of(columns, cli_spec.described(options, columns), options.person),
            key=keep_key(options.key) if options.key else None,
            pixels=not options.skip_pixels,
            hear=listener() if options.listen else None,
            progress=progress,
        )
    _show(options, found.to_json(), f"{found.text()}\nSaved to {options.out}")
    return 0 if found.is_clean else 1


def _info(options: argparse.Namespace, command: str) -> int:
    from core.predict import Predictor

    bundle = Predictor.load(options.bundle).bundle
    if options.checklists:
        written = cli_record.checklists(options, bundle)
        _show(options, {"files": [str(p) for p in written]}, "\n".join(map(str, written)))
        return 0
    _show(options, bundle.facts | {"config": bundle.config.to_json()}, bundle.card)
    return 0


if __name__ == "__main__":
    sys.exit(main())
