"""Faults of a table, found before anything is trained: of its columns, of one row, of one case, of all together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from core.cells import check_file, split_files
from core.config import ExperimentConfig, TargetConfig
from core.errors import Fault, FileError
from core.numbers import number_or_none, parse_number
from core.schema import Modality, TargetKind

SPLITS = ("train", "val", "test")
_SPLIT_WORDS = dict(zip(SPLITS, SPLITS)) | {"valid": "val", "validation": "val", "dev": "val", "training": "train"}


@dataclass(frozen=True, slots=True)
class Case:
    """What the special columns say of one case: blank is None. ``row`` counts from 1 below the header."""

    row: int
    id: str
    target: Any = None
    group: str | None = None
    split: str | None = None


def split_of(cell: str) -> str | None:
    """The part of a table, one of ``SPLITS``, that a cell names; None for a blank and any other word.

    >>> split_of("Test"), split_of(" dev "), split_of("")
    ('test', 'val', None)
    """
    return _SPLIT_WORDS.get(cell.strip().lower())


def named_columns(config: ExperimentConfig, need_target: bool, for_training: bool = True) -> list[str]:
    """All columns that a config names and a table must have, each once; see ``core.manifest.Manifest.open``."""
    t = config.table
    special = [t.id, t.group, t.split] if need_target and for_training else [t.id]
    names = [c for m in config.modalities for c in m.columns] + [c for c in special if c]
    return list(dict.fromkeys([*names, config.target.column] if need_target else names))


def column_faults(
    columns: Sequence[str],
    unread: Mapping[str, str],
    config: ExperimentConfig,
    need_target: bool,
    for_training: bool = True,
) -> list[Fault]:
    """Columns that the config names and the table does not have, but for those that another one stands in for.

    ``unread``: columns that hold no text, and why; they are faults where the config names them.
    """
    faults = []
    spare = {c for m in config.modalities if m.first and set(m.columns) & set(columns) for c in m.columns}
    read = {c for m in config.modalities for c in m.columns}
    named = {*named_columns(config, True), config.target.column}  # which are not another one under a wrong name
    for name in named_columns(config, need_target, for_training):
        if name in unread:
            faults.append(Fault(0, name, "", unread[name]))
        elif name not in columns and name not in spare:
            others = [c for c in columns if c not in named]
            close = get_close_matches(name, others, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the table has {', '.join(map(repr, columns[:30]))}"
            blank = "" if for_training or name not in read else "; where nothing of it is known, add it without values"
            faults.append(Fault(0, name, "", f"no such column; {hint}{blank}"))
    return faults


def number_columns(config: ExperimentConfig) -> list[str]:
    """Columns that a tabular view lists as numbers."""
    tabular = [m for m in config.modalities if m.kind is Modality.TABULAR]
    found = [set(m.columns) & set(v.preprocess.get("numbers", ())) for m in tabular for v in m.views]
    return sorted(set().union(*found))


def row_faults(
    row: int,
    cells: Mapping[str, str],
    files: Mapping[str, Modality],
    numbers: Sequence[str],
    root: Path,
    allow_outside: bool,
) -> list[Fault]:
    """Faults of one row's cells: files that are not there, and text where a number is due."""
    faults = []
    for column, kind in files.items():
        for name in split_files(cells[column]):
            try:
                check_file(name, root, kind, allow_outside)
            except FileError as error:
                faults.append(Fault(row, column, name, str(error)))
    for column in numbers:
        if cells[column].strip():
            try:
                parse_number(cells[column])
            except ValueError as error:
                faults.append(Fault(row, column, cells[column][:80], str(error)))
    return faults


def agreement_faults(rows: Sequence[int], cells: Sequence[Mapping[str, str]], columns: Sequence[str]) -> list[Fault]:
    """Columns in which rows of one case say different things."""
    faults = []
    for column in columns:
        said = [(r, c[column].strip()) for r, c in zip(rows, cells) if c[column].strip()]
        for row, value in said[1:]:
            if value != said[0][1]:
                reason = f"rows of one case must agree, but row {said[0][0]} says {said[0][1]!r}"
                faults.append(Fault(row, column, value, reason))
    return faults


def parse_target(text: str, config: TargetConfig) -> Any:
    """A raw target: str, tuple of str, float, or None for a blank.

    Raises:
        ValueError: with the reason in words.
    """
    cell = text.strip()
    if not cell:
        return None
    if config.kind is TargetKind.NUMBER:
        value = parse_number(cell)
        if value < 0 and config.transform == "log1p":
            raise ValueError("a number below 0 has no log1p; correct it, or predict without the transform")
        return value
    several = config.kind is TargetKind.LABELS
    labels = tuple(dict.fromkeys(p.strip() for p in re.split(r"[|;]", cell) if p.strip())) if several else (cell,)
    for label in labels:
        if config.classes is not None and label not in config.classes:
            close = get_close_matches(label, config.classes, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"{label!r} is not one of the classes {', '.join(config.classes)}{hint}")
    return labels if several else cell


def target_fault(row: int, text: str, config: TargetConfig) -> Fault | None:
    """The fault of one target cell, if it has one."""
    try:
        if parse_target(text, config) is not None:
            return None
    except ValueError as error:
        return Fault(row, config.column, text[:80], str(error))
    none = "; write '|' for a case with none of the labels" if config.kind is TargetKind.LABELS else ""
    return Fault(row, config.column, "", f"the target is blank{none}")


def together_faults(cases: Sequence[Case], config: ExperimentConfig, need_target: bool) -> list[Fault]:
    """Faults that show only between cases: ids used twice, groups in two splits, a label with one case, grades whose
    order nobody states.
    """
    faults = _repeated_ids(cases, config.table.id or "row number")
    if need_target and config.table.split is not None:
        faults += _straddling_groups(cases, config.table.group)
        if not any(case.split == "train" for case in cases):
            faults.append(Fault(0, config.table.split, "", "no training rows; mark some rows with 'train'"))
    if need_target and config.target.kind is not TargetKind.NUMBER:
        faults += _lonely_labels(cases, config.target.column)
    if need_target and config.target.kind is TargetKind.GRADE and config.target.classes is None:
        faults += _unordered_grades(cases, config.target.column)
    return faults


def _repeated_ids(cases: Sequence[Case], column: str) -> list[Fault]:
    first: dict[str, int] = {}
    reason = "the same id as row {}; ids must differ, or set gather to join rows of one id into one case"
    return [
        Fault(c.row, column, c.id, reason.format(first[c.id]))
        for c in cases
        if first.setdefault(c.id, c.row) != c.row and c.id
    ]


def _straddling_groups(cases: Sequence[Case], column: str | None) -> list[Fault]:
    first: dict[str, Case] = {}
    faults = []
    for case in cases:
        if case.group is not None and case.split is not None:
            other = first.setdefault(case.group, case)
            if other.split != case.split:
                reason = f"the group is in {other.split!r} (row {other.row}) and here in {case.split!r}; keep it in one"
                faults.append(Fault(case.row, column or "", case.group, reason))
    return faults


def _lonely_labels(cases: Sequence[Case], column: str) -> list[Fault]:
    labels = [(c.row, (c.target,) if isinstance(c.target, str) else c.target or ()) for c in cases]
    count = Counter(label for _, found in labels for label in found)
    reason = "the only case with this label; a label needs two, so add cases, merge the label or leave the row out"
    return [Fault(row, column, label, reason) for row, found in labels for label in found if count[label] == 1]


def _unordered_grades(cases: Sequence[Case], column: str) -> list[Fault]:
    grades = sorted({c.target for c in cases if c.target is not None})
    if all(number_or_none(g) is not None for g in grades):
        return []
    reason = (
        f"grades in words have no order of their own, found {', '.join(map(repr, grades[:20]))}; state it, lowest "
        "first: --classes A,B,C (in Python classes=, in a config target.classes)"
    )
    return [Fault(0, column, "", reason)]
