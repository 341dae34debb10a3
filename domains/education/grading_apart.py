"""How good marks are for new answers, new questions and new modules, each apart, and what abstaining buys."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.bundle import Bundle
from core.errors import ConfigError
from core.evaluation.conformal import prediction_set
from core.evaluation.evaluate import Figures, evaluate
from core.manifest import Manifest
from core.schema import TargetKind
from core.table_answers import table_answers
from core.table_faults import split_of

PARTS = ("unseen answers", "unseen questions", "unseen modules")
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True)
class Coverage:
    """Error at a share of answers that are graded, the surest first, and where the model itself stops."""

    shares: tuple[float, ...]
    errors: tuple[float, ...]  # share of wrong labels among those graded
    own_share: float  # graded where the conformal set holds one label
    own_error: float


@dataclass(frozen=True)
class Apart:
    """One part of the test rows: its figures and, for labels, its coverage."""

    figures: Figures
    coverage: Coverage | None

    def to_json(self) -> dict[str, Any]:
        """Both as JSON."""
        return {"figures": self.figures.to_json(), "coverage": self.coverage and asdict(self.coverage)}


def evaluate_apart(bundle: Bundle, table: pd.DataFrame) -> dict[str, Apart]:
    """Measure a trained model on the test rows of its table, by what is new in them.

    An answer is new in its module where no training row is of that module, else in its question, else only in itself.

    Raises:
        ConfigError: if the table has no split with test rows.
        TableError: with all faults of the table.
    """
    if "split" not in table or not _tested(table).any():
        raise ConfigError("evaluate_apart: the table needs a column split with train and test rows")
    manifest = Manifest.open(table, bundle.config, for_training=False)
    manifest.raise_faults()
    part = parts_of(table)
    found = {}
    for name in PARTS:
        rows = np.flatnonzero(part == name)
        if len(rows):
            chosen = manifest.select(rows)
            found[name] = Apart(evaluate(bundle, chosen), _coverage(bundle, chosen))
    return found


def parts_of(table: pd.DataFrame) -> np.ndarray:
    """(N,) the part of each row: one of ``PARTS`` for test rows, "" for all others."""
    blank = pd.Series("", index=table.index)
    seen = ~_tested(table)
    question = table.get("question_id", table.get("question", blank))
    module = table.get("module", blank)
    old_question = question.isin(question[seen])
    old_module = module.isin(module[seen]) | (module == "")
    part = np.where(old_question, PARTS[0], np.where(old_module, PARTS[1], PARTS[2]))
    return np.where(seen, "", part)


def _tested(table: pd.DataFrame) -> pd.Series:
    return table["split"].map(split_of) == "test"


def coverage(y: np.ndarray, answers: np.ndarray, alone: np.ndarray) -> Coverage:
    """Error against coverage of labels: y (N,), probabilities (N, classes), and which the model grades alone (N,)."""
    wrong = answers.argmax(axis=1) != y
    order = np.argsort(-answers.max(axis=1), kind="stable")
    errors = tuple(float(wrong[order[: max(1, round(s * len(y)))]].mean()) for s in SHARES)
    own_error = float(wrong[alone].mean()) if alone.any() else float("nan")
    return Coverage(SHARES, errors, float(alone.mean()), own_error)


def _coverage(bundle: Bundle, manifest: Manifest) -> Coverage | None:
    target = bundle.ensemble.target
    if target.kind not in (TargetKind.LABEL, TargetKind.GRADE):
        return None
    answers = table_answers(bundle, manifest, range(len(manifest)))
    y = target.decoded(target.encode(manifest.targets))
    thresholds = [bundle.threshold_of(row) for row in manifest.present.tolist()]
    alone = [t is not None and prediction_set(a[None], t).sum() == 1 for a, t in zip(answers, thresholds)]
    return coverage(y, answers, np.array(alone, dtype=bool))


def text(found: dict[str, Apart], metric: str) -> str:
    """The parts for people: the metric, and the error where the model grades by itself."""
    lines = []
    for name, apart in found.items():
        line = f"{name:18} {apart.figures.cases:6} answers  {metric} {apart.figures.metrics[metric]:.3f}"
        if apart.coverage is not None:
            line += f"; graded by itself {apart.coverage.own_share:.0%} with {apart.coverage.own_error:.1%} wrong"
        lines.append(line)
    return "\n".join(lines)
