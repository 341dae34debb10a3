"""What a command works on: a table, and the experiment that a config file, a domain or named columns describe."""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import importlib
import inspect
import json
import os
import pkgutil
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import domains
from core.config import ExperimentConfig, TableConfig, TargetConfig, read_config
from core.errors import ConfigError, unknown
from core.schema import Modality, TargetKind

FILES = ("image", "volume", "audio", "video")
_TABLES = {"number": "numbers", "category": "categories", "quantity": "quantities"}
_COLUMNS = (*_TABLES, "text", *FILES, "id", "group", "split", "gather", "drop", "transform")
_SPECIAL = ("id", "group", "split", "gather")
_LETTERS = 50  # of a column's name that its modality is called by
_ROOT = "folder that paths in the table start from; default: the table's"
_REJECTED = "go on without faulty rows and write them to this CSV"
Done: TypeAlias = tuple[Any, str, bool]  # what a command found, as JSON and in words, and whether all is well


def add_options(parser: argparse.ArgumentParser) -> None:
    """The table, everything that says how it is read, and how it is trained on."""
    add_columns(parser)
    parser.add_argument("--drop", action="append", default=[], help="string taken out of every text, such as '[MASK]'")
    parser.add_argument("--preset", help="fast, default (the default) or best (see the README)")
    parser.add_argument("--fusion", help="fusion method; default: the preset's")
    parser.add_argument("--seed", type=int, help="of splits, weights and batches; default 0")
    parser.add_argument("--epsilon", type=float, help="train with differential privacy, spending at most this")
    parser.add_argument("--delta", type=float, help="of --epsilon; default 1e-5")
    parser.add_argument("--clip", type=float, help="norm that each case's gradient is cut to; default 1")
    words = "training option, epochs=20, or one of the domain's recipe, false_alarm=0.02"
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=words)
    parser.add_argument("--rejected", type=Path, help=_REJECTED)


def add_columns(parser: argparse.ArgumentParser) -> None:
    """The table and what its columns are."""
    parser.add_argument("table", type=Path, help="CSV or Parquet; a row is a case")
    parser.add_argument("--root", type=Path, help=_ROOT)
    parser.add_argument("--config", type=Path, help="experiment as JSON, instead of the options below")
    parser.add_argument("--domain", help=f"columns as documented by a domain: {', '.join(domain_names())}")
    parser.add_argument("--target", help="column to predict, with its kind: COLUMN[:label|labels|grade|number]")
    parser.add_argument("--transform", help="of a number to predict: none (default) or log1p")
    parser.add_argument(
        "--classes", help="order of the grades to predict, low,medium,high; or the labels that there are"
    )
    for kind in _TABLES:
        parser.add_argument(
            f"--{kind}", action="append", default=[], metavar="[NAME=]COLUMNS",
            help=f"comma-separated {kind} columns (or patterns like fac_*) of table modality NAME (default: table)",
        )  # fmt: skip
    for kind in ("text", *FILES):
        parser.add_argument(f"--{kind}", action="append", default=[], metavar="[NAME=]COLUMN", help=f"{kind} column")
    parser.add_argument("--id", help="column that names a case; default: the row number")
    parser.add_argument("--group", help="column whose rows stay on one side of every split")
    parser.add_argument("--split", help="column with train, val and test; default: split by seed")
    parser.add_argument("--gather", action="store_true", help="rows that share an id are one case with several files")


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """A saved model."""
    parser.add_argument("bundle", type=Path, help="folder that train wrote")


def add_cases(parser: argparse.ArgumentParser, what: str = "CSV or Parquet") -> None:
    """A table for a saved model, which says itself what the columns are."""
    parser.add_argument("table", type=Path, help=what)
    parser.add_argument("--root", type=Path, help=_ROOT)
    parser.add_argument("--rejected", type=Path, help=_REJECTED)


def is_first() -> bool:
    """Whether this is the one of the processes that torchrun started that writes and prints."""
    return os.environ.get("RANK", "0") == "0"


def domain_names() -> list[str]:
    """Names of all domains."""
    return sorted(m.name for m in pkgutil.iter_modules(domains.__path__))


def described(options: argparse.Namespace, columns: Sequence[str]) -> ExperimentConfig | None:
    """The experiment that the options describe, its target named or not; None where they name no column at all."""
    if options.config:
        return read_config(options.config)
    if options.domain:
        recipe = importlib.import_module(f"domains.{known_domain(options.domain)}.recipe")
        return recipe.build(columns, target=options.target)
    named = any(getattr(options, name) for name in (*_TABLES, "text", *FILES))
    return _plain(options, columns, TargetConfig("")) if named else None


def config_of(options: argparse.Namespace, columns: Sequence[str]) -> ExperimentConfig:
    """The experiment that the options describe, on a table with these columns."""
    if options.config:
        _refuse("--config", options, (*_COLUMNS, "domain", "target", "classes", "preset"))
        return _changed(read_config(options.config), options)
    if options.domain:
        _refuse("--domain", options, [c for c in _COLUMNS if c not in _SPECIAL])
        build = importlib.import_module(f"domains.{known_domain(options.domain)}.recipe").build
        own = _own_options(build)
        told = {key: _fitting(key, own[key], _value(value)) for key, value in map(_pair, options.set) if key in own}
        preset, classes = options.preset or "default", _classes(options)
        config = build(columns, target=options.target, classes=classes, preset=preset, **told)
        special = {name: given for name in _SPECIAL if (given := getattr(options, name))}
        config = dataclasses.replace(config, table=dataclasses.replace(config.table, **special))
        return _changed(config, options, own)
    return _changed(_plain(options, columns), options)


def beside(options: argparse.Namespace, config: ExperimentConfig) -> Any:
    """What a domain learns of a table besides its target, read and checked before anything is trained; None: nothing.

    Raises:
        TableError: with all faults of what is learned besides.
    """
    found = of_domain(options.domain, "Beside") if options.domain else None
    return found.read(options.table, config.target) if found else None


def of_domain(name: str, part: str) -> Any:
    """What a domain adds to a command, such as its ``review`` of answers; None where it adds nothing."""
    return getattr(importlib.import_module(f"domains.{known_domain(name)}"), part, None)


def known_domain(name: str) -> str:
    """The name itself, where there is such a domain; else a ``ConfigError`` with the choices."""
    if name not in domain_names():
        raise unknown("domain", name, domain_names())
    return name


def _refuse(given: str, options: argparse.Namespace, names: Sequence[str]) -> None:
    if named := [f"--{n}" for n in names if getattr(options, n)]:
        raise ConfigError(f"{given} says already what {', '.join(named)} would; leave one of them out")


def _plain(options: argparse.Namespace, columns: Sequence[str], untold: TargetConfig | None = None) -> ExperimentConfig:
    """``untold``: the target where none is named; None: one must be."""
    from core.recipes import Columns, build_config

    if not options.target and untold is None:
        raise ConfigError("name the column to predict: --target COLUMN[:label|labels|grade|number]")
    target = _target(options, columns) if options.target or untold is None else untold
    table = TableConfig(id=options.id, group=options.group, split=options.split, gather=options.gather)
    special = {target.column, table.id, table.group, table.split}
    inputs = [c for c in columns if c not in special]  # what a pattern such as * may mean
    tables: dict[str, dict[str, list[str]]] = {}
    for kind, plural in _TABLES.items():
        for given in getattr(options, kind):
            name, patterns = _named(given, "table", columns)
            several = [patterns] if patterns in columns else patterns.split(",")
            found = [c for p in several for c in _matching(p, columns, inputs)]
            tables.setdefault(name, {}).setdefault(plural, []).extend(found)
    modalities = {
        name: Columns(
            Modality.TABULAR, tuple(c for v in kinds.values() for c in v), **{k: tuple(v) for k, v in kinds.items()}
        )
        for name, kinds in tables.items()
    }
    for kind in ("text", *FILES):
        for given in getattr(options, kind):
            name, column = _named(given, "", columns)
            name = name or re.sub(r"[./]", "_", column)[:_LETTERS]
            if name in modalities:
                raise ConfigError(f"--{kind} {given}: there is a modality {name!r} already; write OTHER_NAME={column}")
            modalities[name] = Columns(Modality(kind), tuple(_matching(column, columns, inputs)))
    preset, drop = getattr(options, "preset", None) or "default", getattr(options, "drop", ())
    return build_config(modalities, target, table, preset, drop=drop)


def _target(options: argparse.Namespace, columns: Sequence[str]) -> TargetConfig:
    from core.recipes import column_and_kind

    column, kind = column_and_kind(options.target, columns)
    classes, transform = _classes(options) or None, options.transform or "none"
    return TargetConfig(column, kind or TargetKind.LABEL, classes, transform=transform)


def _classes(options: argparse.Namespace) -> tuple[str, ...]:
    return tuple(c.strip() for c in (options.classes or "").split(",") if c.strip())


def _named(given: str, default: str, columns: Sequence[str]) -> tuple[str, str]:
    """The modality and its columns of ``[NAME=]COLUMNS``; what is a column as it stands is that column."""
    name, equals, rest = given.partition("=")
    return (name, rest) if equals and given not in columns else (default, given)


def _matching(pattern: str, columns: Sequence[str], inputs: Sequence[str]) -> list[str]:
    found = [c for c in columns if c == pattern] or fnmatch.filter(inputs, pattern)
    if not found:
        raise unknown("column", pattern, inputs)
    return found


def _own_options(build: Callable[..., ExperimentConfig]) -> dict[str, Any]:
    """What a domain's recipe may be told besides what has an option of its own, with the defaults."""
    own = inspect.signature(build).parameters
    return {
        name: p.default for name, p in own.items() if name not in ("columns", "target", "classes", "preset", "seed")
    }


def _fitting(key: str, default: Any, value: Any) -> Any:
    """A value of the default's kind; names joined by commas are a list, where one is asked for."""
    kinds: dict[type, tuple[Any, str]] = {bool: (bool, "true or false"), float: (int | float, "a number")}
    kind, words = kinds.get(type(default), (object, ""))
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ConfigError(f"--set {key}: expected {words or 'names joined by commas'}, found {value!r}")
    return value.split(",") if isinstance(value, str) and (default is None or isinstance(default, tuple)) else value


def _pair(given: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not equals:
        raise ConfigError(f"--set {given!r}: expected KEY=VALUE, such as epochs=20")
    return key, value


def _changed(config: ExperimentConfig, options: argparse.Namespace, done: Collection[str] = ()) -> ExperimentConfig:
    """The config with single options of the command line put in; those ``done`` the domain's recipe was told."""
    if options.fusion:
        config = dataclasses.replace(config, fusion=options.fusion, fusion_options={})
    data = config.to_json() | ({} if options.seed is None else {"seed": options.seed})
    for key, value in map(_pair, options.set):
        if key in done:
            continue
        place = data["training"] if key in data["training"] else data
        if key not in place:
            raise unknown("option for --set", key, [*done, *data["training"], *data])
        place[key] = _value(value)
    config = ExperimentConfig.from_json(data)
    further = {name: value for name in ("delta", "clip") if (value := getattr(options, name)) is not None}
    if options.epsilon is None:
        if further:
            raise ConfigError(f"--{next(iter(further))} belongs to training with privacy; give --epsilon too")
        return config
    from core.config import PrivacyConfig
    from core.training.private import made_private

    return made_private(config, PrivacyConfig(options.epsilon, **further))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
