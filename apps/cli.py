"""The command line ``polyfuse``: check, advise, train, tune, evaluate, compare, stress, predict, document,
record, info, hear, noisy, replies.

Exit codes: 0 done; 1 the table has faults (``check``) or an input is wrong; 2 the command itself is wrong; 130 stopped;
141 nobody reads the output any more (``polyfuse … | head``).
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from apps import cli_measure, cli_predict, cli_privacy, cli_record, cli_service, cli_spec, cli_train
from core.errors import PolyfuseError, TableError
from core.numbers import plain

if TYPE_CHECKING:
    from core.progress import Progress

_Parser = argparse.ArgumentParser
_RESUMED = ("train", "tune", "predict", "hear", "noisy")  # they find what they had done


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors that a user can act on become one message and an exit code."""
    options = _parser().parse_args(arguments)
    options.command = shlex.join(["polyfuse", *(arguments if arguments is not None else sys.argv[1:])])
    try:
        code = _run(options)
        sys.stdout.flush()  # here, as at the interpreter's end nobody could catch it
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _run(options: argparse.Namespace) -> int:
    try:
        with _progress() as progress:
            done = options.run(options, progress)
    except BrokenPipeError:
        raise
    except (PolyfuseError, OSError) as error:
        faults = [f.to_json() for f in error.faults] if isinstance(error, TableError) else []
        _show(options, {"error": str(error), "faults": faults}, f"polyfuse: {error}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        resumed = options.command.split()[1] in _RESUMED
        print("polyfuse: stopped" + ("; the same command goes on from there" if resumed else ""), file=sys.stderr)
        return 130
    if done is None:
        return 0
    data, text, is_well = done
    _show(options, data, text)
    return 0 if is_well else 1


def _parser() -> _Parser:
    parser = _Parser("polyfuse", description="Fuse several kinds of data about one case.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    add = functools.partial(_add, commands)
    table, bundle, cases = cli_spec.add_options, cli_spec.add_bundle, cli_spec.add_cases
    train, measure, predict, record, service = cli_train, cli_measure, cli_predict, cli_record, cli_service
    add("check", train.check, "Check a whole table and report all its faults at once.", table, train.check_options)
    add("advise", train.advise, "Measure what each kind of data carries, and advise a fusion, before training.", table)
    add("train", train.train, "Train a fused model and the cheap floor, and save them.", table, train.train_options)
    words = "Search hyperparameters on held-out rows; goes on where it stopped."
    add("tune", train.tune, words, table, train.tune_options)
    words = "Train fused, each alone and the floor on the same splits, and compare them."
    add("compare", train.compare, words, table, train.compare_options)
    words = "Write a table and all its files without identity."
    add("deidentify", cli_privacy.deidentify, words, cli_spec.add_columns, cli_privacy.deidentify_options)
    words = "Measure a saved model on a table that has the target."
    add("evaluate", measure.evaluate, words, bundle, cases, measure.evaluate_options)
    words = "Curves of a saved model over damaged, missing and shifted data, as JSON, CSV and text."
    add("stress", measure.stress, words, bundle, cases, measure.stress_options)
    words = "Answer every case of a table with a saved model, as JSON lines."
    add("predict", predict.predict, words, bundle, predict.predict_options)
    words = "Write each case's result as PDF, FHIR report or DICOM structured report."
    add("document", record.document, words, bundle, cases, record.document_options)
    add("info", record.info, "Say what a saved model is: its card.", bundle, record.info_options)
    words = "What was answered and decided: list it, check it, make training rows of it."
    add("record", record.record, words, record.record_options)
    words = "Make a table of turns of recorded calls, by recognition, with what is private masked and silent."
    add("hear", service.hear, words, service.hear_options)
    words = "Put copies with noise, and what a recogniser hears in them, below the turns of a table."
    add("noisy", service.noisy, words, service.noisy_options)
    words = "Learn which replies to suggest, measure them on a table, or ask for some."
    add("replies", service.replies, words, service.replies_options)
    return parser


def _add(commands: Any, name: str, run: Any, text: str, *given: Callable[[_Parser], None]) -> None:
    """A command; ``given``: what it may be told, part by part."""
    found = commands.add_parser(name, help=text, description=text)
    found.set_defaults(run=run)
    found.add_argument("--json", action="store_true", help="print JSON instead of text")
    for options in given:
        options(found)


def _show(options: argparse.Namespace, data: Any, text: str, stream: Any = None) -> None:
    if cli_spec.is_first():
        print(json.dumps(plain(data), indent=1) if options.json else text, file=stream or sys.stdout)


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    from core.progress import Bars, silent

    with Bars() if cli_spec.is_first() else contextlib.nullcontext(silent) as progress:
        yield progress


if __name__ == "__main__":
    sys.exit(main())
