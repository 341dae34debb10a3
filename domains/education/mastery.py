"""Mastery: how well each learner knows each concept, from the sequence of graded answers.

Bayesian knowledge tracing, a sequence network on the engine's parts, logistic regression and trees answer together,
with weights and a temperature learned on learners that none of them has seen. What they answer is the probability that
the next answer is right.

    python -m domains.education.mastery train answers.csv --out runs/mastery
    python -m domains.education.mastery table runs/mastery answers.csv     # of every learner and concept
    python -m domains.education.mastery evaluate runs/mastery later.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from core.ensemble import learn_weights
from core.errors import ConfigError, PolyfuseError
from core.estimator import Table
from core.evaluation.calibration import expected_calibration_error, fit_temperature, temper
from core.progress import Bars, Progress, silent
from core.schema import TargetKind
from core.table import StringTable
from domains.education import mastery_experts as cheap
from domains.education.mastery_bkt import Bkt
from domains.education.mastery_data import Answers, fold_of, read_answers
from domains.education.mastery_features import Difficulty, features, training_features
from domains.education.mastery_file import Parts, read_parts, write_parts
from domains.education.mastery_net import WINDOW, Coder, NetOptions, answer, train_net
from domains.education.mastery_probes import recent, with_probes

EXPERTS = ("network", "linear", "trees", "tracing")
FEW = 3  # graded answers of a learner on a concept; fewer are thin evidence
APART = 0.3  # experts that differ by more disagree …
HEARD = 0.1  # … where each has at least this weight


class Mastery:
    """Next answers and mastery of every learner and concept.

    Args:
        options: sizes and training of the network.
        folds: parts of the learners; a network is trained on all but one of them.
        networks: of how many parts; None: all. Long tables need one alone.
        seed: of parts and networks.
    """

    def __init__(
        self, *, options: NetOptions | None = None, folds: int = 5, networks: int | None = None, seed: int = 0
    ) -> None:
        self.options, self.folds, self.networks, self.seed = options or NetOptions(), folds, networks or folds, seed
        self._parts: Parts | None = None

    def fit(self, table: Table, *, progress: Progress = silent) -> Self:
        """Learn from graded answers; columns as ``mastery_data.read_answers`` says.

        Raises:
            TableError: with all faults of the table.
            ConfigError: if there are fewer learners than folds, or all answers are alike.
        """
        answers = read_answers(_frame(table))
        answers = answers.take(~np.isnan(answers.y))
        learners = len(answers.starts) - 1
        if learners < self.folds or len(np.unique(answers.y)) < 2:
            found = f"{learners} learners and {sorted(set(answers.y))} as outcomes"
            raise ConfigError(f"needs at least {self.folds} learners with right and wrong answers, found {found}")
        x, fold = training_features(answers), fold_of(answers, self.folds, self.seed)
        coder, nets, held = Coder.fit(answers, x), [], np.full((len(EXPERTS), len(answers)), np.nan)
        for k in range(self.networks):
            rest, own = fold != k, fold == k
            learned, judged = (coder.sequences(answers.take(m), x[m]) for m in (rest, own))
            tell = _tell(progress, k, self.options)
            nets.append(train_net(learned, judged, coder, self.options, self.seed + k, tell))
            one = self._experts(answers.take(rest), x[rest], coder, nets[-1:])
            held[:, own] = _each(one, answers.take(own), x[own])
        known = ~np.isnan(held[0])
        y, stack = answers.y[known].astype(int), [np.stack([1 - h, h], axis=1) for h in held[:, known]]
        weights = learn_weights(TargetKind.LABEL, y, stack)
        temperature = fit_temperature(TargetKind.LABEL, y, np.tensordot(weights, np.stack(stack), axes=1))
        final = self._experts(answers, x, coder, nets)
        final.weights, final.temperature = weights, temperature
        final.facts = {"learners": learners, "answers": len(answers), "held_out_auc": _aucs(y, held[:, known])}
        self._parts = final
        return self

    def _experts(self, answers: Answers, x: np.ndarray, coder: Coder, nets: list) -> Parts:
        tree = cheap.fit_trees(answers, x, self.seed)
        line = cheap.fit_linear(coder, answers, x, self.seed)
        return Parts(self.options, coder, Difficulty.of(answers), nets, line, tree, Bkt.fit(answers))

    def next_answers(self, table: Table) -> np.ndarray:
        """How probable it is that each answer of a table is right, from what came before it, in its order: (N,)."""
        return self._joint(self.experts(table))

    def experts(self, table: Table) -> np.ndarray:
        """The same of each expert alone, in the order of ``EXPERTS``: (4, N)."""
        answers = read_answers(_frame(table))
        found = np.empty((len(EXPERTS), len(answers)))
        found[:, answers.row] = _each(self.parts, answers, features(answers, self.parts.difficulty))
        return found

    def table(self, table: Table) -> pd.DataFrame:
        """Of every learner and concept that they were asked about: what is known after their last answer.

        Columns: student_id, concept, probability (of a right answer to a new question of the concept), evidence (graded
        answers), thin (bool), why_thin ("few answers", "models disagree" or ""), mastered (by knowledge tracing alone).
        """
        answers = read_answers(_frame(table))
        asked, probes = with_probes(answers)
        x = features(asked, self.parts.difficulty)
        keep = recent(asked, probes, WINDOW)
        each = np.empty((len(EXPERTS), len(asked)))
        each[0, keep] = _networks(self.parts, asked.take(keep), x[keep], 10**9)
        each[1:] = _cheap(self.parts, asked, x)
        each, own = each[:, probes], asked.take(probes)
        graded = answers.take(~np.isnan(answers.y))
        pairs = list(zip(graded.student, graded.concept))
        count = pd.Series(pairs, dtype=object).value_counts()
        evidence = np.array([int(count.get(p, 0)) for p in zip(own.student, own.concept)], dtype=int)
        apart = np.ptp(each[self.parts.weights >= HEARD], axis=0) > APART
        why = np.where(evidence < FEW, "few answers", np.where(apart, "models disagree", ""))
        return pd.DataFrame({
            "student_id": own.student, "concept": own.concept, "probability": self._joint(each).round(4),
            "evidence": evidence, "thin": why != "", "why_thin": why,
            "mastered": self.parts.tracing.trace(asked)[1][probes].round(4),
        })  # fmt: skip

    def evaluate(self, table: Table) -> dict[str, float]:
        """AUC, accuracy and calibration error of next answers, and the AUC of each expert, on learners of a table."""
        answers = read_answers(_frame(table))
        each = _each(self.parts, answers, features(answers, self.parts.difficulty))
        known = ~np.isnan(answers.y)
        y, p = answers.y[known].astype(int), self._joint(each)[known]
        error = expected_calibration_error(y, np.stack([1 - p, p], axis=1))
        found = {
            "answers": float(len(y)),
            "auc": float(roc_auc_score(y, p)),
            "accuracy": float(((p > 0.5) == y).mean()),
        }
        return found | {"calibration_error": error} | {f"auc_{n}": a for n, a in _aucs(y, each[:, known]).items()}

    def save(self, folder: Path | str) -> None:
        """Write safetensors, JSON and LightGBM's text."""
        write_parts(Path(folder), self.parts)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Open what ``save`` wrote.

        Raises:
            BundleError: if it is missing or corrupt.
        """
        found = cls()
        found._parts = read_parts(Path(folder))
        found.options = found._parts.options
        return found

    @property
    def parts(self) -> Parts:
        """The fitted experts.

        Raises:
            ConfigError: before ``fit`` or ``load``.
        """
        if self._parts is None:
            raise ConfigError("this Mastery is not trained: call fit(table) or Mastery.load(folder) first")
        return self._parts

    def _joint(self, each: np.ndarray) -> np.ndarray:
        p = np.tensordot(self.parts.weights, each, axes=1)
        return temper(TargetKind.LABEL, np.stack([1 - p, p], axis=1), self.parts.temperature)[:, 1]


def _each(parts: Parts, answers: Answers, x: np.ndarray) -> np.ndarray:
    """(experts, N): what each expert says of every answer before it."""
    return np.stack([_networks(parts, answers, x, WINDOW), *_cheap(parts, answers, x)])


def _networks(parts: Parts, answers: Answers, x: np.ndarray, window: int) -> np.ndarray:
    sequences = parts.coder.sequences(answers, x, window)
    return np.mean([answer(net, sequences) for net in parts.nets], axis=0)


def _cheap(parts: Parts, answers: Answers, x: np.ndarray) -> np.ndarray:
    line = cheap.linear(parts.linear, parts.coder, answers, x)
    return np.stack([line, cheap.trees(parts.trees, x), parts.tracing.trace(answers)[0]])


def _aucs(y: np.ndarray, each: np.ndarray) -> dict[str, float]:
    return {name: float(roc_auc_score(y, p)) for name, p in zip(EXPERTS, each)} if 0 < y.sum() < len(y) else {}


def _tell(progress: Progress, fold: int, options: NetOptions) -> Any:
    def tell(epoch: int, loss: float) -> None:
        figures: Mapping[str, float] = {"loss": loss}
        progress(f"network {fold + 1}, epoch", epoch + 1, options.epochs, figures)

    return tell


def _frame(table: Table) -> pd.DataFrame:
    """A table as text cells."""
    return StringTable.open(table).frame()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m domains.education.mastery", description="Mastery of concepts.")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="learn from graded answers")
    train.add_argument("table", type=Path)
    train.add_argument("--out", type=Path, required=True)
    train.add_argument("--networks", type=int, help="how many of the five parts get a network; 1 for a long table")
    for name, purpose in (("table", "mastery of every learner and concept"), ("evaluate", "next answers of a table")):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("model", type=Path)
        command.add_argument("table", type=Path)
    options = parser.parse_args(arguments)
    try:
        if options.command == "train":
            with Bars() as bars:
                Mastery(networks=options.networks).fit(options.table, progress=bars).save(options.out)
        elif options.command == "table":
            print(Mastery.load(options.model).table(options.table).to_csv(index=False), end="")
        else:
            for name, value in Mastery.load(options.model).evaluate(options.table).items():
                print(f"{name:20} {value:.4f}")
    except PolyfuseError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
