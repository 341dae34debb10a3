"""What a table holds, before anything is trained: cases, classes, groups and how often each modality is missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.config import ExperimentConfig, ModalityConfig
from core.errors import Fault, FileError
from core.manifest import Manifest
from core.numbers import counted
from core.preprocess.decode import DECODERS, check_scan
from core.preprocess.volume import VolumePreprocessor, scans
from core.progress import Progress, silent
from core.sandbox import Sandbox
from core.schema import Modality, TargetKind

_OUTSIDERS = {"oos", "ood", "outofscope", "outofdomain", "noneoftheabove", "nonodesdetected"}


@dataclass(frozen=True)
class Description:
    """Facts of a table; ``present`` is a share a modality, ``patterns`` counts which modalities come together."""

    cases: int
    groups: int
    classes: dict[str, int]
    present: dict[str, float]
    patterns: dict[str, int]
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """The facts as JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The facts for people."""
        groups = f", {counted(self.groups, 'group')}" if self.groups else ""
        classes = ", ".join(f"{c} {n}" for c, n in self.classes.items())
        return [
            f"{counted(self.cases, 'case')}{groups}" + (f"; {classes}" if classes else ""),
            *(f"{name}: present in {share:.1%}" for name, share in self.present.items()),
            *(f"note: {w}" for w in self.warnings),
        ]


def describe(manifest: Manifest, config: ExperimentConfig) -> Description:
    """Count a manifest; its faults are reported by the manifest itself."""
    names = [m.name for m in config.modalities]
    patterns = Counter(" + ".join(n for n, p in zip(names, row) if p) or "nothing" for row in manifest.present)
    classes: Counter[str] = Counter()
    if config.target.kind is not TargetKind.NUMBER:
        for target in manifest.targets:
            classes.update(target if isinstance(target, tuple) else [] if target is None else [target])
    share = {n: float(manifest.present[:, i].mean()) if len(manifest) else 0.0 for i, n in enumerate(names)}
    groups = len({g for g in manifest.groups if g is not None})
    warnings = _warnings(len(manifest), groups, classes, share, config)
    return Description(
        len(manifest), groups, dict(classes.most_common()), share, dict(patterns.most_common()), warnings
    )


def label_faults(manifest: Manifest) -> list[Fault]:
    """A fault where the rows to train on are all of one label: there is nothing to tell apart."""
    config = manifest.config
    if config.target.kind not in (TargetKind.LABEL, TargetKind.GRADE):
        return []
    learned = (None, "train", "val") if config.folds > 1 else (None, "train")
    labels = {t for t, part in zip(manifest.targets, manifest.splits) if t is not None and part in learned}
    if len(labels) != 1:
        return []
    reason = "the only label of the rows to train on; a model needs two to tell apart: add cases of another one"
    return [Fault(0, config.target.column, labels.pop(), reason)]


def file_faults(manifest: Manifest, progress: Progress = silent, on_defect: str | None = None) -> list[Fault]:
    """Decode every file of a table, in a process whose time and memory are limited: a fault for each that cannot be.

    A scan whose geometry the experiment refuses is one too, or ``on_defect`` in its place. Files with a fault already,
    such as one that is not there, are passed over.
    """
    known = {(f.row, f.column) for f in manifest.faults}
    faults = []
    with Sandbox() as sandbox:
        for place, m in enumerate(manifest.config.modalities):
            rows = np.flatnonzero(manifest.present[:, place]).tolist() if m.kind.is_file else []
            for done, index in enumerate(rows, start=1):
                row = manifest.row_numbers(index)[0]
                try:
                    if (row, m.columns[0]) not in known:
                        _open(sandbox, m, manifest.cell(index, m.name), {"on_defect": on_defect} if on_defect else {})
                except FileError as error:
                    faults.append(Fault(row, m.columns[0], "", str(error)))
                progress(f"opening {m.name}", done, len(rows))
    return faults


def _open(sandbox: Sandbox, m: ModalityConfig, cell: tuple[Path, ...], wanted: dict[str, str]) -> None:
    if m.kind is not Modality.VOLUME:
        sandbox.call(DECODERS[m.kind], *cell)
        return
    reader = VolumePreprocessor(**m.views[0].preprocess | wanted)
    for scan in scans(cell):
        files = scan if isinstance(scan, list) else [scan]
        sandbox.call(check_scan, *files, on_defect=reader.on_defect, allow_modality=reader.allow_modality)


def _warnings(
    cases: int, groups: int, classes: Counter[str], share: dict[str, float], config: ExperimentConfig
) -> list[str]:
    found = []
    if cases < 200:
        also = "" if config.folds > 1 else ", and use --preset default (cross-validation)"
        found.append(f"few cases ({cases}): expect wide intervals{also}")
    if not config.table.group:
        found.append("no group column is named: several cases of one person then inflate the figures")
    if classes and (rare := [c for c, n in classes.items() if n < 10]):
        found.append(f"fewer than 10 cases each of {', '.join(rare[:10])}")
    if classes and classes.most_common(1)[0][1] > 0.9 * cases:
        found.append("one class holds over 90 % of the cases: judge by recall and F1, not accuracy")
    written: dict[str, list[str]] = {}
    for name in classes:
        written.setdefault(name.casefold(), []).append(name)
    for alike in (names for names in written.values() if len(names) > 1):
        found.append(f"different classes by upper and lower case alone: {', '.join(map(repr, sorted(alike)))}")
    if likely := likely_outside(classes, config):
        found.append(likely)
    found += [f"{n} is missing in {1 - s:.0%} of the cases" for n, s in share.items() if s < 0.5]
    return found


def likely_outside(classes: Iterable[str], config: ExperimentConfig) -> str:
    """A word of warning where a class seems to mean "none of these" while the config calls that something else."""
    told, names = config.target.outside, sorted(set(classes))
    found = [c for c in names if re.sub("[^a-z]", "", c.lower()) in _OUTSIDERS]
    if told is None or told in names or not found:
        return ""
    return (
        f"{found[0]!r} is learned as a class like the others; if it means that a case belongs to none of them, name it "
        f"as what lies outside (--set outside={found[0]} on the command line), so that such cases are told by a "
        "threshold and measured apart"
    )
