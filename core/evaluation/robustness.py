"""How a saved model holds up: over damage, with modalities absent, with other class shares; fused and each kind alone.

Damage is done to one modality at a time (``core.damage``). "Alone" is the same model with all else switched off through
the mask, or a model that was trained on that modality alone where one is given. Not shown: damage to several modalities
at once, and damage that nobody has listed.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

import numpy as np

from core.bundle import Bundle
from core.damage import Damage, check_names, damages_of
from core.damage.apply import Surroundings, damaged
from core.errors import ConfigError, unknown
from core.evaluation.curves import FUSED, Missing, Ruler, Stress
from core.evaluation.intervals import Resamples, interval
from core.evaluation.probe import Probe, Views
from core.manifest import Manifest
from core.metrics import known_metric, score
from core.progress import Progress, silent
from core.schema import Row, TargetKind
from core.splits import rows_to_measure

MOST = 200  # cases; of more, so many are drawn
FEW = 4  # modalities of which every combination is asked; of more: all, each alone, each left out
TIMES = 200  # bootstrap samples
BATCH = 16

Answers: TypeAlias = dict[str, list[np.ndarray]]  # by model: one (N, outputs) a step


def stress(
    bundle: Bundle,
    manifest: Manifest,
    *,
    alone: Mapping[str, Bundle] | None = None,
    damages: Sequence[str] = (),
    metric: str | None = None,
    split: str | None = None,
    most: int = MOST,
    seed: int = 0,
    progress: Progress = silent,
) -> Stress:
    """Measure a bundle under damage on rows of a table; of the table it was trained on, on its test rows.

    Args:
        bundle: the fused model.
        manifest: a checked table with the target.
        alone: models trained on one modality each, to stand beside the fused one.
        damages: only these, by name; none: all that the kinds of data know.
        metric: what the curves show; None: the default of the target's kind.
        split: only rows of this split; "all" takes every row.
        most: cases; of more, so many are drawn by ``seed``.

    Raises:
        ConfigError: for an unknown damage, metric, split or modality, a number that makes no sense, where no row is
            left, or for a model ``alone`` that learned from rows which are new to the fused one.
        FileError: for a file that cannot be read, with its case.
    """
    kind = bundle.ensemble.target.kind
    name = known_metric(kind, metric)
    if most < 1 or seed < 0:
        raise ConfigError(f"stress: ask for at least 1 case and a seed from 0 on, found {most} and {seed}")
    _check(bundle, damages, alone or {})
    rows = _chosen(bundle, manifest, split, most, seed)
    _check_unseen(bundle, manifest, rows, alone or {})
    run = _Run(bundle, manifest, rows, alone or {}, seed)
    plan = [(m.name, d) for m in bundle.config.modalities for d in damages_of(m.kind, damages)]
    clean, hurt = run.ask(plan, progress)
    y = bundle.ensemble.target.decoded(bundle.ensemble.target.encode([manifest.targets[i] for i in rows]))
    samples = Resamples(len(rows), [manifest.groups[i] for i in rows], TIMES, seed)
    ruler = Ruler(kind, name, y, samples)
    curves = []
    for (modality, damage), found in zip(plan, hurt):
        for model in run.models:
            steps = [clean[model], *found.get(model, [clean[model]] * len(damage.ladder))]
            curves.append(ruler.curve(modality, damage.name, damage.unit, (0.0, *damage.ladder), model, steps))
    if kind in (TargetKind.LABEL, TargetKind.GRADE) and not damages:
        curves += [ruler.shifted(model, clean[model], seed) for model in run.models]
    missing = _missing(run, kind, name, y, clean)
    made = {k: str(bundle.facts.get(k, "")) for k in ("created", "fingerprint")}
    return Stress(name, len(rows), seed, curves, missing, tuple(sorted(alone or ())), made)


def _check(bundle: Bundle, damages: Sequence[str], alone: Mapping[str, Bundle]) -> None:
    """Refuse early what would show only after long work."""
    names = bundle.ensemble.modalities
    check_names([m.kind for m in bundle.config.modalities], damages)
    for name, other in alone.items():
        if name not in names:
            raise unknown("modality", name, names)
        if other.ensemble.target.classes != bundle.ensemble.target.classes:
            raise ConfigError(f"the model of {name!r} alone answers other classes than the fused one; train both alike")


def _check_unseen(bundle: Bundle, manifest: Manifest, rows: Sequence[int], alone: Mapping[str, Bundle]) -> None:
    """Refuse a model of one kind that learned from rows which are new to the fused one."""
    new = ~np.isin(manifest.case_hashes(bundle.config)[rows], bundle.learned)
    for name, other in alone.items():
        met = np.isin(manifest.case_hashes(other.config)[rows], other.learned) & new
        if met.any():
            raise ConfigError(
                f"the model of {name!r} alone was trained or chosen on {met.sum()} of the {len(rows)} rows that are "
                "measured; let train and compare split the table alike (seed, split column), or leave that model out"
            )


def _chosen(bundle: Bundle, manifest: Manifest, split: str | None, most: int, seed: int) -> list[int]:
    """The rows to measure on, in their order."""
    rows, _ = rows_to_measure(manifest, split, bundle.config, bundle.facts.get("fingerprint"), bundle.learned)
    known = set(bundle.ensemble.target.classes)
    if bundle.ensemble.target.kind in (TargetKind.LABEL, TargetKind.GRADE):
        rows = [i for i in rows if manifest.targets[i] in known]
    if not rows:
        raise ConfigError("stress: no rows with a class that the model knows; name a split, or split='all'")
    return sorted(np.random.default_rng(seed).permutation(rows)[:most].tolist())


class _Run:
    """All answers that the curves are made of, batch after batch; memory does not grow with the table's files."""

    def __init__(
        self, bundle: Bundle, manifest: Manifest, rows: list[int], alone: Mapping[str, Bundle], seed: int
    ) -> None:
        self.manifest, self.rows, self.seed = manifest, rows, seed
        self.fused = Probe(bundle)
        self.single = {name: Probe(other) for name, other in alone.items()}
        self.names = self.fused.names
        several = len(self.names) > 1
        self.models = {FUSED: self.names} | {f"{m} alone": (m,) for m in self.names if several}
        self.patterns = _patterns(self.names)
        self.around = {m: Surroundings.of(manifest, m, rows) for m in self.names}
        self.present = manifest.present[rows]

    def ask(
        self, plan: Sequence[tuple[str, Damage]], progress: Progress
    ) -> tuple[dict[str, np.ndarray], list[Answers]]:
        """Answers by model and by pattern on the cases as they are; for each damage those of the models it hurts."""
        clean: dict[str, list[np.ndarray]] = {}
        hurt: list[dict[str, list[list[np.ndarray]]]] = [{} for _ in plan]
        for start in range(0, len(self.rows), BATCH):
            part = [self.manifest.row(i) for i in self.rows[start : start + BATCH]]
            read, single = self.fused.read(part), {m: other.read(part) for m, other in self.single.items()}
            for model, answers in self._plain(read, single).items():
                clean.setdefault(model, []).append(answers)
            for i, (modality, damage) in enumerate(plan):
                steps = [self._hurt(part, read, single, modality, damage, step) for step in damage.ladder]
                for model in steps[0]:
                    hurt[i].setdefault(model, []).append([step[model] for step in steps])
                progress("damage", (start // BATCH) * len(plan) + i + 1, -(-len(self.rows) // BATCH) * len(plan))
        joined = {model: np.concatenate(parts) for model, parts in clean.items()}
        return joined, [{m: [np.concatenate(step) for step in zip(*parts)] for m, parts in h.items()} for h in hurt]

    def _plain(self, read: list[Views], single: Mapping[str, list[Views]]) -> dict[str, np.ndarray]:
        keys = [_key(pattern) for pattern in self.patterns]
        found = dict(zip(keys, self.fused.answers(read, self.patterns)))
        by_mask = {model: found[_key(pattern)] for model, pattern in self.models.items()}
        trained = {f"{m} alone": self.single[m].answers(views, [(m,)])[0] for m, views in single.items()}
        return found | by_mask | trained

    def _hurt(
        self,
        part: Sequence[Row],
        read: list[Views],
        single: Mapping[str, list[Views]],
        modality: str,
        damage: Damage,
        step: float,
    ) -> dict[str, np.ndarray]:
        """Answers of the models that see the damaged modality."""
        view, number = self.fused.views[modality], zlib.crc32(damage.name.encode())
        with tempfile.TemporaryDirectory(prefix="polyfuse-damage-") as folder:
            cells = [
                damaged(view, c, damage, step, (self.seed, r.index, number), self.around[modality], Path(folder))
                if (c := r.values.get(modality)) is not None
                else None
                for r in part
            ]
            name = f"{modality} alone"
            asked = [p for model, p in self.models.items() if model in (FUSED, name)]
            answers = self.fused.answers(self.fused.change(read, modality, cells), asked)
            found = dict(zip([m for m in self.models if m in (FUSED, name)], answers))
            if modality in single:
                other = self.single[modality]
                found[name] = other.answers(other.change(single[modality], modality, cells), [(modality,)])[0]
        return found


def _patterns(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """All combinations of a few modalities; of more: all, each alone, each left out."""
    sizes = range(1, len(names) + 1) if len(names) <= FEW else (1, len(names) - 1, len(names))
    return [pattern for size in reversed(sizes) for pattern in combinations(names, size)]


def _key(pattern: Sequence[str]) -> str:
    return " + ".join(pattern) + " given"  # no model is called so


def _missing(run: _Run, kind: TargetKind, metric: str, y: np.ndarray, clean: Mapping[str, np.ndarray]) -> list[Missing]:
    """Every pattern on the cases that have at least its modalities."""
    found = []
    for pattern in run.patterns:
        here: np.ndarray = np.all(run.present[:, [run.names.index(m) for m in pattern]], axis=1)
        if not here.any():
            continue
        answers = clean[_key(pattern)][here]
        group = [run.manifest.groups[row] for row, kept in zip(run.rows, here) if kept]
        ends = interval(kind, metric, y[here], answers, group, times=TIMES)
        found.append(Missing(pattern, int(here.sum()), score(kind, metric, y[here], answers), ends))
    return found
