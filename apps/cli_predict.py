"""What ``polyfuse predict`` does, and how it keeps who asked what."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps import cli_open, cli_spec
from core.errors import ConfigError
from core.numbers import counted

if TYPE_CHECKING:
    from core.batch import Windows
    from core.predict import Predictor
    from core.progress import Progress


def predict_options(predict: argparse.ArgumentParser) -> None:
    """What ``predict`` may be told."""
    cli_spec.add_cases(predict, "CSV or Parquet, or a folder of files")
    predict.add_argument("--out", type=Path, help="file for the answers; default: standard output")
    predict.add_argument(
        "--open-files", action="store_true", help="decode every file first, so that --rejected takes all"
    )
    predict.add_argument("--on-defect", help="faults of scans: refuse, resample or accept; default: as trained")
    predict.add_argument("--explain", action="store_true", help="with shares, and where modalities disagree")
    predict.add_argument(
        "--domain", help="with --explain, also the domain's own look for contradictions, such as medical"
    )
    predict.add_argument("--record", type=Path, help="keep in this file that the cases were answered")
    predict.add_argument("--by", default="", help="who asks, for the record; default: local")


def predict(options: argparse.Namespace, progress: Progress) -> None:
    """Write the answers, a line each; with ``--record``, keep that they were asked for."""
    from core.batch import answer_file, answer_lines

    predictor, windows = _open(options, progress)
    if options.out:
        answer_file(windows, predictor, options.out, explain=options.explain, progress=progress)
        if options.record:
            with options.out.open(encoding="utf-8") as lines:
                _keep(options, predictor, windows, lines)
        return
    told: list[str] = []
    for part in answer_lines(windows, predictor, options.explain):
        sys.stdout.write(part)
        if options.record:
            told += part.splitlines()
    if options.record:
        _keep(options, predictor, windows, told)


def _open(options: argparse.Namespace, progress: Progress) -> tuple[Predictor, Windows]:
    """The model, and the table or the folder of files in windows; faulty cases that are set aside are told."""
    from core.batch import Windows
    from core.cache import MemoryCache
    from core.check import file_faults
    from core.missing_files import telling_once
    from core.predict import Predictor
    from core.table import StringTable
    from core.table_folder import folder_table
    from domains.customer_service import sides

    predictor = Predictor.load(options.bundle, MemoryCache(), _review(options.domain))
    is_folder = options.table.is_dir()
    table = folder_table(options.table, predictor.bundle.config) if is_folder else StringTable.open(options.table)
    if not is_folder:
        cli_open.point_elsewhere(predictor.bundle.config, table.columns)
        if words := sides.note(table, predictor.bundle.config):
            print(words, file=sys.stderr)
    if is_folder and options.root:
        raise ConfigError(f"{options.table}: a folder of files is where their paths start from; leave --root out")
    root = options.table.absolute().resolve() if is_folder else cli_open.root_of(options)
    if options.on_defect:
        predictor.treat_defects(options.on_defect)
    look = partial(file_faults, progress=progress, on_defect=options.on_defect) if options.open_files else None
    with telling_once(table, predictor.bundle.config, root):
        windows = Windows(table, predictor, root, options.rejected, open_files=look)
    if windows.left_out:
        print(f"{counted(windows.left_out, 'faulty case')} set aside in {options.rejected}", file=sys.stderr)
    return predictor, windows


def _review(domain: str | None) -> Any:
    """A domain's own look at an explained answer; refused where the domain has none."""
    if domain is None:
        return None
    found = cli_spec.of_domain(domain, "review")
    if found is None:
        raise ConfigError(f"domain {domain!r} has no look at answers of its own; leave --domain out")
    return found


def _keep(options: argparse.Namespace, predictor: Predictor, windows: Windows, lines: Iterable[str]) -> None:
    """Write into ``--record`` that somebody had these cases answered: an entry each, without any text of them."""
    from core.record import LOCAL, PREDICTION, Record, input_hash
    from core.record_asked import told

    def entries() -> Iterator[Any]:
        rows = (window.row(i) for window in (windows[k] for k in range(len(windows.sizes))) for i in range(len(window)))
        for row, line in zip(rows, lines, strict=True):
            yield {"case_id": row.id}, told(json.loads(line)), {}, input_hash(row.values)

    Record(options.record).extend(PREDICTION, entries(), predictor.bundle.fingerprint, options.by or LOCAL)
