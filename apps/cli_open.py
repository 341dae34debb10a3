"""The table of a command, opened and checked: to be trained on, or for a saved model."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.cli_spec import config_of, domain_names, of_domain
from core.config import ExperimentConfig
from core.errors import ConfigError
from core.numbers import counted


def root_of(options: argparse.Namespace) -> Path:
    """The folder that paths in the table start from; a ``ConfigError`` where it is not there."""
    if options.root is not None and not options.root.is_dir():
        raise ConfigError(f"--root {options.root}: no such folder; name the one that paths in the table start from")
    return Path(options.root or options.table.parent).absolute().resolve()


def open_table(options: argparse.Namespace) -> tuple[Any, ExperimentConfig]:
    """The table as it is, faults and all, and its experiment."""
    from core.manifest import Manifest
    from core.table import StringTable

    columns = StringTable.open(options.table).columns
    config = config_of(options, columns)
    manifest = Manifest.open(options.table, config, root_of(options))
    if options.domain and (accept := of_domain(options.domain, "accept")):
        accept(manifest)  # the domain refuses a table that is none of its own
    return manifest, config


def open_checked(options: argparse.Namespace) -> tuple[Any, ExperimentConfig]:
    """The table without faults: refused, or with ``--rejected`` without its faulty rows.

    Raises:
        TableError: with all faults.
    """
    manifest, config = open_table(options)
    return _without_faults(manifest, options), config


def open_with_bundle(options: argparse.Namespace, need_target: bool, outside: Sequence[str] = ()) -> tuple[Any, Any]:
    """A saved model and a checked table of the columns that it was trained on; ``outside``: labels of no class."""
    from core.evaluation.evaluate import unknown_classes
    from core.manifest import Manifest
    from core.predict import Predictor
    from domains.customer_service import sides

    predictor, root = Predictor.load(options.bundle), root_of(options)
    manifest = Manifest.open(options.table, predictor.bundle.config, root, need_target, for_training=False)
    point_elsewhere(predictor.bundle.config, manifest.table.columns)
    if need_target and sides.is_of_turns(predictor.bundle.config):
        sides.accept(manifest)
    if need_target and (options.rejected or manifest.faults):  # told and set aside together with the other faults
        manifest.faults += unknown_classes(predictor.bundle, manifest, range(len(manifest)), outside)
    return predictor, _without_faults(manifest, options)


def point_elsewhere(config: ExperimentConfig, columns: Sequence[str]) -> None:
    """Refuse a table that lacks what a model reads and that a domain has a command for, by naming the command.

    Raises:
        ConfigError: with the command.
    """
    lacking = {c for m in config.modalities for c in m.columns} - {*columns}
    for name in domain_names() if lacking else ():
        point = getattr(importlib.import_module(f"domains.{name}.recipe"), "pointer", None)
        if point is not None and (words := point(columns, lacking)):
            raise ConfigError(words)


def _without_faults(manifest: Any, options: argparse.Namespace) -> Any:
    from core.missing_files import telling_once

    with telling_once(manifest.table, manifest.config, manifest.root):
        if manifest.faults and options.rejected:
            kept = manifest.without_faulty(options.rejected)
            print(
                f"{counted(len(manifest) - len(kept), 'faulty case')} set aside in {options.rejected}", file=sys.stderr
            )
            return kept
        manifest.raise_faults()
    return manifest
