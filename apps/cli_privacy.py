"""What ``polyfuse deidentify`` does."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from apps import cli_open, cli_spec
from core.errors import ConfigError

if TYPE_CHECKING:
    from core.progress import Progress


def deidentify_options(clean: argparse.ArgumentParser) -> None:
    """What ``deidentify`` may be told."""
    clean.add_argument("--out", type=Path, required=True, help="new folder for the result")
    clean.add_argument(
        "--person", help="column that tells persons apart; default: patient_id…, else --group, else --id"
    )
    clean.add_argument("--key", type=Path, help="file that keeps the key of the pseudonyms, outside --out; made if new")
    clean.add_argument("--listen", action="store_true", help="recognise recordings that have no transcript with times")
    clean.add_argument(
        "--skip-pixels", action="store_true", help="do not look for text burned into pictures and slices"
    )


def deidentify(options: argparse.Namespace, progress: Progress) -> cli_spec.Done:
    """A table and its files without identity; well only if nothing was left that could not be cleaned."""
    from core.privacy import deidentify as clean
    from core.privacy import keep_key, listener, roles_of

    if options.key and options.key.resolve().is_relative_to(options.out.resolve()):
        raise ConfigError(f"--key {options.key}: lies in the result; whoever gets that must not have the key")
    found = clean(
        options.table,
        options.out,
        lambda columns: roles_of(columns, cli_spec.described(options, columns), options.person),
        root=cli_open.root_of(options),
        key=keep_key(options.key) if options.key else None,
        pixels=not options.skip_pixels,
        hear=listener() if options.listen else None,
        progress=progress,
    )
    return found.to_json(), f"{found.text()}\nSaved to {options.out}", found.is_clean
